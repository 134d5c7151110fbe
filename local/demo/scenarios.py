"""The demo's jobs, as data: what each meets, and what Respot must make of it. `make chaos` runs them, too."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from local.demo.deployed import DeployedAccount
from local.demo.verification import JobOutcome, run_differences, trained, training_differences, unequal
from local.sagemaker.lifecycle import parse, value_for
from respot.jobs.job import Market
from respot.recovery.planning.decision import Action
from respot.recovery.records import OutcomeKind

_SPOT_TIMEOUT: Final = (Market.SPOT, "MaxWaitTimeExceeded")
_SPOT_COMPLETED: Final = (Market.SPOT, "Completed")
_RESUME: Final = {"respot:resume": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A user's own job, or a run of several attempts, each with its market and its end.

    `last` is the last decision; its reason must have the words `reason`. If `seeded`, there is an older checkpoint from
    the beginning. `team` is the value of its tag `team`, by which savings are summed.
    """

    name: str
    lifecycle: str
    attempts: tuple[tuple[Market, str], ...]
    last: Action = Action.NOTHING
    reason: str
    tags: Mapping[str, str] = field(default_factory=dict)
    team: str = "vision"
    seeded: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the attempts must have."""
        return (self.name, *(f"{self.name}-r{number}" for number in range(2, len(self.attempts) + 1)))


RESUMED: Final = Scenario(
    name="resumed",
    lifecycle="interrupted-twice-max-wait / uninterrupted",
    tags=_RESUME,
    attempts=(_SPOT_TIMEOUT, _SPOT_COMPLETED),
    reason="completed",
)


def _not_resumed(name: str, lifecycle: str, end: tuple[Market, str]) -> Scenario:
    reason = "completed: nothing to do" if end == _SPOT_COMPLETED else "not asked to resume this job"
    return Scenario(name=name, lifecycle=lifecycle, attempts=(end,), reason=reason, team="speech")


SCENARIOS: Final = (
    _not_resumed("no-capacity", "never-launched", _SPOT_TIMEOUT),
    _not_resumed("long-queue", "queued-then-max-wait", _SPOT_TIMEOUT),
    _not_resumed("out-of-time", "interrupted-twice-max-wait", _SPOT_TIMEOUT),
    _not_resumed("restarted", "interrupted-once", _SPOT_COMPLETED),
    _not_resumed("steady", "uninterrupted", _SPOT_COMPLETED),
    Scenario(
        name="stuck",
        # Too short for a checkpoint.
        lifecycle="Starting=0.3 Downloading=0.1 Training=0.3 Stopping=0.1 MaxWaitTimeExceeded",
        tags=_RESUME,
        attempts=(_SPOT_TIMEOUT, _SPOT_TIMEOUT),
        last=Action.REFUSE,
        reason="made no progress",
        seeded=True,
    ),
    Scenario(
        name="overnight",
        lifecycle="never-launched / uninterrupted",
        tags={
            **_RESUME,
            "respot:deadline": "12 min",
            "respot:work": "1 min",
            "respot:restart-overhead": "1 min",
            "respot:on-demand-wait": "1 min",
        },
        attempts=(_SPOT_TIMEOUT, (Market.ON_DEMAND, "Completed")),
        reason="completed",
    ),
    RESUMED,
)
"""In the order shown: five jobs that nobody asked Respot to resume, then three runs; the last one completes."""


def start(at: DeployedAccount, scenario: Scenario) -> None:
    """Create the first job, as its owner would."""
    checkpoints = f"checkpoints/{scenario.name}/"
    if scenario.seeded:
        for file in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
            key = f"{checkpoints}checkpoint-50/{file}"
            at.client("s3").put_object(Bucket=at.ground.bucket, Key=key, Body=b'{"global_step": 50}')
    tags = {"team": scenario.team, **scenario.tags}
    at.ground.create(scenario.name, lifecycle=scenario.lifecycle, tags=tags, checkpoints=checkpoints)


def is_settled(scenario: Scenario, run: Sequence[JobOutcome]) -> bool:
    """Whether nothing more is to come."""
    return len(run) == len(scenario.attempts) and all(each.is_settled for each in run)


def differences(at: DeployedAccount, scenario: Scenario, run: Sequence[JobOutcome]) -> list[str]:
    """Where a settled job or run departs from its scenario; empty if nowhere."""
    name, names = scenario.name, [*scenario.names]
    states, decisions = [each.record.state for each in run], [each.decision for each in run]
    listed = [job for job in at.job_names(name) if re.fullmatch(rf"{name}(-r\d+)?", job)]
    fates = [value_for(number, scenario.lifecycle, parse) for number in range(1, len(names) + 1)]
    actions = [Action.RESUBMIT] * (len(names) - 1) + [scenario.last]
    checks: list[tuple[str, object, object]] = [
        ("attempts", names, [each.name for each in run]),
        ("jobs in SageMaker", sorted(names), listed),
        ("statuses", [[*fate.statuses] for fate in fates], [each.statuses for each in run]),
        ("ends", [*scenario.attempts], [(each.market, each.secondary_status) for each in states if each]),
        ("decisions", actions, [each.decision.action for each in decisions if each]),
        ("outcomes", [OutcomeKind.CREATED] * (len(names) - 1), [each.outcome.kind for each in run if each.outcome]),
    ]
    found = [line for what, *both in checks for line in unequal(f"{name}: {what}", *both)]
    reason = decisions[-1].decision.reason if decisions[-1] else ""
    if scenario.reason not in reason:
        found.append(f"{name}: {scenario.reason!r} was demanded of the last reason, it is {reason!r}")
    checkpoints = urlsplit(run[0].described["CheckpointConfig"]["S3Uri"]).path.lstrip("/")
    return found + run_differences(run) + training_differences(trained(at, checkpoints))
