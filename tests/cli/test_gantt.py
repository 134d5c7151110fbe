"""A run's attempts on one time axis: in place, in full, and readable without colour."""

from datetime import timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from respot.runs.run_state import RunAttempt
from respot_cli.show.bar import Period, Stretch
from respot_cli.show.gantt import Axis, Gantt, Lane, Span, lanes_of
from tests.cli.test_show_bar import AsciiStream
from tests.support.builders import at, job_id, snapshot
from tests.support.example_run import NOW, example_history

HOUR = 3600


def drawn(lanes: list[Lane], *, width: int = 100, file: StringIO | None = None) -> list[str]:
    out = file or StringIO()
    Console(file=out, width=width, highlight=False).print(Gantt(lanes))
    return out.getvalue().splitlines()


def attempt(number: int, script: str) -> RunAttempt:
    """An attempt with these statuses, in seconds after the run's creation."""
    first = float(script.split(maxsplit=1)[0].partition("=")[2])
    name = "job" if number == 1 else f"job-r{number}"
    seen = snapshot(script, job=job_id(name, created=at(first)))
    return RunAttempt(number=number, state=seen.state, name=name, decision=None, outcome=None, transitions=seen.history)


def run(*scripts: str, now: float = 20 * HOUR) -> list[Lane]:
    return lanes_of([attempt(number, script) for number, script in enumerate(scripts, start=1)], now=at(now))


def bars(lines: list[str]) -> list[str]:
    """The lines of the attempts, without their labels."""
    start = next(line for line in lines if line.lstrip().startswith("|")).index("|")
    labelled = [line for line in lines if line[:1].isdigit()]
    assert start >= len("1  ")
    return [line[len(line.split("  ")[0]) :] for line in labelled]


def columns(line: str, characters: str) -> list[int]:
    return [place for place, each in enumerate(line) if each in characters]


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_all_attempts_are_on_one_axis_that_fills_the_width(width: int) -> None:
    lines = drawn(lanes_of(example_history().run, now=NOW), width=width)
    first, second = (line for line in lines if line[:1].isdigit())
    assert max(map(len, lines)) <= width
    assert len(second) == width
    assert first[-1] == "■"
    # The second attempt begins where the first one has ended, one gap later.
    assert columns(second, "·")[0] in {len(first) - 1, len(first)}
    assert columns(second, "░▒█")[0] == columns(second, "·")[-1] + 1


@pytest.mark.parametrize("width", [60, 80, 140, 200])
def test_the_scale_stands_above_what_happened_then(width: int) -> None:
    """Four hours of training from 12:00 on, by a run that began at 09:00."""
    lines = drawn(run(f"Starting=0 Training={3 * HOUR} Completed={7 * HOUR}"), width=width)
    scale = next(place for place, line in enumerate(lines) if line.lstrip().startswith("|"))
    times, ticks, bar = lines[scale - 1 : scale + 2]
    where = {times[place : place + 5]: place for place in columns(ticks, "|")}
    assert {"10:00", "12:00"} & set(where)
    assert abs(where.get("12:00", columns(bar, "█")[0]) - columns(bar, "█")[0]) <= 1
    assert [times[place] != " " and (place == 0 or times[place - 1] == " ") for place in columns(ticks, "|")]
    assert lines[0].startswith("Attempts from 2026-09-16 09:00 to 16:00 UTC, ")


def test_the_pause_between_two_attempts_is_seen_however_short_it_is() -> None:
    day = 24 * HOUR
    lines = drawn(run(f"Starting=0 MaxWaitTimeExceeded={day}", f"Starting={day + 5} Completed={28 * day}"))
    second = next(line for line in lines if line.startswith("2 "))
    assert second.count("·") == 1
    assert "· between attempts 5 s" in " ".join(lines)


def test_an_interruption_and_the_end_are_seen_however_short_they_are() -> None:
    script = f"Starting=0 Training=60 Interrupted={300 * HOUR} Starting={300 * HOUR + 1} Stopped={600 * HOUR}"
    lines = drawn(run(script))
    bar = next(line for line in lines if line.startswith("1 "))
    assert (bar.count("!"), bar.count("■"), bar[-1]) == (1, 1, "■")


def test_an_attempt_that_nobody_has_seen_has_a_line_without_a_bar() -> None:
    unseen = RunAttempt(number=2, state=None, name="job-r2", decision=None, outcome=None)
    lanes = lanes_of([attempt(1, "Starting=0 Stopped=60"), unseen], now=at(100))
    lines = drawn(lanes)
    assert [line.rstrip() for line in lines if line.startswith("2")] == ["2 not reported yet"]
    assert drawn(lanes_of([unseen], now=at(100))) == []


def test_a_clock_behind_aws_and_attempts_that_overlap_are_drawn() -> None:
    lines = drawn(run("Starting=0 Training=100 Stopped=7200", "Starting=3600 Training=5000", now=10))
    assert "between" not in " ".join(lines)
    assert len(bars(lines)) == 2


def test_a_stream_that_knows_only_ascii_gets_ascii_of_its_own() -> None:
    out = AsciiStream()
    lines = drawn(lanes_of(example_history().run, now=NOW), width=200, file=out)
    assert out.getvalue().isascii()
    assert set("".join(bars(lines)).replace(" ", "")) == set(".-#!|_")


def test_long_types_leave_room_for_the_bars() -> None:
    long = attempt(1, "Starting=0 Training=100 Stopped=7200")
    assert long.state
    lanes = lanes_of([long], now=at(7200))
    wide = Lane(labels=("1 on-demand " + "ml.p5en.48xlarge, " * 5, "1 on-demand", "1"), spans=lanes[0].spans)
    for width, label in ((200, "1 on-demand  "), (60, "1 on-demand  "), (30, "1  ")):
        lines = drawn([wide], width=width)
        assert any(line.startswith(label) for line in lines)
        assert max(map(len, lines)) <= width


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**6)), min_size=1, max_size=40),
    st.integers(1, 200),
)
def test_every_stretch_is_within_the_axis(stretches: list[tuple[int, int]], width: int) -> None:
    spans = [
        Span(
            stretch=Stretch(status="Training", length=timedelta(seconds=length), between=place == 3),
            start=at(start),
            end=at(start + length),
        )
        for place, (start, length) in enumerate(stretches)
    ]
    end = max(span.end for span in spans)
    axis = Axis(start=min(span.start for span in spans), end=end + timedelta(seconds=1), width=width)
    cells = axis.cells(spans)
    assert len(cells) == width
    assert any(cells)
    times, ticks = axis.marks()
    assert max(len(times), len(ticks)) <= width
    assert Period.INTERRUPTED not in {each.period for each in cells if each}
