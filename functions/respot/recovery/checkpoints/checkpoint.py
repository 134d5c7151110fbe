"""A checkpoint as it is recognised, which of several a job resumes from, and its words for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import bytes_in_words, in_words, readable
from respot.recovery.checkpoints.names import last_part, line_of

LATE_SYNC: Final = timedelta(minutes=15)
"""Objects that arrive later than this after the stop were not synced by the stopped job; alerts report it.

Within that time, the uploads of two checkpoints may also overtake each other.
"""


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
