"""Alerts on moto's SNS, as each kind of subscriber gets them."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from respot.alerting.alert import Alert
from respot.alerting.digest import text as digest_text
from respot.alerting.digest.collector import MAX_DESCRIPTION
from respot.alerting.document import digest_document, to_document
from respot.alerting.kinds import KIND_BY_STATUS, AlertKind
from respot.alerting.text import plain, short, subject
from respot.aws.sns import SnsTopic
from respot.jobs.job import Owner, Parent
from respot.recovery.policy.policy import AccountPolicy, resolve
from tests.support.builders import REGION, a_drill, alert_on, digest_of, job_id, member_of, state

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

LARGEST = 262_144
"""SNS's limit in bytes on a message with its attributes."""


@pytest.fixture
def sns() -> "SNSClient":
    return boto3.client("sns", region_name=REGION)


@pytest.fixture
def topic_arn(sns: "SNSClient") -> str:
    return sns.create_topic(Name="alerts")["TopicArn"]


def published() -> tuple[dict[str, str], str, dict[str, str]]:
    """The one message: its text for each protocol, its subject, its attributes."""
    (topic,) = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics.values()
    ((_, message, title, attributes, *_),) = topic.sent_notifications
    assert title
    assert attributes
    return json.loads(message), title, {name: value["Value"] for name, value in attributes.items()}


@pytest.mark.parametrize("status", KIND_BY_STATUS)
def test_people_get_text_and_machines_the_document(sns: "SNSClient", topic_arn: str, status: str) -> None:
    alert = alert_on(status, parent=Parent(owner=Owner.TUNING, identifier="größer"))
    SnsTopic(sns, topic_arn).publish(alert)
    message, title, _ = published()
    assert title == subject(alert)
    assert message["default"] == plain(alert)
    assert message["sms"] == short(alert)
    machines = {"sqs", "lambda", "http", "https", "firehose"}
    assert set(message) == {"default", "sms"} | machines
    assert all(json.loads(message[protocol]) == to_document(alert) for protocol in machines)


def test_a_digest_is_text_for_people_and_a_document_for_machines(sns: "SNSClient", topic_arn: str) -> None:
    digest = digest_of()
    assert SnsTopic(sns, topic_arn).publish_digest(digest)
    message, title, attributes = published()
    assert title == digest_text.subject(digest)
    assert (message["default"], message["sms"]) == (digest_text.plain(digest), digest_text.short(digest))
    assert json.loads(message["sqs"]) == digest_document(digest)
    assert attributes == {
        "kind": "digest",
        "severity": "warning",
        "region": "us-east-1",
        "account": "111122223333",
    }


@pytest.mark.parametrize("letter", ["x", "語", "😀", '"', "\x01"])
def test_the_largest_digest_fits_into_a_message(sns: "SNSClient", topic_arn: str, letter: str) -> None:
    longest = member_of(1, 3721, said=letter * MAX_DESCRIPTION)
    entry = replace(
        longest, job=job_id("n" * 63), alert=f"us-east-1/{'n' * 63}/{'t' * 80}", headline=f"{'n' * 63} was interrupted"
    )
    digest = replace(digest_of(instance_type=letter * 1024), entries=(entry,) * 5000)
    SnsTopic(sns, topic_arn).publish_digest(digest)
    assert size(*published()) <= LARGEST


@pytest.mark.parametrize(
    ("alert", "attributes"),
    [
        (alert_on("Failed"), {"kind": "failed", "severity": "error", "job": "spot-job"}),
        (replace(alert_on(), digest="digest/1"), {"kind": "interrupted", "digest": "digest/1"}),
        (alert_on(job=a_drill().job), {"kind": "interrupted", "job": a_drill().job.name, "drill": "true"}),
    ],
    ids=["failed", "in a digest", "a drill"],
)
def test_attributes_serve_filter_policies(
    sns: "SNSClient", topic_arn: str, alert: Alert, attributes: dict[str, str]
) -> None:
    assert SnsTopic(sns, topic_arn).publish(alert)
    every = {"severity": "warning", "job": "spot-job", "region": "us-east-1", "account": "111122223333"}
    assert published()[2] == every | attributes


def size(message: dict[str, str], title: str, attributes: dict[str, str]) -> int:
    """What counts against SNS's limit, on the safe side."""
    names = sum(len(name) + len(value) + len("String") for name, value in attributes.items())
    return len(json.dumps(message, ensure_ascii=False).encode()) + len(title) + names


def largest(letter: str) -> Alert:
    """An alert on a job with texts as long as SageMaker allows."""
    words = letter * 1024
    return alert_on(
        "Failed",
        job=job_id("n" * 63),
        failure_reason=words,
        checkpoint_uri=words,
        instance_type=words,
        parent=Parent(owner=Owner.PIPELINE, identifier=letter * 256),
        tags={f"{number:02}" + letter * 126: letter * 256 for number in range(50)},
    )


LETTERS = ["x", "é", "語", "😀", '"', "\\", "\x01"]


@pytest.mark.parametrize("letter", LETTERS)
def test_the_largest_alert_fits_into_a_message(sns: "SNSClient", topic_arn: str, letter: str) -> None:
    SnsTopic(sns, topic_arn).publish(largest(letter))
    assert size(*published()) <= LARGEST


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize(
    "kind", [AlertKind.NOT_RESUBMITTED, AlertKind.RESUBMITTED, AlertKind.WOULD_RESUBMIT, AlertKind.POLICY_INVALID]
)
def test_the_largest_summary_fits_into_a_message(
    sns: "SNSClient", topic_arn: str, kind: AlertKind, letter: str
) -> None:
    """SageMaker's refusals, a policy's errors and hundreds of concurrent writers have no limit of ours."""
    SnsTopic(sns, topic_arn).publish(
        replace(largest(letter), kind=kind, summary=letter * 50_000, warning=letter * 50_000)
    )
    message, title, attributes = published()
    assert size(message, title, attributes) <= LARGEST
    story = json.loads(message["sqs"])["story"]
    assert story.startswith(letter * 1000)
    assert story.endswith("(cut: the ledger has the rest)")


def test_a_summary_is_cut_no_more_than_needed(sns: "SNSClient", topic_arn: str) -> None:
    alert = replace(alert_on("Failed", tags={"n": "語" * 256}), kind=AlertKind.NOT_RESUBMITTED)
    SnsTopic(sns, topic_arn).publish(replace(alert, summary="x" * 30_000, warning="y" * 100))
    message, _, _ = published()
    document = json.loads(message["sqs"])
    assert len(document["story"]) == 4_000 + len(" … (cut: the ledger has the rest)")
    assert (document["warning"], document["job"]["tags"]) == ("y" * 100, None)  # tags go first


@pytest.mark.parametrize("letter", LETTERS)
def test_a_summary_of_fifty_bad_tags_is_not_cut(sns: "SNSClient", topic_arn: str, letter: str) -> None:
    tags = {f"respot:{number:02}" + letter * 119: "x" for number in range(50)}
    bad = resolve(AccountPolicy(), state(tags=tags), role=None).bad_tags
    alert = replace(alert_on("Failed", tags=tags), kind=AlertKind.NOT_RESUBMITTED)
    SnsTopic(sns, topic_arn).publish(replace(alert, summary=f"not resubmitted: {'; '.join(bad)}"))
    message, title, attributes = published()
    assert size(message, title, attributes) <= LARGEST
    assert json.loads(message["sqs"])["story"].endswith("; and 45 more that cannot be read")
