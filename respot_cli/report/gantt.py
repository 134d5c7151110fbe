"""A run as bars on one time axis, with what happened to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from respot.jobs.lifecycle import INTERRUPTED
from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunState
from respot.savings.receipt import AttemptReceipt, RunReceipt
from respot.savings.totals import Group, key_of
from respot.savings.wall_clock import Segment, TimeClass
from respot_cli.report.axis import Axis
from respot_cli.report.view_model import Event, Lane, Mark, Part, Run
from respot_cli.report.words import length, name

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


def run_view(receipt: RunReceipt, detail: Detail, *, team_tag: str, saved: str) -> Run:
    """The run, to draw; `saved` says what spot saved it."""
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
        saved=saved,
        alternative=" ".join(_in_words(each) for each in receipt.attempts),
        ticks=[*axis.ticks()] if segments else [],
        lanes=[_lane(each, receipt, axis, detail) for each in receipt.attempts] if segments else [],
        events=_shortened(events, detail.events),
    )


def _lane(attempt: AttemptReceipt, receipt: RunReceipt, axis: Axis, detail: Detail) -> Lane:
    parts = []
    # Neighbours of one class are one part: the page needs them no more exactly.
    for kind, group in groupby((each for each in attempt.segments if each.length), key=_kind):
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
            *(Mark(kind="interruption", left=axis.place(each)) for each in attempt.interrupted),
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


def _restarts(attempt: AttemptReceipt) -> Iterator[datetime]:
    """When SageMaker took its instances without an interruption, such as after an error of its own."""
    before = None
    for each in attempt.segments:
        begins = each.time_class is TimeClass.INTERRUPTED and before is not TimeClass.INTERRUPTED
        if begins and each.status != INTERRUPTED:
            yield each.began
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
        for each in attempt.interrupted:
            yield Event(kind="interruption", at=each, words=f"{number} was interrupted; {_after(each, attempt)}")
        for each in _restarts(attempt):
            yield Event(kind="", at=each, words=f"{number} was restarted; {_after(each, attempt)}")
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


def _after(began: datetime, attempt: AttemptReceipt) -> str:
    """What became of an interruption or a restart."""
    again = next((each.began for each in attempt.segments if each.held and each.began >= began), None)
    if again:
        return f"instances again {f'after {length(again - began)}' if again > began else 'at once'}"
    until = max((each.ended for each in attempt.segments), default=began)
    without = length(max((attempt.ended or until) - began, timedelta()))
    return f"no instances until its end, {without} later" if attempt.ended else f"no instances for {without} until now"


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
