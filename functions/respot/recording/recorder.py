"""Records what observations lead to: look at each job once, merge what is seen into the ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from respot.errors import LedgerContentionError, MalformedMessageError
from respot.jobs.description import sighting
from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import DELETING, is_terminal, lacks_its_end
from respot.jobs.merge import reconcile, same_creation
from respot.jobs.owner import find_parent
from respot.jobs.ports import JobStore, TrainingJobs
from respot.recording.observation import Observation, Origin

_MAX_WRITE_CONFLICTS: Final = 5
"""How often a write is worked out anew because another one came first: each loss means that somebody else won."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What one look at a job has added to the ledger.

    Attributes:
        job: which job.
        inserted: transitions that the ledger did not have.
        state_changed: whether the state was written.
        untold: those of the inserted transitions that an event should have told of, and none did.
    """

    job: JobId
    inserted: tuple[Transition, ...]
    state_changed: bool
    untold: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Turns hints into ledger entries; safe to run twice, at once, or half."""

    jobs: TrainingJobs
    ledger: JobStore

    def record(self, region: str, name: str, observations: Sequence[Observation]) -> tuple[Recorded, ...]:
        """Look at one job, whatever the number of hints, and write down what is new.

        Raises:
            UpstreamUnavailableError: SageMaker did not answer; nothing was written.
            LedgerUnavailableError: DynamoDB did not answer; repeat, what was written stays right.
            LedgerContentionError: others kept writing the same job.
            MalformedMessageError: the job does not exist and no event says enough to record it.
        """
        if drills := [
            observation.reported
            for observation in observations
            if observation.origin is Origin.DRILL and observation.reported
        ]:
            # SageMaker is not asked: the name is none of its own, and so is no other hint's of this batch.
            return tuple(self._merge(self.ledger.load(drill.state.job), drill) for drill in drills)
        seen = self.jobs.describe(region, name)
        recorded = [self._record_seen(seen)] if seen else []
        # A hint of another job of that name, deleted since, is that job's last witness.
        recorded += [self._record_witness(reported) for reported in self._last_witnesses(seen, observations)]
        recorded += [gone for observation in _missed(seen, observations) if (gone := self._record_absence(observation))]
        if all(observation.origin is Origin.SWEEP for observation in observations):
            return tuple(_untold(each, observations) for each in recorded)
        if not recorded:
            message = f"{region}/{name}: SageMaker knows no such job, and the message does not say when it was created"
            raise MalformedMessageError(message)
        return tuple(recorded)

    def _record_seen(self, seen: JobSnapshot) -> Recorded:
        record = self.ledger.load(seen.state.job)
        if record.state is None:  # it is new, or an event was its first witness
            seen = self._as_known(seen)
            record = self.ledger.load(seen.state.job)
        return self._merge(record, self._with_tags(seen, record.state))

    def _record_witness(self, reported: JobSnapshot) -> Recorded:
        reported = self._as_known(reported)
        return self._merge(self.ledger.load(reported.state.job), reported)

    def _record_absence(self, observation: Observation) -> Recorded | None:
        """SageMaker positively says that a job is gone which had not ended: it did end, and somebody deleted it.

        As of the sweep, which comes back to what has lately changed, and has it decided on.
        """
        record = JobRecord() if observation.missed is None else self.ledger.load(observation.missed)
        if record.state is None:
            return None
        if lacks_its_end(record):  # its state alone was written, and nobody else can tell the transition any more
            return self._merge(record, sighting(record.state))
        if is_terminal(record.state.status):
            return None
        noticed = max(observation.overdue or record.state.last_modified, record.state.last_modified)
        gone = replace(record.state, status=DELETING, last_modified=noticed)
        return self._merge(record, JobSnapshot(state=gone, history=()))

    def _as_known(self, seen: JobSnapshot) -> JobSnapshot:
        """Event and Describe may round a creation differently: the identity that the ledger knows is the one."""
        job = seen.state.job
        known = next(
            (other for other in self.ledger.find(job.region, job.name) if same_creation(other.created, job.created)),
            job,
        )
        return replace(seen, state=replace(seen.state, job=known))

    def _last_witnesses(self, seen: JobSnapshot | None, observations: Iterable[Observation]) -> list[JobSnapshot]:
        leases = [observation.reported for observation in observations if observation.reported]
        if seen:
            leases = [
                reported for reported in leases if not same_creation(reported.state.job.created, seen.state.job.created)
            ]
        return sorted(leases, key=lambda reported: reported.state.last_modified)

    def _with_tags(self, seen: JobSnapshot, known: JobState | None) -> JobSnapshot:
        """Describe tells no tags: ask for them when the job is new, and once more when it has ended."""
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


def _missed(seen: JobSnapshot | None, observations: Iterable[Observation]) -> Iterable[Observation]:
    """Of jobs that the sweep misses, and SageMaker's answer does too: a hint for each."""
    missed = {observation.missed: observation for observation in observations if observation.missed}
    found = seen.state.job.created if seen else None
    return [
        observation for job, observation in missed.items() if found is None or not same_creation(job.created, found)
    ]


def _untold(recorded: Recorded, observations: Iterable[Observation]) -> Recorded:
    """Of what the sweep alone has brought: what began since the region is watched, and not just now, events lack."""
    since = max((observation.watched_since for observation in observations if observation.watched_since), default=None)
    until = max((observation.overdue for observation in observations if observation.overdue), default=None)
    if since is None or until is None:
        return recorded
    return replace(
        recorded, untold=tuple(transition for transition in recorded.inserted if since <= transition.started <= until)
    )
