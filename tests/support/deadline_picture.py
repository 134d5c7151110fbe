"""The picture of one run with a deadline: spot, waiting, the latest on-demand start, on-demand.

The run is one of the backtest's, over a trace of spot availability. The guide tells the same run in words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Final

from local.backtest import product, traces
from local.backtest.world import HOUR, Case, Controller, Job, Ledger, Truth, World, play
from respot.jobs.formatting import in_words
from respot.jobs.job import Market
from respot.recovery.planning.latest_start import latest_start_of
from tests.support.svg import document, rectangle, text

ZONE: Final = "us-east-1a"
WORLD: Final = World(overhead=12 * 60)
CASE: Final = Case(trace=traces.zones()[ZONE].starting_at(2_696_400), work=4 * HOUR, deadline=10 * HOUR)

WIDTH: Final = 640
HEIGHT: Final = 480
_LEFT, _RIGHT = 24, 616
_SPOT, _RUN, _LATEST, _AXIS, _KEY = 84, 164, 306, 356, 412
"""Where each row begins: spot, the run, its latest on-demand start, the axis, the key."""
_BAR: Final = 34
_BELOW: Final = _RUN + _BAR
_COLUMNS: Final = (24, 150, 340)
# Okabe and Ito's blue for spot and orange for on-demand, which colour-blind people can tell apart.
_COLOURS: Final = (
    (".available", "fill", "#8cbfe0", "#1f5f8b"),
    (".spot", "fill", "#0072b2", "#56b4e9"),
    (".on-demand", "fill", "#e69f00", "#e69f00"),
    (".starting-spot", "fill", "#b9d9ee", "#1d4a69"),
    (".starting-on-demand", "fill", "#f8e0ab", "#6b4a00"),
    (".queued", "fill", "#f0f2f4", "#21262d"),
    (".queued", "stroke", "#afb8c1", "#6e7681"),
    (".mark", "stroke", "#1f2328", "#f0f6fc"),
    (".faint", "stroke", "#8c959f", "#6e7681"),
    (".saved", "stroke", "#ffffff", "#0d1117"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What happened in a run, in seconds since it began.

    Attributes:
        jobs: as SageMaker shows them; the last is on demand.
        checkpoints: when each was saved.
        latest: each check that moved the latest on-demand start, and where to. The first set it.
        finished: when the work was done.
        percent: what it cost, of one on-demand job.
    """

    jobs: tuple[Job, ...]
    checkpoints: tuple[int, ...]
    latest: tuple[tuple[int, int], ...]
    finished: int
    percent: float

    @property
    def interruptions(self) -> list[int]:
        """When instances were lost."""
        return [at for job in self.jobs for status, at in job.transitions if status == "Interrupted"]

    @property
    def stopped(self) -> int:
        """When the job that waited was stopped."""
        return dict(self.jobs[0].transitions)["Stopping"]


class _Watched(product.Respot):
    """Respot, after the user's own first job. It keeps what it saw, and the latest on-demand start at each check."""

    def __init__(self) -> None:
        super().__init__(CASE, product.settings(CASE), world=WORLD, own_first_job=True)
        self.ledger = Ledger()
        self.latest: list[tuple[int, int]] = []

    def stops(self, ledger: Ledger, now: int) -> bool:
        stop, self.ledger = super().stops(ledger, now), ledger
        context = self._context(self._attempt(ledger.jobs[-1]), ledger)
        latest = latest_start_of(context, now=context.run.created + timedelta(seconds=now))
        moment = None if latest is None else round((latest - context.run.created).total_seconds())
        if ledger.jobs[-1].is_waiting and moment is not None and moment not in dict(self.latest).values():
            self.latest.append((now, moment))
        return stop


@cache
def told() -> Told:
    """Play the run."""
    watched = _Watched()

    def policy(_world: World, _case: Case, _truth: Truth) -> Controller:
        return watched

    outcome = play(WORLD, CASE, policy)
    alone = (CASE.work + WORLD.overhead) / HOUR * WORLD.on_demand_price
    return Told(
        jobs=tuple(watched.ledger.jobs),
        checkpoints=tuple(saved for saved, _ in watched.ledger.checkpoints),
        latest=tuple(watched.latest),
        finished=outcome.finished or 0,
        percent=outcome.cost / alone * 100,
    )


def words(seconds: int) -> str:
    """The time, as the guide has it."""
    return in_words(timedelta(seconds=seconds)).removesuffix(" 00 min")


def picture() -> str:
    """The picture, as SVG."""
    run = told()
    parts = [*_spot(), *_run(run), *_latest(run), *_axis(), *_key()]
    first, last = run.latest[0][1], run.latest[-1][1]
    label = (
        f"A run of {words(CASE.work)} of work with a deadline of {words(CASE.deadline)}. It trains on spot twice, and "
        f"is interrupted twice. Its checkpoints move the latest on-demand start from {words(first)} to {words(last)}. "
        f"Then it still waits for spot: it is stopped, continues on demand, and is done after {words(run.finished)}."
    )
    return document(WIDTH, HEIGHT, parts, label=label, font_size=18, colours=_COLOURS)


def _spot() -> Iterator[str]:
    yield text(
        _LEFT, 36, f"{words(CASE.work)} of work, deadline after {words(CASE.deadline)}", classes="title", size=20
    )
    yield text(_LEFT, _SPOT - 10, f"spot capacity ({ZONE}, from a public trace)", classes="small")
    yield _bar(_SPOT, (0, CASE.deadline), "queued", height=16)
    for period in CASE.trace.periods:
        if period[0] < CASE.deadline:
            yield _bar(_SPOT, period, "available", height=16)


def _run(run: Told) -> Iterator[str]:
    for job, name in zip(run.jobs, ("your job, on spot", "attempt 2, on demand"), strict=True):
        yield text(_x(job.created), _RUN - 22, name, classes="small")
        market = str(job.request.market)
        kinds = {"Downloading": f"starting-{market}", "Training": market}
        for (status, begin), (_, end) in pairwise(job.transitions):
            yield _bar(_RUN, (begin, end), kinds.get(status, "queued"))
    for saved in (each for each in run.checkpoints if each < run.finished):
        yield _line((_x(saved), _RUN + 3), (_x(saved), _RUN + _BAR - 3), "saved")
    for lost in run.interruptions:
        yield _cross(_x(lost), _RUN - 9)
    yield text(_x(run.latest[-1][1]) + 10, _BELOW + 24, f"done after {words(run.finished)}")


def _latest(run: Told) -> Iterator[str]:
    for line, caption in enumerate(("latest", "on-demand start")):
        yield text(_LEFT, _LATEST - 14 + 23 * line, caption, classes="small")
    for check, latest in run.latest:
        yield _line((_x(check), _BELOW + 3), (_x(latest), _LATEST - 9), "faint dashed", 1.5)
        yield f'<circle class="mark" fill="none" stroke-width="2.5" cx="{_x(latest):g}" cy="{_LATEST}" r="7"/>'
    first, second, last = (latest for _, latest in run.latest)
    yield text(_x(first) - 14, _LATEST + 6, words(first), classes="end")
    yield text(_x(second), _LATEST + 32, words(second), classes="middle")
    yield text(_x(last) + 14, _LATEST + 6, words(last))
    yield _line((_x(last), _LATEST - 9), (_x(last), _BELOW + 3), "mark")
    yield text(_x(last) + 10, _LATEST - 26, f"stopped at {words(run.stopped)}")


def _axis() -> Iterator[str]:
    yield _line((_LEFT, _AXIS), (_RIGHT, _AXIS), "faint", 1)
    for hour in range(0, CASE.deadline // HOUR + 1, 2):
        yield _line((_x(hour * HOUR), _AXIS), (_x(hour * HOUR), _AXIS + 5), "faint", 1)
        yield text(_x(hour * HOUR), _AXIS + 26, f"{hour} h", classes="small middle")
    yield _line((_RIGHT, _SPOT), (_RIGHT, _AXIS), "mark")
    yield text(_RIGHT - 9, _LATEST + 6, "deadline", classes="end")


def _key() -> Iterator[str]:
    colours = (("queued", "waits"), ("spot", "trains on spot"), ("on-demand", "trains on demand"))
    for place, (classes, meaning) in enumerate(colours):
        yield rectangle(_COLUMNS[place], _KEY, 26, 18, classes=classes, radius=2)
        yield text(_COLUMNS[place] + 36, _KEY + 15, meaning)
    row = _KEY + 32
    for place, market in enumerate(Market):
        yield rectangle(_COLUMNS[0] + 13 * place, row, 13, 18, classes=f"starting-{market}", radius=2)
    yield text(_COLUMNS[0] + 36, row + 15, "starts")
    yield rectangle(_COLUMNS[1], row, 26, 18, classes="spot", radius=2)
    yield _line((_COLUMNS[1] + 13, row + 2), (_COLUMNS[1] + 13, row + 16), "saved")
    yield text(_COLUMNS[1] + 36, row + 15, "checkpoint")
    yield _cross(_COLUMNS[2] + 13, row + 9)
    yield text(_COLUMNS[2] + 36, row + 15, "interruption")


def _x(moment: float) -> float:
    return round(_LEFT + moment / CASE.deadline * (_RIGHT - _LEFT), 1)


def _bar(row: float, period: tuple[int, int], classes: str, *, height: float = _BAR) -> str:
    begin, end = (_x(min(moment, CASE.deadline)) for moment in period)
    return rectangle(begin, row, round(end - begin, 1), height, classes=classes, radius=2)


def _line(begin: tuple[float, float], end: tuple[float, float], classes: str, width: float = 2) -> str:
    (x, y), (to_x, to_y) = begin, end
    return f'<path class="{classes}" fill="none" stroke-width="{width:g}" d="M{x:g} {y:g}L{to_x:g} {to_y:g}"/>'


def _cross(x: float, y: float) -> str:
    path = f"M{x - 5:g} {y - 5:g}l10 10m0 -10l-10 10"
    return f'<path class="mark" fill="none" stroke-width="2.5" d="{path}"/>'
