"""The promises of the port `Schedules`, held against every implementation; and what EventBridge Scheduler is asked."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore
import pytest
from botocore.stub import Stubber

from respot.aws.scheduler import EventBridgeSchedules, ScheduleTarget, schedule_name
from respot.errors import ScheduleUnavailableError
from respot.jobs.job import JobId
from respot.jobs.message import read_message
from respot.recovery.ports import Schedules
from tests.support.builders import ACCOUNT, REGION, at, job_id
from tests.support.memory import MemorySchedules

TARGET = ScheduleTarget(
    group="Respot-latest-starts",
    queue_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:recovery",
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/Respot-LatestStarts",
)
LATER = at(7200)
JOBS = (
    job_id(),
    job_id("other"),
    job_id(created=at(1)),
    job_id(region="eu-west-1"),
    job_id("x" * 300),
    job_id("ein Job/\u00e4#'\"\n\u2028"),
)
"""Different jobs: two have one name, and of some the name is none that Scheduler would take."""


@pytest.fixture
def scheduler(aws: None) -> Any:  # noqa: ANN401, ARG001 - it has no types; moto
    client = boto3.client("scheduler", region_name=REGION)
    client.create_schedule_group(Name=TARGET.group)
    return client


@pytest.fixture(params=["memory", "scheduler"])
def schedules(request: pytest.FixtureRequest) -> Schedules:
    if request.param == "memory":
        return MemorySchedules()
    return on(request.getfixturevalue("scheduler"))


def on(client: Any) -> EventBridgeSchedules:  # noqa: ANN401
    return EventBridgeSchedules(lambda: client, lambda: TARGET)


def present(schedules: Schedules, client: Any) -> dict[JobId, datetime]:  # noqa: ANN401
    """What is scheduled, by job."""
    if isinstance(schedules, MemorySchedules):
        return schedules.schedules
    names = [each["Name"] for each in client.list_schedules(GroupName=TARGET.group)["Schedules"]]
    found = [client.get_schedule(Name=name, GroupName=TARGET.group) for name in names]
    return {read_message(each["Target"]["Input"]): moment(each["ScheduleExpression"]) for each in found}


def moment(expression: str) -> datetime:
    written = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression)
    assert written, expression
    return datetime.fromisoformat(f"{written[1]}Z")


def test_each_job_has_one_schedule(schedules: Schedules, scheduler: Any) -> None:  # noqa: ANN401
    jobs = JOBS[:5]
    for number, job in enumerate(jobs):
        for _ in range(2):
            schedules.keep(job, LATER + timedelta(hours=number))
    assert present(schedules, scheduler) == {job: LATER + timedelta(hours=n) for n, job in enumerate(jobs)}
    schedules.forget(jobs[2])
    assert present(schedules, scheduler).keys() == {*jobs} - {jobs[2]}


@pytest.mark.parametrize(("seconds", "moves"), [(0, False), (60, False), (-60, False), (61, True), (-61, True)])
def test_a_schedule_moves_by_more_than_a_minute(
    schedules: Schedules,
    scheduler: Any,  # noqa: ANN401
    seconds: float,
    moves: bool,  # noqa: FBT001
) -> None:
    schedules.keep(job_id(), LATER)
    schedules.keep(job_id(), LATER + timedelta(seconds=seconds))
    assert present(schedules, scheduler) == {job_id(): LATER + timedelta(seconds=seconds if moves else 0)}


def test_a_schedule_that_is_missing_is_forgotten_already(schedules: Schedules) -> None:
    schedules.forget(job_id())
    schedules.keep(job_id(), LATER)
    for _ in range(2):
        schedules.forget(job_id())


# --- what Scheduler is asked


def test_it_sends_the_job_once_and_is_gone(scheduler: Any) -> None:  # noqa: ANN401
    on(scheduler).keep(job_id(), LATER)
    found = scheduler.get_schedule(Name=schedule_name(job_id()), GroupName=TARGET.group)
    assert read_message(found["Target"]["Input"]) == job_id()
    assert (found["Target"]["Arn"], found["Target"]["RoleArn"]) == (TARGET.queue_arn, TARGET.role_arn)
    assert found["ActionAfterCompletion"] == "DELETE"
    assert found["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert found["ScheduleExpressionTimezone"] == "UTC"


def test_a_schedule_that_moves_stays_what_it_is(scheduler: Any) -> None:  # noqa: ANN401
    """UpdateSchedule sets what is not given back to its default."""
    seen = []
    for hours in (0, 1):
        on(scheduler).keep(job_id(), LATER + timedelta(hours=hours))
        found = scheduler.get_schedule(Name=schedule_name(job_id()), GroupName=TARGET.group)
        dates = {"CreationDate", "LastModificationDate", "ResponseMetadata", "ScheduleExpression"}
        seen.append({name: value for name, value in found.items() if name not in dates})
    assert seen[0] == seen[1]


def test_it_fires_never_before_the_moment(scheduler: Any) -> None:  # noqa: ANN401
    on(scheduler).keep(job_id(), LATER + timedelta(milliseconds=1))
    assert present(on(scheduler), scheduler) == {job_id(): LATER + timedelta(seconds=1)}


def test_a_schedule_that_cannot_be_read_is_replaced(scheduler: Any) -> None:  # noqa: ANN401
    on(scheduler).keep(job_id(), LATER)
    found = scheduler.get_schedule(Name=schedule_name(job_id()), GroupName=TARGET.group)
    members = ("Name", "GroupName", "Target", "FlexibleTimeWindow")
    scheduler.update_schedule(ScheduleExpression="rate(5 minutes)", **{each: found[each] for each in members})
    on(scheduler).keep(job_id(), LATER)
    assert present(on(scheduler), scheduler) == {job_id(): LATER}


def test_two_invocations_that_create_it_at_once_both_succeed(scheduler: Any) -> None:  # noqa: ANN401
    def first(**_: object) -> None:
        scheduler.meta.events.unregister("before-call.scheduler.CreateSchedule", first)
        on(scheduler).keep(job_id(), LATER)

    scheduler.meta.events.register("before-call.scheduler.CreateSchedule", first)
    on(scheduler).keep(job_id(), LATER + timedelta(hours=1))
    assert present(on(scheduler), scheduler) == {job_id(): LATER + timedelta(hours=1)}


MODEL: dict[str, Any] = json.loads(
    gzip.decompress(
        (Path(botocore.__file__).parent / "data" / "scheduler" / "2021-06-30" / "service-2.json.gz").read_bytes()
    )
)["shapes"]


def problems(value: object, shape: dict[str, Any]) -> Iterator[str]:
    """What of a request the service's own model does not allow; botocore itself checks no patterns and no lengths."""
    if shape["type"] == "structure":
        assert isinstance(value, dict)
        yield from (f"{name} is missing" for name in shape.get("required", ()) if name not in value)
        for name, member in value.items():
            yield from problems(member, MODEL[shape["members"][name]["shape"]])
    elif shape["type"] == "string":
        assert isinstance(value, str)
        if not shape.get("min", 0) <= len(value) <= shape.get("max", len(value)):
            yield f"{value!r} has {len(value)} characters"
        if not re.search(shape.get("pattern", ""), value) or value not in shape.get("enum", [value]):
            yield f"{value!r} is not allowed"
    elif not shape["min"] <= value <= shape["max"]:
        yield f"{value} is out of range"


@pytest.mark.parametrize("job", JOBS)
def test_the_request_is_one_that_the_service_model_allows(job: JobId) -> None:
    asked: list[dict[str, Any]] = []

    class Client:
        def get_schedule(self, **request: str) -> dict[str, str]:
            assert list(problems(request, MODEL["GetScheduleInput"])) == []
            return {}

        def update_schedule(self, **request: Any) -> None:  # noqa: ANN401
            asked.append(request)

        def delete_schedule(self, **request: str) -> None:
            assert list(problems(request, MODEL["DeleteScheduleInput"])) == []

    schedules = EventBridgeSchedules(Client, lambda: TARGET)
    schedules.keep(job, LATER)
    schedules.forget(job)
    (request,) = asked
    for kind in ("CreateScheduleInput", "UpdateScheduleInput"):
        assert list(problems(request, MODEL[kind])) == []
    assert list(problems(request | {"Name": job.name}, MODEL["CreateScheduleInput"])) or job.name in {
        "spot-job",
        "other",
    }
    assert read_message(request["Target"]["Input"]) == job


def test_each_job_has_a_name_of_its_own() -> None:
    assert len({schedule_name(job) for job in JOBS}) == len(JOBS)
    assert schedule_name(job_id()) == schedule_name(replace(job_id()))


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ThrottlingException", "InternalServerException", "ServiceQuotaExceededException"]
)
@pytest.mark.parametrize("call", ["get_schedule", "create_schedule", "update_schedule", "delete_schedule"])
def test_anything_else_is_an_error_that_names_the_job(scheduler: Any, call: str, code: str) -> None:  # noqa: ANN401
    with Stubber(scheduler) as stubber:
        if call == "create_schedule":
            stubber.add_client_error("get_schedule", "ResourceNotFoundException", http_status_code=404)
        if call == "update_schedule":
            stubber.add_response("get_schedule", {"ScheduleExpression": "at(2026-09-16T09:00:00)"})
        stubber.add_client_error(call, code)
        schedules = on(scheduler)
        do = schedules.forget if call == "delete_schedule" else lambda job: schedules.keep(job, LATER)
        with pytest.raises(ScheduleUnavailableError, match=f"spot-job.*{code}"):
            do(job_id())


def test_the_model_would_refuse_the_names_of_jobs() -> None:
    """Otherwise the test above shows nothing."""
    assert [list(problems(job.name, MODEL["Name"])) != [] for job in JOBS] == [False, False, False, False, True, True]
