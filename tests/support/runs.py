"""Builders of runs: each fills what a test is not about."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from respot.jobs.job import JobState
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import Attempt, Run, run_id
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import BackOff, Policy, Resolved
from tests.support.builders import NAME, PRIMARY, at, history, job_id, state

HOUR: Final = 3600
NEVER_LAUNCHED: Final = f"Starting=0 MaxWaitTimeExceeded={6 * HOUR}"
"""Six hours of waiting, and no instance."""
OUT_OF_TIME: Final = (
    f"Starting=0 Downloading=250 Training=490 Interrupted={2 * HOUR} Starting={2 * HOUR} MaxWaitTimeExceeded={6 * HOUR}"
)
"""Trained for 6710 s, interrupted, never launched again."""
ENDED: Final = at(6 * HOUR)
PREFIX: Final = f"s3://ml-bucket/checkpoints/{NAME}/"


def shifted(script: str, seconds: float) -> str:
    """The same transitions, that much later."""
    return " ".join(f"{status}={float(start) + seconds}" for status, start in (w.split("=") for w in script.split()))


def attempt(
    script: str = OUT_OF_TIME,
    *,
    number: int = 1,
    checkpoint: Checkpoint | None = None,
    **others: Any,  # noqa: ANN401
) -> Attempt:
    """An attempt from its transitions, in seconds after the creation of the run; its first one is its creation."""
    transitions = history(script)
    name = NAME if number == 1 else f"{NAME}-r{number}"
    launched = next(
        (transition.started for transition in transitions if transition.status in {"Downloading", "Training"}), None
    )
    known: dict[str, Any] = {
        "status": PRIMARY.get(transitions[-1].status, "InProgress"),
        "secondary_status": transitions[-1].status,
        "last_modified": transitions[-1].started,
        "training_started": launched,
    }
    own = state(job_id(name, created=transitions[0].started), **(known | others))
    return Attempt(number=number, state=own, transitions=transitions, checkpoint=checkpoint)


def timed_out(number: int = 1, start: float = 0, **others: Any) -> Attempt:  # noqa: ANN401
    """An attempt that waited for two hours from its creation on, and that Respot stopped."""
    end = start + 2 * HOUR
    stopped = attempt(f"Starting={start} Stopping={end} Stopped={end + 5}", number=number, **others)
    intent = StopIntent(job=stopped.state.job, waiting_since=at(start), decided_at=at(end), reason="waited too long")
    return replace(stopped, stop_intent=intent)


def run(*attempts: Attempt, checkpoints: tuple[Checkpoint, ...] = ()) -> Run:
    """A run; one attempt that trained and ran out of waiting time by default."""
    chain = attempts or (attempt(checkpoint=checkpoints[-1] if checkpoints else None),)
    return Run(id=run_id(chain[0].state.job), attempts=chain, checkpoints=checkpoints)


def repeated(script: str, times: int, *, apart: float = 12 * HOUR, **others: Any) -> tuple[Attempt, ...]:  # noqa: ANN401
    """The same life several times over, one after the other."""
    return tuple(attempt(shifted(script, number * apart), number=number + 1, **others) for number in range(times))


def saved(seconds: float, name: str = "checkpoint-500", **others: Any) -> Checkpoint:  # noqa: ANN401
    """A complete checkpoint, saved this many seconds after the run's creation."""
    step = int(name.rpartition("-")[2]) if name.rpartition("-")[2].isdigit() else None
    plain = Checkpoint(
        name=name,
        step=step,
        saved_at=at(seconds),
        size=2_100_000_000,
        complete=True,
        objects=4,
        layout="Hugging Face Trainer",
        position=() if step is None else (step,),
        is_counted=step is not None,
    )
    return replace(plain, **others)


def asked(**settings: Any) -> Resolved:  # noqa: ANN401
    """The policy of an owner who opted in."""
    return Resolved(policy=Policy(**({"resume": True} | settings)), sources=("defaults", "tags respot:resume"))


def context(what: Run, resolved: Resolved | None = None, **others: Any) -> PlanContext:  # noqa: ANN401
    """What a decision on the run is made from; nothing stands in its way by default."""
    return PlanContext(run=what, resolved=resolved or asked(), **others)


def without_pause() -> dict[Budget, BackOff]:
    return {budget: BackOff(first=timedelta(), longest=timedelta()) for budget in Budget}


def ended(job: JobState, status: str, secondary: str, reason: str | None = None) -> JobState:
    """The job with another end."""
    return replace(job, status=status, secondary_status=secondary, failure_reason=reason)
