"""The checkpoints under a prefix, recognised by the names, sizes and times of its objects.

`layouts` says how each framework writes them, `grouping` which objects make one, `completeness` what is missing. No
object is ever opened: nothing here proves that a framework can load a checkpoint.

Order: checkpoints whose names differ only in their numbers are a series, in the order of those numbers, by which
frameworks resume. A number that falls, long after a higher one was saved, means that the counter began again: what is
saved from then on is newer. Several series (Lightning's `last.ckpt` beside `epoch=1-step=200.ckpt`, two frameworks) are
interleaved by time, since their numbers mean different things.

List after the job has ended. Objects that SageMaker's sync uploads after the stop count like all others, since the next
job is given everything under the prefix. Only `age` and `described` use the time of the stop.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.jobs.formatting import bytes_in_words, in_words, readable
from respot.recovery.checkpoints.completeness import Series, Trackers, flaw_of
from respot.recovery.checkpoints.grouping import Group, group
from respot.recovery.checkpoints.location import CheckpointLocation
from respot.recovery.checkpoints.names import last_part, line_of, parent_of
from respot.recovery.checkpoints.objects import DEEPEST, StoredObject

LATE_SYNC: Final = timedelta(minutes=15)
"""Objects that arrive later than this after the stop were not synced by the stopped job; alerts report it.

Within that time, the uploads of two checkpoints may also overtake each other.
"""
_SMALL: Final = 0.02
"""Of the bytes of a checkpoint beside or above it: what is smaller is something else, such as a scheduler's state."""
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One checkpoint, as far as it is known.

    Attributes:
        name: its path below the prefix, without what distinguishes its files; `.` for the prefix itself.
        step: the number in its name: a step, an epoch, or what else the framework counts.
        saved_at: when the newest of its objects arrived.
        size: bytes in all.
        complete: nothing visible from outside is missing.
        objects: how many objects it consists of.
        layout: the framework that writes such checkpoints, for people; `None` if the layout is unknown.
        flaw: why it is not complete, in words.
        usable: a job may resume from it, complete or not: it holds work, and has no temporary name.
        copy: a copy for use elsewhere, such as `best.pt` or weights alone: it counts only where nothing better is.
        position: its counters, from coarse to fine: epoch and step; empty if it has none.
        is_counted: its number is sure to count; in other names it may be a size, or a hyperparameter.
    """

    name: str
    step: int | None
    saved_at: datetime
    size: int
    complete: bool
    objects: int
    layout: str | None = None
    flaw: str | None = None
    usable: bool = True
    copy: bool = False
    position: tuple[int, ...] = ()
    is_counted: bool = False

    @property
    def line(self) -> str:
        """The same for checkpoints whose counters go on from each other."""
        return line_of(self.name)


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


def newest_complete(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The newest complete one, from the result of `recognise`: copies and unknown layouts come last."""
    complete = [each for each in checkpoints if each.complete]
    known = [each for each in complete if each.layout]
    own = [each for each in known if not each.copy]
    best = own or known or complete
    return best[-1] if best else None


def resume_point(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """What a job would resume from: the newest complete one, else the newest; `None` if there is nothing."""
    doubted = [each for each in checkpoints if each.usable]
    return newest_complete(checkpoints) or (doubted[-1] if doubted else None)


def passed_over(checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
    """The incomplete ones that are newer than the one to resume from, oldest first."""
    chosen = resume_point(checkpoints)
    after = checkpoints[checkpoints.index(chosen) + 1 :] if chosen else checkpoints
    return tuple(each for each in after if not each.complete and each is not chosen)


def age(checkpoint: Checkpoint, stopped_at: datetime) -> timedelta:
    """Its age when the job stopped; zero if its last object was synced later."""
    return max(stopped_at - checkpoint.saved_at, timedelta())


def described(checkpoint: Checkpoint, *, stopped_at: datetime | None = None) -> str:
    """A checkpoint for people, with its layout, and its age when the job stopped.

    For example: `checkpoint-500 (Hugging Face Trainer, 3 min old, 2.1 GB)`.
    """
    size = bytes_in_words(checkpoint.size)
    if checkpoint.layout is None:
        objects = f"{checkpoint.objects:,} object{'' if checkpoint.objects == 1 else 's'}"
        return f"{checkpoint.name} (unknown layout, {objects}, {_written(checkpoint, stopped_at)}, {size})"
    incomplete = (
        "" if checkpoint.complete else f", incomplete: {checkpoint.flaw}" if checkpoint.flaw else ", incomplete"
    )
    return f"{checkpoint.name} ({checkpoint.layout}, {_when(checkpoint, stopped_at)}, {size}{incomplete})"


def _when(checkpoint: Checkpoint, stopped_at: datetime | None) -> str:
    if stopped_at is None:
        return f"saved {readable(checkpoint.saved_at)}"
    if checkpoint.saved_at < stopped_at:
        return f"{in_words(age(checkpoint, stopped_at))} old"
    return _synced(checkpoint, stopped_at)


def _written(checkpoint: Checkpoint, stopped_at: datetime | None) -> str:
    if stopped_at is None:
        return f"last written {readable(checkpoint.saved_at)}"
    if checkpoint.saved_at < stopped_at:
        return f"last written {in_words(age(checkpoint, stopped_at))} before the stop"
    return _synced(checkpoint, stopped_at)


def _synced(checkpoint: Checkpoint, stopped_at: datetime) -> str:
    if checkpoint.saved_at <= stopped_at + LATE_SYNC:
        return "saved as the job stopped"
    return f"written {in_words(checkpoint.saved_at - stopped_at)} after the job stopped"


def explained(checkpoint: Checkpoint) -> str:
    """Why a checkpoint was passed over: `checkpoint-1000: 1 of 2 shards`."""
    return f"{last_part(checkpoint.name)}: {checkpoint.flaw or 'incomplete'}"
