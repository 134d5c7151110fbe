"""Alerts on SNS: plain text for people, JSON for machines, attributes for filter policies."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.alert_document import account_of, digest_document, to_document
from respot.alert_version import DIGEST_ATTRIBUTE
from respot.domain import digest_text
from respot.domain.alert import Alert
from respot.domain.alert_kinds import AlertKind
from respot.domain.alert_text import plain, short, subject
from respot.domain.storm import Digest
from respot.errors import TopicUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

_LARGEST_MESSAGE: Final = 255 * 1024
"""SNS takes 256 KiB, the message attributes included."""


class SnsTopic:
    """The port `AlertTopic`, on one SNS topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        """`client` must be of the topic's region."""
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, alert: Alert) -> str:
        """See `AlertTopic.publish`."""
        return self._publish(alert.id, subject(alert), _message(alert), _attributes(alert))

    def publish_digest(self, digest: Digest) -> str:
        """See `AlertTopic.publish_digest`."""
        message = _composed(digest_text.plain(digest), digest_text.short(digest), digest_document(digest))
        return self._publish(digest.id, digest_text.subject(digest), message, _digest_attributes(digest))

    def _publish(self, what: str, title: str, message: str, attributes: Mapping[str, str]) -> str:
        try:
            answer = self._client.publish(
                TopicArn=self._topic_arn,
                Subject=title,
                MessageStructure="json",
                Message=message,
                MessageAttributes=_as_strings(attributes),
            )
        except (ClientError, BotoCoreError) as error:
            refused = f"alert {what}: SNS did not take it; try again later: {error}"
            raise TopicUnavailableError(refused) from error
        return answer["MessageId"]


def _message(alert: Alert) -> str:
    """One text for each kind of subscriber; `default` serves the kinds that are not named.

    Every text counts against SNS's limit. Tags are the one part that can exceed it: without them, the rest fits.
    """
    text, line = plain(alert), short(alert)
    message = _composed(text, line, to_document(alert))
    if len(message.encode()) <= _LARGEST_MESSAGE:
        return message
    return _composed(text, line, to_document(replace(alert, facts=replace(alert.facts, tags=None))))


def _composed(text: str, line: str, document: Mapping[str, Any]) -> str:
    machine = json.dumps(document, ensure_ascii=False)
    by_protocol = dict.fromkeys(("sqs", "lambda", "http", "https", "firehose"), machine)
    return json.dumps({"default": text, "sms": line, **by_protocol}, ensure_ascii=False)


def _attributes(alert: Alert) -> dict[str, str]:
    job = alert.facts.job
    held_back = {} if alert.digest is None else {DIGEST_ATTRIBUTE: alert.digest}
    return held_back | {
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "job": job.name,
        "region": job.region,
        "account": account_of(alert.facts.arn),
        **({"drill": "true"} if job.is_drill else {}),
    }


def _digest_attributes(digest: Digest) -> dict[str, str]:
    """Those of an alert, but for the job: it is about many."""
    return {
        "kind": AlertKind.DIGEST.value,
        "severity": digest.severity.value,
        "region": digest.window.pool.region,
        "account": account_of(digest.members[0].arn),
    }


def _as_strings(values: Mapping[str, str]) -> dict[str, "MessageAttributeValueTypeDef"]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
