"""The sweep in a local AWS account: what no event reported, and what was left undone."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from local.demo.deployed import DeployedAccount
from local.demo.verification import (
    compare_deliveries,
    observe_run,
    receive_alerts,
    run_differences,
    trained,
    training_differences,
)
from respot.aws.dynamodb.keys import partition_of, reservation_partition, run_partition, sweep_partition
from respot.jobs.job import at_milliseconds
from respot.jobs.lifecycle import is_terminal
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import RunId
from respot.sweep.progress import FIRST_CHECK
from tests.support.builders import job_id, snapshot
from tests.support.deployed import function_of
from tests.support.roles import credentials_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

UNHEARD: Final[Mapping[str, str]] = {"respot:resume": "on", "local:delivery": "drop=all"}
INTERRUPTED_AND_RESUMED = (
    "Starting=0.2 Downloading=0.2 Training=1 Interrupted=0.2 Downloading=0.2 Training=1 Stopping=0.1 "
    "MaxWaitTimeExceeded / Starting=0.2 Downloading=0.2 Training=1"
)


def test_a_run_without_events_is_recorded_alerted_on_and_resumed_once(deployed: DeployedAccount) -> None:
    """One sweep after each end is enough: any loss is repaired within one interval."""
    receive_alerts(deployed)
    deployed.ground.create("unheard", lifecycle=INTERRUPTED_AND_RESUMED, tags=UNHEARD)
    assert eventually(lambda: has_ended(deployed, "unheard"))
    deployed.sweep()
    assert eventually(lambda: len(observe_run(deployed, "unheard")) == 2)
    assert eventually(lambda: has_ended(deployed, "unheard-r2"))
    deployed.sweep()
    assert eventually(lambda: all(attempt.is_settled for attempt in observe_run(deployed, "unheard")))
    run = observe_run(deployed, "unheard")
    # No event had a part in it.
    histories = [
        sorted(transition["Status"] for transition in each.described["SecondaryStatusTransitions"]) for each in run
    ]
    assert eventually(lambda: [found_by_sweeps(deployed, each.name) for each in run] == histories)
    assert [attempt.described["TrainingJobStatus"] for attempt in run] == ["Stopped", "Completed"]
    assert run_differences(run) == []
    assert training_differences(trained(deployed, "checkpoints/unheard/")) == []
    kinds = [sorted(alert_record.kind.value for alert_record in attempt.alert_records) for attempt in run]
    assert kinds == [["interrupted", "max-wait-time-exceeded", "resubmitted"], []]
    deployed.sweep()
    assert compare_deliveries(run, receive_alerts(deployed)) == []
    listed = deployed.client("sagemaker").list_training_jobs(NameContains="unheard")["TrainingJobSummaries"]
    assert sorted(job["TrainingJobName"] for job in listed) == ["unheard", "unheard-r2"]


def has_ended(deployed: DeployedAccount, name: str) -> bool:
    described = deployed.client("sagemaker").describe_training_job(TrainingJobName=name)
    return is_terminal(described["TrainingJobStatus"])


def found_by_sweeps(deployed: DeployedAccount, name: str) -> list[str]:
    """The transitions of a job that events had not reported when a sweep checked it, as `record` logged them."""
    pages = deployed.client("logs").get_paginator("filter_log_events")
    group = deployed.outputs["RecordLogGroupName"]
    lines = [
        json.loads(event["message"])
        for page in pages.paginate(logGroupName=group, filterPattern="missed_by_events")
        for event in page["events"]
    ]
    of_job = f"{deployed.account.region}/{name} (created "
    return sorted(
        transition for line in lines if line["job"].startswith(of_job) for transition in line["missed_by_events"]
    )


def test_a_job_that_was_deleted_unheard_is_not_held_to_be_alive(deployed: DeployedAccount) -> None:
    deployed.sweep()
    now = at_milliseconds(datetime.now(UTC))
    ghost = job_id("ghost", created=now - timedelta(minutes=20))
    seen = snapshot("Starting=0", job=ghost, last_modified=now)
    ledger = deployed.ledger()
    ledger.save(reconcile(ledger.load(ghost), replace(seen, history=())))
    deployed.sweep()
    assert eventually(lambda: status_of(deployed, "ghost") == "Deleting")


def status_of(deployed: DeployedAccount, name: str) -> str:
    ledger = deployed.ledger()
    (job,) = ledger.find(deployed.account.region, name)
    state = ledger.load(job).state
    return state.status if state else ""


def test_an_ended_job_that_nobody_decided_on_is_decided_on(deployed: DeployedAccount) -> None:
    deployed.sweep()
    now = at_milliseconds(datetime.now(UTC))
    ended = snapshot("Failed=0", job=job_id("undecided", created=now - timedelta(hours=1)))
    # Its state alone: as if the stream had given its end up.
    state = replace(ended.state, last_modified=now - FIRST_CHECK, failure_reason="AlgorithmError: exit code 1")
    ledger = deployed.ledger()
    ledger.save(reconcile(ledger.load(state.job), replace(ended, state=state, history=())))

    def decision() -> Any:  # noqa: ANN401
        deployed.sweep()
        return deployed.runs().decision(state.job)

    assert eventually(lambda: decision() is not None)
    decided = decision().decision
    # The table is younger than the job's end.
    assert (decided.action, "before Respot watched" in decided.reason) == (Action.NOTHING, True)


def test_the_sweep_may_list_jobs_and_do_nothing_to_them(deployed: DeployedAccount) -> None:
    deployed.ground.create("listed", lifecycle="Starting=0.1 Downloading=0.1 Training=0.2")
    keys = credentials_of(deployed, function_of(deployed, "sweep")["Role"])
    sagemaker = deployed.account.client("sagemaker", **keys)
    assert sagemaker.list_training_jobs(MaxResults=1)["TrainingJobSummaries"]
    key = {"pk": {"S": "x"}, "sk": {"S": "y"}}
    denied: list[tuple[str, str, dict[str, Any]]] = [
        ("sagemaker", "describe_training_job", {"TrainingJobName": "listed"}),
        ("sagemaker", "stop_training_job", {"TrainingJobName": "listed"}),
        ("sns", "publish", {"TopicArn": deployed.outputs["AlertsTopicArn"], "Message": "{}"}),
        ("dynamodb", "delete_item", {"TableName": deployed.outputs["LedgerTableName"], "Key": key}),
    ]
    for service, operation, arguments in denied:
        with pytest.raises(ClientError, match=r"AccessDenied|AuthorizationError"):
            getattr(deployed.account.client(service, **keys), operation)(**arguments)


def test_the_sweep_writes_how_far_it_has_come_and_into_no_other_partition(deployed: DeployedAccount) -> None:
    keys = credentials_of(deployed, function_of(deployed, "sweep")["Role"])
    dynamodb = deployed.account.client("dynamodb", **keys)
    table = deployed.outputs["LedgerTableName"]

    def puts(*partitions: str) -> list[Any]:
        keys = [{"pk": {"S": partition}, "sk": {"S": "permission"}} for partition in partitions]
        return [{"Put": {"TableName": table, "Item": {**key, "kind": {"S": "test"}}}} for key in keys]

    own = sweep_partition("nowhere")
    dynamodb.put_item(TableName=table, Item=puts(own)[0]["Put"]["Item"])
    dynamodb.transact_write_items(TransactItems=puts(own))
    others = (
        partition_of(job_id("forged")),
        run_partition(RunId("forged")),
        reservation_partition("s3://b/forged"),
        "drill#0",
    )
    for partition in others:
        with pytest.raises(ClientError, match=r"AccessDenied.*dynamodb:PutItem"):
            dynamodb.put_item(TableName=table, Item=puts(partition)[0]["Put"]["Item"])
        with pytest.raises(ClientError, match=r"AccessDenied.*dynamodb:PutItem"):
            dynamodb.transact_write_items(TransactItems=puts(own, partition))


def test_the_schedule_is_there_and_calls_the_sweep(deployed: DeployedAccount) -> None:
    schedules = deployed.client("scheduler").list_schedules()["Schedules"]
    (ours,) = [each for each in schedules if "Sweep" in each["Name"]]
    schedule = deployed.client("scheduler").get_schedule(Name=ours["Name"], GroupName=ours["GroupName"])
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert schedule["Target"]["Arn"].endswith(deployed.outputs["SweepFunctionName"])
    assert json.dumps(schedule["Target"]["RoleArn"])
