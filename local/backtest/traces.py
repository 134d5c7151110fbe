"""Reads the traces of spot availability: single zones, and unions of a region's zones."""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

TICK: Final = 195
"""Seconds."""
DIRECTORY: Final = Path(__file__).parent / "traces"


class TraceError(ValueError):
    """A trace file has another format; correct or replace the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """When spot instances are available, in seconds since the trace's beginning.

    Attributes:
        periods: begin and end of each period of availability, in order, disjoint, none empty. Nothing is available
            after the last.
        length: how long the trace is.
    """

    periods: tuple[tuple[int, int], ...]
    length: int

    def period_from(self, moment: int) -> tuple[int, int] | None:
        """What is left of the period at this moment, or the next period; `None` if there is none."""
        place = bisect_right(self.periods, moment, key=lambda period: period[1])
        if place == len(self.periods):
            return None
        begin, end = self.periods[place]
        return max(begin, moment), end

    def available_until(self, moment: int) -> int:
        """For how many seconds instances are available before this moment."""
        return sum(min(end, moment) - begin for begin, end in self.periods if begin < moment)

    def starting_at(self, offset: int) -> "Trace":
        """The rest of the trace, counted from there."""
        rest = ((max(begin - offset, 0), end - offset) for begin, end in self.periods if end > offset)
        return Trace(periods=tuple(rest), length=self.length - offset)


def union(traces: Iterable[Trace]) -> Trace:
    """Available where any of them is."""
    every = list(traces)
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(period for trace in every for period in trace.periods):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((begin, end))
    return Trace(periods=tuple(merged), length=max(trace.length for trace in every))


def parse(text: str, *, name: str) -> dict[int, Trace]:
    """The windows of a file by their numbers.

    Raises:
        TraceError: a line has another format, or a window has no length or another length than the first.
    """
    windows: dict[int, Trace] = {}
    for place, line in enumerate(text.splitlines(), 1):
        try:
            number, state, *lengths = map(int, line.split())
        except ValueError as error:
            raise TraceError(f"{name}, line {place}: it has something else than whole numbers") from error
        if number in windows or state not in {0, 1} or not lengths or min(lengths) <= 0:
            raise TraceError(f"{name}, line {place}: not a new window, a state, and the lengths of its periods")
        bounds = [0]
        for length in lengths:
            bounds.append(bounds[-1] + length * TICK)
        windows[number] = Trace(periods=tuple(pairwise(bounds))[1 - state :: 2], length=bounds[-1])
    if len({window.length for window in windows.values()}) != 1:
        raise TraceError(f"{name}: the windows differ in length, or there is none")
    return windows


def joined(windows: Mapping[int, Trace], first_ticks: Mapping[int, int], *, name: str) -> Trace:
    """The trace that these windows were cut from, by the tick of it at which each begins.

    Raises:
        TraceError: two windows differ where they overlap, a tick is in none, or the windows are others.
    """
    if windows.keys() != first_ticks.keys():
        raise TraceError(f"{name}: windows.csv does not name the same windows")
    ticks: dict[int, bool] = {}
    for number, window in windows.items():
        available = {tick for begin, end in window.periods for tick in range(begin // TICK, end // TICK)}
        for tick in range(window.length // TICK):
            if ticks.setdefault(first_ticks[number] + tick, tick in available) != (tick in available):
                raise TraceError(f"{name}, window {number}: it differs from one that it overlaps, at tick {tick}")
    if ticks.keys() != set(range(len(ticks))):
        raise TraceError(f"{name}: the windows leave a gap")
    periods = []
    for available_now, period in groupby(range(len(ticks)), key=ticks.__getitem__):
        first, *rest = period
        periods += [(first * TICK, (first + len(rest) + 1) * TICK)] if available_now else []
    return Trace(periods=tuple(periods), length=len(ticks) * TICK)


def zones(directory: Path = DIRECTORY) -> dict[str, Trace]:
    """The trace of each zone; where `windows.csv` is missing, each window of each zone, as `<zone>/<window>`.

    Raises:
        TraceError: there is no trace, or one cannot be read.
    """
    files = {path.stem.partition("_")[0]: path for path in sorted(directory.glob("*.txt"))}
    if not files:
        raise TraceError(f"{directory}: there is no trace")
    by_zone = {zone: parse(path.read_text(encoding="ascii"), name=path.name) for zone, path in files.items()}
    index = directory / "windows.csv"
    if not index.exists():
        return {f"{zone}/{number}": each for zone, windows in by_zone.items() for number, each in windows.items()}
    with index.open(encoding="ascii", newline="") as file:
        first_ticks = {int(row["window"]): int(row["first_tick"]) for row in csv.DictReader(file)}
    return {zone: joined(windows, first_ticks, name=files[zone].name) for zone, windows in by_zone.items()}


def regions(by_zone: Mapping[str, Trace]) -> dict[str, Trace]:
    """The trace of each region: the union of its zones. The region is the zone's name without its last letter."""
    members: dict[str, list[Trace]] = {}
    for place, trace in by_zone.items():
        zone, slash, window = place.partition("/")
        members.setdefault(zone[:-1] + slash + window, []).append(trace)
    return {region: union(traces) for region, traces in members.items()}
