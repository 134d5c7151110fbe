"""`respot drill` where it is stuck: what it says if queues and logs around it cannot be read."""

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.drill.command import Surroundings
from respot_cli.drill.course import Hop, Stuck
from respot_cli.main import main
from tests.support.builders import REGION, a_drill
from tests.support.moto_aws import TABLE
from tests.support.refused import refuse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOTHING = "the ledger has nothing of it"
QUEUES = ("DrillsQueueUrl", "DrillsDlqUrl", "AlertsDlqUrl", "SlackQueueUrl", "SlackDlqUrl")
LOGS = ("RecordLogGroupName", "AlertLogGroupName", "SlackLogGroupName")


@pytest.fixture
def found(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Deployment:  # noqa: ARG001 - the table
    """A deployment without functions: nobody takes up what is put on the bus."""
    session = boto3.session.Session(region_name=REGION)
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": f"arn:aws:sns:{REGION}:111122223333:alerts"}
    outputs |= {output: session.client("sqs").create_queue(QueueName=output)["QueueUrl"] for output in QUEUES}
    for output in LOGS:
        outputs[output] = f"/respot/{output}"
        session.client("logs").create_log_group(logGroupName=outputs[output])
    made = Deployment(session=session, outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: made)
    return made


def diagnosed(found: Deployment, hop: Hop, reason: str = NOTHING) -> tuple[Stuck, str]:
    """What is reported of the hop, and the notes."""
    notes = list[str]()
    stuck = Surroundings(found, a_drill(), notes.append).explain(Stuck(hop=hop, reason=reason))
    return stuck, "\n".join(notes)


def test_what_record_neither_has_nor_has_had_no_rule_has_brought(found: Deployment) -> None:
    stuck, notes = diagnosed(found, Hop.RECORD)
    assert (stuck.hop, notes) == (Hop.EVENT_BUS, "")
    assert stuck.reason == f"no rule in us-east-1 has brought the event as far as record; {NOTHING}"


@pytest.mark.parametrize(
    ("service", "operation"), [("logs", "FilterLogEvents"), ("sqs", "GetQueueAttributes")], ids=["log", "queue"]
)
def test_what_could_not_be_read_is_no_reason_to_blame_the_event_bus(
    found: Deployment, service: str, operation: str
) -> None:
    refuse(found.session, service, operation)
    stuck, notes = diagnosed(found, Hop.RECORD)
    assert stuck.hop is Hop.RECORD
    assert stuck.reason == (
        f"whether a rule in us-east-1 has brought the event as far as record is not known; {NOTHING}"
    )
    assert f"not authorized: {service}:{operation}" in notes


def test_a_message_that_waits_is_reported_without_the_log(found: Deployment) -> None:
    refuse(found.session, "logs", "FilterLogEvents")
    found.session.client("sqs").send_message(QueueUrl=found.outputs["DrillsQueueUrl"], MessageBody="drill")
    stuck, _ = diagnosed(found, Hop.RECORD)
    assert (stuck.hop, stuck.reason) == (Hop.RECORD, f"it waits to be recorded; {NOTHING}")


def test_an_alert_that_was_not_sent_is_reported_without_the_log(found: Deployment) -> None:
    refuse(found.session, "logs", "FilterLogEvents")
    stuck, notes = diagnosed(found, Hop.ALERT, "no alert was sent")
    assert (stuck.hop, stuck.reason) == (Hop.ALERT, "no alert was sent")
    assert stuck.checks[0] == "dead letters of the stream: 0 (respot dlq)"
    assert "log group /respot/AlertLogGroupName could not be read" in notes


def test_the_queues_of_slack_are_unknown_to_who_may_not_ask(found: Deployment) -> None:
    refuse(found.session, "sqs", "GetQueueAttributes")
    stuck, _ = diagnosed(found, Hop.SLACK, "Slack answered 404")
    assert (stuck.hop, stuck.reason) == (Hop.SLACK, "Slack answered 404")
    assert stuck.checks[0] == "its queue: unknown messages, dead letters: unknown (respot dlq)"


@pytest.mark.parametrize("forbidden", [False, True], ids=["the log can be read", "the log cannot be read"])
def test_a_drill_that_is_stuck_exits_with_1_and_the_hop(
    found: Deployment, capsys: pytest.CaptureFixture[str], *, forbidden: bool
) -> None:
    if forbidden:
        refuse(found.session, "logs", "FilterLogEvents")
    assert main(["drill", "--timeout", "0", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["stuck"]["hop"] == ("record" if forbidden else "event bus")
    assert "the drill got stuck at" in printed.err
    assert ("/respot/RecordLogGroupName could not be read" in printed.err) is forbidden
