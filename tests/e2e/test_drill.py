"""`respot drill` and `respot dlq` against a deployed Respot: what passes, where it gets stuck, and the way back.

The command is the one that users install: its wheel, in an environment of its own.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.demo.deployed import DeployedAccount
from local.demo.verification import differences, ledger_is_consistent, observe, receive_alerts
from local.sagemaker.lifecycle import parse
from respot.aws.dynamodb.attribute_values import deserialize
from respot.schema import EXPIRES_AT, RECORDED_AT
from tests.support.deployed import denied, function_of, respot
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")


def asked(deployed: DeployedAccount, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The command's exit code, its document, and what it said."""
    done = respot(deployed, *arguments, "--json")
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def posted(deployed: DeployedAccount, drill: str) -> list[dict[str, Any]]:
    return [message for message in deployed.slack.messages if f"DRILL.{drill} " in str(message["text"])]


def items_of(deployed: DeployedAccount, drill: str) -> list[dict[str, Any]]:
    pages = deployed.client("dynamodb").get_paginator("scan").paginate(TableName=deployed.outputs["LedgerTableName"])
    items = [deserialize(item) for page in pages for item in page["Items"]]
    return [item for item in items if drill in item["pk"]]


@contextmanager
def without_delivery(deployed: DeployedAccount, handler: str, source: str) -> Iterator[None]:
    """For a while, a function is given nothing of a source."""
    functions, name = deployed.client("lambda"), function_of(deployed, handler)["FunctionName"]
    mappings = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    stopped = [each["UUID"] for each in mappings if f":{source}:" in each["EventSourceArn"]]
    for mapping in stopped:
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        for mapping in stopped:
            functions.update_event_source_mapping(UUID=mapping, Enabled=True)


@contextmanager
def without_rule(deployed: DeployedAccount) -> Iterator[None]:
    events = deployed.client("events")
    (rule,) = (each["Name"] for each in events.list_rules()["Rules"] if "respot.drill" in each.get("EventPattern", ""))
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


@contextmanager
def dead_lettering_at_once(deployed: DeployedAccount, output: str) -> Iterator[None]:
    """For a while, a queue gives its messages up after the first attempt."""
    sqs, url = deployed.client("sqs"), deployed.outputs[output]
    redrive = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    hasty = json.dumps(json.loads(redrive) | {"maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": hasty})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})


@pytest.mark.parametrize("kind", ["interrupted", "max-wait-time-exceeded"])
def test_a_drill_passes_through_everything_and_leaves_nothing_behind(deployed: DeployedAccount, kind: str) -> None:
    receive_alerts(deployed)
    with denied(deployed, "record", "sagemaker:*"):
        code, said, _ = asked(deployed, "drill", "--kind", kind)
    assert (code, said["passed"], said["slack"], said["kind"]) == (0, True, "accepted", kind)
    assert [hop["hop"] for hop in said["hops"]] == ["record", "alert", "Slack"]
    assert all(hop["seconds"] >= 0 for hop in said["hops"])
    # Slack and the machines.
    (message,) = posted(deployed, said["drill"])
    assert message["text"].startswith("DRILL")
    (document,) = (each for each in receive_alerts(deployed) if said["drill"] in each["id"])
    assert (document["drill"], document["kind"], document["headline"][:5]) == (True, kind, "DRILL")
    # The ledger: transitions, state, alert and note, none of them for longer than a day, and no decision.
    items = items_of(deployed, said["drill"])
    expected = {"drill-transition": 4 if kind == "interrupted" else 3, "state": 1, "alert": 1, "drill-post": 1}
    kinds = [item["kind"] for item in items]
    assert {each: kinds.count(each) for each in kinds} == expected
    day = time.time() + 24 * 3600
    assert all(day - 120 < int(item[EXPIRES_AT]) <= day + 1 for item in items)
    assert said["hops"][0]["at"] in [item.get(RECORDED_AT) for item in items]
    assert deployed.queue_depth(deployed.outputs["RecoveryQueueUrl"]) == 0
    assert ledger_is_consistent(deployed) == []
    assert asked(deployed, "show", f"DRILL.{said['drill']}")[0] == 3  # listed nowhere


def test_a_drill_that_slack_refuses_is_reported_and_arrives_when_slack_accepts(deployed: DeployedAccount) -> None:
    deployed.slack.refuse(3, 404)
    code, said, words = asked(deployed, "drill", "--timeout", "2")
    assert code == 1
    assert (said["stuck"]["hop"], said["slack"]) == ("Slack", "not accepted")
    assert "the drill got stuck at Slack: Slack answered 404: 'refused' (waited 2 s)" in words
    assert [hop["hop"] for hop in said["hops"]] == ["record", "alert"]
    assert eventually(lambda: len(posted(deployed, said["drill"])) == 1)


def test_a_drill_that_no_rule_takes_up_is_stuck_at_the_event_bus(deployed: DeployedAccount) -> None:
    with without_rule(deployed):
        code, said, words = asked(deployed, "drill", "--timeout", "2")
    assert (code, said["stuck"]["hop"]) == (1, "event bus")
    assert "no rule in us-east-1 has brought the event as far as record" in words
    assert items_of(deployed, said["drill"]) == []


def test_a_drill_that_nobody_records_is_stuck_there_and_goes_on_afterwards(deployed: DeployedAccount) -> None:
    with without_delivery(deployed, "record", "sqs"):
        code, said, words = asked(deployed, "drill", "--timeout", "2")
    assert (code, said["stuck"]["hop"]) == (1, "record")
    assert "it waits to be recorded" in words
    assert any(deployed.outputs["RecordLogGroupName"] in each for each in said["stuck"]["look_at"])
    assert eventually(lambda: len(posted(deployed, said["drill"])) == 1)


def test_a_dead_letter_of_the_stream_is_alerted_on_after_a_redrive(deployed: DeployedAccount) -> None:
    with without_delivery(deployed, "alert", "dynamodb"):
        code, said, _ = asked(deployed, "drill", "--timeout", "2")
        assert (code, said["stuck"]["hop"], [hop["hop"] for hop in said["hops"]]) == (1, "alert", ["record"])
        deployed.client("sqs").send_message(
            QueueUrl=deployed.outputs["AlertsDlqUrl"], MessageBody=failed_batch(deployed, said["drill"])
        )
        _, listed, _ = asked(deployed, "dlq", "--queue", "alerts")
        (queue,) = listed["queues"]
        assert (queue["count"], queue["messages"][0]["reason"]) == (1, "RetryAttemptsExhausted")
        code, sent, _ = asked(deployed, "dlq", "redrive", "--queue", "alerts", "--yes")
        assert (code, sent["queues"]["alerts"]["sent_back"]) == (0, 1)
        assert eventually(lambda: len(posted(deployed, said["drill"])) == 1)
    assert deployed.queue_depth(deployed.outputs["AlertsDlqUrl"]) == 0
    time.sleep(2)  # the stream has brought it, too, by now
    assert len(posted(deployed, said["drill"])) == 1


def failed_batch(deployed: DeployedAccount, drill: str) -> str:
    """What Lambda says of a drill's last transition after it gave that up."""
    streams = deployed.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName=deployed.outputs["LedgerTableName"])["Streams"]
    (shard,) = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    place = {"StreamArn": stream["StreamArn"], "ShardId": shard["ShardId"]}
    iterator = streams.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    numbers: list[str] = []
    while not numbers:
        page = streams.get_records(ShardIterator=iterator)
        iterator = page["NextShardIterator"]
        changes = [(record["dynamodb"], record["dynamodb"]["Keys"]) for record in page["Records"]]
        numbers = [
            change["SequenceNumber"]
            for change, keys in changes
            if drill in keys["pk"]["S"] and keys["sk"]["S"].endswith("#Interrupted")
        ]
    batch = {
        "shardId": shard["ShardId"],
        "startSequenceNumber": numbers[0],
        "endSequenceNumber": numbers[0],
        "approximateArrivalOfFirstRecord": "2026-11-23T09:00:00Z",
        "batchSize": 1,
        "streamArn": stream["StreamArn"],
    }
    return json.dumps({"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": batch})


def test_a_poison_message_stops_no_other_and_is_kept_and_listed_with_its_reason(deployed: DeployedAccount) -> None:
    lifecycle = "Starting=0.1 Downloading=0.1 Training=0.2"
    for body in ('{"poison": "drill"}', "this is not JSON"):
        deployed.client("sqs").send_message(QueueUrl=deployed.outputs["ObservationsQueueUrl"], MessageBody=body)
    deployed.ground.create("healthy", lifecycle=lifecycle)
    assert eventually(lambda: observe(deployed, "healthy", parse(lifecycle)).is_settled)
    assert differences(observe(deployed, "healthy", parse(lifecycle))) == []
    with dead_lettering_at_once(deployed, "ObservationsQueueUrl"):
        assert eventually(lambda: deployed.queue_depth(deployed.outputs["ObservationsDlqUrl"]) == 2)
    for _ in range(2):
        _, listed, _ = asked(deployed, "dlq", "list", "--queue", "observations")
        (queue,) = listed["queues"]
        assert len(queue["messages"]) == queue["count"] == 2
        (letter,) = (each for each in queue["messages"] if "poison" in each["what"])
        assert letter["reason"] == "not a training job event, but None of None"


def test_what_slack_did_not_take_is_posted_once_it_is_fixed_and_redriven(deployed: DeployedAccount) -> None:
    with dead_lettering_at_once(deployed, "SlackQueueUrl"):
        deployed.slack.refuse(1, 404)
        code, said, _ = asked(deployed, "drill", "--timeout", "2")
        assert (code, said["stuck"]["hop"]) == (1, "Slack")
        assert eventually(lambda: deployed.queue_depth(deployed.outputs["SlackDlqUrl"]) == 1)
    _, listed, _ = asked(deployed, "dlq", "--queue", "slack")
    (letter,) = listed["queues"][0]["messages"]
    assert letter["what"].startswith(f"DRILL: DRILL.{said['drill']} was interrupted")
    assert letter["reason"] == "Slack answered 404: 'refused'"
    code, _, words = asked(deployed, "dlq", "redrive", "--queue", "slack")
    assert (code, posted(deployed, said["drill"])) == (1, [])
    assert "say --yes to do so" in words
    code, sent, _ = asked(deployed, "dlq", "redrive", "--queue", "slack", "--yes")
    assert (code, sent["queues"]) == (0, {"slack": {"sent_back": 1, "left_trimmed": 0, "discarded_trimmed": 0}})
    assert eventually(lambda: len(posted(deployed, said["drill"])) == 1)
    assert deployed.queue_depth(deployed.outputs["SlackDlqUrl"]) == 0
