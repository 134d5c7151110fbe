"""Loads the attempts of a run from the ledger."""

from respot.jobs.job import JobId, JobState
from respot.jobs.lifecycle import is_terminal
from respot.jobs.merge import same_creation
from respot.jobs.ports import JobStore
from respot.recovery.planning.attempt import may_be_attempt
from respot.recovery.planning.run import RunId, run_id
from respot.recovery.ports import RunStore
from respot.recovery.records import AttemptRecord, Outcome, OutcomeKind
from respot.recovery.run_place import MAX_CLOCK_SKEW, place_in_run
from respot.runs.run_state import RunAttempt


def attempts_of(ledger: JobStore, runs: RunStore, state: JobState) -> tuple[RunAttempt, ...]:
    """The attempts of the run of a job with that state, in order; the job alone if it has no other.

    Its decision or the ledger's attempts name them. The last attempt that was decided on counts only if it was created.
    """
    planned = runs.attempts(run_of(ledger, runs, state))
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


def last_attempt(ledger: JobStore, runs: RunStore, run: RunId, state: JobState) -> RunAttempt:
    """The last attempt of the run that SageMaker has reported; the job with that state belongs to the run.

    An attempt counts only if its outcome says that it was created: another job may have taken the name.
    """
    if not is_terminal(state.status) and not may_be_attempt(state.job.name):
        return _attempt(ledger, runs, 1, state.job)  # what lives has no next attempt
    planned = runs.attempts(run)
    if not planned:
        return _attempt(ledger, runs, 1, state.job)
    last = planned[-1]
    outcome = runs.outcome(last.parent)
    job = _created(ledger, runs, last, outcome) if outcome else None
    return _attempt(ledger, runs, last.number, job) if job else _attempt(ledger, runs, last.number - 1, last.parent)


def run_of(ledger: JobStore, runs: RunStore, state: JobState) -> RunId:
    """The run that the job with that state belongs to."""
    if is_terminal(state.status) and (decided := runs.decision(state.job)):
        return decided.run
    return place_in_run(runs, ledger, state)[0] if may_be_attempt(state.job.name) else run_id(state.job)


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
    record, recovery_records = ledger.load(job), runs.recovery_records(job)
    return RunAttempt(
        number=number,
        state=record.state,
        name=job.name,
        decision=recovery_records.decision,
        outcome=recovery_records.outcome,
        transitions=record.transitions,
        next_step=recovery_records.next_step,
    )
