"""Alerts on SNS: plain text for people, JSON for machines, attributes for filter policies."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from respot.alerting.alert import Alert
from respot.alerting.contract import DIGEST_ATTRIBUTE
from respot.alerting.digest import text as digest_text
from respot.alerting.digest.digest import Digest
from respot.alerting.document import account_of, digest_document, to_document
from respot.alerting.kinds import AlertKind
from respot.alerting.text import plain, short, subject
from respot.aws.error_codes import Answer, answer_of, words_of
from respot.errors import TopicRefusedError, TopicUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

_LARGEST_MESSAGE: Final = 255 * 1024
"""SNS accepts 256 KiB, including message attributes."""
_MAX_WORDS: Final = (4_000, 1_000)
"""Characters to which summary and warning are cut if a message is still too large without tags.

A message repeats a summary eleven times, at up to seven bytes a character: everything fits with a thousand of them.
"""
_OF_THE_TOPIC: Final = re.compile(r"Invalid parameter: (?:The )?(?:TopicArn|TargetArn|MessageGroupId)\b")


class SnsTopic:
    """The port `AlertTopic`, on one SNS topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        """`client` must be of the topic's region."""
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, alert: Alert) -> str:
        """See `AlertTopic.publish`."""
        return self.send(alert.id, subject(alert), _message(alert), _attributes(alert))

    def publish_digest(self, digest: Digest) -> str:
        """See `AlertTopic.publish_digest`."""
        message = composed(digest_text.plain(digest), digest_text.short(digest), digest_document(digest))
        return self.send(digest.id, digest_text.subject(digest), message, _digest_attributes(digest))

    def send(self, what: str, title: str, message: str, attributes: Mapping[str, str]) -> str:
        """Publish a composed message; `what` is its id, `title` an e-mail's subject. See `AlertTopic.publish`."""
        try:
            answer = self._client.publish(
                TopicArn=self._topic_arn,
                Subject=title,
                MessageStructure="json",
                Message=message,
                MessageAttributes=_as_strings(attributes),
            )
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            if answer_of(error) is Answer.INVALID and not _is_about_the_topic(error):
                refused = f"alert {what}: SNS refused it: {error}"
                raise TopicRefusedError(refused) from error
            refused = f"alert {what}: SNS did not take it; try again later: {error}"
            raise TopicUnavailableError(refused) from error
        return answer["MessageId"]


def _is_about_the_topic(error: Exception) -> bool:
    """Whether SNS finds fault with the topic, or with a member that only its kind demands: not with the message."""
    return isinstance(error, ClientError) and _OF_THE_TOPIC.match(words_of(error)) is not None


def _message(alert: Alert) -> str:
    """One text for each protocol; `default` serves all others.

    All texts count against SNS's limit. A message that SNS always refuses would block the stream. Therefore a message
    that is too large loses its tags first, then the ends of its longest texts.
    """
    message = _rendered(alert)
    for smaller in _smaller(alert):
        if len(message.encode()) <= _LARGEST_MESSAGE:
            break
        message = _rendered(smaller)
    return message


def _smaller(alert: Alert) -> Iterator[Alert]:
    bare = replace(alert, state=replace(alert.state, tags=None))
    yield bare
    for most in _MAX_WORDS:
        yield replace(bare, summary=_cut(bare.summary, most), warning=bare.warning and _cut(bare.warning, most))


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[:most]} … (cut: the ledger has the rest)"


def _rendered(alert: Alert) -> str:
    return composed(plain(alert), short(alert), to_document(alert))


def composed(text: str, line: str, document: Mapping[str, Any]) -> str:
    """The message with its text for e-mail, its line for SMS, and its document for machines."""
    machine = json.dumps(document, ensure_ascii=False)
    by_protocol = dict.fromkeys(("sqs", "lambda", "http", "https", "firehose"), machine)
    return json.dumps({"default": text, "sms": line, **by_protocol}, ensure_ascii=False)


def _attributes(alert: Alert) -> dict[str, str]:
    job = alert.state.job
    grouped = {} if alert.digest is None else {DIGEST_ATTRIBUTE: alert.digest}
    return grouped | {
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "job": job.name,
        "region": job.region,
        "account": account_of(alert.state.arn),
        **({"drill": "true"} if job.is_drill else {}),
    }


def _digest_attributes(digest: Digest) -> dict[str, str]:
    """Those of an alert, without the job."""
    return {
        "kind": AlertKind.DIGEST.value,
        "severity": digest.severity.value,
        "region": digest.window.pool.region,
        "account": account_of(digest.entries[0].arn),
    }


def _as_strings(values: Mapping[str, str]) -> dict[str, "MessageAttributeValueTypeDef"]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
