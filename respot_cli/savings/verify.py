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
_HUNDREDTH: Final = 0.01
"""By how much a stored percentage may differ: it has two digits."""
_OF_AWS: Final = timedelta(minutes=1)
"""By how much AWS's count may differ from the transitions, and by a hundredth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was compared, and what differs.

    Attributes:
        runs: how many runs.
        jobs: jobs whose stored figures (interruptions, time in training and waiting, AWS's savings) were compared with
            the transitions.
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
    receipts: Sequence[RunReceipt],
    stored: Mapping[JobId, StoredFigures],
    computed: Mapping[JobId, StoredFigures],
    summed: Totals,
    *,
    team_tag: str = "team",
) -> Verification:
    """Compare stored figures with those computed again, receipts with AWS's count, and the sums with their parts."""
    attempts = [attempt for receipt in receipts for attempt in receipt.attempts if attempt.job is not None]
    known = [each for each in attempts if each.job and each.job in stored and stored[each.job].figures]
    timed = [each for each in attempts if each.ended and each.training]
    return Verification(
        runs=len(receipts),
        jobs=len(known),
        without_figures=len(attempts) - len(known),
        differences=(
            *(words for each in known for words in _with_stored(each, stored, computed)),
            *(words for receipt in receipts for words in _of_timeline(receipt)),
            *_of_sums(receipts, summed, team_tag),
        ),
        counted_by_aws=len(timed),
        counted_otherwise=tuple(words for each in timed for words in _with_aws(each)),
    )


def _with_stored(
    attempt: AttemptReceipt, stored: Mapping[JobId, StoredFigures], computed: Mapping[JobId, StoredFigures]
) -> Iterator[str]:
    """Each job alone: in its receipt, the time that another attempt has, too, is missing."""
    if attempt.job is None or attempt.job not in computed:
        return
    name, of_job, again_of_job = attempt.name, stored[attempt.job], computed[attempt.job]
    written, again = of_job.figures, again_of_job.figures
    if written and again:
        if written.interruptions != again.interruptions:
            were, are = written.interruptions, again.interruptions
            yield f"{name}: {were} interruptions are stored, the transitions have {are}"
        for what, one, other in (
            ("training", written.trained, again.trained),
            ("waiting", written.waited, again.waited),
        ):
            if abs(one - other) > _TOLERANCE:
                long, other_long = _apart(one, other)
                yield f"{name}: {long} of {what} are stored, the transitions have {other_long}"
    said, percent = of_job.savings_percent, again_of_job.savings_percent
    if (said is None) != (percent is None) or abs((said or 0.0) - (percent or 0.0)) > _HUNDREDTH:
        yield f"{name}: savings of {_percent(said)} are stored, AWS's formula gives {_percent(percent)}"


def _apart(one: timedelta, other: timedelta) -> tuple[str, str]:
    """Both in words; in seconds where words are too coarse to show the difference."""
    were, are = in_words(one), in_words(other)
    return (were, are) if were != are else (f"{one.total_seconds():,.1f} s", f"{other.total_seconds():,.1f} s")


def _percent(value: float | None) -> str:
    return "no known share" if value is None else f"{value:.2f} %"


def _of_timeline(receipt: RunReceipt) -> Iterator[str]:
    segments = receipt.segments
    if any(one.ended != other.began for one, other in pairwise(segments)):
        yield f"{receipt.name}: its classes of time leave a gap, or overlap"
    if segments:
        length = segments[-1].ended - receipt.began
        if abs(receipt.wall_clock.total - length) > _TOLERANCE:
            yield f"{receipt.name}: its classes of time are {in_words(receipt.wall_clock.total)} of {in_words(length)}"
    for attempt in receipt.attempts:
        yield from _of_attempt(attempt)


def _of_attempt(attempt: AttemptReceipt) -> Iterator[str]:
    if any(each.length < timedelta() for each in attempt.segments):
        yield f"{attempt.name}: a part of its time ends before it begins"
    # What the ledger wrote after the end is on no timeline.
    interruptions = sum(attempt.ended is None or each <= attempt.ended for each in attempt.interrupted)
    drawn = sum(each.status == INTERRUPTED and not each.held for each in attempt.segments)
    if drawn != interruptions:
        yield f"{attempt.name}: {drawn} interruptions on its timeline, {interruptions} in its transitions"
    for what, span, whole in (
        ("training kept", attempt.kept, attempt.trained),
        ("training lost", attempt.lost, attempt.trained),
        ("the same work, uninterrupted,", attempt.uninterrupted, attempt.training),
    ):
        if span and whole is not None and not timedelta() <= span.low <= span.high <= whole:
            yield f"{attempt.name}: {what} is {in_words(span.low)} to {in_words(span.high)}, of {in_words(whole)}"


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
