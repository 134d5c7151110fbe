"""What Respot recognises in a listing, with its JSON for scripts and its conclusion for people."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from respot.alerting.text import one_line
from respot.jobs.formatting import bytes_in_words, iso, readable
from respot.recovery.checkpoints.checkpoint import Checkpoint, explained, passed_over, resume_point
from respot.recovery.checkpoints.grouping import group
from respot.recovery.checkpoints.location import CheckpointLocation, StoredObject
from respot.recovery.checkpoints.objects import Role, role_of
from respot.recovery.checkpoints.recognition import recognise
from respot_cli.checkpoints.listing_text import Clock, minutes_of

UNKNOWN: Final = "unknown layout"
_MOST_NAMED: Final = 3


class Idle(StrEnum):
    """What objects that count for nothing are."""

    BY_PRODUCT = "by-products"
    POINTER = "pointers and marks"
    TEMPORARY = "temporary files"
    NONE = "markers of SageMaker and empty directories"


_IDLE_OF: Final[Mapping[Role, Idle]] = {
    Role.POINTER: Idle.POINTER,
    Role.TEMPORARY: Idle.TEMPORARY,
    Role.NONE: Idle.NONE,
}


class Verdict(StrEnum):
    """What a checkpoint is for a job that begins now."""

    RESUMED = "resumes here"
    COMPLETE = "complete"
    COPY = "a copy"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a listing is from.

    Attributes:
        name: for people.
        location: the prefix, if it is known.
        clock: what its times are.
        cut: there are more objects than were listed.
        left_out: objects of a text that are not below the prefix.
    """

    name: str
    location: CheckpointLocation | None
    clock: Clock = Clock.UTC
    cut: bool = False
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleObjects:
    """Objects that count for nothing.

    Attributes:
        what: what they are.
        count: how many.
        example: the path of the newest below the prefix.
    """

    what: Idle
    count: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What Respot recognises.

    Attributes:
        source: where the listing is from.
        objects: how many there are below the prefix.
        checkpoints: oldest to newest, without those that have a temporary name.
        resumed: what a job would resume from; `None` if there is nothing.
        passed_over: the incomplete ones that are newer.
        idle: what counts for nothing.
    """

    source: Source
    objects: int
    checkpoints: tuple[Checkpoint, ...]
    resumed: Checkpoint | None
    passed_over: tuple[Checkpoint, ...]
    idle: tuple[IdleObjects, ...]

    @property
    def layouts(self) -> tuple[tuple[str | None, int, int], ...]:
        """Each recognised layout (`None`: unknown), with how many checkpoints and objects; most objects first."""
        checkpoints, objects = Counter[str | None](), Counter[str | None]()
        for each in self.checkpoints:
            checkpoints[each.layout] += 1
            objects[each.layout] += each.objects
        return tuple((layout, checkpoints[layout], count) for layout, count in objects.most_common())

    def verdict(self, checkpoint: Checkpoint) -> Verdict:
        """What this one is for a job that begins now."""
        if checkpoint is self.resumed:
            return Verdict.RESUMED
        if not checkpoint.complete:
            return Verdict.INCOMPLETE
        return Verdict.COPY if checkpoint.copy else Verdict.COMPLETE


def explain(objects: Iterable[StoredObject], source: Source) -> Explanation:
    """What Respot recognises among these objects."""
    location = source.location or CheckpointLocation(bucket="", prefix="")
    own = len(location.prefix)
    # A key is there once; of several pages of a listing the last one counts.
    files = {each.key[own:]: each for each in objects if each.key.startswith(location.prefix)}
    groups = group(files).groups
    temporary = {each.name for each in groups if each.temporary}
    recognised = recognise(files.values(), location)
    shown = tuple(each for each in recognised if each.usable or each.name not in temporary)
    inside = {path for each in groups if not each.temporary for path in each.files}
    return Explanation(
        source=source,
        objects=len(files),
        checkpoints=shown,
        resumed=resume_point(recognised),
        passed_over=tuple(each for each in passed_over(recognised) if each in shown),
        idle=_idle({path: each for path, each in files.items() if path not in inside}),
    )


def _idle(files: Mapping[str, StoredObject]) -> tuple[IdleObjects, ...]:
    found: dict[Idle, list[tuple[datetime, str]]] = {}
    for path, each in files.items():
        found.setdefault(_IDLE_OF.get(role_of(path, each.size), Idle.BY_PRODUCT), []).append((each.last_modified, path))
    return tuple(
        IdleObjects(what=what, count=len(found[what]), example=max(found[what])[1] or "(the prefix itself)")
        for what in Idle
        if what in found
    )


def conclusion(explanation: Explanation) -> str:
    """One sentence: what a job would resume from, or that there is nothing, and why."""
    resumed, cut = explanation.resumed, explanation.source.cut
    if resumed is None:
        why = one_line(_why_nothing(explanation))
        if cut:
            return f"Respot concludes nothing: the listing was cut, and in what was listed {why}."
        return f"There is nothing to resume from: {why}."
    said = f"A job would resume from {shown_name(resumed)} ({_details(explanation, resumed)})"
    if not resumed.complete:
        said += f", although it may be incomplete: {resumed.flaw}"
    if passed := explanation.passed_over:
        said += f"; passed over: {_named(passed)}"
    if cut:
        said += "; the listing was cut, and there may be a newer one"
    return one_line(f"{said}.")


def _details(explanation: Explanation, checkpoint: Checkpoint) -> str:
    objects = f"{checkpoint.objects:,} object{'' if checkpoint.objects == 1 else 's'}"
    size = bytes_in_words(checkpoint.size)
    saved = saved_in_words(explanation.source.clock, checkpoint.saved_at)
    if checkpoint.layout is None:
        return f"{UNKNOWN}, {objects}, last written {saved}, {size}"
    step = "" if checkpoint.step is None else f"step {checkpoint.step}, "
    return f"{checkpoint.layout}, {step}saved {saved}, {size}"


def _why_nothing(explanation: Explanation) -> str:
    if explanation.checkpoints:
        return f"no checkpoint holds work ({_named(explanation.checkpoints)})"
    if not explanation.objects:
        return f"no object is below {explanation.source.location or 'the prefix'}"
    return "only " + ", ".join(f"{each.what} ({each.count:,})" for each in explanation.idle) + " are there"


def _named(checkpoints: Sequence[Checkpoint]) -> str:
    """Why these were passed over: the newest first, and not all of many."""
    newest = [explained(each) for each in reversed(checkpoints[-_MOST_NAMED:])]
    more = len(checkpoints) - len(newest)
    return ", ".join(newest) + (f" and {more:,} older" if more else "")


def shown_name(checkpoint: Checkpoint) -> str:
    """Its name for people."""
    return "the prefix itself" if checkpoint.name == "." else checkpoint.name


def saved_in_words(clock: Clock, moment: datetime) -> str:
    """A time as the listing has it."""
    match clock:
        case Clock.MINUTES:
            return f"in minute {minutes_of(moment):.4g}"
        case Clock.LOCAL:
            return f"{moment:%Y-%m-%d %H:%M}"
        case Clock.UTC:
            return readable(moment)


def to_document(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON, names as they are; what is not known is null."""
    source, resumed = explanation.source, explanation.resumed
    return {
        "source": source.name,
        "location": str(source.location) if source.location else None,
        "clock": str(source.clock),
        "objects": explanation.objects,
        "cut": source.cut,
        "left_out": source.left_out,
        "layouts": [
            {"layout": layout, "checkpoints": count, "objects": objects}
            for layout, count, objects in explanation.layouts
        ],
        "checkpoints": [_checkpoint_document(explanation, each) for each in explanation.checkpoints],
        "counts_for_nothing": [
            {"what": str(each.what), "objects": each.count, "example": each.example} for each in explanation.idle
        ],
        "resume_from": resumed.name if resumed else None,
        "passed_over": [explained(each) for each in explanation.passed_over],
        "conclusion": conclusion(explanation),
    }


def _checkpoint_document(explanation: Explanation, each: Checkpoint) -> dict[str, Any]:
    clock = explanation.source.clock
    saved = {Clock.UTC: iso(each.saved_at), Clock.LOCAL: f"{each.saved_at:%Y-%m-%dT%H:%M:%S}", Clock.MINUTES: None}
    return {
        "name": each.name,
        "layout": each.layout,
        "step": each.step,
        "saved_at": saved[clock],
        "saved_minute": minutes_of(each.saved_at) if clock is Clock.MINUTES else None,
        "objects": each.objects,
        "size_bytes": each.size,
        "complete": each.complete,
        "usable": each.usable,
        "copy": each.copy,
        "flaw": each.flaw,
        "verdict": str(explanation.verdict(each)),
    }
