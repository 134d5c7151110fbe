"""The checkpoints under a prefix, recognised by the names, sizes and times of its objects.

`layouts` says which objects make one checkpoint, and whether it is complete. No object is ever opened: nothing here
proves that a framework can load a checkpoint.

Order: groups whose names differ only in their numbers are a series, in the order of those numbers, by which frameworks
resume. Several series (Lightning's `last.ckpt` beside `epoch=1-step=200.ckpt`, two frameworks) are interleaved by time,
since their numbers mean different things. A checkpoint counts as no older than those with lower numbers in its series.

List after the job has ended. Objects that SageMaker's sync uploads after the stop count like all others, since the next
job is given everything under the prefix. Only `age` and `described` use the time of the stop.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from respot.jobs.formatting import bytes_in_words, in_words, readable
from respot.recovery.checkpoints.layouts import Kind, group, is_complete, is_file
from respot.recovery.checkpoints.layouts import StoredObject as StoredObject

LATE_SYNC: Final = timedelta(minutes=15)
"""Objects that arrive later than this after the stop were not synced by the stopped job; alerts report it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointLocation:
    """Where a job keeps its checkpoints.

    Attributes:
        bucket: the bucket's name.
        prefix: ends in `/`, so that `job-1/` does not match `job-10/…`; empty for a whole bucket.
    """

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The objects under a prefix.

    It is in the order of the keys, not of time. A listing that was cut may be used, but the newest checkpoint may be
    missing: conclude no absence from it, and report its `caveat`.

    Attributes:
        objects: in the order of their keys.
        cut: there are more objects than these.
        bucket_exists: `False` if S3 definitely answered that there is no such bucket; then there are no objects.
    """

    objects: tuple[StoredObject, ...]
    cut: bool = False
    bucket_exists: bool = True

    @property
    def caveat(self) -> str | None:
        """What people must know before they rely on it."""
        if not self.bucket_exists:
            return "the bucket does not exist"
        return f"listing cut after {len(self.objects):,} objects: there may be newer ones" if self.cut else None


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
        known: it follows a known layout; otherwise it is just a file or directory.
    """

    name: str
    step: int | None
    saved_at: datetime
    size: int
    complete: bool
    objects: int
    known: bool = True


def parse_location(uri: str) -> CheckpointLocation:
    """The place that an S3 URI names.

    Raises:
        ValueError: it is no S3 URI with a bucket.
    """
    bucket, key = _split(uri)
    return CheckpointLocation(bucket=bucket, prefix=_as_directory(key))


def overlaps(one: str, other: str) -> bool:
    """Whether one of two jobs with these checkpoint URIs reads what the other one writes.

    SageMaker takes the URI as a raw prefix: `s3://b/job-1` is given `job-10/…` too, `s3://b/job-1/` is not.

    Raises:
        ValueError: one of them is no S3 URI with a bucket.
    """
    (bucket, read), (other_bucket, other_read) = _split(one), _split(other)
    return bucket == other_bucket and (
        _as_directory(other_read).startswith(read) or _as_directory(read).startswith(other_read)
    )


def _split(uri: str) -> tuple[str, str]:
    # urlsplit would not take `?` and `#` as parts of a key.
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not re.fullmatch(r"[A-Za-z0-9._-]+", bucket):
        message = f"{uri!r} is not a place in S3: expected s3://bucket/prefix"
        raise ValueError(message)
    return bucket, key


def _as_directory(key: str) -> str:
    return key if not key or key.endswith("/") else f"{key}/"


def recognise(objects: Iterable[StoredObject], location: CheckpointLocation) -> tuple[Checkpoint, ...]:
    """The checkpoints among these objects, oldest to newest; see the module for their order.

    What follows no known layout is included, one for each topmost file or directory, since its time shows progress.
    """
    below = {each.key[len(location.prefix) :]: each for each in objects if each.key.startswith(location.prefix)}
    groups = group({path: each for path, each in below.items() if is_file(path)})
    found: list[tuple[datetime, bool, Checkpoint]] = []
    ordered = sorted(groups, key=lambda each: (each.series, each.step or 0, each.saved_at, each.name))
    for _, series in groupby(ordered, key=lambda each: each.series):
        previous, reached = None, datetime.min.replace(tzinfo=UTC)
        for each in series:
            reached = max(reached, each.saved_at)
            checkpoint = Checkpoint(
                name=each.name,
                step=each.step,
                saved_at=each.saved_at,
                size=each.size,
                complete=is_complete(each, previous),
                objects=len(each.files),
                known=each.kind is not Kind.UNKNOWN,
            )
            found.append((reached, each.step is not None, checkpoint))
            previous = each
    # The sort is stable: series keep their order, and at the same moment the one that names its step counts as newer.
    return tuple(checkpoint for *_, checkpoint in sorted(found, key=lambda each: each[:2]))


def newest_complete(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The newest complete one, from the result of `recognise`.

    Logs and other by-products are often newer than checkpoints: unknown layouts count only if there is no known one.
    """
    known = [each for each in checkpoints if each.known] or checkpoints
    return next((each for each in reversed(known) if each.complete), None)


def age(checkpoint: Checkpoint, stopped_at: datetime) -> timedelta:
    """Its age when the job stopped; zero if its last object was synced later."""
    return max(stopped_at - checkpoint.saved_at, timedelta())


def described(checkpoint: Checkpoint, *, stopped_at: datetime | None = None) -> str:
    """A checkpoint for people: `checkpoint-500 (3 min old, 2.1 GB)`; the age is that when the job stopped."""
    if stopped_at is None:
        when = f"saved {readable(checkpoint.saved_at)}"
    elif checkpoint.saved_at < stopped_at:
        when = f"{in_words(age(checkpoint, stopped_at))} old"
    elif checkpoint.saved_at <= stopped_at + LATE_SYNC:
        when = "saved as the job stopped"
    else:
        when = f"written {in_words(checkpoint.saved_at - stopped_at)} after the job stopped"
    incomplete = "" if checkpoint.complete else ", incomplete"
    return f"{checkpoint.name} ({when}, {bytes_in_words(checkpoint.size)}{incomplete})"
