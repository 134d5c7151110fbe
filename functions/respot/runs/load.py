"""Loads the attempts of a run from the ledger."""

from respot.jobs.job import JobId, JobState
from respot.jobs.merge import same_creation
from respot.jobs.ports import JobStore
from respot.recovery.ports import RunStore
from respot.recovery.records import AttemptRecord, Outcome, OutcomeKind
from respot.recovery.run_place import MAX_CLOCK_SKEW, place_in_run
from respot.runs.run_state import RunAttempt


def attempts_of(ledger: JobStore, runs: RunStore, state: JobState) -> tuple[RunAttempt, ...]:
    """The attempts of the run of a job with that state, in order; the job alone if it has no other.

    Its decision or the ledger's attempts name them. The last attempt that was decided on counts only if it was created.
    """
    decided = runs.decision(state.job)
    run, _ = (decided.run, decided.number) if decided else place_in_run(runs, ledger, state)
    planned = runs.attempts(run)
    rows = [
        _attempt(ledger, runs, number, job)
        for number, job in enumerate([attempt.parent for attempt in planned] or [state.job], start=1)
    ]
    if planned:
        last, outcome = planned[-1], rows[-1].outcome
        if job := _created(ledger, runs, last, outcome):
            rows.append(_attempt(ledger, runs, last.number, job))
        elif outcome and outcome.kind is OutcomeKind.CREATED:
            rows.append(RunAttempt(number=last.number, state=None, name=last.name, decision=None, outcome=None))
    return tuple(rows)


def _created(ledger: JobStore, runs: RunStore, attempt: AttemptRecord, outcome: Outcome | None) -> JobId | None:
    """The job that was created for an attempt, if the ledger knows it. Another job of that name does not count."""
    if outcome and outcome.kind is not OutcomeKind.CREATED:
        return None
    since = attempt.decided_at - MAX_CLOCK_SKEW
    jobs = [job for job in reversed(ledger.find(attempt.region, attempt.name)) if job.created >= since]
    if outcome:
        bound = outcome.job_created
        return next((job for job in jobs if bound is None or same_creation(job.created, bound)), None)
    of_run = (attempt.run, attempt.number)
    states = (ledger.load(job).state for job in jobs)
    return next((own.job for own in states if own and place_in_run(runs, ledger, own) == of_run), None)


def _attempt(ledger: JobStore, runs: RunStore, number: int, job: JobId) -> RunAttempt:
    record = ledger.load(job)
    return RunAttempt(
        number=number,
        state=record.state,
        name=job.name,
        decision=runs.decision(job),
        outcome=runs.outcome(job),
        transitions=record.transitions,
    )
