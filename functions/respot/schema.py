"""The ledger's words: keys, indexes, kinds and attribute names of the one table, each said once."""

from enum import StrEnum
from typing import Final

PK: Final = "pk"
"""Partition key: `job#<region>#<name>#<creation, epoch milliseconds>`."""
SK: Final = "sk"
"""Sort key: `state`, `transition#<start, ISO ms>#<status>` or `alert#<start, ISO ms>#<kind>`."""

STATE_KEY: Final = "state"
"""The sort key of a job's state."""

EXPIRES_AT: Final = "expires_at"
"""TTL attribute: epoch seconds; absent where items are kept for ever."""

BY_NAME: Final = "by-name"
"""Index from a job's name to the jobs that had it: `region_and_name`, `created`. State items only."""
REGION_AND_NAME: Final = "region_and_name"
CREATED: Final = "created"

BY_ACTIVITY: Final = "by-activity"
"""Index for listing jobs by their last change: `active_on` (ISO date, UTC), `last_modified`. State items only."""
ACTIVE_ON: Final = "active_on"
LAST_MODIFIED: Final = "last_modified"

KIND: Final = "kind"
STATUS: Final = "status"
STARTED: Final = "started"
VERSION: Final = "version"
"""Counts the writes of a state: a write names the version it was worked out from."""
OUTCOME: Final = "outcome"
"""Of an alert: `claimed` while somebody has it in hand, then `sent` or `declined` for good."""
LEASE_UNTIL: Final = "lease_until"
"""Until when a claimed alert is in hand."""


class ItemKind(StrEnum):
    """What an item of the ledger is, in its attribute `kind`."""

    STATE = "state"
    TRANSITION = "transition"
    ALERT = "alert"
