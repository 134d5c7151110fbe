"""Items of a newer version, in the ledger of a deployment that was rolled back: nothing else stops."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from local.demo.deployed import DeployedAccount
from respot.aws.dynamodb.keys import partition_of
from respot.aws.sqs.dead_letters import REASON, read_dead_letter
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, at_milliseconds
from respot.schema import ACTIVE_ON, CREATED, LAST_MODIFIED, PK, REGION_AND_NAME, SK
from respot.sweep.progress import FIRST_CHECK
from tests.support.deployed import function_of
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


def test_a_sweep_finds_a_job_without_events_beside_a_state_that_cannot_be_read(deployed: DeployedAccount) -> None:
    deployed.sweep()
    now = at_milliseconds(datetime.now(UTC))
    region, table = deployed.account.region, deployed.outputs["LedgerTableName"]
    job, changed = JobId(region=region, name="poisoned-state", created=now - timedelta(hours=1)), now - FIRST_CHECK
    item = written()["state"].item | {
        PK: {"S": partition_of(job)},
        REGION_AND_NAME: {"S": f"{region}#{job.name}"},
        ACTIVE_ON: {"S": changed.date().isoformat()},
        CREATED: {"S": iso(job.created)},
        LAST_MODIFIED: {"S": iso(changed)},
        "market": {"S": "auction"},
    }
    dynamodb, ledger = deployed.client("dynamodb"), deployed.ledger()
    group = function_of(deployed, "sweep")["LoggingConfig"]["LogGroup"]
    dynamodb.put_item(TableName=table, Item=item)
    deployed.ground.create(
        "beside-poison", lifecycle="Starting=0.2 Training=0.3 Completed", tags={"local:delivery": "drop=all"}
    )

    def is_named() -> bool:
        deployed.sweep()
        pages = deployed.client("logs").get_paginator("filter_log_events")
        lines = pages.paginate(logGroupName=group, filterPattern='"poisoned-state"')
        return any("item_read_failed" in each["message"] for page in lines for each in page["events"])

    try:
        assert eventually(is_named)
        assert eventually(lambda: any(ledger.load(each).transitions for each in ledger.find(region, "beside-poison")))
    finally:
        dynamodb.delete_item(TableName=table, Key={name: item[name] for name in (PK, SK)})
