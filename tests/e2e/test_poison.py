"""Items of a newer version, in the ledger of a deployment that was rolled back: nothing else stops."""

import json
from datetime import UTC, datetime

import pytest

from local.demo.deployed import DeployedAccount
from respot.aws.dynamodb.keys import partition_of
from respot.aws.sqs.dead_letters import REASON, read_dead_letter
from respot.jobs.job import JobId, at_milliseconds
from respot.schema import PK, SK
from tests.support.frozen_ledger import written
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

POISON = {
    "decision": {"action": {"S": "migrate"}},
    "notice": {"alert_kind": {"S": "stalled"}},
    "outcome": {"outcome": {"S": "migrated"}},
}


def test_alerts_and_sweeps_go_on_past_items_that_cannot_be_read(deployed: DeployedAccount) -> None:
    job = JobId(region=deployed.account.region, name="poison", created=at_milliseconds(datetime.now(UTC)))
    table, queue = deployed.outputs["LedgerTableName"], deployed.outputs["AlertsDlqUrl"]
    dynamodb, sqs = deployed.client("dynamodb"), deployed.client("sqs")
    keys = []
    for kind, bad in POISON.items():
        item = written()[kind].item | bad | {PK: {"S": partition_of(job)}}
        dynamodb.put_item(TableName=table, Item=item)
        keys.append({name: item[name] for name in (PK, SK)})
    deployed.ground.create(
        "behind-poison", lifecycle="Starting=0.2 Training=0.3 Interrupted=0.2 Training=0.2 Completed"
    )
    alerted = eventually(
        lambda: any(str(each["text"]).startswith("behind-poison") for each in deployed.slack.messages), seconds=60
    )
    reasons: dict[str, str] = {}

    def received() -> bool:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in answer.get("Messages", ()):
            if (item := read_dead_letter(message["Body"])) and item[0] == partition_of(job):
                reasons[item[1]] = message["MessageAttributes"][REASON]["StringValue"]
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return len(reasons) == len(POISON)

    assert eventually(received, seconds=60)
    for key in keys:
        dynamodb.delete_item(TableName=table, Key=key)
    assert alerted
    assert sorted(reasons) == sorted(key[SK]["S"] for key in keys), json.dumps(reasons)
    assert all(reason.startswith("UnreadableItemError: the item ") for reason in reasons.values())
    deployed.sweep()
