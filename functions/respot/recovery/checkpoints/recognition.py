"""The checkpoints under a prefix, recognised by the names, sizes and times of its objects.

`layouts` says how each framework writes them, `grouping` which objects make one, `completeness` what is missing. No
object is ever opened: nothing here proves that a framework can load a checkpoint.

Order: checkpoints whose names differ only in their numbers are a series, in the order of those numbers, by which
frameworks resume. A number that falls, long after a higher one was saved, means that the counter began again: what is
saved from then on is newer. Several series (Lightning's `last.ckpt` beside `epoch=1-step=200.ckpt`, two frameworks) are
interleaved by time, since their numbers mean different things.

List after the job has ended. Objects that SageMaker's sync uploads after the stop count like all others, since the next
job is given everything under the prefix.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from respot.recovery.checkpoints.checkpoint import LATE_SYNC, Checkpoint
from respot.recovery.checkpoints.completeness import Series, Trackers, flaw_of
from respot.recovery.checkpoints.grouping import Group, group
from respot.recovery.checkpoints.location import CheckpointLocation, StoredObject
from respot.recovery.checkpoints.names import parent_of
from respot.recovery.checkpoints.objects import DEEPEST

_SMALL: Final = 0.02
"""Of the bytes of a checkpoint beside or above it: what is smaller is something else, such as a scheduler's state."""
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def recognise(objects: Iterable[StoredObject], location: CheckpointLocation) -> tuple[Checkpoint, ...]:
    """The checkpoints among these objects, oldest to newest; see the module for their order.

    What can hold work and follows no known layout is one of them, too: its time shows progress.
    """
    own = len(location.prefix)
    found = group({each.key[own:]: each for each in objects if each.key.startswith(location.prefix)})
    series: dict[tuple[str, str, str], list[Group]] = defaultdict(list)
    for each in found.groups:
        series[each.series].append(each)
    largest = _largest(found.groups)
    trackers = Trackers(found.trackers)
    placed: list[tuple[tuple[datetime, bool, tuple[int, ...], tuple[str, str, str], int], Checkpoint]] = []
    for key, members in series.items():
        newest, complete = _BEGINNING, list[Group]()
        ordered = Series(_in_order(members))
        for place, each in enumerate(ordered.groups):
            newest = max(newest, each.saved_at)
            flaw = flaw_of(ordered, place, trackers, complete)
            if flaw is None:
                complete.append(each)
            # Series keep their order, and at the same moment the one that names its step counts as newer.
            placed.append(((newest, bool(each.position), each.position, key, place), _checkpoint(each, flaw, largest)))
    return tuple(checkpoint for _, checkpoint in sorted(placed, key=lambda each: each[0]))


def _largest(groups: Iterable[Group]) -> Mapping[str, int]:
    """The bytes of the largest checkpoint directly in each directory."""
    found: dict[str, int] = defaultdict(int)
    for each in groups:
        if each.evidence:
            found[parent_of(each.name)] = max(found[parent_of(each.name)], each.size)
    return found


def _directories_above(name: str) -> Iterator[str]:
    directory = parent_of(name)
    for _ in range(DEEPEST):
        yield directory
        if not directory:
            return
        directory = parent_of(directory)


def _checkpoint(each: Group, flaw: str | None, largest: Mapping[str, int]) -> Checkpoint:
    small = each.size < _SMALL * max(largest.get(above, 0) for above in _directories_above(each.name))
    return Checkpoint(
        name=each.name,
        step=each.number,
        saved_at=each.saved_at,
        size=each.size,
        complete=flaw is None,
        objects=len(each.files),
        layout=each.layout.name if each.layout else None,
        flaw=flaw,
        usable=each.has_work,
        copy=each.copy or small,
        position=each.position,
        is_counted=each.is_counted,
    )


def _in_order(series: Iterable[Group]) -> list[Group]:
    """A series from oldest to newest: by number, unless the counter began again."""
    generation, highest, ordered = 0, None, list[tuple[int, tuple[int, ...], datetime, str, Group]]()
    for each in sorted(series, key=lambda each: (each.saved_at, each.position, each.name)):
        if highest and each.position < highest.position and each.began_at > highest.saved_at + LATE_SYNC:
            generation, highest = generation + 1, each
        elif highest is None or each.position >= highest.position:
            highest = each
        ordered.append((generation, each.position, each.saved_at, each.name, each))
    return [each for *_, each in sorted(ordered, key=lambda each: each[:4])]
