"""SageMaker as a test plays it: jobs that are created, move through their statuses, end, and may be deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from respot.errors import CloneRefusedError, JobNameTakenError, Reach
from respot.jobs.description import JobDescription
from respot.jobs.job import JobId, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import DELETING, STOPPING, is_terminal
from respot.jobs.listing import Page, Summary
from respot.jobs.owner import find_parent
from respot.jobs.ports import Clock
from respot.recovery.planning.attempt import AttemptRequest
from respot.recovery.ports import Cloned
from tests.support.builders import PRIMARY, REGION, WAITS, arn_of, state


@dataclass(slots=True, kw_only=True)
class FakeJob:
    """A job as SageMaker has it."""

    state: JobState
    transitions: tuple[Transition, ...]
    tags: dict[str, str]
    unclonable: bool = False
    unclonable_on: dict[str, Reach] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    hyperparameters: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        return not is_terminal(self.state.status)


@dataclass(slots=True, kw_only=True)
class FakeSageMaker:
    """The ports `RecoverableJobs` and `JobLists` in one region, and asked of no other.

    A created job can be described at once.

    Attributes:
        page_length: how many jobs a page of the list has.
        rounded: the list has creation times in whole seconds.
    """

    clock: Clock
    region: str = REGION
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    unknown_types: frozenset[str] = frozenset()
    page_length: int = 100
    rounded: bool = False
    before_stop: Callable[[str], None] = lambda name: None  # noqa: ARG005
    before_creation: Callable[[Mapping[str, Any]], None] = lambda request: None  # noqa: ARG005

    def submit(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        hyperparameters: Mapping[str, str] | None = None,
        **others: Any,  # noqa: ANN401
    ) -> JobId:
        """A job that a user creates."""
        now = self.clock()
        job = JobId(region=self.region, name=name, created=now)
        known: dict[str, Any] = {
            "secondary_status": "Starting",
            "last_modified": now,
            "status_message": WAITS["Starting"],
            "parent": find_parent(name=name, tags=tags or {}),
        }
        transition = Transition(status="Starting", started=now)
        created = state(job, **(known | others))
        kept, given = dict(tags or {}), dict(hyperparameters or {})
        self.jobs[name] = FakeJob(state=created, transitions=(transition,), tags=kept, hyperparameters=given)
        return job

    def move(self, name: str, status: str, reason: str | None = None) -> FakeJob:
        """The job enters its next status now."""
        fake, now = self.jobs[name], self.clock()
        trained = fake.state.training_started or (now if status == "Downloading" else None)
        fake.state = replace(
            fake.state,
            status=status if status == DELETING else PRIMARY.get(status, "InProgress"),
            secondary_status=status,
            last_modified=now,
            status_message=WAITS.get(status),
            failure_reason=reason,
            training_started=trained,
        )
        fake.transitions = (*fake.transitions, Transition(status=status, started=now))
        return fake

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        """See `TrainingJobs.describe`."""
        assert region == self.region
        fake = self.jobs.get(name)
        return None if fake is None else JobSnapshot(state=fake.state, history=fake.transitions)

    def page(self, region: str, token: str | None) -> Page:
        """See `JobLists.page`: the newest job first, `page_length` at a time."""
        assert region == self.region
        newest = sorted((fake.state for fake in self.jobs.values()), key=lambda each: each.job.created, reverse=True)
        first, end = int(token or 0), int(token or 0) + self.page_length
        summaries = tuple(
            Summary(
                job=self._rounded(each.job), status=each.status, secondary_status=None, last_modified=each.last_modified
            )
            for each in newest[first:end]
        )
        return Page(summaries=summaries, token=str(end) if end < len(newest) else None)

    def _rounded(self, job: JobId) -> JobId:
        return replace(job, created=job.created.replace(microsecond=0)) if self.rounded else job

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:
        """See `TrainingJobs.tags`."""
        assert region == self.region
        fake = self.jobs.get(arn.rpartition("/")[2])
        return None if fake is None else dict(fake.tags)

    def description(self, region: str, name: str) -> JobDescription | None:
        """See `RecoverableJobs.description`: its source is the fake job itself, for `clone`."""
        assert region == self.region
        fake = self.jobs.get(name)
        if fake is None:
            return None
        source = {"played": fake, "unknown": self.unknown_types, **fake.more}
        return JobDescription(job=fake.state.job, status=fake.state.status, request_source=source)

    def create(self, region: str, request: Mapping[str, Any]) -> str:
        """See `RecoverableJobs.create`."""
        assert region == self.region
        name = str(request["TrainingJobName"])
        if name in self.jobs:
            message = f"{name}: there is a job of that name"
            raise JobNameTakenError(message)
        self.before_creation(request)
        self.create_now(request)
        return arn_of(name, self.region)

    def create_now(self, request: Mapping[str, Any]) -> JobId:
        """The job of a request that was accepted."""
        name, placement = str(request["TrainingJobName"]), request["placement"]
        job = self.submit(
            name,
            {tag["Key"]: tag["Value"] for tag in request["Tags"]},
            market=placement.market,
            instance_type=None if placement.is_list else placement.instance_type,
            preferred_types=placement.instance_types if placement.is_list else None,
            max_runtime=placement.max_runtime,
            max_wait=placement.max_wait,
            hyperparameters=request.get("HyperParameters"),
            checkpoint_uri=request["checkpoint_uri"],
            role_arn=request["RoleArn"],
            image=request["AlgorithmSpecification"]["TrainingImage"],
        )
        self.created.append(name)
        return job

    def stop(self, region: str, name: str) -> bool:  # noqa: ARG002 - the port's signature
        """See `RecoverableJobs.stop`: the job is stopping, and ends when the test says."""
        fake = self.jobs.get(name)
        if fake is None or not fake.is_live:
            return False
        self.before_stop(name)
        if not fake.is_live:
            return False
        if fake.state.status != STOPPING:
            self.move(name, STOPPING)
            self.stopped.append(name)
        return True


def clone(description: JobDescription, tags: Mapping[str, str], attempt: AttemptRequest) -> Cloned:
    """The request of the next attempt, as far as the fake SageMaker reads it."""
    fake: FakeJob = description.request_source["played"]
    placement = attempt.placement
    if fake.unclonable:
        why = "it cannot be created again"
        raise CloneRefusedError(why, job=description.job.name, field="Tags")
    for rung, reach in fake.unclonable_on.items():
        if rung in {placement.market, f"{placement.market} {placement.instance_type}"}:
            why = f"it cannot be created on {rung}"
            raise CloneRefusedError(why, job=description.job.name, field="ResourceConfig", reach=reach)
    request = {
        "TrainingJobName": attempt.name,
        "Tags": [{"Key": key, "Value": value} for key, value in ({**tags} | attempt.lineage.to_tags()).items()],
        "placement": placement,
        "checkpoint_uri": fake.state.checkpoint_uri,
        "CheckpointConfig": {"S3Uri": fake.state.checkpoint_uri},
        "RoleArn": fake.state.role_arn,
        "AlgorithmSpecification": {"TrainingImage": fake.state.image},
        "HyperParameters": dict(fake.hyperparameters),
        "ResourceConfig": (
            {"InstancePreferences": [{"InstanceType": each} for each in placement.instance_types]}
            if placement.is_list
            else {"InstanceType": placement.instance_type or "ml.g5.2xlarge"}
        ),
        **fake.more,
    }
    unknown = description.request_source["unknown"] & {placement.instance_type}
    return Cloned(request=request, warnings=fake.warnings, unknown_types=tuple(unknown))
