"""The demo's runs: jobs whose owners asked Respot to resume them, what must become of them, and whether it did."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from local.deployed import DeployedAccount
from respot.alerting.kinds import AlertKind
from respot.jobs.job import Market
from respot.jobs.lifecycle import is_terminal
from respot.recovery.planning.decision import Action
from respot.recovery.records import OutcomeKind
from respot_cli.errors import CommandError
from respot_cli.timeline.command import load
from respot_cli.timeline.history import History, RunAttempt

_NO_CHECKPOINT_IN_TIME: Final = "Starting=0.3 Downloading=0.1 Training=0.3 Stopping=0.1 MaxWaitTimeExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRun:
    """A run and its fate.

    Attributes:
        root: the user's own job.
        title: what it shows.
        lifecycle: the fates of its attempts.
        tags: what its owner asks for.
        attempts: market and end of each attempt.
        last: what is decided in the end.
        reason: words that the last decision's reason must hold.
        seeded: whether an older checkpoint lies in its place from the beginning.
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
        title="no checkpoint progress: given up after two attempts",
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


def observe(at: DeployedAccount, expected: ExpectedRun) -> History | None:
    """What the ledger tells of the run; `None` while it does not know it."""
    return history_of(at, expected.root)


def history_of(at: DeployedAccount, name: str) -> History | None:
    """What `respot timeline` knows of a job; `None` while the ledger does not know it."""
    try:
        return load(at.ledger(), at.runs(), region=at.account.region, name=name)
    except CommandError:
        return None


def is_settled(at: DeployedAccount, expected: ExpectedRun, history: History | None) -> bool:
    """Whether nothing more is to come."""
    if history is None or len(history.run) < len(expected.attempts):
        return False
    *before, last = history.run
    return (
        last.state is not None
        and is_terminal(last.state.status)
        and last.decision is not None
        and all(each.outcome for each in before)
        and not _alerts(at, expected)
    )


def differences(at: DeployedAccount, expected: ExpectedRun, history: History | None) -> list[str]:
    """Where the run departs from its fate; empty if nowhere."""
    if history is None:
        return [f"{expected.root}: the ledger does not know the run"]
    found: list[str] = []

    def demand(what: str, wanted: object, got: object) -> None:
        if wanted != got:
            found.append(f"run {expected.root}: {what}: {wanted!r} was demanded, {got!r} was found")

    run = history.run
    demand("attempts", list(expected.names), [each.name for each in run])
    demand("numbers", list(range(1, len(expected.attempts) + 1)), [each.number for each in run])
    ends = [(each.state.market, each.state.secondary_status) for each in run if each.state]
    demand("ends", list(expected.attempts), ends)
    actions = [each.decision.decision.action for each in run if each.decision]
    demand("decisions", [Action.RESUBMIT] * (len(expected.attempts) - 1) + [expected.last], actions)
    demand("outcomes", [OutcomeKind.CREATED] * (len(expected.attempts) - 1), _outcomes(run))
    reason = run[-1].decision.decision.reason if run[-1].decision else ""
    if expected.reason not in reason:
        found.append(f"run {expected.root}: {expected.reason!r} was demanded of the last reason, it is {reason!r}")
    found += [f"run {expected.root}: {line}" for line in _jobs(at, expected)]
    found += [f"run {expected.root}: {line}" for line in _alerts(at, expected)]
    found += [f"run {expected.root}: {line}" for line in trained_twice(at, expected.checkpoints)]
    return found


def _outcomes(run: Sequence[RunAttempt]) -> list[OutcomeKind]:
    return [each.outcome.kind for each in run if each.outcome]


def _jobs(at: DeployedAccount, expected: ExpectedRun) -> list[str]:
    """SageMaker's own list: no job of the run but its attempts."""
    answer = at.client("sagemaker").list_training_jobs(NameContains=expected.root, MaxResults=100)
    found = sorted(job["TrainingJobName"] for job in answer["TrainingJobSummaries"])
    jobs = [name for name in found if re.fullmatch(rf"{expected.root}(-r\d+)?", name)]
    return [] if jobs == sorted(expected.names) else [f"SageMaker has the jobs {jobs}"]


def _alerts(at: DeployedAccount, expected: ExpectedRun) -> list[str]:
    """Each attempt's end and what Respot did about it was told once."""
    ledger, lines = at.ledger(), []
    for name, (_, end) in zip(expected.names, expected.attempts, strict=True):
        wanted = [AlertKind.MAX_WAIT_TIME_EXCEEDED] if end == "MaxWaitTimeExceeded" else []
        if name != expected.names[-1]:
            wanted.append(AlertKind.RESUBMITTED)
        elif expected.last is Action.REFUSE:
            wanted.append(AlertKind.NOT_RESUBMITTED)
        jobs = ledger.find(at.account.region, name)
        told = [alert_record.kind for alert_record in ledger.alerts(jobs[0])] if jobs else []
        told = [kind for kind in told if kind is not AlertKind.INTERRUPTED]
        if sorted(told) != sorted(wanted):
            lines.append(f"{name}: alerts {sorted(wanted)} were demanded, {sorted(told)} were found")
    return lines


def trained_twice(at: DeployedAccount, prefix: str) -> list[str]:
    """Steps before a checkpoint that were trained by two jobs: each job leaves its name beside what it trained."""
    s3, lines = at.client("s3"), []
    witnesses: dict[str, list[str]] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=at.ground.bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if match := re.fullmatch(r".*/(checkpoint-\d+)/trained-by-(.+)\.json", item["Key"]):
                witnesses.setdefault(match[1], []).append(match[2])
    lines += [f"{name} was trained by {jobs}" for name, jobs in witnesses.items() if len(jobs) > 1]
    if witnesses:
        newest = max(witnesses, key=lambda name: int(name.rpartition("-")[2]))
        key = f"{prefix}{newest}/trainer_state.json"
        history = json.loads(s3.get_object(Bucket=at.ground.bucket, Key=key)["Body"].read())["log_history"]
        gaps = [
            f"{entry['trained_by']} went on from step {entry['from_step']}, not {reached}"
            for entry, reached in zip(history[1:], (entry["to_step"] for entry in history), strict=False)
            if entry["from_step"] != reached
        ]
        lines += gaps
    return lines
