"""Keeps a deadline: how much time may still be wasted, and when on-demand must be asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.jobs.formatting import in_words, readable
from respot.jobs.job import DEFAULT_MAX_RUNTIME, JobState, Market
from respot.recovery.planning.estimates import Estimate, on_demand_wait, restart_overhead
from respot.recovery.planning.run import Run
from respot.recovery.planning.start_history import StartHistory
from respot.recovery.planning.waiting import LONGEST_PREPARATION
from respot.recovery.planning.work import ASSUMED_INTERVAL, ASSUMED_OVERHEAD
from respot.recovery.policy.policy import Policy

HANDOVER: Final = timedelta(minutes=5)
"""From the stop of a spot attempt until the next one is asked for: the stop, its event, the creation."""
SWEEP_INTERVAL: Final = timedelta(minutes=5)
"""The default of `sweep_minutes`, and what counts where it is less."""
SPARE: Final = timedelta(minutes=20)
"""For what no estimate has: a second loss after a gap that no sweep saw, a throttled call, a slower start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run with a deadline still needs.

    Attributes:
        deadline: when the work must be done.
        work: the work of the whole run.
        work_left: the part that no checkpoint proves.
        proof: what proves the rest, in words.
        known: whether the work is known: it is set, or steps prove a rate. Otherwise MaxRuntime is taken for it.
        overhead: from getting instances to work.
        wait: until on-demand instances are there.
        interval: between two checkpoints.
        shown: the overhead that this run has shown; no start will take less.
        sweep: between two sweeps.
    """

    deadline: datetime
    work: timedelta
    work_left: timedelta
    proof: str
    known: bool
    overhead: Estimate
    wait: Estimate
    interval: timedelta
    shown: timedelta
    sweep: timedelta = SWEEP_INTERVAL

    @property
    def needed(self) -> timedelta:
        """From the request for on-demand instances until the work is done."""
        return self.work_left + self.overhead.value + self.wait.value

    @property
    def reserve(self) -> timedelta:
        """Room for one fruitless start on spot, and for what may delay its end.

        A start is fruitless if the instances are lost just before the first checkpoint. While they are prepared, for
        half an hour at most, no job is stopped; that takes no longer than the whole wait takes on demand. Two sweeps:
        one may miss a gap that is shorter than their interval.
        """
        start = min(self.wait.value, LONGEST_PREPARATION) + self.overhead.value + min(self.interval, self.work_left)
        return start + 2 * max(self.sweep, SWEEP_INTERVAL) + SPARE

    @property
    def latest_start(self) -> datetime:
        """The latest on-demand start: a job that then still waits for spot is stopped."""
        return self.deadline - self.needed - HANDOVER - self.reserve

    def slack(self, now: datetime) -> timedelta:
        """What may be wasted before on-demand must be asked for; negative once that was too late."""
        return self.deadline - now - self.needed - HANDOVER

    def allows_spot(self, now: datetime) -> bool:
        """Whether a spot attempt may begin or wait."""
        return self.slack(now) >= self.reserve

    def is_at_risk(self, now: datetime) -> bool:
        """Whether an on-demand attempt that is asked for now is expected to be late."""
        return now + self.needed > self.deadline

    def is_lost(self, now: datetime) -> bool:
        """Whether no start can be fast enough."""
        return now + self.work_left + self.shown > self.deadline

    def in_words(self, now: datetime) -> str:
        """The calculation, for people."""
        parts = f"work {in_words(self.work_left)}, overhead {self.overhead}, wait for on-demand {self.wait}"
        needed = f"{in_words(self.needed)} needed on demand ({parts})"
        return f"{self._until(now)}, {needed}; {self.slack_in_words(now)}, reserve {in_words(self.reserve)}"

    def slack_in_words(self, now: datetime) -> str:
        """The slack, for people."""
        slack = self.slack(now)
        return f"slack {in_words(slack)}" if slack >= timedelta() else f"no slack, {in_words(-slack)} too little"

    def _until(self, now: datetime) -> str:
        if now > self.deadline:
            return f"{readable(self.deadline)} was {in_words(now - self.deadline)} ago"
        return f"{in_words(self.deadline - now)} left until {readable(self.deadline)}"


def forecast(
    run: Run, policy: Policy, history: StartHistory, *, now: datetime, sweep: timedelta = SWEEP_INTERVAL
) -> Forecast | None:
    """What the run still needs; `None` without a deadline."""
    deadline = deadline_of(run, policy)
    if deadline is None:
        return None
    proof, work = run.proof(longest_start(policy)), work_expected(run, policy)
    return Forecast(
        deadline=deadline,
        work=work,
        work_left=max(timedelta(), work - proof.done),
        proof=proof.evidence,
        known=policy.work is not None or proof.by_steps,
        overhead=restart_overhead(run, proof, policy, history, now=now),
        wait=on_demand_wait(policy, history, on_demand_type(run.attempts[0].state, policy), now=now),
        interval=max(proof.interval or ASSUMED_INTERVAL, proof.unsaved),
        shown=run.restart_overhead() or timedelta(),
        sweep=sweep,
    )


def longest_start(policy: Policy) -> timedelta:
    """What may hide at the beginning of a period of training, where checkpoints have no steps."""
    return max(ASSUMED_OVERHEAD, policy.restart_overhead or timedelta())


def deadline_of(run: Run, policy: Policy) -> datetime | None:
    """The moment by which the work must be done."""
    match policy.deadline:
        case timedelta() as span:
            return run.created + span
        case datetime() as moment:
            return moment.astimezone(UTC)
        case _:
            return None


def work_expected(run: Run, policy: Policy) -> timedelta:
    """Training time that the whole run needs."""
    return policy.work or run.attempts[0].state.max_runtime or DEFAULT_MAX_RUNTIME


def return_to_spot(found: Forecast, *, market: Market, now: datetime) -> str:
    """What a rule for going back to spot would do. It is only recorded, so that it can be judged later.

    On demand, once spot was seen for long enough, it would go back after a checkpoint if enough slack is left. Where
    returns are on, a job that waits goes on demand earlier, to keep slack for a return.
    """
    overhead, slack = found.overhead.value, found.slack(now)
    if market is Market.SPOT:
        keep = timedelta(minutes=15) + 0.18 * found.work_left
        would = "would go on demand now, to keep" if slack <= keep else "would wait for spot, and keep"
        return f"{would} {in_words(keep)} of slack for a return"
    least = max(3 * overhead, found.reserve + timedelta(minutes=5))
    seen, left = timedelta(minutes=15) + 2.5 * overhead, slack - HANDOVER
    if left < least:
        return f"would remain on demand: a return takes {in_words(least)} of slack"
    return f"would go back to spot once it was seen for {in_words(seen)}, while {in_words(least)} of slack are left"


def on_demand_type(first: JobState, policy: Policy) -> str | None:
    """The instance type on which the run of that first job would be finished on demand, or the list as one text."""
    rung = next((each for each in policy.ladder if each.market is Market.ON_DEMAND), None)
    return (rung.instance_type if rung else None) or first.requested_type
