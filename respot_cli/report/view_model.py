"""What the report shows, as plain values: words are final, places are percentages. The template adds the layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure that one sees first.

    Attributes:
        label: what it is.
        value: with its unit.
        note: what it was calculated from.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a bar.

    Attributes:
        kind: its colour and pattern, a class of the template.
        left: where it begins, in percent of the bar.
        width: in percent of the bar.
        words: what it is, with its figure.
    """

    kind: str
    left: float
    width: float
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        columns: their titles.
        rows: their cells; the first one is the row's title.
        figures: the places of the columns of figures.
        note: what one must know to read it.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture as addresses that hold it; the section's table has its figures.

    Attributes:
        alternative: what one sees in it, in words.
        wide: the picture for a screen.
        narrow: the picture for a phone.
    """

    alternative: str
    wide: str
    narrow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A question with its answer.

    Attributes:
        anchor: its place in the page.
        title: the question.
        lead: the answer in a sentence or two.
        table: the figures.
        chart: a picture of them; `None` if nothing here draws any, or there is nothing to draw.
        bar: a bar in place of a picture.
        more: further tables.
    """

    anchor: str
    title: str
    lead: str
    table: Table | None = None
    chart: Chart | None = None
    bar: Sequence[Part] = ()
    more: Sequence[Table] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment in a lane.

    Attributes:
        kind: a class of the template: `checkpoint`, `decision` or `interruption`.
        left: in percent of the axis.
    """

    kind: str
    left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One attempt.

    Attributes:
        title: its number.
        words: where it ran and how it ended.
        parts: its statuses.
        marks: what happened in it.
    """

    title: str
    words: str
    parts: Sequence[Part]
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a run.

    Attributes:
        kind: a class of the template, as of a mark; empty for none.
        at: when.
        words: what.
    """

    kind: str
    at: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark of a time axis.

    Attributes:
        left: in percent of the axis.
        words: the time.
    """

    left: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run.

    Attributes:
        name: its first job's.
        state: what it is now, in a word.
        tone: how that is: `good`, `bad`, `live` or `plain`.
        named: for whom and where it ran, in words of others.
        time: when it began, and how long it took.
        is_short: whether seconds matter.
        saved: what spot saved it.
        alternative: its bars in words.
        ticks: of the time axis.
        lanes: its attempts.
        events: what happened, oldest first.
    """

    name: str
    state: str
    tone: str
    named: Sequence[str]
    time: str
    is_short: bool
    saved: str
    alternative: str
    ticks: Sequence[Tick]
    lanes: Sequence[Lane]
    events: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The runs that began on a day.

    Attributes:
        title: the day.
        runs: the newest first.
        is_open: whether it is unfolded.
    """

    title: str
    runs: Sequence[Run]
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The page.

    Attributes:
        title: what it is about.
        period: from when until when.
        where: account, regions and deployment.
        written: when it was made.
        headline: the answer to the first question, and its figure.
        lead: how that was calculated, in a sentence.
        bill: a bar of what the same work costs without spot, and what was paid.
        tiles: the figures of the fleet.
        sections: the questions.
        legend: the kinds of parts, with their words.
        days: the runs.
        notes: what is missing, and how to read the figures.
    """

    title: str
    period: str
    where: str
    written: datetime
    headline: tuple[str, str]
    lead: str
    bill: Sequence[Part] = ()
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
    legend: Sequence[tuple[str, str]] = ()
    days: Sequence[Day] = ()
    notes: Sequence[str] = ()
