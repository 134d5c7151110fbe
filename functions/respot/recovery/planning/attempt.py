"""What an attempt is created as: its job name, its lineage, its placement."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from respot.recovery.planning.decision import Placement

TAG_PREFIX: Final = "respot:"
RUN_TAG: Final = f"{TAG_PREFIX}run"
ATTEMPT_TAG: Final = f"{TAG_PREFIX}attempt"
PARENT_TAG: Final = f"{TAG_PREFIX}parent"
LINEAGE_TAGS: Final = frozenset({RUN_TAG, ATTEMPT_TAG, PARENT_TAG})
VOLUME_KEY_TAG: Final = f"{TAG_PREFIX}volume-key"
"""On an attempt that moved to local storage: the key of the earlier volumes. Anybody can set it: it only refuses."""
OWN_TAGS: Final = LINEAGE_TAGS | {VOLUME_KEY_TAG}
"""Respot's own tags on the attempts that it creates; they are no settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where an attempt comes from.

    Anybody can set the tags: they count only on a job that the ledger knows as an attempt.

    Attributes:
        run: the run's identity, in characters that a tag's value may have.
        attempt: the attempt's number.
        parent: the name of the job that the attempt continues.
    """

    run: str
    attempt: int
    parent: str

    def to_tags(self) -> dict[str, str]:
        """The tags of the attempt's job."""
        return {RUN_TAG: self.run, ATTEMPT_TAG: str(self.attempt), PARENT_TAG: self.parent}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRequest:
    """What the next attempt is to be created as.

    Attributes:
        name: its job name.
        lineage: where it comes from.
        placement: where and for how long it runs.
    """

    name: str
    lineage: Lineage
    placement: Placement


LONGEST_NAME: Final = 63
"""SageMaker's names match `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`."""
_DIGEST_LENGTH: Final = 8
_NUMBERED: Final = re.compile(r"-r[0-9]+\Z")


def attempt_name(stem: str, attempt: int, *, run: str) -> str:
    """The job name of a run's attempt, `<stem>-r<attempt>`: always the same for the same run and attempt.

    SageMaker refuses a name that exists: two creators of one attempt cannot both succeed.

    Args:
        stem: the name of the run's first job. If it is too long it is cut, and a hash of the run is added, which
            keeps runs apart whose stems begin alike.
        attempt: the attempt's number.
        run: the run's identity.
    """
    suffix = f"-r{attempt}"
    if len(stem) + len(suffix) <= LONGEST_NAME:
        return stem + suffix
    tail = f"-{hashlib.sha256(run.encode()).hexdigest()[:_DIGEST_LENGTH]}{suffix}"
    # The cut may leave a hyphen at the end, and `a--1f…` would seem a mistake.
    return stem[: LONGEST_NAME - len(tail)].rstrip("-") + tail


def may_be_attempt(name: str) -> bool:
    """Whether Respot may have created a job of this name, which nobody can change, unlike its tags."""
    return _NUMBERED.search(name) is not None
