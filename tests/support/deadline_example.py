"""The worked example of docs/reference/policy.md: a nightly job with a deadline, decided on by the planner."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from respot.jobs.formatting import in_words
from respot.jobs.job import JobState, Transition
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.decision import Decision
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Attempt, Run, run_id
from respot.recovery.policy.document import read_policy
from respot.recovery.policy.policy import resolve
from respot_cli.policy_file import policy_text
from tests.support.builders import job_id, state

ROOT: Final = Path(__file__).parents[2]
EVENING: Final = datetime.fromisoformat("2026-09-16T20:00:00Z")
SAVED: Final = datetime.fromisoformat("2026-09-16T21:40:00Z")
URI: Final = "s3://ml-bucket/checkpoints/nightly-resnet/"
FIRST_TRANSITIONS: Final = "Starting=20:00 Downloading=20:06 Training=20:10 Interrupted=21:50 MaxWaitTimeExceeded=02:00"


def decisions() -> tuple[Decision, Decision]:
    """What is decided at the end of the first attempt, and at the end of the second, which never got an instance."""
    first = _attempt(1, "nightly-resnet", FIRST_TRANSITIONS, max_wait=timedelta(hours=6))
    after_first = _decide(first)
    assert after_first.placement is not None
    max_wait = after_first.placement.max_wait
    assert max_wait is not None
    waited_until = first.state.last_modified + max_wait
    second = _attempt(
        2, "nightly-resnet-r2", f"Starting=02:00 MaxWaitTimeExceeded={waited_until:%H:%M:%S}", max_wait=max_wait
    )
    return after_first, _decide(first, second)


def line_of(decision: Decision) -> str:
    """The decision as the document quotes it."""
    placement = decision.placement
    assert placement is not None
    wait = "none" if placement.max_wait is None else in_words(placement.max_wait)
    return (
        f"{decision.action}: {decision.reason}\n"
        f"attempt {decision.attempt}: {placement.market} {placement.instance_type}, "
        f"MaxRuntime {in_words(placement.max_runtime)}, MaxWait {wait}"
    )


def _decide(*attempts: Attempt) -> Decision:
    policy = read_policy(policy_text("docs/policies/overnight-deadline.yaml", ROOT))
    last = attempts[-1].state
    context = PlanContext(
        run=Run(id=run_id(attempts[0].state.job), attempts=attempts, checkpoints=(_CHECKPOINT,)),
        resolved=resolve(policy, last, role=None),
    )
    return plan(context, now=last.last_modified)


def _attempt(number: int, name: str, script: str, *, max_wait: timedelta) -> Attempt:
    transitions = tuple(
        Transition(status=status, started=_moment(clock))
        for status, clock in (word.split("=") for word in script.split())
    )
    return Attempt(
        number=number, state=_state(name, transitions, max_wait), transitions=transitions, checkpoint=_CHECKPOINT
    )


def _state(name: str, transitions: tuple[Transition, ...], max_wait: timedelta) -> JobState:
    launched = [transition.started for transition in transitions if transition.status == "Downloading"]
    return state(
        job_id(name, created=transitions[0].started),
        status="Stopped",
        secondary_status="MaxWaitTimeExceeded",
        last_modified=transitions[-1].started,
        training_started=launched[0] if launched else None,
        max_wait=max_wait,
        checkpoint_uri=URI,
        tags={},
    )


def _moment(clock: str) -> datetime:
    moment = datetime.fromisoformat(f"2026-09-16T{clock}Z")
    return moment if moment >= EVENING else moment + timedelta(days=1)


_CHECKPOINT: Final = Checkpoint(
    name="checkpoint-3000", step=3000, saved_at=SAVED, size=2_100_000_000, complete=True, objects=6
)

if __name__ == "__main__":
    print(*map(line_of, decisions()), sep="\n")  # noqa: T201 - for the author of the document
