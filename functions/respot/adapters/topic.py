"""Alerts on SNS: plain text for people, JSON for machines, attributes for filter policies."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.alert_document import account_of, to_document
from respot.domain.alert import Alert
from respot.domain.alert_text import plain, short, subject
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
        try:
            answer = self._client.publish(
                TopicArn=self._topic_arn,
                Subject=subject(alert),
                MessageStructure="json",
                Message=_message(alert),
                MessageAttributes=_attributes(alert),
            )
        except (ClientError, BotoCoreError) as error:
            message = f"alert {alert.id}: SNS did not take it; try again later: {error}"
            raise TopicUnavailableError(message) from error
        return answer["MessageId"]


def _message(alert: Alert) -> str:
    """One text for each kind of subscriber; `default` serves the kinds that are not named.

    Every text counts against SNS's limit. Tags are the one part that can exceed it: without them, the rest fits.
    """
    message = _composed(alert, to_document(alert))
    if len(message.encode()) <= _LARGEST_MESSAGE:
        return message
    return _composed(alert, to_document(replace(alert, facts=replace(alert.facts, tags=None))))


def _composed(alert: Alert, document: Mapping[str, Any]) -> str:
    machine = json.dumps(document, ensure_ascii=False)
    by_protocol = dict.fromkeys(("sqs", "lambda", "http", "https", "firehose"), machine)
    return json.dumps({"default": plain(alert), "sms": short(alert), **by_protocol}, ensure_ascii=False)


def _attributes(alert: Alert) -> dict[str, "MessageAttributeValueTypeDef"]:
    job = alert.facts.job
    values = {
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "job": job.name,
        "region": job.region,
        "account": account_of(alert.facts.arn),
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
