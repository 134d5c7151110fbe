"""The tags by which an attempt tells the run it belongs to."""

from dataclasses import dataclass
from typing import Final

TAG_PREFIX: Final = "respot:"
RUN_TAG: Final = f"{TAG_PREFIX}run"
ATTEMPT_TAG: Final = f"{TAG_PREFIX}attempt"
PARENT_TAG: Final = f"{TAG_PREFIX}parent"
LINEAGE_TAGS: Final = frozenset({RUN_TAG, ATTEMPT_TAG, PARENT_TAG})
VOLUME_KEY_TAG: Final = f"{TAG_PREFIX}volume-key"
"""On an attempt that moved to local storage: the key of the volumes before it. Anybody can set it: it only refuses."""
OWN_TAGS: Final = LINEAGE_TAGS | {VOLUME_KEY_TAG}
"""Respot's marks on the attempts that it creates; they are no settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where an attempt comes from.

    The tags can be set by anybody: they are believed only of a job that the ledger knows to be an attempt.

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
