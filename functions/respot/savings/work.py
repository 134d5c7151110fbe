"""Which training of a run was kept: by what the decisions recorded of checkpoints, else within honest bounds.

A run works until something breaks it off: an interruption, a restart, or an end after which another attempt follows,
or that AWS caused. At each break, what is left is what checkpoints hold. An end of the run's own (completed, failed by
its code, stopped by its user) breaks nothing off: on demand it would have come at the same point.

ml-goodput-measurement calls what is lost "wasted progress from disruption": "time that was spent on productive training
but lost due to a disruption" (README, https://github.com/AI-Hypercomputer/ml-goodput-measurement). As there, work of a
run that goes on counts as productive until a disruption shows that it was lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import parse_span
from respot.jobs.lifecycle import is_terminal
from respot.recovery.planning.ending import Trigger, ending_of
from respot.runs.run_state import RunAttempt
from respot.savings.span import Span
from respot.savings.wall_clock import Segment, TimeClass

_BY_AWS: Final = frozenset(
    {
        Trigger.MAX_WAIT_TIME_EXCEEDED,
        Trigger.MAX_PENDING_TIME_EXCEEDED,
        Trigger.CAPACITY_ERROR,
        Trigger.INTERNAL_SERVER_ERROR,
    }
)
"""Ends that break work off, even if no attempt follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was kept of each stretch of training.

    Attributes:
        spans: of each stretch, how much of it from its beginning.
        is_useful: whether any work of the run is useful, in the worst and in the best case. Without a break it is: the
            run came as far as it would have come on demand.
    """

    spans: dict[Segment, Span]
    is_useful: tuple[bool, bool]

    def get(self, segment: Segment) -> Span | None:
        """What was kept of that stretch; `None` if it is no training."""
        return self.spans.get(segment)


@dataclass(slots=True, kw_only=True)
class _Work:
    """The work so far.

    Attributes:
        stretches: the stretches of training.
        most: how much of each may have been kept at most.
        saved: how much of all those before the last break was kept at least.
        since: the number of stretches before the last break: those after it are kept so far.
        broken: whether there was a break.
    """

    stretches: list[Segment] = field(default_factory=list)
    most: list[timedelta] = field(default_factory=list)
    saved: timedelta = timedelta()
    since: int = 0
    broken: bool = False

    def train(self, segment: Segment) -> None:
        self.stretches.append(segment)
        self.most.append(segment.length)

    def break_off(self, *, without_checkpoints: bool) -> None:
        """What was saved before is still there; of the rest nothing is sure."""
        self.since, self.broken = len(self.stretches), True
        if without_checkpoints:
            self.hold(until=None, at_least=timedelta())

    def hold(self, *, until: datetime | None, at_least: timedelta) -> None:
        """Checkpoints hold the work until then, `None` for none, and at least so much of it."""
        for place, stretch in enumerate(self.stretches):
            held = timedelta() if until is None else max(min(stretch.ended, until) - stretch.began, timedelta())
            self.most[place] = min(self.most[place], held)
        self.saved = min(at_least, sum(self.most, timedelta()))


def kept_of(attempts: Sequence[RunAttempt], lines: Sequence[Segment]) -> Kept:
    """What was kept of the training on the run's timeline."""
    work = _Work()
    for attempt, following in zip(attempts, [*attempts[1:], None], strict=True):
        none = _without_checkpoints(attempt)
        for segment in lines:
            if segment.attempt != attempt.number:
                continue
            if segment.time_class is TimeClass.TRAINING:
                work.train(segment)
            elif segment.time_class is TimeClass.INTERRUPTED:
                work.break_off(without_checkpoints=none)
        if following is not None or _is_broken_off(attempt):
            work.break_off(without_checkpoints=none)
            _take_evidence(work, attempt)
    return _kept(work)


def _kept(work: _Work) -> Kept:
    spans: dict[Segment, Span] = {}
    left = work.saved
    for place, (stretch, most) in enumerate(zip(work.stretches, work.most, strict=True)):
        if place >= work.since:
            spans[stretch] = Span(low=most, high=most)
            continue
        least = min(most, left)
        left -= least
        spans[stretch] = Span(low=least, high=most)
    fresh = len(work.stretches) > work.since
    at_least = not work.broken or fresh or work.saved > timedelta()
    at_most = not work.broken or any(work.most)
    return Kept(spans=spans, is_useful=(at_least, at_most))


def _without_checkpoints(attempt: RunAttempt) -> bool:
    """Whether the job is known to save none: it has no checkpoint location."""
    return attempt.state is not None and attempt.state.is_located and attempt.state.checkpoint_uri is None


def _is_broken_off(attempt: RunAttempt) -> bool:
    """Whether the attempt's end broke its work off, although no later attempt is known."""
    state = attempt.state
    if state is None or not is_terminal(state.status):
        return False
    if attempt.decision and attempt.decision.decision.creates_attempt:
        return True
    end = attempt.end
    as_ended = replace(state, status=attempt.ended_as, secondary_status=end.status if end else state.secondary_status)
    return ending_of(as_ended).trigger in _BY_AWS


def _take_evidence(work: _Work, attempt: RunAttempt) -> None:
    """What the decision on the attempt's end has seen in the checkpoint location.

    The newest checkpoint bounds what was kept from above: nothing later was saved. The proof that the planner made of
    the checkpoints (`recovery.planning.work`) bounds it from below.
    """
    record = attempt.decision
    if record is None or "fruitless_attempts" not in record.decision.inputs:  # S3 was not asked
        return
    inputs = record.decision.inputs
    if inputs.get("listing") == "cut short":
        return
    if record.checkpoint is None:
        work.hold(until=None, at_least=timedelta())
        return
    work.hold(until=record.checkpoint.saved_at, at_least=_proved(inputs.get("work_done", "")))


def _proved(words: str) -> timedelta:
    """The work that the decision's inputs call proved: `2 h 05 min: 1,200 steps of at least 6.2 s`."""
    length, _, _ = words.partition(": ")
    try:
        return max(parse_span(length), timedelta())
    except (ValueError, OverflowError):
        return timedelta()
