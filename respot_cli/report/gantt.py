"""A run as bars on one time axis, with what happened to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunState
from respot.savings.receipt import AttemptReceipt, RunReceipt
from respot.savings.totals import Group, key_of
from respot.savings.wall_clock import Segment, TimeClass
from respot_cli.report.axis import Axis
from respot_cli.report.view_model import Event, Lane, Mark, Part, Run
from respot_cli.report.words import length, name, percent

KINDS: Final[Mapping[str, str]] = {each: "between" if each is TimeClass.BETWEEN else str(each) for each in TimeClass}
"""The classes of the template."""
DOUBTFUL: Final = "doubtful"
"""The same of training that may have been lost."""
LEGEND: Final = (
    (KINDS[TimeClass.TRAINING], "productive training"),
    (DOUBTFUL, "training, perhaps lost"),
    (KINDS[TimeClass.LOST], "lost training"),
    *((KINDS[each], str(each)) for each in TimeClass if each not in {TimeClass.TRAINING, TimeClass.LOST}),
    ("checkpoint", "checkpoint"),
    ("decision", "decision"),
    ("interruption", "interruption"),
)
_TONES: Final = {
    RunState.COMPLETED: "good",
    RunState.FAILED: "bad",
    RunState.REFUSED: "bad",
    RunState.STOPPED: "plain",
}
_SHORT: Final = timedelta(hours=1)
_LONGEST: Final = 300
"""Characters of a decision's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How much is shown of each run.

    Attributes:
        events: at most so many; those in the middle are left out.
        parts: at most so many of an attempt's bar; the shortest are left out.
        marks: at most so many on an attempt's bar.
    """

    events: int
    parts: int
    marks: int


def detail_for(runs: int) -> Detail:
    """The more runs, the less of each: 2,000 of the worst are a file of less than 5 MB."""
    share = 2000 / max(runs, 1)
    return Detail(
        events=min(60, int(3 * share) + 1), parts=min(200, int(7 * share) + 1), marks=min(60, int(2 * share) + 1)
    )


def run_view(receipt: RunReceipt, detail: Detail, *, team_tag: str) -> Run:
    """The run, to draw."""
    segments = receipt.segments
    start = min((each.began for each in segments), default=receipt.began)
    axis = Axis(start=start, end=max((each.ended for each in segments), default=start))
    events = sorted(_events(receipt), key=lambda each: each.at)
    last = receipt.last
    team = key_of(Group.TEAM, last, receipt, team_tag=team_tag)
    return Run(
        name=name(receipt.name),
        state=str(receipt.state),
        tone=_TONES.get(receipt.state, "live"),
        named=[
            *([name(team)] if team else []),
            name(next((each.region for each in reversed(receipt.attempts) if each.region), None)),
            *([f"of a {last.parent.owner}"] if last.parent else []),
        ],
        time=f"began {receipt.began:%d %b %H:%M}, {length(axis.whole)} in all",
        is_short=axis.whole < _SHORT,
        saved=_saved(receipt),
        alternative=" ".join(_in_words(each) for each in receipt.attempts),
        ticks=[*axis.ticks()] if segments else [],
        lanes=[_lane(each, receipt, axis, detail) for each in receipt.attempts] if segments else [],
        events=_shortened(events, detail.events),
    )


def _saved(receipt: RunReceipt) -> str:
    if not receipt.on_spot or receipt.gross_percent is None:
        return ""
    gross = f"{percent(receipt.gross_percent, 0)} gross"
    if receipt.net_percent is None:
        return f"no useful work; {gross}"
    low, high = receipt.net_percent
    net = percent((None if low is None or low < 0 < high else low, high), 0)
    return f"saved {net} net, {gross}"


def _lane(attempt: AttemptReceipt, receipt: RunReceipt, axis: Axis, detail: Detail) -> Lane:
    parts = []
    # Neighbours of one class are one part: the page needs them no more exactly.
    for kind, group in groupby(attempt.segments, key=_kind):
        own = [*group]
        left = axis.place(own[0].began)
        parts.append(Part(kind=kind, left=left, width=axis.place(own[-1].ended) - left))
    return Lane(
        title=f"#{attempt.number}",
        words=_lane_words(attempt),
        parts=_longest(parts, detail.parts),
        marks=[
            *(Mark(kind="decision", left=axis.place(each.decided_at)) for each in _decisions(attempt)),
            *(Mark(kind="checkpoint", left=axis.place(each)) for each in _saved_in(attempt, receipt)),
            *(Mark(kind="interruption", left=axis.place(each.began)) for each in _interruptions(attempt)),
        ][: detail.marks],
    )


def _longest(parts: list[Part], most: int) -> list[Part]:
    least = sorted((each.width for each in parts), reverse=True)[most - 1] if len(parts) > most else 0.0
    return [each for each in parts if each.width >= least][:most]


def _kind(segment: Segment) -> str:
    return DOUBTFUL if segment.doubtful else KINDS[segment.time_class]


def _lane_words(attempt: AttemptReceipt) -> str:
    if attempt.job is None:
        return "created and not reported yet"
    pool = " ".join(filter(None, (attempt.market, attempt.instance_type)))
    several = f" \N{MULTIPLICATION SIGN} {attempt.instance_count}" if (attempt.instance_count or 1) > 1 else ""
    billed = "" if attempt.billed is None else f", billed {length(attempt.billed)}"
    return f"{name(pool or None)}{several}, {name(attempt.secondary_status)}{billed}"


def _in_words(attempt: AttemptReceipt) -> str:
    """An attempt's bar for those who do not see it."""
    times: dict[TimeClass, timedelta] = {}
    for each in attempt.segments:
        times[each.time_class] = times.get(each.time_class, timedelta()) + each.length
    lengths = ", ".join(f"{time_class} {length(time)}" for time_class, time in times.items() if time)
    return f"Attempt {attempt.number}, {_lane_words(attempt)}: {lengths or 'not reported yet'}."


def _interruptions(attempt: AttemptReceipt) -> Iterator[Segment]:
    """The moments of its interruptions."""
    before = None
    for each in attempt.segments:
        if each.time_class is TimeClass.INTERRUPTED and before is not TimeClass.INTERRUPTED:
            yield each
        before = each.time_class


def _saved_in(attempt: AttemptReceipt, receipt: RunReceipt) -> Iterator[datetime]:
    began, ended = attempt.began, attempt.ended
    if began is None:
        return
    for checkpoint in receipt.checkpoints:
        if began <= checkpoint.saved_at and (ended is None or checkpoint.saved_at <= ended):
            yield checkpoint.saved_at


def _events(receipt: RunReceipt) -> Iterator[Event]:
    for checkpoint in receipt.checkpoints:
        size = "" if checkpoint.complete else ", not complete"
        yield Event(kind="checkpoint", at=checkpoint.saved_at, words=f"{name(checkpoint.name)} was saved{size}")
    for attempt in receipt.attempts:
        number = f"#{attempt.number}"
        for each in _interruptions(attempt):
            yield Event(kind="interruption", at=each.began, words=f"{number} was interrupted; {_after(each, attempt)}")
        if attempt.ended:
            yield Event(kind="", at=attempt.ended, words=f"{number} ended as {name(attempt.secondary_status)}")
        for record in _decisions(attempt):
            said = record.summary or f"{_ACTIONS[record.decision.action]}: {record.decision.reason}"
            yield Event(kind="decision", at=record.decided_at, words=name(said, _LONGEST))


def _decisions(attempt: AttemptReceipt) -> Iterator[DecisionRecord]:
    """Its decision, unless it completed and there was nothing to decide."""
    record = attempt.decision
    if record and attempt.status != "Completed":
        yield record


def _after(first: Segment, attempt: AttemptReceipt) -> str:
    """What became of an interruption."""
    later = [each for each in attempt.segments if each.began >= first.began]
    again = next((each for each in later if each.held), None)
    if again:
        return f"instances again after {length(again.began - first.began)}"
    if attempt.ended:
        return f"no instances until its end, {length(attempt.ended - first.began)} later"
    return f"no instances for {length(later[-1].ended - first.began)} until now"


_ACTIONS: Final = {
    Action.RESUBMIT: "to be resubmitted",
    Action.WAIT: "to wait",
    Action.REFUSE: "not resubmitted",
    Action.NOTHING: "left alone",
}


def _shortened(events: list[Event], most: int) -> list[Event]:
    if len(events) <= most:
        return events
    half, more = most // 2, len(events) - most // 2 * 2
    middle = Event(kind="", at=events[half].at, words=f"{more:,} more are left out here")
    return [*events[:half], middle, *events[-half:]]
