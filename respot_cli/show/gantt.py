"""The attempts of a run as bars on one time axis, one below the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import in_words, readable
from respot.jobs.lifecycle import is_terminal, status_periods
from respot.runs.run_state import RunAttempt
from respot_cli.show.bar import Legend, Period, Stretch, character

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(each * _MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * _DAY for each in (1, 2, 7, 14, 28)),
)
"""Seconds between two marks of the scale."""
_GAP: Final = "  "
_LEAST_BAR: Final = 24
_OUTWEIGHING: Final = {Period.INTERRUPTED: timedelta(days=400), Period.ENDED: timedelta(days=800)}
"""What a cell shows however short it was: the moments that matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch with its place on the axis.

    Attributes:
        stretch: what to draw.
        start: when it began.
        end: when it ended, or the present moment; of the job's end, its start.
    """

    stretch: Stretch
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One attempt.

    Attributes:
        labels: what stands before its bar, from the longest to the shortest form.
        spans: its statuses, after what passed between the attempt before it and its beginning.
    """

    labels: tuple[str, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Gantt:
    """Fills its width: a scale, one bar for each attempt, and a legend that needs no colour."""

    lanes: Sequence[Lane]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as there is room."""
        spans = [span for lane in self.lanes for span in lane.spans]
        if not spans:
            return
        start, end = min(span.start for span in spans), max(span.end for span in spans)
        labels = _labels(self.lanes, options.max_width)
        before = max(map(len, labels)) + len(_GAP)
        axis = Axis(start=start, end=max(end, start + timedelta(seconds=1)), width=max(1, options.max_width - before))
        until = f"{end:%H:%M} UTC" if end.date() == start.date() else readable(end)
        since = f"{start:%Y-%m-%d %H:%M}"
        yield Text(f"Attempts from {since} to {until}, {axis.cell_in_words()} a character", style="italic")
        for marks in axis.marks():
            yield Text(" " * before + marks, style="dim", no_wrap=True, overflow="crop")
        for label, lane in zip(labels, self.lanes, strict=True):
            line = Text(f"{label:<{before}}", no_wrap=True, overflow="crop")
            for stretch in axis.cells(lane.spans):
                shown = character(stretch.period, ascii_only=options.ascii_only) if stretch else " "
                line.append(shown, style=stretch.style if stretch else "")
            line.rstrip()
            yield line
        yield Legend([span.stretch for span in spans])


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A stretch of time as this many characters."""

    start: datetime
    end: datetime
    width: int

    @property
    def cell(self) -> timedelta:
        """What one character stands for."""
        return (self.end - self.start) / self.width

    def cell_in_words(self) -> str:
        """The same, for people."""
        return in_words(self.cell) if self.cell >= timedelta(seconds=10) else f"{self.cell.total_seconds():.1f} s"

    def cells(self, spans: Sequence[Span]) -> list[Stretch | None]:
        """What each character shows; the time between two attempts has one character at least.

        Of several in one character the longest is shown, but for an interruption, which outweighs it, and the end,
        which outweighs both.
        """
        shown: list[Stretch | None] = [None] * self.width
        weights = [timedelta()] * self.width
        for span in spans:
            for cell in self._range(span):
                began, ended = self.start + cell * self.cell, self.start + (cell + 1) * self.cell
                weight = max(min(span.end, ended) - max(span.start, began), timedelta(microseconds=1))
                weight += _OUTWEIGHING.get(span.stretch.period, timedelta())
                if weight > weights[cell]:
                    shown[cell], weights[cell] = span.stretch, weight
        between = next((span.stretch for span in spans if span.stretch.between), None)
        if between and not any(each and each.between for each in shown):
            first = next(place for place, each in enumerate(shown) if each)
            shown[max(first - 1, 0)] = between
        return shown

    def _range(self, span: Span) -> range:
        first = min(int((span.start - self.start) / self.cell), self.width - 1)
        return range(first, max(first + 1, min(ceil((span.end - self.start) / self.cell), self.width)))

    def marks(self) -> Iterator[str]:
        """Two lines: the times at round moments, in UTC, and a mark where each is."""
        step = next((each for each in _STEPS if self._fits(each)), _STEPS[-1])
        first = ceil(self.start.timestamp() / step) * step
        words, ticks = "", ""
        for seconds in range(first, int(self.end.timestamp()) + 1, step):
            place = min(int((seconds - self.start.timestamp()) / self.cell.total_seconds()), self.width - 1)
            label = _label(datetime.fromtimestamp(seconds, tz=UTC), step)
            if place + len(label) > self.width or place < len(words):
                continue
            words, ticks = f"{words:<{place}}{label} ", f"{ticks:<{place}}|"
        yield words.rstrip()
        yield ticks

    def _fits(self, step: int) -> bool:
        return step / self.cell.total_seconds() >= len(_label(self.start, step)) + 3


def _label(moment: datetime, step: int) -> str:
    """A mark's time: the day alone where a mark is a day, and at each midnight."""
    if moment.hour == moment.minute == moment.second == 0 or step >= _DAY:
        return f"{moment:%m-%d}"
    return f"{moment:%H:%M:%S}" if step < _MINUTE else f"{moment:%H:%M}"


def lanes_of(attempts: Sequence[RunAttempt], *, now: datetime) -> list[Lane]:
    """The attempts of a run, to draw; one of which nothing was reported yet has no bar."""
    lanes, before = [], None
    for each in attempts:
        spans = list(_spans(each, now))
        if before and spans and spans[0].start > before:
            gap = Stretch(status="", length=spans[0].start - before, between=True)
            spans.insert(0, Span(stretch=gap, start=before, end=spans[0].start))
        before = spans[-1].end if spans else before
        lanes.append(Lane(labels=_forms(each), spans=tuple(spans)))
    return lanes


def _spans(attempt: RunAttempt, now: datetime) -> Iterator[Span]:
    """An attempt's statuses; one that lasts counts up to `now`, which a clock may put before its start."""
    is_open = attempt.state is not None and not is_terminal(attempt.state.status)
    for transition, ended in status_periods(attempt.transitions):
        lasts = ended is None and is_open
        end = max(ended or (now if is_open else transition.started), transition.started)
        length = None if ended is None and not is_open else end - transition.started
        stretch = Stretch(status=transition.status, length=length, so_far=lasts)
        yield Span(stretch=stretch, start=transition.started, end=end)


def _forms(attempt: RunAttempt) -> tuple[str, ...]:
    number, state = str(attempt.number), attempt.state
    if state is None:
        return f"{number} not reported yet", number
    market, kind = state.market or "", one_line(state.instance_type or state.requested_type or "")
    return tuple(" ".join(filter(None, (number, *more))) for more in ((market, kind), (market,), ()))


def _labels(lanes: Sequence[Lane], width: int) -> list[str]:
    """The longest form of all labels that leaves room for the bars."""
    for form in range(max(len(lane.labels) for lane in lanes)):
        labels = [lane.labels[min(form, len(lane.labels) - 1)] for lane in lanes]
        longest = max(map(len, labels))
        if longest <= width // 3 and width - longest - len(_GAP) >= _LEAST_BAR:
            break
    return labels
