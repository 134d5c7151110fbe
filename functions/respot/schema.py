"""The ledger's words: keys, indexes, kinds and attribute names of the one table, each said once."""

from enum import StrEnum
from typing import Final

CHECKS: Final = "checks"
"""The scope of the pass over the ledger's own jobs, of all regions."""

PK: Final = "pk"
"""Partition key. It begins with one of the six texts below, or with `DRILL_PARTITION`: IAM tells by that who may write.

`job#<region>#<name>#<creation, epoch milliseconds>`, `run#<run>`, `reservation#<hash of a location>`, `sweep#<scope>`,
`pool#<pool>`, `digest#<window>`, `drill#<id>`.
"""
JOB_PARTITION: Final = "job#"
RUN_PARTITION: Final = "run#"
WRITER_PARTITION: Final = "writer#"
SWEEP_PARTITION: Final = "sweep#"
POOL_PARTITION: Final = "pool#"
DIGEST_PARTITION: Final = "digest#"

SK: Final = "sk"
"""Sort key: `state`, `transition#<start, ISO ms>#<status>`, `alert#<start, ISO ms>#<kind>`, `decision`, `outcome`,
`notice`, `giving-up`; of a run `attempt#<number>`."""

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

BY_LIVE: Final = "by-live"
"""Index of the jobs that have not ended, as far as the ledger knows: `live_in` (region), `created`.

Sparse; it carries `checkpoint_uri`, which may be longer than a key.
"""
LIVE_IN: Final = "live_in"
CHECKPOINT_URI: Final = "checkpoint_uri"

DECISION_KEY: Final = "decision"
"""The sort key of the decision on a job that has ended: there is one at most."""
OUTCOME_KEY: Final = "outcome"
"""The sort key of what became of a decision to resubmit: there is one at most."""
NOTICE_KEY: Final = "notice"
"""The sort key, with `#<kind>`, of what people must be told of a job on which nothing could be decided."""
STOP_INTENT_KEY: Final = "giving-up"
"""The sort key of the note that Respot is about to stop a job which waits too long; a newer one replaces it."""
WINDOW_KEY: Final = "window"
"""The sort key of a pool's latest window, in the partition `pool#<pool>`."""
DIGEST_KEY: Final = "digest"
"""The sort key of a window's digest, in the partition `digest#<window>`, which has its members besides."""
WRITER_KEY: Final = "writer"
"""The sort key of a checkpoint location's writer, in the partition `reservation#<hash of the location>`."""

SWEEP_KEY: Final = "sweep"
"""The sort key of how far a sweep has come, in the partition `sweep#<scope>`."""
WATCHED_SINCE: Final = "watched_since"
SCOPE: Final = "scope"
"""Of a sweep's pass: the region whose list it compares, or `CHECKS`."""

DRILL_PARTITION: Final = "drill#"
"""How the partition key of a drill's note begins: the one that `slack` may write."""
POST_KEY: Final = "slack"
"""The sort key of what Slack said to a drill's message."""

KIND: Final = "kind"
DECIDED_AT: Final = "decided_at"
STATUS: Final = "status"
STARTED: Final = "started"
ENDED_AS: Final = "ended_as"
"""Of the transition with which a job ended: its terminal TrainingJobStatus."""
RECORDED_AT: Final = "recorded_at"
"""Of a transition: when Respot learnt of it."""
VERSION: Final = "version"
"""Counts the writes of a state: a write names the version it was worked out from."""
OUTCOME: Final = "outcome"
"""Of an alert: `claimed` while it is leased, then `sent` or `declined` for good."""
LEASE_UNTIL: Final = "lease_until"
"""When the lease on an alert expires."""
WITHDRAWN: Final = "withdrawn"
"""Why the stop that a note announced did not follow."""
LEASE_HOLDER: Final = "claim"
"""The token of a lease: a sender whose answer was lost recognises its own lease by it."""


class ItemKind(StrEnum):
    """What an item of the ledger is, in its attribute `kind`."""

    STATE = "state"
    TRANSITION = "transition"
    ALERT = "alert"
    DECISION = "decision"
    OUTCOME = "outcome"
    NOTICE = "notice"
    STOP_INTENT = "giving-up"
    ATTEMPT = "attempt"
    WRITER = "writer"
    SWEEP = "sweep"
    WINDOW = "window"
    MEMBER = "member"
    DIGEST = "digest"
    DRILL_TRANSITION = "drill-transition"
    """A drill's stay: of a kind of its own, so that a reader of the stream sees it only if it asks for it."""
    DRILL_POST = "drill-post"
