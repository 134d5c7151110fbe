"""Brings the ledger up to date with one description of each observed job."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from respot.errors import LedgerContentionError, NotShownError
from respot.jobs.description import status_snapshot
from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import DELETING, is_terminal, lacks_its_end
from respot.jobs.merge import reconcile, same_creation
from respot.jobs.owner import find_parent
from respot.jobs.ports import JobStore, TrainingJobs
from respot.recording.observation import DrillObservation, EventObservation, Observation, SweepObservation

_MAX_WRITE_CONFLICTS: Final = 5
"""How often a write is merged again because another writer came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one snapshot has added to the ledger.

    Attributes:
        job: which job.
        inserted: transitions that the ledger did not have.
        state_changed: whether the state was written.
        missed_by_events: inserted transitions that an event should have reported, and none did.
    """

    job: JobId
    inserted: tuple[Transition, ...]
    state_changed: bool
    missed_by_events: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Turns observations into ledger entries. It may run twice, concurrently, or only halfway."""

    jobs: TrainingJobs
    ledger: JobStore

    def record(self, region: str, name: str, observations: Sequence[Observation]) -> tuple[Recorded, ...]:
        """Describe one job, however many observations there are, and write down what is new.

        Raises:
            UpstreamUnavailableError: SageMaker did not answer; nothing was written.
            LedgerUnavailableError: DynamoDB did not answer; repeat. What was written remains correct.
            LedgerContentionError: other writers kept changing the same job.
            NotShownError: the job does not exist, and no event says enough to record it.
        """
        events: list[EventObservation] = []
        sweeps: list[SweepObservation] = []
        drills: list[JobSnapshot] = []
        for observation in observations:
            match observation:
                case EventObservation():
                    events.append(observation)
                case SweepObservation():
                    sweeps.append(observation)
                case DrillObservation():
                    drills.append(observation.reported)
                case _:  # pragma: no cover - mypy proves that none is left
                    assert_never(observation)
        if drills:  # SageMaker cannot have a job of such a name: all observations of it are drills
            return tuple(self._merge(self.ledger.load(drill.state.job), drill) for drill in drills)
        seen = self.jobs.describe(region, name)
        recorded = [self._record_seen(seen)] if seen else []
        recorded += [self._record_deleted_job(reported) for reported in _events_of_deleted_jobs(seen, events)]
        recorded += [gone for job, sweep in _absent(seen, sweeps).items() if (gone := self._record_absence(job, sweep))]
        if not events:
            return tuple(_missed_by_events(each, sweeps) for each in recorded)
        if not recorded:
            message = f"{region}/{name}: SageMaker knows no such job, and the message does not say when it was created"
            raise NotShownError(message)
        return tuple(recorded)

    def _record_seen(self, seen: JobSnapshot) -> Recorded:
        record = self.ledger.load(seen.state.job)
        if record.state is None:  # it is new, or was first recorded from an event
            seen = self._as_known(seen)
            record = self.ledger.load(seen.state.job)
        return self._merge(record, self._with_tags(seen, record.state))

    def _record_deleted_job(self, reported: JobSnapshot) -> Recorded:
        reported = self._as_known(reported)
        return self._merge(self.ledger.load(reported.state.job), reported)

    def _record_absence(self, job: JobId, sweep: SweepObservation) -> Recorded | None:
        """SageMaker definitely answers that a job is gone which had not ended: it did end, and was then deleted.

        Its last change is the sweep's moment. A later sweep checks recent changes: recovery then decides on it.
        """
        record = self.ledger.load(job)
        if record.state is None:
            return None
        if lacks_its_end(record):  # only its state was written, and no other source has the transition any more
            return self._merge(record, status_snapshot(record.state))
        if is_terminal(record.state.status):
            return Recorded(job=job, inserted=(), state_changed=False)  # what follows from its end may be missing
        noticed = max(sweep.event_due_by, record.state.last_modified)
        gone = replace(record.state, status=DELETING, last_modified=noticed)
        return self._merge(record, JobSnapshot(state=gone, history=()))

    def _as_known(self, seen: JobSnapshot) -> JobSnapshot:
        """Event and Describe may round a creation time differently: the ledger's identity of the job is used."""
        job = seen.state.job
        known = next(
            (other for other in self.ledger.find(job.region, job.name) if same_creation(other.created, job.created)),
            job,
        )
        return replace(seen, state=replace(seen.state, job=known))

    def _with_tags(self, seen: JobSnapshot, known: JobState | None) -> JobSnapshot:
        """Describe returns no tags: read them when the job is new, and once more when it has ended."""
        state = seen.state
        has_ended_since = known is not None and is_terminal(state.status) and not is_terminal(known.status)
        if known is not None and known.tags is not None and not has_ended_since:
            return seen
        tags = self.jobs.tags(state.job.region, state.arn)
        if tags is None:
            return seen
        parent = state.parent or find_parent(name=state.job.name, tags=tags)
        return replace(seen, state=replace(state, tags=tags, parent=parent))

    def _merge(self, record: JobRecord, snapshot: JobSnapshot) -> Recorded:
        job = snapshot.state.job
        for _ in range(_MAX_WRITE_CONFLICTS):
            change = reconcile(record, snapshot)
            if change.is_empty or self.ledger.save(change):
                return Recorded(job=job, inserted=change.inserted, state_changed=change.state_changed)
            record = self.ledger.load(job)
        message = f"{job}: {_MAX_WRITE_CONFLICTS} attempts to write its state each met a newer one"
        raise LedgerContentionError(message)


def _events_of_deleted_jobs(seen: JobSnapshot | None, events: Iterable[EventObservation]) -> list[JobSnapshot]:
    """Reports of deleted jobs of the same name, the oldest first: they are the only record of those jobs."""
    reports = (event.reported for event in events if event.reported)
    return sorted(
        (reported for reported in reports if not _is_job(seen, reported.state.job.created)),
        key=lambda reported: reported.state.last_modified,
    )


def _absent(seen: JobSnapshot | None, sweeps: Iterable[SweepObservation]) -> dict[JobId, SweepObservation]:
    """Jobs that are in neither SageMaker's list nor its answer, each with the last observation of it."""
    return {
        JobId(region=sweep.region, name=sweep.name, created=sweep.unlisted): sweep
        for sweep in sweeps
        if sweep.unlisted and not _is_job(seen, sweep.unlisted)
    }


def _is_job(seen: JobSnapshot | None, created: datetime) -> bool:
    return seen is not None and same_creation(seen.state.job.created, created)


def _missed_by_events(recorded: Recorded, sweeps: Sequence[SweepObservation]) -> Recorded:
    """Adds the transitions that events lack: they began after the region was watched, and not just now."""
    if not sweeps:
        return recorded
    since, until = max(sweep.watched_since for sweep in sweeps), max(sweep.event_due_by for sweep in sweeps)
    missed = tuple(transition for transition in recorded.inserted if since <= transition.started <= until)
    return replace(recorded, missed_by_events=missed)
