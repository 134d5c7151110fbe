"""Finds a job's place in its run, as the ledger confirms it."""

from datetime import timedelta
from typing import Final

from respot.jobs.job import JobState
from respot.recovery.planning.attempt import ATTEMPT_TAG, RUN_TAG
from respot.recovery.planning.run import RunId, run_id
from respot.recovery.ports import RunStore

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""By how much SageMaker's clock and ours may differ."""
_MOST_DIGITS: Final = 4


def place_in_run(runs: RunStore, state: JobState) -> tuple[RunId, int]:
    """The run and the job's number in it, as the ledger confirms; tags alone make no job part of a run."""
    tags = state.tags or {}
    run, number = tags.get(RUN_TAG), tags.get(ATTEMPT_TAG, "")
    if run and number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS:
        attempt = runs.attempt(RunId(run), int(number))
        if (
            attempt
            and (attempt.region, attempt.name) == (state.job.region, state.job.name)
            and state.job.created >= attempt.decided_at - MAX_CLOCK_SKEW
        ):
            return attempt.run, attempt.number
    return run_id(state.job), 1
