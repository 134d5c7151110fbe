"""Loads all that a decision on a job is made from: its run, its policy, its checkpoints, its concurrent writers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from respot.errors import LedgerIncompleteError, UnreadableItemError, UpstreamUnavailableError
from respot.jobs.job import JobId, JobRecord, JobState
from respot.jobs.lifecycle import is_terminal
from respot.jobs.merge import is_same_job
from respot.jobs.ports import JobStore, TrainingJobs
from respot.jobs.type_lists import split_types
from respot.recovery.checkpoints.checkpoint import resume_point
from respot.recovery.checkpoints.location import may_collide, parse_location
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import on_demand_type
from respot.recovery.planning.planner import is_too_late
from respot.recovery.planning.run import Attempt, Run, RunId
from respot.recovery.planning.start_history import MOST_SAMPLES, StartHistory, StartPool, StartSample
from respot.recovery.planning.waiting import StopIntent, stop_of
from respot.recovery.policy.policy import AccountPolicy, Policy, Resolved, opts_out, resolve
from respot.recovery.ports import Checkpoints, KillSwitch, Policies, RunStore, Starts
from respot.recovery.records import LocationReservation, OutcomeKind
from respot.recovery.run_place import place_in_run
from respot.recovery.unknown_writers import ENOUGH, MOST_DESCRIBED, UnknownWriters


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContextLoader:
    """Loads everything again for each decision; only SageMaker's list of live jobs serves a whole invocation.

    Attributes:
        sweep_interval: between two sweeps.
    """

    jobs: TrainingJobs
    ledger: JobStore
    runs: RunStore
    starts: Starts
    checkpoints: Checkpoints
    policies: Policies
    kill_switch: KillSwitch
    unknown_writers: UnknownWriters
    sweep_interval: timedelta

    def resolve(self, state: JobState) -> Resolved:
        """The policy that holds for a job.

        Raises:
            PolicyInvalidError: nothing may be decided.
            UpstreamUnavailableError: the policy's parameter did not answer.
        """
        return resolve(self.policies.load(), state, role=state.role_arn)

    def load(
        self,
        record: JobRecord,
        state: JobState,
        tags: Mapping[str, str] | None,
        *,
        now: datetime,
        stop_intent: StopIntent | None = None,
    ) -> PlanContext:
        """The context of a decision on an ended job with these tags, if they are known.

        `stop_intent` replaces the one in the ledger, for a job whose stop is only simulated.

        The kill switch is read only if the owner wants the job resumed after such an end, and not in a dry run. S3 is
        asked only if the switch is off and the end is recent: a postponed job is checked every half an hour, for days.

        Raises:
            PolicyInvalidError: nothing may be decided.
            UpstreamUnavailableError: S3 or a parameter did not answer, or too many concurrent writers may be alive.
            LedgerIncompleteError: an earlier attempt is missing from the ledger.
        """
        run, number = place_in_run(self.runs, self.ledger, state)
        earlier = self._earlier(run, number)
        # A completed job, or one whose owner opted out, needs no policy: an invalid one must not hold it up.
        needs_none = state.status == "Completed" or opts_out(tags or {})
        account = AccountPolicy() if needs_none else self.policies.load()
        resolved = resolve(account, replace(state, tags=tags), role=state.role_arn)
        last = Attempt(
            number=number,
            state=replace(state, tags=tags),
            transitions=record.transitions,
            checkpoint=None,
            stop_intent=stop_intent or self._stop_intent(state.job, record),
        )
        asked = resolved.policy.resume and state.parent is None and last.ending.trigger is not None
        # A dry run creates nothing that the switch could prevent.
        kill_switch = self.kill_switch.why_on() if asked and not resolved.policy.dry_run else None
        context = PlanContext(
            run=Run(id=run, attempts=(*earlier, last), checkpoints=()),
            resolved=resolved,
            kill_switch=kill_switch,
            listed=asked and kill_switch is None and not is_too_late(last, now=now),
            sweep_interval=self.sweep_interval,
        )
        if context.listed and resolved.policy.deadline:
            context = replace(context, start_history=self._start_history(context.run, resolved.policy))
        return self._with_location(context) if context.listed and state.checkpoint_uri else context

    def _start_history(self, run: Run, policy: Policy) -> StartHistory:
        """What starting took earlier jobs of this image, on the instance type that the run has on demand."""
        state = run.attempts[0].state
        types, image = split_types(on_demand_type(state, policy)), state.image or state.algorithm
        pools = [StartPool(region=state.job.region, instance_type=each, image=None) for each in types]
        return StartHistory(
            overheads=self._newest(replace(pool, image=image) for pool in pools) if image else (),
            on_demand_waits=self._newest(pools),
        )

    def _newest(self, pools: Iterable[StartPool]) -> tuple[StartSample, ...]:
        """The newest measurements of these pools; of a list, any type may be the one that is given."""
        every = (sample for pool in pools for sample in self.starts.newest(pool))
        return tuple(sorted(every, key=lambda each: each.seen, reverse=True)[:MOST_SAMPLES])

    def _with_location(self, context: PlanContext) -> PlanContext:
        """The context with what the checkpoint location holds, and who writes there."""
        # Loaded by the first listing: its patterns take as long to compile as a tenth of a cold start.
        from respot.recovery.checkpoints.recognition import recognise  # noqa: PLC0415

        run, last = context.run, context.run.last
        try:
            location = parse_location(last.state.checkpoint_uri or "")
        except ValueError as error:
            return replace(context, blockers=(str(error),))
        listing = self.checkpoints.list(last.state.job.region, location)
        found = recognise(listing.objects, location)
        attempts = (*run.attempts[:-1], replace(last, checkpoint=resume_point(found)))
        holder = self.runs.reservation(str(location))
        writers = self._concurrent_writers(run)
        if holder and holder.run != run.id and (busy := self._is_busy(holder)):
            writers = tuple(dict.fromkeys((*writers, busy)))
        return replace(
            context,
            run=replace(run, attempts=attempts, checkpoints=found),
            concurrent_writers=writers,
            listing_cut=listing.cut,
            caveat=listing.caveat,
            replaces=holder,
        )

    def with_unknown_writers(self, context: PlanContext) -> PlanContext:
        """The same context, or one with live jobs at the checkpoint location that the ledger does not know.

        To be asked for where another attempt would follow: it calls ListTrainingJobs, of which an account may make few.

        Raises:
            UpstreamUnavailableError: SageMaker did not say; nothing may be created.
        """
        if not context.checkpoint_uri:
            return context
        found = self.unknown_writers.find(context.run)
        return replace(context, concurrent_writers=found) if found else context

    def _stop_intent(self, job: JobId, record: JobRecord) -> StopIntent | None:
        """The intent of Respot's own stop; it is read only for a job that was stopped."""
        return None if stop_of(record.transitions) is None else self.runs.stop_intent(job)

    def _concurrent_writers(self, run: Run) -> tuple[str, ...]:
        """Live jobs that write where this run's checkpoints are, some of them; its own next attempt is none.

        A job counts as alone only if all others were checked: that some have ended says nothing about the rest.

        Raises:
            UpstreamUnavailableError: none of the checked jobs is alive, and there are more; the ledger will learn of
                their ends.
        """
        state, own = run.last.state, {attempt.state.job for attempt in run.attempts}
        planned = self.runs.attempt(run.id, run.last.number + 1)
        live, location = self.runs.live(state.job.region), state.checkpoint_uri or ""
        unknown = {other for other, uri in live if uri is None}
        others = [
            other
            for other, uri in live
            if other not in own
            and (planned is None or other.name != planned.name)
            and (uri is None or may_collide(uri, location))
        ]
        others.sort(key=lambda other: other.created, reverse=True)  # the newest is the most likely to be alive
        asked = (
            other.name
            for other in others[:MOST_DESCRIBED]
            if self._is_alive(other, at=location if other in unknown else None)
        )
        alive = tuple(islice(asked, ENOUGH))
        if not alive and len(others) > MOST_DESCRIBED:
            message = f"{state.job}: {MOST_DESCRIBED} of {len(others)} possible writers have ended; repeat later"
            raise UpstreamUnavailableError(message)
        return alive

    def _is_alive(self, job: JobId, *, at: str | None = None) -> bool:
        """Whether the job is alive according to SageMaker: the ledger may have missed its end.

        With `at`, also whether it writes there: the ledger's item does not say so in a way that can be read.
        """
        seen = self.jobs.describe(job.region, job.name)
        if seen is None or not is_same_job(seen.state.job, job) or is_terminal(seen.state.status):
            return False
        return at is None or may_collide(seen.state.checkpoint_uri, at)

    def _is_busy(self, reservation: LocationReservation) -> str | None:
        """The name of the other run's attempt, if it writes to the location or is about to be created."""
        attempt = self.runs.attempt(reservation.run, reservation.number)
        if attempt is None:
            return None
        try:
            outcome = self.runs.outcome(attempt.parent)
            is_open = outcome is None
        except UnreadableItemError:  # it is settled all the same, and SageMaker says whether the job lives
            outcome, is_open = None, False
        if outcome and outcome.kind is not OutcomeKind.CREATED:
            return None
        seen = self.jobs.describe(attempt.region, attempt.name)
        if seen is None:
            return attempt.name if is_open else None
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
                    made_progress=decided.made_progress if decided else None,
                    reached=decided.reached if decided else {},
                    stop_intent=self._stop_intent(attempt.parent, record),
                )
            )
        return tuple(earlier)
