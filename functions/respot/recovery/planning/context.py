"""All that a decision on an ended job is made from."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from respot.errors import CloneRefusedError, CreateLaterError, CreateRefusedError, Reach
from respot.jobs.formatting import in_words, readable
from respot.jobs.job import Market
from respot.jobs.type_lists import split_types
from respot.recovery.checkpoints.checkpoint import described, explained, passed_over
from respot.recovery.checkpoints.location import parse_location
from respot.recovery.planning.deadline import SWEEP_INTERVAL
from respot.recovery.planning.decision import Placement, RefusedPool
from respot.recovery.planning.run import Run
from respot.recovery.planning.start_history import StartHistory
from respot.recovery.planning.type_choice import refused_types, usable
from respot.recovery.policy.policy import Resolved
from respot.recovery.records import LocationReservation, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """What a decision is made from.

    Attributes:
        run: the run, whose last attempt has ended.
        resolved: the policy of that attempt's job.
        concurrent_writers: live jobs whose checkpoint location overlaps this one's; a few, if there are many.
        blockers: why the job cannot be created again at all, in words.
        kill_switch: why nothing may be created or stopped in the account now, in words. `None` while the switch is off,
            and where the decision does not depend on it.
        refused_pools: where it cannot be created again, although it may be elsewhere.
        listed: what S3 has was asked, or there is no location to ask about; false where the decision does not need it.
        listing_cut: the listing of the checkpoints was cut short, so that newer ones may exist.
        caveat: what people must know before they rely on the listing.
        replaces: the reservation of the checkpoint location by an attempt that no longer writes there.
        start_history: what starting has taken earlier jobs.
        sweep_interval: between two sweeps, which find a job that waits too long.
    """

    run: Run
    resolved: Resolved
    concurrent_writers: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    kill_switch: str | None = None
    refused_pools: tuple[RefusedPool, ...] = ()
    listed: bool = True
    listing_cut: bool = False
    caveat: str | None = None
    replaces: LocationReservation | None = None
    start_history: StartHistory = field(default_factory=StartHistory)
    sweep_interval: timedelta = SWEEP_INTERVAL

    @property
    def checkpoint_uri(self) -> str | None:
        """Where the job's checkpoints go; `None` if nowhere."""
        return self.run.last.state.checkpoint_uri

    @property
    def reservation(self) -> LocationReservation | None:
        """The next attempt's reservation of the checkpoint location; `None` without a valid one."""
        if not self.listed or self.blockers or not self.checkpoint_uri:
            return None
        location = str(parse_location(self.checkpoint_uri))
        return LocationReservation(location=location, run=self.run.id, number=self.run.last.number + 1)

    def without(self, placement: Placement, error: CloneRefusedError | CreateRefusedError) -> "PlanContext":
        """The context to plan again from, once an attempt there was refused for good."""
        if error.reach is Reach.ANYWHERE:
            return replace(self, blockers=(str(error),))
        types = _refused_types(placement, error) if error.reach is Reach.POOL else (None,)
        pools = (RefusedPool(market=placement.market, instance_type=each, why=error.why) for each in types)
        return replace(self, refused_pools=(*self.refused_pools, *pools))

    def without_for_now(self, placement: Placement, error: CreateLaterError) -> "PlanContext | None":
        """The same where a quota is used up, if the placement is of a list that has other types; otherwise `None`."""
        why = f"for now: {error}"
        types = refused_types(placement, str(error))
        pools = (RefusedPool(market=placement.market, instance_type=each, why=why) for each in types)
        refused, own = (*self.refused_pools, *pools), self.run.attempts[0].state.requested_type or ""
        lists = (rung for rung in self.resolved.policy.ladder if rung.market is placement.market)
        for rung in lists:
            listed = set(split_types(rung.instance_type))
            if set(placement.instance_types) <= listed and len(listed) > 1 and usable(rung, own, refused):
                return replace(self, refused_pools=refused)
        return None

    def after(self, refusals: Iterable[Refusal]) -> "PlanContext":
        """The context as if SageMaker refused again the pools that it has refused lately."""
        pools = list(self.refused_pools)
        for refusal in refusals:
            if refusal.resource is None:  # the request will show whether it has one
                why = f"SageMaker refused it at {readable(refusal.refused_at)}: {refusal.why}"
                markets = tuple(Market) if refusal.market is None else (refusal.market,)
                pools += (RefusedPool(market=each, instance_type=refusal.instance_type, why=why) for each in markets)
        return replace(self, refused_pools=tuple(pools))

    def resumes_from(self) -> str:
        """The checkpoint that the next attempt resumes from, and what is lost, in words."""
        lost, caveat = self.run.work_lost(), f"; {self.caveat}" if self.caveat else ""
        if self.run.last.checkpoint is None:
            return "starts from scratch" + (f", {in_words(lost)} of training lost" if lost else "") + caveat
        checkpoint = described(self.run.last.checkpoint, stopped_at=self.run.last.ended)
        *_, newest = passed_over(self.run.checkpoints) or (None,)
        passed = f", passing over {explained(newest)}" if newest else ""
        progress = f"; progress: {self.run.progress().evidence}" if self.run.last.has_trained else ""
        return f"resumes from {checkpoint}{passed}{progress}; {in_words(lost)} of training lost{caveat}"


def _refused_types(placement: Placement, error: CloneRefusedError | CreateRefusedError) -> tuple[str, ...]:
    if isinstance(error, CloneRefusedError) and placement.is_list and error.instance_types:
        return error.instance_types
    return refused_types(placement, error.why)
