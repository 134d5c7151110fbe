"""Listings of checkpoint locations that were met in public, or follow from a framework's own code."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from respot.recovery.checkpoints.location import CheckpointLocation, StoredObject

FOLDER: Final = Path(__file__).parent / "listings"
LOCATION: Final = CheckpointLocation(bucket="ml-bucket", prefix="runs/job-1/")
CREATED: Final = datetime(2026, 9, 16, 9, tzinfo=UTC)
_HEADER: Final = re.compile(r"# (source|layout|kind|newest|incomplete|step|not): (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicListing:
    """One listing.

    Attributes:
        name: its file's name.
        headers: the lines above the objects, by their word: `source` (at least one), `layout`, `kind`, `newest` (one:
            the right answer, `~` for the beginning of it, or `none`), `incomplete`, `step`, `not`.
        objects: what is listed below `LOCATION`; times count from `CREATED`.
    """

    name: str
    headers: dict[str, list[str]]
    objects: tuple[StoredObject, ...]

    @property
    def newest(self) -> str:
        """The right answer."""
        (newest,) = self.headers["newest"]
        return newest.strip()


def read(path: Path) -> PublicListing:
    """The listing in a file."""
    headers: dict[str, list[str]] = {}
    objects: dict[str, StoredObject] = {}  # a key that is written over counts once
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            match = _HEADER.fullmatch(line)
            assert match, f"{path.name}: {line}"
            headers.setdefault(match[1], []).append(match[2])
        elif line.strip():
            minutes, size, key = line.split(maxsplit=2)
            at = CREATED + timedelta(minutes=float(minutes))
            objects[key] = StoredObject(key=LOCATION.prefix + key, size=int(float(size)), last_modified=at)
    return PublicListing(name=path.stem, headers=headers, objects=tuple(objects.values()))


@cache
def listings() -> tuple[PublicListing, ...]:
    """All of them."""
    return tuple(read(path) for path in sorted(FOLDER.glob("*.txt")))
