"""Finds a job's place in its run by what Respot wrote; tags are for people."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from respot.errors import UnreadableItemError
from respot.jobs.job import JobId, JobState
from respot.jobs.merge import same_creation
from respot.jobs.ports import JobStore
from respot.recovery.planning.attempt import ATTEMPT_TAG, RUN_TAG
from respot.recovery.planning.run import RunId, run_id
from respot.recovery.ports import RunStore
from respot.recovery.records import AttemptRecord, Outcome, OutcomeKind
from respot.recovery.same_request import may_be_alike

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""By how much SageMaker's clock and ours may differ."""
_MOST_DIGITS: Final = 4


def place_in_run(runs: RunStore, ledger: JobStore, state: JobState) -> tuple[RunId, int]:
    """The run and the job's number in it; 1 for a job that Respot has not created.

    While it is open whether Respot created the job, it counts as the attempt: that costs the run budget, and never
    gives a new one.
    """
    for attempt in planned_under_name(runs, state):
        if _is_attempt(ledger, attempt, outcome_of(runs, attempt.parent), state):
            return attempt.run, attempt.number
    return run_id(state.job), 1


def _is_attempt(ledger: JobStore, attempt: AttemptRecord, outcome: Outcome | None, state: JobState) -> bool:
    """Whether the job is the attempt. No decision is closed while a call may still create its job."""
    if outcome and outcome.kind is not OutcomeKind.CREATED:
        return False
    if outcome and outcome.job_created:
        return same_creation(state.job.created, outcome.job_created)
    parent = ledger.load(attempt.parent).state
    in_time = outcome is None or state.job.created <= outcome.settled_at + MAX_CLOCK_SKEW
    return in_time and (parent is None or may_be_alike(parent, state))


def planned_under_name(runs: RunStore, state: JobState) -> Iterator[AttemptRecord]:
    """The attempts that Respot decided to create under the job's name before it was created, the latest first.

    Runs that began before attempts were written under their names are found by the tags, if the ledger confirms them.
    """
    named = [each for each in runs.attempts_named(state.job.region, state.job.name) if is_after(each.decided_at, state)]
    yield from named or (each for each in _tagged(runs, state) if is_after(each.decided_at, state))


def outcome_of(runs: RunStore, job: JobId) -> Outcome | None:
    """The outcome of the decision on the job; one that cannot be read counts as open: that gives no new budget."""
    try:
        return runs.outcome(job)
    except UnreadableItemError:
        return None


def is_after(decided_at: datetime, state: JobState) -> bool:
    """Whether the job was created after the decision, as far as two clocks can show."""
    return state.job.created >= decided_at - MAX_CLOCK_SKEW


def _tagged(runs: RunStore, state: JobState) -> tuple[AttemptRecord, ...]:
    tags = state.tags or {}
    run, number = tags.get(RUN_TAG), tags.get(ATTEMPT_TAG, "")
    if not (run and number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
        return ()
    attempt = runs.attempt(RunId(run), int(number))
    named = attempt and (attempt.region, attempt.name) == (state.job.region, state.job.name)
    return (attempt,) if attempt and named else ()
