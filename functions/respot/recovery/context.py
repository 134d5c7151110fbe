"""Gathers all that a decision on a job is made from: its run, its policy, its checkpoints, its neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from respot.errors import CloneRefusedError, CreateRefusedError, LedgerIncompleteError, Reach, UpstreamUnavailableError
from respot.jobs.formatting import in_words
from respot.jobs.job import JobId, JobRecord, JobState
from respot.jobs.lifecycle import is_terminal
from respot.jobs.merge import same_creation
from respot.jobs.ports import JobStore, TrainingJobs
from respot.recovery.checkpoints.checkpoint import (
    Checkpoint,
    Listing,
    described,
    newest_complete,
    overlaps,
    parse_location,
    recognise,
)
from respot.recovery.planning.decision import Placement, RefusedPool
from respot.recovery.planning.planner import Circumstances, is_too_late
from respot.recovery.planning.run import Attempt, Run, RunId
from respot.recovery.planning.waiting import StopIntent, stop_of
from respot.recovery.policy.policy import AccountPolicy, Resolved, opts_out, resolve
from respot.recovery.ports import Checkpoints, KillSwitch, Policies, RunStore
from respot.recovery.records import LocationReservation, OutcomeKind
from respot.recovery.run_place import place_in_run

_ENOUGH: Final = 3
"""Live neighbours that are named: one is enough to refuse, and a storm may have hundreds on one prefix."""
MOST_LOOKS: Final = 20
"""Neighbours that one decision asks SageMaker about: its calls are the whole account's, and a step has a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a decision is made from.

    Attributes:
        run: the run, whose last attempt has ended.
        resolved: the policy that holds for it.
        circumstances: what the run itself cannot know.
        stopped_at: when the last attempt ended.
        checkpoint: the newest complete checkpoint now.
        caveat: what is to be known of the listing before anybody relies on it.
        writer: the claim that the next attempt would make on the checkpoint location.
        over: whose claim on it that would replace: somebody's who writes no more.
    """

    run: Run
    resolved: Resolved
    circumstances: Circumstances
    stopped_at: datetime
    checkpoint: Checkpoint | None
    caveat: str | None
    reservation: LocationReservation | None
    replaces: LocationReservation | None

    def without(self, placement: Placement, error: CloneRefusedError | CreateRefusedError) -> "Situation":
        """The situation once an attempt there has been refused for good: what to plan again from."""
        if error.reach is Reach.ANYWHERE:
            return replace(self, circumstances=replace(self.circumstances, blockers=(str(error),)))
        instance_type = placement.instance_type if error.reach is Reach.POOL else None
        pool = RefusedPool(market=placement.market, instance_type=instance_type, why=error.why)
        pools = (*self.circumstances.refused_pools, pool)
        return replace(self, circumstances=replace(self.circumstances, refused_pools=pools))


@dataclass(frozen=True, slots=True, kw_only=True)
class Situations:
    """Looks everything up, anew each time."""

    jobs: TrainingJobs
    ledger: JobStore
    runs: RunStore
    checkpoints: Checkpoints
    policies: Policies
    kill_switch: KillSwitch

    def resolve(self, state: JobState) -> Resolved:
        """The policy that holds for a job.

        Raises:
            PolicyInvalidError: nothing may be decided.
            UpstreamUnavailableError: the policy's parameter did not answer.
        """
        return resolve(self.policies.load(), state, role=state.role_arn)

    def gather(
        self,
        record: JobRecord,
        state: JobState,
        tags: Mapping[str, str] | None,
        *,
        now: datetime,
        stop_intent: StopIntent | None = None,
    ) -> Situation:
        """The situation of an ended job with these tags, if they are known.

        `stop_intent` stands for the note in the ledger, of a job that is only looked at as if it had been stopped.

        The kill switch is read only if the owner wants the job resumed, and its end is one to resume after. S3 is
        asked only if the switch is off, too: a job that is postponed is checked every half an hour, for days.

        Raises:
            PolicyInvalidError: nothing may be decided.
            UpstreamUnavailableError: S3 or a parameter did not answer, or too many neighbours may be alive to ask.
            LedgerIncompleteError: an earlier attempt is missing from the ledger.
        """
        run, number = place_in_run(self.runs, state)
        earlier = self._earlier(run, number)
        # What completed, or whose owner opted out, needs no policy, so that a broken one does not hold it up.
        settled = state.status == "Completed" or opts_out(tags or {})
        account = AccountPolicy() if settled else self.policies.load()
        resolved = resolve(account, replace(state, tags=tags), role=state.role_arn)
        last = Attempt(
            number=number,
            state=state,
            transitions=record.transitions,
            checkpoint=None,
            stop_intent=stop_intent or self._stop_intent(state.job, record),
        )
        asked = resolved.policy.resume and state.parent is None and last.ending.trigger is not None
        # A dry run creates nothing that could be held back.
        kill_switch = self.kill_switch.why_on() if asked and not resolved.policy.dry_run else None
        concerns_us = asked and kill_switch is None and not is_too_late(last, now=now)
        listing, blockers = self._list(state) if concerns_us else (Listing(objects=()), ())
        found: tuple[Checkpoint, ...] = ()
        if state.checkpoint_uri and not blockers:
            found = recognise(listing.objects, parse_location(state.checkpoint_uri))
        newest = newest_complete(found)
        own = {attempt.state.job for attempt in earlier} | {state.job}
        reservation = replaces = None
        concurrent_writers: tuple[str, ...] = ()
        if concerns_us and not blockers and state.checkpoint_uri:
            location = str(parse_location(state.checkpoint_uri))
            reservation, replaces = (
                LocationReservation(location=location, run=run, number=number + 1),
                self.runs.reservation(location),
            )
            concurrent_writers = self._intruders(state, run, number, own)
            if replaces and replaces.run != run and (busy := self._is_busy(replaces)):
                concurrent_writers = tuple(dict.fromkeys((*concurrent_writers, busy)))
        return Situation(
            run=Run(id=run, attempts=(*earlier, replace(last, checkpoint=newest)), checkpoints=found),
            resolved=resolved,
            circumstances=Circumstances(
                checkpoint_uri=state.checkpoint_uri,
                concurrent_writers=concurrent_writers,
                blockers=blockers,
                kill_switch=kill_switch,
                listing_cut=listing.cut,
                looked=concerns_us,
            ),
            stopped_at=record.transitions[-1].started if record.transitions else state.last_modified,
            checkpoint=newest,
            caveat=listing.caveat if concerns_us else None,
            reservation=reservation,
            replaces=replaces,
        )

    def _stop_intent(self, job: JobId, record: JobRecord) -> StopIntent | None:
        """The note of Respot's own stop; of a job that nobody stopped there is none worth asking for."""
        return None if stop_of(record.transitions) is None else self.runs.stop_intent(job)

    def _list(self, state: JobState) -> tuple[Listing, tuple[str, ...]]:
        if state.checkpoint_uri is None:
            return Listing(objects=()), ()
        try:
            location = parse_location(state.checkpoint_uri)
        except ValueError as error:
            return Listing(objects=()), (str(error),)
        return self.checkpoints.list(state.job.region, location), ()

    def _intruders(self, state: JobState, run: RunId, number: int, own: set[JobId]) -> tuple[str, ...]:
        """Live jobs that write where this one's checkpoints are, some of them; the run's own next attempt is none.

        That some have ended says nothing of those that were not asked about: nobody is taken for alone unchecked.

        Raises:
            UpstreamUnavailableError: of as many as are asked about, none lives; the ledger will have heard of their
                ends.
        """
        if state.checkpoint_uri is None:
            return ()
        planned = self.runs.attempt(run, number + 1)
        others = [
            other
            for other, uri in self.runs.live(state.job.region)
            if other not in own
            and (planned is None or other.name != planned.name)
            and _overlap(uri, state.checkpoint_uri)
        ]
        others.sort(key=lambda other: other.created, reverse=True)  # the newest is the likeliest to live
        alive = tuple(islice((other.name for other in others[:MOST_LOOKS] if self._is_alive(other)), _ENOUGH))
        if not alive and len(others) > MOST_LOOKS:
            message = (
                f"{state.job}: {MOST_LOOKS} of {len(others)} neighbours in the ledger have ended; look again later"
            )
            raise UpstreamUnavailableError(message)
        return alive

    def _is_alive(self, job: JobId) -> bool:
        """Whether SageMaker itself says that the job has not ended: the ledger may have missed its end."""
        seen = self.jobs.describe(job.region, job.name)
        return (
            seen is not None
            and same_creation(seen.state.job.created, job.created)
            and not is_terminal(seen.state.status)
        )

    def _is_busy(self, reservation: LocationReservation) -> str | None:
        """The name of another run's attempt that writes to the location, or is about to be created."""
        attempt = self.runs.attempt(reservation.run, reservation.number)
        outcome = attempt and self.runs.outcome(attempt.parent)
        if attempt is None or (outcome and outcome.kind is not OutcomeKind.CREATED):
            return None
        seen = self.jobs.describe(attempt.region, attempt.name)
        if seen is None:
            return None if outcome else attempt.name
        return None if is_terminal(seen.state.status) else attempt.name

    def _earlier(self, run: RunId, number: int) -> tuple[Attempt, ...]:
        earlier: list[Attempt] = []
        for attempt in self.runs.attempts(run)[: number - 1]:
            record, decided = self.ledger.load(attempt.parent), self.runs.decision(attempt.parent)
            if record.state is None or attempt.number != len(earlier) + 2:
                message = f"{attempt.parent}: an earlier attempt of run {run} has expired from the ledger"
                raise LedgerIncompleteError(message)
            earlier.append(
                Attempt(
                    number=attempt.number - 1,
                    state=record.state,
                    transitions=record.transitions,
                    checkpoint=decided.checkpoint if decided else None,
                    stop_intent=self._stop_intent(attempt.parent, record),
                )
            )
        return tuple(earlier)


def resumes(situation: Situation) -> str:
    """From where the next attempt goes on, and what is lost, in words."""
    lost, caveat = situation.run.work_lost(), f"; {situation.caveat}" if situation.caveat else ""
    if situation.checkpoint is None:
        return "starts from scratch" + (f", {in_words(lost)} of training lost" if lost else "") + caveat
    told = described(situation.checkpoint, stopped_at=situation.stopped_at)
    return f"resumes from {told}; {in_words(lost)} of training lost{caveat}"


def _overlap(one: str, other: str) -> bool:
    try:
        return overlaps(one, other)
    except ValueError:  # a location that is none in S3 holds no checkpoints of ours
        return False
