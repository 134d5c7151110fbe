"""Loads the attempts of a run from the ledger."""

from respot.jobs.job import JobId, JobRecord, JobState
from respot.jobs.lifecycle import WAITING, is_terminal
from respot.jobs.merge import same_creation
from respot.jobs.ports import JobStore
from respot.recovery.planning.attempt import may_be_attempt
from respot.recovery.planning.run import RunId, run_id
from respot.recovery.ports import RunStore
from respot.recovery.records import AttemptRecord, Outcome, OutcomeKind, RecoveryRecords
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


def last_attempt(ledger: JobStore, runs: RunStore, run: RunId, job: JobId) -> RunAttempt | None:
    """The last attempt of the run that SageMaker has reported; `None` if it has expired. The job belongs to the run.

    An attempt counts only if its outcome says that it was created: another job may have taken the name.
    """
    record = ledger.load(job)
    if record.state is None:
        return None
    if not is_terminal(record.state.status) and not may_be_attempt(job.name):
        return _with_recovery(runs, 1, record)  # what lives has no next attempt
    number, last = _last_job(ledger, runs, run, job)
    return _with_recovery(runs, number, record if last == job else ledger.load(last))


def _last_job(ledger: JobStore, runs: RunStore, run: RunId, job: JobId) -> tuple[int, JobId]:
    planned = runs.attempts(run)
    if not planned:
        return 1, job
    last = planned[-1]
    outcome = runs.outcome(last.parent)
    if outcome and _is_created(outcome, job, last):
        return last.number, job  # the index by name may not have it yet
    created = _created(ledger, runs, last, outcome) if outcome else None
    return (last.number, created) if created else (last.number - 1, last.parent)


def _is_created(outcome: Outcome, job: JobId, attempt: AttemptRecord) -> bool:
    """Whether the outcome says that this very job was created for the attempt."""
    of_attempt = outcome.kind is OutcomeKind.CREATED and (job.region, job.name) == (attempt.region, attempt.name)
    return of_attempt and outcome.job_created is not None and same_creation(job.created, outcome.job_created)


def run_of_job(ledger: JobStore, runs: RunStore, job: JobId) -> RunId | None:
    """The run that the job belongs to; `None` if the job has expired. Most jobs' names say that they began it."""
    if not may_be_attempt(job.name):
        return run_id(job)
    state = ledger.load(job).state
    return run_of(ledger, runs, state) if state else None


def run_of(ledger: JobStore, runs: RunStore, state: JobState) -> RunId:
    """The run that the job with that state belongs to."""
    if is_terminal(state.status) and (decided := runs.decision(state.job)):
        return decided.run
    return place_in_run(runs, ledger, state)[0] if may_be_attempt(state.job.name) else run_id(state.job)


def _created(ledger: JobStore, runs: RunStore, attempt: AttemptRecord, outcome: Outcome | None) -> JobId | None:
    """The job that was created for an attempt, if the ledger knows it. Another job of that name does not count."""
    if outcome and outcome.kind is not OutcomeKind.CREATED:
        return None
    bound = outcome.job_created if outcome else None
    if bound is not None:  # the index by name may be late, or be read late
        exact = JobId(region=attempt.region, name=attempt.name, created=bound)
        if ledger.load(exact).state:
            return exact
    since = attempt.decided_at - MAX_CLOCK_SKEW
    jobs = [job for job in reversed(ledger.find(attempt.region, attempt.name)) if job.created >= since]
    if outcome:
        return next((job for job in jobs if bound is None or same_creation(job.created, bound)), None)
    of_run = (attempt.run, attempt.number)
    states = (ledger.load(job).state for job in jobs)
    return next((own.job for own in states if own and place_in_run(runs, ledger, own) == of_run), None)


def _with_recovery(runs: RunStore, number: int, record: JobRecord) -> RunAttempt | None:
    """The attempt; recovery has to do only with jobs that wait or have ended."""
    state = record.state
    if state is None:
        return None
    concerned = is_terminal(state.status) or state.secondary_status in WAITING
    return _row(number, record, state.job.name, runs.recovery_records(state.job) if concerned else RecoveryRecords())


def _attempt(ledger: JobStore, runs: RunStore, number: int, job: JobId) -> RunAttempt:
    return _row(number, ledger.load(job), job.name, runs.recovery_records(job))


def _row(number: int, record: JobRecord, name: str, recovery_records: RecoveryRecords) -> RunAttempt:
    return RunAttempt(
        number=number,
        state=record.state,
        name=name,
        decision=recovery_records.decision,
        outcome=recovery_records.outcome,
        transitions=record.transitions,
        next_step=recovery_records.next_step,
    )
