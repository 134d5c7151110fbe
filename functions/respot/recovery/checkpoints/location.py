"""Where a job keeps its checkpoints, and the objects that are listed there."""

import re
from dataclasses import dataclass
from datetime import datetime


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
class StoredObject:
    """One object of a listing.

    Attributes:
        key: its whole key.
        size: bytes.
        last_modified: when S3 stored it, UTC.
    """

    key: str
    size: int
    last_modified: datetime


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


def may_collide(one: str | None, other: str | None) -> bool:
    """As `overlaps`, for jobs of any kind: a location outside S3, or none, holds none of our checkpoints."""
    try:
        return overlaps(one or "", other or "")
    except ValueError:
        return False


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
