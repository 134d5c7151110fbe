"""What Respot would have done about jobs that ended: by the product's own planner, from their descriptions alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from respot.jobs.job import JobId, JobRecord, JobState
from respot.jobs.lifecycle import is_terminal
from respot.recovery.planning.start_history import StartPool
from respot.recovery.policy.policy import AccountPolicy, Policy
from respot.recovery.records import RecoveryRecords
from respot_cli.policy.recorded import RecordedJobs, RecordedRuns, past_of
from respot_cli.policy.replay import Replay, Replayed

RESUME_ON_SPOT: Final = AccountPolicy(defaults=Policy(resume=True))
"""The policy without a file: docs/policies/resume-on-spot.yaml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A job that ended and did not complete, with what a policy decides.

    Attributes:
        record: the job.
        replayed: the decision.
    """

    record: JobRecord
    replayed: Replayed

    @property
    def state(self) -> JobState:
        """The job's state."""
        return cast("JobState", self.record.state)


class _Scanned:
    """The part of the port `JobStore` that reads: the jobs of a scan."""

    def __init__(self, records: Iterable[JobRecord]) -> None:
        self._records = {each.state.job: each for each in records if each.state}

    def load(self, job: JobId) -> JobRecord:
        """See `JobStore.load`. A scan reads no tags: that a job has none is said once, for all of them."""
        record = self._records.get(job, JobRecord())
        return replace(record, state=replace(record.state, tags={})) if record.state else record


class _NothingRecorded:
    """The ports `RunStore` and `Starts`, where Respot has never run."""

    def recovery_records(self, job: JobId) -> RecoveryRecords:  # noqa: ARG002 - the port's signature
        return RecoveryRecords()

    def attempts(self, run: str) -> tuple[()]:  # noqa: ARG002 - as above
        return ()

    def attempts_named(self, region: str, name: str) -> tuple[()]:  # noqa: ARG002 - as above
        return ()

    def stop_intent(self, job: JobId) -> None:
        """None."""

    def decision(self, job: JobId) -> None:
        """None."""

    def outcome(self, job: JobId) -> None:
        """None."""

    def newest(self, pool: StartPool) -> tuple[()]:  # noqa: ARG002 - as above
        return ()


def verdicts(records: Sequence[JobRecord], policy: AccountPolicy) -> tuple[Verdict, ...]:
    """What the policy decides about each job that ended and did not complete, the latest end first."""
    nothing: Any = _NothingRecorded()
    jobs = RecordedJobs(cast("Any", _Scanned(records)))
    found = []
    for record in records:
        state = record.state
        if state is None or not is_terminal(state.status) or state.status == "Completed":
            continue
        runs = RecordedRuns(nothing)
        past = past_of(state.job, jobs, runs)
        if past is None:
            continue
        replay = Replay(past=past, jobs=jobs, runs=runs, starts=nothing, source="the scan")
        found.append((past.ended, Verdict(record=record, replayed=replay.decide(policy))))
    return tuple(verdict for _, verdict in sorted(found, key=lambda each: each[0], reverse=True))
