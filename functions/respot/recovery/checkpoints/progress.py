"""Whether an attempt made progress, by what it saved."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from respot.recovery.checkpoints.checkpoint import Checkpoint

_MOST_SERIES: Final = 10
"""Series of checkpoints that are remembered; frameworks write two or three."""
_LONGEST_SERIES: Final = 255

Reached = Mapping[str, int]
"""The highest step of each series of checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Whether an attempt made progress.

    Attributes:
        made: it did.
        evidence: what shows it, in words.
    """

    made: bool
    evidence: str


def reached(checkpoints: Iterable[Checkpoint], *, since: datetime) -> Reached:
    """The highest steps saved since then, to be remembered: the next attempt may write over them."""
    found: dict[str, int] = {}
    for each in checkpoints:
        if each.step is not None and each.usable and each.saved_at > since and len(each.series) <= _LONGEST_SERIES:
            found[each.series] = max(each.step, found.pop(each.series, 0))
    return dict(list(found.items())[-_MOST_SERIES:])


def progress(
    checkpoints: Sequence[Checkpoint], earlier: Iterable[Reached], *, run_began: datetime, attempt_began: datetime
) -> Progress:
    """Whether the attempt that began then brought the work forward.

    Where checkpoints have steps, only a step counts that is higher than any that the run had reached. A counter that an
    earlier run left in the same location does not count: this run may begin again. Elsewhere, new data counts, and so
    does new data of an unknown layout.

    Args:
        checkpoints: what is listed when the attempt has ended.
        earlier: the steps that each attempt before it had reached.
        run_began: when the run's first job was created.
        attempt_began: when the attempt's job was created.
    """
    saved = [each for each in checkpoints if each.usable and each.saved_at > attempt_began]
    if not saved:
        return Progress(made=False, evidence="nothing new was saved")
    left = [each for each in checkpoints if each.saved_at <= attempt_began]
    before = [*earlier, reached(left, since=run_began)]
    again: int | None = None
    for each in reversed(saved):
        if each.step is None:
            continue
        highest = max((steps[each.series] for steps in before if each.series in steps), default=None)
        if highest is None or each.step > highest:
            was = "" if highest is None else f", was {highest:,}"
            return Progress(made=True, evidence=f"step {each.step:,}{was}")
        again = again or each.step
    if unknown := next((each for each in reversed(saved) if each.layout is None), None):
        return Progress(made=True, evidence=f"new data in {unknown.name}, of an unknown layout")
    if again is not None:
        return Progress(made=False, evidence=f"step {again:,} again")
    return Progress(made=True, evidence=f"{saved[-1].name} was written")
