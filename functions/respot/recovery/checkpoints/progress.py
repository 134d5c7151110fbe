"""Whether an attempt made progress, by what it saved."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.recovery.checkpoints.checkpoint import Checkpoint

_MOST_LINES: Final = 100
"""Lines of checkpoints that are remembered; frameworks write two or three."""
_LONGEST_LINE: Final = 255
_AT_ONCE: Final = timedelta(minutes=1)

Reached = Mapping[str, tuple[int, ...]]
"""The highest counters of each line of checkpoints (`Checkpoint.line`, `Checkpoint.position`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Whether an attempt made progress.

    Attributes:
        made: it did.
        evidence: what shows it, in words.
    """

    made: bool
    evidence: str


def reached(checkpoints: Sequence[Checkpoint], *, since: datetime) -> Reached:
    """The highest counters saved since then, to be remembered: the next attempt may write over them."""
    found: dict[str, tuple[int, ...]] = {}
    for each in _that_count(checkpoints):
        if each.position and each.saved_at > since and len(each.line) <= _LONGEST_LINE:
            found[each.line] = max(each.position, found.pop(each.line, each.position))
    return dict(list(found.items())[-_MOST_LINES:])


def progress(
    checkpoints: Sequence[Checkpoint], earlier: Iterable[Reached], *, run_began: datetime, attempt_began: datetime
) -> Progress:
    """Whether the attempt that began then brought the work forward.

    Where checkpoints have steps, only a step counts that is higher than any that the run had reached. A counter that an
    earlier run left in the same location does not count: this run may begin again. Elsewhere, new data counts, and so
    does new data of an unknown layout. A number in a name is a step only if it has counted: its layout or its whole
    name says so, or the run has seen it change.

    Args:
        checkpoints: what is listed when the attempt has ended.
        earlier: the counters that each attempt before it had reached.
        run_began: when the run's first job was created.
        attempt_began: when the attempt's job was created.
    """
    saved = [each for each in _that_count(checkpoints) if each.saved_at > attempt_began]
    if not saved:
        return Progress(made=False, evidence="nothing new was saved")
    before = [*earlier, reached([each for each in checkpoints if each.saved_at <= attempt_began], since=run_began)]
    now: dict[str, dict[tuple[int, ...], datetime]] = defaultdict(dict)
    for each in saved:
        now[each.line][each.position] = each.saved_at
    again: str | None = None
    parts: set[str] = set()  # lines whose numbers are no steps
    for each in reversed(saved):
        if not each.position:
            continue
        known = {steps[each.line] for steps in before if each.line in steps}
        if not known or each.position > max(known):
            was = f", was {_in_words(max(known))}" if known else ""
            return Progress(made=True, evidence=f"step {_in_words(each.position)}{was}")
        if again or each.line in parts:
            continue
        if _alternates(now[each.line]) or not (each.is_counted or len(known | _changes(now[each.line])) > 1):
            parts.add(each.line)
        else:
            again = f"step {_in_words(each.position)}, was {_in_words(max(known))}"
    if unknown := next((each for each in reversed(saved) if each.layout is None), None):
        return Progress(made=True, evidence=f"new data in {unknown.name}, of an unknown layout")
    if again:
        return Progress(made=False, evidence=again)
    return Progress(made=True, evidence=f"{saved[-1].name} was written")


def _that_count(checkpoints: Sequence[Checkpoint]) -> Sequence[Checkpoint]:
    """The complete ones that are no copies; others where there are none."""
    usable = [each for each in checkpoints if each.usable]
    complete = [each for each in usable if each.complete] or usable
    return [each for each in complete if not each.copy] or complete


def _changes(saved: Mapping[tuple[int, ...], datetime]) -> set[tuple[int, ...]]:
    """The counters that one attempt saved; only the highest, if at once: those are parts, for instance of ranks."""
    at_once = max(saved.values()) - min(saved.values()) < _AT_ONCE
    return {max(saved)} if at_once else set(saved)


def _alternates(saved: Mapping[tuple[int, ...], datetime]) -> bool:
    """Whether they are two places that are written in turn."""
    return saved.keys() == {(0,), (1,)}


def _in_words(position: tuple[int, ...]) -> str:
    return " of ".join(f"{number:,}" for number in reversed(position))
