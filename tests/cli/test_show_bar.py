"""The bar: as wide as there is room, and readable without colour."""

from datetime import timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from rich.table import Table

from respot_cli.show.bar import Bar, Legend, Period, Stretch, cells, period_of, style_of

MINUTE = timedelta(minutes=1)
LIFE = [
    Stretch(status="Starting", length=4 * MINUTE),
    Stretch(status="Downloading", length=2 * MINUTE),
    Stretch(status="Training", length=100 * MINUTE),
    Stretch(status="Interrupted", length=timedelta(seconds=40)),
    Stretch(status="Starting", length=30 * MINUTE),
    Stretch(status="SomethingNew", length=2 * MINUTE),
    Stretch(status="MaxWaitTimeExceeded", length=None),
]
OF_A_RUN = [*LIFE, Stretch(status="", length=MINUTE, between=True)]


class AsciiStream(StringIO):
    encoding = "ascii"


def drawn(what: RenderableType, *, width: int = 80, file: StringIO | None = None, **others: bool) -> str:
    out = file or StringIO()
    Console(file=out, width=width, **others).print(what)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 300])
def test_the_bar_fills_its_line_and_shows_every_period(width: int) -> None:
    (line,) = drawn(Bar(LIFE), width=width).splitlines()
    assert len(line) == width
    assert [character for character, before in zip(line, " " + line, strict=False) if character != before] == list(
        "░▒█!░▓■"
    )


def test_what_lasts_longer_is_longer() -> None:
    (line,) = drawn(Bar(LIFE), width=120).splitlines()
    assert 70 < line.count("█") < 100
    assert line.count("!") + line.count("■") < 4


@given(st.lists(st.integers(0, 10**7), max_size=120), st.integers(1, 300))
def test_the_cells_are_as_many_as_there_is_room_and_in_order(seconds: list[int], width: int) -> None:
    places = cells([timedelta(seconds=each) for each in seconds], width)
    assert len(places) == (width if seconds else 0)
    assert places == sorted(places)
    if len(seconds) <= width:
        assert set(places) == set(range(len(seconds)))


def test_with_more_periods_than_cells_the_longest_ones_are_shown() -> None:
    lengths = [MINUTE, 9 * MINUTE, 8 * MINUTE, MINUTE, MINUTE, 3 * MINUTE]
    assert cells(lengths, 3) == [1, 2, 5]


def test_the_legend_names_each_kind_with_its_length() -> None:
    said = drawn(Legend([*LIFE, *LIFE]), width=200)
    assert said.strip() == (
        "░ waiting 1 h 08 min   ▒ moving data 4 min   █ training 3 h 20 min   ! interrupted 1 min (2 times)   "
        "▓ other 4 min   ■ ended (MaxWaitTimeExceeded)"
    )


def test_the_legend_breaks_between_its_entries() -> None:
    said = drawn(Legend(LIFE), width=40).splitlines()
    assert said == [
        "░ waiting 34 min   ▒ moving data 2 min",
        "█ training 1 h 40 min",
        "! interrupted 40 s   ▓ other 2 min",
        "■ ended (MaxWaitTimeExceeded)",
    ]


def test_a_period_that_lasts_is_marked() -> None:
    running = [LIFE[0], Stretch(status="Training", length=5 * MINUTE, so_far=True)]
    assert "█ training 5 min so far" in drawn(Legend(running))


def test_without_colour_each_kind_has_a_character_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = drawn(Bar(OF_A_RUN), width=60, force_terminal=True)
    assert "\x1b[3" not in coloured
    assert len(set(coloured.strip())) == len(Period)


def test_a_stream_that_knows_only_ascii_gets_ascii() -> None:
    said = drawn(Bar(OF_A_RUN), width=60, file=AsciiStream()) + drawn(Legend(OF_A_RUN), width=60, file=AsciiStream())
    assert said.isascii()
    assert len(set(said.splitlines()[0])) == len(Period)
    assert "# training 1 h 40 min" in said


def test_nothing_is_drawn_of_a_job_without_history() -> None:
    assert drawn(Bar([])).strip() == ""
    assert drawn(Legend([])).strip() == ""


def test_in_a_table_the_bar_leaves_room_for_the_others() -> None:
    table = Table(box=None)
    table.add_column()
    table.add_column()
    table.add_row("a name that is quite long", Bar(LIFE))
    assert len({len(line) for line in drawn(table, width=60).splitlines()}) == 1
    assert "a name that is quite long" in drawn(table, width=60)


@pytest.mark.parametrize(
    ("status", "period", "style"),
    [
        ("Pending", Period.WAITING, "yellow"),
        ("Uploading", Period.MOVING, "cyan"),
        ("Training", Period.TRAINING, "green"),
        ("Interrupted", Period.INTERRUPTED, "red"),
        ("Completed", Period.ENDED, "green"),
        ("Failed", Period.ENDED, "magenta"),
        ("SomethingNew", Period.OTHER, "magenta"),
    ],
)
def test_each_status_has_its_kind_and_colour(status: str, period: Period, style: str) -> None:
    assert (period_of(status), style_of(status)) == (period, style)


def test_an_end_by_an_unknown_name_is_an_end() -> None:
    assert Stretch(status="EndedSomehow", length=None).period is Period.ENDED
    assert Stretch(status="Completed", length=None).style == "green"
    assert Stretch(status="Training", length=None).style == "magenta"
