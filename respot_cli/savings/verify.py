"""Computes a period again from the transitions, and compares it with what is stored and summed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final

from respot.jobs.formatting import in_words
from respot.jobs.job import JobId
from respot.jobs.lifecycle import INTERRUPTED
from respot.runs.period import StoredFigures
from respot.savings.receipt import AttemptReceipt, RunReceipt
from respot.savings.span import Span
from respot.savings.totals import Group, Totals, totals_by
from respot.savings.wall_clock import TimeClass

_TOLERANCE: Final = timedelta(seconds=1)
_OF_AWS: Final = timedelta(minutes=1)
"""By how much AWS's count may differ from the transitions, and by a hundredth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was compared, and what differs.

    Attributes:
        runs: how many runs.
        jobs: jobs whose stored figures (interruptions, time in training, AWS's savings) were compared with the
            transitions.
        without_figures: jobs that have no stored figures: their items are of an earlier version.
        differences: what differs, in words; empty if all is equal.
        counted_by_aws: attempts whose TrainingTimeInSeconds was compared with the time in which they held instances.
        counted_otherwise: those that differ by more than a minute and a hundredth. AWS counts otherwise than its own
            transitions show: no error of Respot's, but worth checking.
    """

    runs: int
    jobs: int
    without_figures: int
    differences: tuple[str, ...]
    counted_by_aws: int
    counted_otherwise: tuple[str, ...]


def verify(
    receipts: Sequence[RunReceipt], stored: Mapping[JobId, StoredFigures], summed: Totals, *, team_tag: str = "team"
) -> Verification:
    """Compare the receipts with the stored figures, with AWS's count, and the sums with their parts."""
    attempts = [attempt for receipt in receipts for attempt in receipt.attempts if attempt.job is not None]
    known = [each for each in attempts if each.job and each.job in stored and stored[each.job].figures]
    timed = [each for each in attempts if each.ended and each.training]
    return Verification(
        runs=len(receipts),
        jobs=len(known),
        without_figures=len(attempts) - len(known),
        differences=(
            *(words for each in known for words in _with_stored(each, stored)),
            *(words for receipt in receipts for words in _of_timeline(receipt)),
            *_of_sums(receipts, summed, team_tag),
        ),
        counted_by_aws=len(timed),
        counted_otherwise=tuple(words for each in timed for words in _with_aws(each)),
    )


def _with_stored(attempt: AttemptReceipt, stored: Mapping[JobId, StoredFigures]) -> Iterator[str]:
    written = stored[attempt.job] if attempt.job else None
    if written is None or written.figures is None:
        return
    name, figures = attempt.name, written.figures
    if figures.interruptions != attempt.interruptions:
        yield f"{name}: {figures.interruptions} interruptions are stored, the transitions have {attempt.interruptions}"
    if attempt.ended is not None:  # the stored figures leave out the current status
        trained = attempt.trained / (attempt.instance_count or 1)
        if abs(figures.trained - trained) > _TOLERANCE:
            were, are = in_words(figures.trained), in_words(trained)
            yield f"{name}: {were} of training are stored, the transitions have {are}"
    percent = None
    if attempt.training and attempt.billed is not None:
        percent = (attempt.training - attempt.billed) / attempt.training * 100
    said = written.savings_percent or 0.0
    if percent is not None and abs(said - percent) > 0.01:
        yield f"{name}: savings of {said:.2f} % are stored, AWS's formula gives {percent:.2f} %"


def _of_timeline(receipt: RunReceipt) -> Iterator[str]:
    segments = receipt.segments
    if any(one.ended != other.began for one, other in pairwise(segments)):
        yield f"{receipt.name}: its classes of time leave a gap, or overlap"
    if segments:
        length = segments[-1].ended - receipt.began
        if abs(receipt.wall_clock.total - length) > _TOLERANCE:
            yield f"{receipt.name}: its classes of time are {in_words(receipt.wall_clock.total)} of {in_words(length)}"
    interruptions = sum(each.status == INTERRUPTED for each in segments)
    if interruptions > receipt.interruptions:
        yield f"{receipt.name}: {interruptions} interruptions on its timeline, {receipt.interruptions} in its jobs"
    for attempt in receipt.attempts:
        if abs(attempt.kept.low + attempt.lost.high - attempt.trained) > _TOLERANCE:
            yield f"{attempt.name}: what was kept and what was lost is not what was trained"


def _of_sums(receipts: Sequence[RunReceipt], summed: Totals, team_tag: str) -> Iterator[str]:
    for group in Group:
        parts = list(totals_by(group, receipts, team_tag=team_tag).values())
        whole = Totals()
        for part in parts:
            whole += part
        for what, one, other in _figures(summed, whole):
            if one != other:
                yield f"the sum of {what} by {group} is {other}, and the total is {one}"


def _figures(one: Totals, other: Totals) -> Iterator[tuple[str, timedelta | Span | int, timedelta | Span | int]]:
    yield "attempts", one.attempts, other.attempts
    yield "interruptions", one.interruptions, other.interruptions
    yield "training", one.training, other.training
    yield "billed time", one.billed, other.billed
    yield "uninterrupted time", one.uninterrupted, other.uninterrupted
    yield "lost time", one.lost, other.lost
    yield "wall-clock time", one.wall_clock.total, other.wall_clock.total
    for each in TimeClass:
        yield f"time {each}", one.wall_clock.of(each), other.wall_clock.of(each)


def _with_aws(attempt: AttemptReceipt) -> Iterator[str]:
    if not attempt.training:
        return
    held = sum((each.length for each in attempt.segments if each.held), timedelta()) * (attempt.instance_count or 1)
    if abs(held - attempt.training) > _OF_AWS + attempt.training / 100:
        counted, shown = in_words(attempt.training), in_words(held)
        yield f"{attempt.name}: AWS counts {counted} of training time, the transitions show instances for {shown}"
