"""The demo's runs: jobs whose owners asked Respot to resume them, and what must happen to them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from local.demo.deployed import DeployedAccount
from local.demo.verification_jobs import unequal
from local.demo.verification_runs import AttemptOutcome, run_differences, trained, training_differences
from respot.jobs.job import Market
from respot.recovery.planning.decision import Action
from respot.recovery.records import OutcomeKind

_NO_CHECKPOINT_IN_TIME: Final = "Starting=0.3 Downloading=0.1 Training=0.3 Stopping=0.1 MaxWaitTimeExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRun:
    """A run and its fate.

    Attributes:
        root: the user's own job.
        lifecycle: of its attempts.
        attempts: market and end of each attempt.
        last: the last decision.
        reason: words that the last decision's reason must have.
        seeded: whether there is an older checkpoint from the beginning.
    """

    root: str
    title: str
    lifecycle: str
    tags: Mapping[str, str]
    attempts: tuple[tuple[Market, str], ...]
    last: Action
    reason: str
    seeded: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the attempts must have."""
        return (self.root, *(f"{self.root}-r{number}" for number in range(2, len(self.attempts) + 1)))

    @property
    def checkpoints(self) -> str:
        """The key prefix of its checkpoints."""
        return f"checkpoints/{self.root}/"


RUNS: Final = (
    ExpectedRun(
        root="resumed",
        title="interrupted twice, out of waiting time, resubmitted on spot, completed",
        lifecycle="interrupted-twice-max-wait / uninterrupted",
        tags={"respot:resume": "on"},
        attempts=((Market.SPOT, "MaxWaitTimeExceeded"), (Market.SPOT, "Completed")),
        last=Action.NOTHING,
        reason="completed",
    ),
    ExpectedRun(
        root="overnight",
        title="never launched, with a deadline: spot, then on demand in time",
        lifecycle="never-launched / uninterrupted",
        tags={"respot:resume": "on", "respot:deadline": "12 min", "respot:work": "1 min"},
        attempts=((Market.SPOT, "MaxWaitTimeExceeded"), (Market.ON_DEMAND, "Completed")),
        last=Action.NOTHING,
        reason="completed",
    ),
    ExpectedRun(
        root="stuck",
        title="no checkpoint progress: not resubmitted after two attempts",
        lifecycle=_NO_CHECKPOINT_IN_TIME,
        tags={"respot:resume": "on"},
        attempts=((Market.SPOT, "MaxWaitTimeExceeded"), (Market.SPOT, "MaxWaitTimeExceeded")),
        last=Action.REFUSE,
        reason="saved no newer checkpoint",
        seeded=True,
    ),
)


def start(at: DeployedAccount, expected: ExpectedRun) -> None:
    """Create the run's first job, as its owner would."""
    if expected.seeded:
        for name in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
            key = f"{expected.checkpoints}checkpoint-50/{name}"
            at.client("s3").put_object(Bucket=at.ground.bucket, Key=key, Body=b'{"global_step": 50}')
    at.ground.create(expected.root, lifecycle=expected.lifecycle, tags=expected.tags, checkpoints=expected.checkpoints)


def is_settled(expected: ExpectedRun, run: Sequence[AttemptOutcome]) -> bool:
    """Whether nothing more is to come."""
    return len(run) == len(expected.attempts) and all(each.is_settled for each in run)


def differences(at: DeployedAccount, expected: ExpectedRun, run: Sequence[AttemptOutcome]) -> list[str]:
    """Where a settled run departs from its fate; empty if nowhere."""
    name, names, again = expected.root, list(expected.names), len(expected.attempts) - 1
    states, decisions = [each.record.state for each in run], [each.decision for each in run]
    listed = [job for job in at.job_names(name) if re.fullmatch(rf"{name}(-r\d+)?", job)]
    checks: list[tuple[str, object, object]] = [
        ("attempts", names, [each.name for each in run]),
        ("jobs in SageMaker", sorted(names), listed),
        ("ends", list(expected.attempts), [(each.market, each.secondary_status) for each in states if each]),
        ("decisions", [Action.RESUBMIT] * again + [expected.last], [d.decision.action for d in decisions if d]),
        ("outcomes", [OutcomeKind.CREATED] * again, [each.outcome.kind for each in run if each.outcome]),
    ]
    found = [line for what, *both in checks for line in unequal(f"run {name}: {what}", *both)]
    reason = decisions[-1].decision.reason if decisions[-1] else ""
    if expected.reason not in reason:
        found.append(f"run {name}: {expected.reason!r} was demanded of the last reason, it is {reason!r}")
    checkpoints = urlsplit(run[0].described["CheckpointConfig"]["S3Uri"]).path.lstrip("/")
    return found + run_differences(run) + training_differences(trained(at, checkpoints))
