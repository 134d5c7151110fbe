"""A run as bars on one time axis, with what happened to it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunState
from respot.savings.receipt import AttemptReceipt, RunReceipt
from respot.savings.wall_clock import Segment, TimeClass
from respot_cli.report.axis import Axis
from respot_cli.report.view_model import Event, Lane, Mark, Part, Run
from respot_cli.report.words import length, name, percent

KINDS: Final[Mapping[TimeClass, str]] = {
    each: "between" if each is TimeClass.BETWEEN else str(each) for each in TimeClass
}
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
_MOST_EVENTS: Final = 60
"""Of one run; those in the middle are left out."""
_LONGEST: Final = 400
"""Characters of a decision's words."""


def run_view(receipt: RunReceipt, *, team_tag: str) -> Run:
    """The run, to draw."""
    segments = receipt.segments
    start = min((each.began for each in segments), default=receipt.began)
    axis = Axis(start=start, end=max((each.ended for each in segments), default=start))
    events = sorted(_events(receipt), key=lambda each: each.at)
    last = receipt.last
    team = last.tags.get(team_tag)
    facts = [
        *([name(team)] if team else []),
        name(last.region),
        *([f"of a {last.parent.owner}"] if last.parent else []),
        f"began {receipt.began:%d %b %H:%M}",
        f"{length(axis.end - start)} in all",
    ]
    return Run(
        name=name(receipt.name),
        state=str(receipt.state),
        tone=_TONES.get(receipt.state, "live"),
        facts=facts,
        saved=_saved(receipt),
        alternative=" ".join(_in_words(each) for each in receipt.attempts),
        ticks=[*axis.ticks()] if segments else [],
        lanes=[_lane(each, receipt, axis) for each in receipt.attempts] if segments else [],
        events=_shortened(events),
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


def _lane(attempt: AttemptReceipt, receipt: RunReceipt, axis: Axis) -> Lane:
    parts = []
    # Neighbours of one class are one part: the page needs them no more exactly.
    for kind, group in groupby(attempt.segments, key=_kind):
        own = [*group]
        left = axis.place(own[0].began)
        parts.append(Part(kind=kind, left=left, width=axis.place(own[-1].ended) - left))
    return Lane(
        title=f"#{attempt.number}",
        words=_lane_words(attempt),
        parts=parts,
        marks=[
            *(Mark(kind="interruption", left=axis.place(each.began)) for each in _interruptions(attempt)),
            *(Mark(kind="checkpoint", left=axis.place(each)) for each in _saved_in(attempt, receipt)),
            *(Mark(kind="decision", left=axis.place(each.decided_at)) for each in _decisions(attempt)),
        ],
    )


def _kind(segment: Segment) -> str:
    return DOUBTFUL if segment.doubtful else KINDS[segment.time_class]


def _lane_words(attempt: AttemptReceipt) -> str:
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
            words = f"{number} was interrupted; instances again after {length(_until_instances(each, attempt))}"
            yield Event(kind="interruption", at=each.began, words=words)
        if attempt.ended:
            yield Event(kind="", at=attempt.ended, words=f"{number} ended as {name(attempt.secondary_status)}")
        for record in _decisions(attempt):
            said = record.summary or f"{_ACTIONS[record.decision.action]}: {record.decision.reason}"
            yield Event(kind="decision", at=record.decided_at, words=name(said)[:_LONGEST])


def _decisions(attempt: AttemptReceipt) -> Iterator[DecisionRecord]:
    """Its decision, unless it completed and there was nothing to decide."""
    record = attempt.decision
    if record and attempt.status != "Completed":
        yield record


def _until_instances(first: Segment, attempt: AttemptReceipt) -> timedelta:
    whole, counts = timedelta(), False
    for each in attempt.segments:
        counts = (counts or each is first) and each.time_class is TimeClass.INTERRUPTED
        whole += each.length if counts else timedelta()
    return whole


_ACTIONS: Final = {
    Action.RESUBMIT: "to be resubmitted",
    Action.WAIT: "to wait",
    Action.REFUSE: "not resubmitted",
    Action.NOTHING: "left alone",
}


def _shortened(events: list[Event]) -> list[Event]:
    if len(events) <= _MOST_EVENTS:
        return events
    half, more = _MOST_EVENTS // 2, len(events) - _MOST_EVENTS
    middle = Event(kind="", at=events[half].at, words=f"{more:,} more events are left out here")
    return [*events[:half], middle, *events[-half:]]
