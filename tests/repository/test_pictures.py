"""The pictures of the pages are what their scripts draw, and can be read on a phone and on a dark page."""

import re

import pytest

from tests.support import costs_picture
from tests.support.deadline_picture import CASE, Told, told, words
from tests.support.pictures import DOCS, PICTURES
from tests.support.svg import wrapped

PHONE = 390
each_picture = pytest.mark.parametrize("name", PICTURES)


@each_picture
def test_a_picture_is_what_its_script_draws(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PICTURES[name](), "run python -m tests.support.pictures"


@each_picture
def test_a_picture_loads_nothing(name: str) -> None:
    assert re.findall(r"@import|@font-face|(?:href|src)=|url\((?!#)", PICTURES[name]()) == []


@each_picture
def test_text_has_ten_pixels_on_a_phone(name: str) -> None:
    svg = PICTURES[name]()
    width = re.search(r'<svg [^>]*? width="(\d+)"', svg)
    assert width
    sizes = [float(size) for size in re.findall(r'font-size="(\d+)"', svg)]
    assert min(sizes) * PHONE / float(width[1]) >= 10


@each_picture
def test_a_picture_has_colours_for_dark_pages_and_a_label(name: str) -> None:
    svg = PICTURES[name]()
    assert "@media (prefers-color-scheme:dark)" in svg
    assert re.search(r'aria-label="[^"]{40,}"', svg)


def test_lines_break_between_words() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("a longer-than-that b", 5) == ["a", "longer-than-that", "b"]


def test_the_plot_shows_the_figures_that_are_kept() -> None:
    shown = re.findall(
        r'aria-label="([^"]+), (\d+) h of work by ([\d.]+) h, ([^":]+): ([\d.]+) %"', costs_picture.picture()
    )
    rows = {
        (row["policy"], row["work"], row["deadline"], row["places"], row["percent"]) for row in costs_picture.kept()
    }
    assert len(rows) == 2 * 2 * 4 * 6
    assert {*shown} >= rows


def test_the_figures_for_8_hours_of_work_are_those_of_the_backtest() -> None:
    """All of its figures. Those for 48 h are not measured again: they take ten times as long."""
    kept = [row for row in costs_picture.kept() if row["work"] == "8"]
    assert kept == [*costs_picture.measured([8])], "run python -m tests.support.pictures --measure"


def test_the_run_of_the_picture_is_what_the_rule_promises() -> None:
    run = told()
    (_, first), (known, second), (known_later, last) = run.latest
    saved = [sum(at < moment for at in run.checkpoints) for moment in (known, known_later)]
    assert saved == [1, 5]
    # Steps prove a little less than five times 15 minutes: an upload may have been late.
    assert second - first == 15 * 60
    assert 73 * 60 <= last - first <= 75 * 60
    assert [check - lost for check, lost in zip((known, known_later), run.interruptions, strict=True)] == [60, 60]
    assert 0 <= run.stopped - last <= 60
    assert run.finished < CASE.deadline
    assert run.percent < 100


def test_the_guide_has_the_numbers_of_the_picture() -> None:
    guide = (DOCS / "guides" / "deadlines.md").read_text(encoding="utf-8")
    assert [each for each in numbers(told()) if each not in guide] == []


def numbers(run: Told) -> list[str]:
    """What the guide says of the run."""
    svg, (first, second, last) = PICTURES["deadline.svg"](), (words(latest) for _, latest in run.latest)
    shown = [first, second, last, words(run.finished), words(run.stopped)]
    assert [each for each in shown if f">{each}<" not in svg and f" {each}<" not in svg] == []
    once, again = (words(lost) for lost in run.interruptions)
    left = CASE.work - 15 * 60 * sum(at < run.latest[-1][0] for at in run.checkpoints)
    return [
        f"= {first}, if nothing is saved by then",
        f"**After {once}** the job is interrupted. One checkpoint moves its latest on-demand start to {second}.",
        f"**After {again}** it is interrupted again. Four more checkpoints move it to {last}.",
        f"**After {words(run.stopped)}** it still waits, and is stopped.",
        f"Attempt 2 runs the other {words(left)} on demand.",
        f"done after {words(run.finished)}, for {run.percent:.0f} % of",
    ]
