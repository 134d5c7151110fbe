"""Schedules in a local AWS account: a waiting job with a deadline is checked at its time, although no sweep runs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from local.demo.deployed import DeployedAccount
from respot.aws.scheduler import schedule_name
from respot.jobs.job import JobId
from respot.jobs.message import write_message
from respot.settings import QUEUE_ARN, SCHEDULE_GROUP, SCHEDULE_ROLE_ARN
from tests.support.deployed import denied, function_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

NEVER_ON_SPOT: Final = "Starting=600 / Starting=0.2 Downloading=0.1 Training=0.3"
WITH_DEADLINE: Final = {"respot:resume": "on", "respot:work": "1 h"}
PRECISION: Final = 5.0
"""Seconds in which the local account fires and `recover` has run, on a busy machine."""


class Waiting:
    """A job that waits for spot instances with a deadline, and its schedule."""

    def __init__(self, at: DeployedAccount, name: str) -> None:
        """Create the job; its deadline is far enough for spot, and near enough for sweeps to look at it."""
        self.at, self.name = at, name
        self.scheduler = at.client("scheduler")
        self.set = function_of(at, "recover")["Environment"]["Variables"]
        self.deadline = datetime.now(UTC) + timedelta(hours=6)
        tags = {**WITH_DEADLINE, "respot:deadline": written(self.deadline)}
        at.ground.create(name, lifecycle=NEVER_ON_SPOT, tags=tags)
        ledger = at.ledger()
        assert eventually(lambda: any(ledger.load(job).transitions for job in ledger.find(at.account.region, name)))
        self.job: JobId = ledger.find(at.account.region, name)[0]

    def check(self) -> None:
        """Have the job checked, as a sweep does."""
        queue = self.at.outputs["RecoveryQueueUrl"]
        self.at.client("sqs").send_message(QueueUrl=queue, MessageBody=write_message(self.job))

    def schedule(self) -> dict[str, Any] | None:
        name, group = schedule_name(self.job), self.set[SCHEDULE_GROUP]
        try:
            found: dict[str, Any] = self.scheduler.get_schedule(Name=name, GroupName=group)
        except self.scheduler.exceptions.ResourceNotFoundException:
            return None
        return found

    def fires(self) -> str | None:
        found = self.schedule()
        return None if found is None else str(found["ScheduleExpression"])

    def tag(self, deadline: datetime) -> None:
        """Give the job another deadline."""
        sagemaker = self.at.client("sagemaker")
        described = sagemaker.describe_training_job(TrainingJobName=self.name)
        tag = {"Key": "respot:deadline", "Value": written(deadline)}
        sagemaker.add_tags(ResourceArn=described["TrainingJobArn"], Tags=[tag])

    def move(self, moment: datetime) -> None:
        """Move the schedule by hand; nothing else of it changes."""
        found = self.schedule() or {}
        kept = ("Name", "GroupName", "Target", "FlexibleTimeWindow", "ActionAfterCompletion")
        self.scheduler.update_schedule(
            ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})", **{each: found[each] for each in kept}
        )

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What `recover` has logged about the job."""
        pages = self.at.client("logs").get_paginator("filter_log_events")
        arguments = {"logGroupName": self.at.outputs["RecoverLogGroupName"], "filterPattern": f'"{event}"'}
        lines = (json.loads(each["message"]) for page in pages.paginate(**arguments) for each in page["events"])
        return [line for line in lines if line.get("job") == str(self.job)]

    def stop(self) -> None:
        self.at.client("sagemaker").stop_training_job(TrainingJobName=self.name)

    def is_decided(self) -> bool:
        return self.at.runs().decision(self.job) is not None


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(expression: str | None) -> datetime:
    return datetime.fromisoformat(f"{(expression or '')[3:-1]}Z")


@contextmanager
def no_sweep(at: DeployedAccount) -> Iterator[None]:
    """Switch off the schedule of the sweep."""
    scheduler = at.client("scheduler")
    (name,) = (each["Name"] for each in scheduler.list_schedules()["Schedules"] if each["GroupName"] == "default")
    found = scheduler.get_schedule(Name=name)
    kept = {each: found[each] for each in ("Name", "ScheduleExpression", "Target", "FlexibleTimeWindow")}
    scheduler.update_schedule(**kept, State="DISABLED")
    try:
        yield
    finally:
        scheduler.update_schedule(**kept, State="ENABLED")


def test_without_sweeps_the_job_is_checked_at_the_time_of_its_schedule(deployed: DeployedAccount) -> None:
    with no_sweep(deployed):
        waiting = Waiting(deployed, "waits-with-deadline")
        waiting.check()
        assert eventually(lambda: waiting.schedule() is not None)
        planned = waiting.fires()
        assert eventually(lambda: len(waiting.logged("wait_limit_checked")) == 1)

        moment = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
        waiting.move(moment)
        assert eventually(lambda: len(waiting.logged("wait_limit_checked")) == 2, seconds=30)
        *_, again = waiting.logged("wait_limit_checked")
        late = (datetime.fromisoformat(again["timestamp"]) - moment).total_seconds()
        assert 0 <= late < PRECISION
        # It was too early, and the job is checked again at its own time.
        assert eventually(lambda: waiting.fires() == planned)

        waiting.stop()
        assert eventually(waiting.is_decided)
        assert eventually(lambda: waiting.schedule() is None)
        assert waiting.logged("schedule_failed") == []


def test_a_lost_permission_is_named_and_holds_up_nothing(deployed: DeployedAccount) -> None:
    waiting = Waiting(deployed, "waits-without-permission")
    failures = 0

    def refused(action: str, do: Callable[[], object]) -> None:
        nonlocal failures
        with denied(deployed, "recover", action):
            do()
            failures += 1
            assert eventually(lambda: len(waiting.logged("schedule_failed")) == failures, seconds=30), action
        assert action in waiting.logged("schedule_failed")[-1]["reason"]

    for action in ("scheduler:GetSchedule", "scheduler:CreateSchedule", "iam:PassRole"):
        refused(action, waiting.check)
        assert waiting.schedule() is None
    waiting.check()
    assert eventually(lambda: waiting.schedule() is not None)
    waiting.move(datetime.now(UTC) + timedelta(days=9))
    refused("scheduler:UpdateSchedule", waiting.check)
    refused("scheduler:DeleteSchedule", waiting.stop)
    assert eventually(waiting.is_decided)


def test_a_schedule_of_another_group_sends_nothing_with_the_role(deployed: DeployedAccount) -> None:
    """The role's trust names the group: nobody else's schedule may use it."""
    scheduler, now = deployed.client("scheduler"), datetime.now(UTC)
    known = function_of(deployed, "recover")["Environment"]["Variables"]
    target = {"Arn": known[QUEUE_ARN], "RoleArn": known[SCHEDULE_ROLE_ARN], "Input": "not a job"}
    scheduler.create_schedule(
        Name="of-somebody-else",
        ScheduleExpression=f"at({now:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target=target,
    )
    log = deployed.account.log
    assert eventually(lambda: "of-somebody-else sent nothing: Scheduler cannot assume" in log.read_text(), seconds=30)


def test_a_deadline_is_kept_without_sweeps(deployed: DeployedAccount) -> None:
    """The job is stopped at its latest on-demand start, which comes closer with the deadline, and goes on on demand."""
    sagemaker = deployed.client("sagemaker")
    with no_sweep(deployed):
        waiting = Waiting(deployed, "kept-without-sweeps")
        waiting.check()
        assert eventually(lambda: waiting.schedule() is not None)
        first = moment_of(waiting.fires())
        waiting.tag(waiting.deadline - (first - datetime.now(UTC)) + timedelta(seconds=10))
        waiting.check()
        assert eventually(lambda: moment_of(waiting.fires()) < first)
        moment = moment_of(waiting.fires())
        assert eventually(lambda: deployed.runs().stop_intent(waiting.job) is not None, seconds=40)
        intent = deployed.runs().stop_intent(waiting.job)
        assert intent
        assert moment <= intent.decided_at < moment + timedelta(seconds=PRECISION)
        name = f"{waiting.name}-r2"
        assert eventually(lambda: any(deployed.ledger().find(deployed.account.region, name)), seconds=30)
        assert sagemaker.describe_training_job(TrainingJobName=name)["EnableManagedSpotTraining"] is False
