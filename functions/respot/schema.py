"""The ledger's keys, indexes, item kinds and attribute names."""

from enum import StrEnum
from typing import Final

CHECKS: Final = "checks"
"""The scope of the sweep over the ledger's own jobs, of all regions."""

PK: Final = "pk"
"""Partition key. IAM restricts writers by its beginning: one of the eleven below, or `DRILL_PARTITION`.

`job#<region>#<name>#<creation, epoch milliseconds>`, `run#<run>`, `attempt-of#<region>#<name>`,
`run-summary#<run>`, `writer#<hash of a location>`, `refusal#<region>`, `start#<hash of a pool>`, `sweep#<scope>`,
`pool#<pool>`, `digest#<window>`, `weekly#<ISO week>`, `drill#<id>`.
"""
JOB_PARTITION: Final = "job#"
RUN_PARTITION: Final = "run#"
ATTEMPT_NAME_PARTITION: Final = "attempt-of#"
RUN_SUMMARY_PARTITION: Final = "run-summary#"
WRITER_PARTITION: Final = "writer#"
REFUSAL_PARTITION: Final = "refusal#"
START_PARTITION: Final = "start#"
SWEEP_PARTITION: Final = "sweep#"
POOL_PARTITION: Final = "pool#"
DIGEST_PARTITION: Final = "digest#"
WEEKLY_PARTITION: Final = "weekly#"

SK: Final = "sk"
"""Sort key. Of a job: `state`, `transition#<start, ISO ms>#<status>`, `alert#<start, ISO ms>#<kind>`, `decision`,
`outcome`, `next-step`, `notice#<kind>`, `giving-up`, `creation#<hash of the placement>`; of a run:
`attempt#<number>`; of an attempt's name: `<run>#attempt#<number>`; of a refusal: a hash of the pool or role; of a
start: `<the job's creation, ISO ms>#<hash of the job>`; of a digest: `digest`, `member#<start>#<job>`.
Every other partition has one item.
"""

EXPIRES_AT: Final = "expires_at"
"""TTL attribute: epoch seconds; absent if items are kept forever."""

BY_NAME: Final = "by-name"
"""Index from a name to the jobs that had it: `region_and_name`, `created`. State items only."""
REGION_AND_NAME: Final = "region_and_name"
CREATED: Final = "created"

BY_ACTIVITY: Final = "by-activity"
"""Index for listing jobs by their last change: `active_on` (ISO date, UTC), `last_modified`. State items only."""
ACTIVE_ON: Final = "active_on"
LAST_MODIFIED: Final = "last_modified"

BY_LIVE: Final = "by-live"
"""Index of the jobs that have not ended according to the ledger: `live_in` (region), `created`.

Sparse; it carries `checkpoint_uri`, which may be longer than a key.
"""
LIVE_IN: Final = "live_in"
CHECKPOINT_URI: Final = "checkpoint_uri"

BY_RUN: Final = "by-run"
"""Index for listing runs: `listed_in` (`open`, or the day of the end, ISO, UTC), `listed_at` (when the run began, or
ended). Run summaries only; they move once, when the run ends.
"""
LISTED_IN: Final = "listed_in"
LISTED_AT: Final = "listed_at"

WATCHED_SINCE: Final = "watched_since"
RECORDED_UNTIL: Final = "recorded_until"
"""Of a sweep's progress: the ledger has every live job of the region that was created before."""
SCOPE: Final = "scope"
"""Of a sweep's progress: the region whose list it compares, or `CHECKS`."""

DRILL_PARTITION: Final = "drill#"
"""How the partition key of a drill's result begins: the only one that `slack` may write."""
POST_KEY: Final = "slack"
"""The sort key of Slack's answer to a drill's message."""

KIND: Final = "kind"
SCHEMA: Final = "schema"
"""The number of the schema that an item was written in. Items without one are of the first."""
SCHEMA_OF_THIS_VERSION: Final = 2
"""Raise it with every change that the version before could misread, and never by two in one release."""
OLDEST_SCHEMA: Final = SCHEMA_OF_THIS_VERSION - 1
"""Readers accept one schema more and one less than their own: a deployment runs both for a while, or is rolled back."""
DECIDED_AT: Final = "decided_at"
INTENDED_AT: Final = "intended_at"
STATUS: Final = "status"
STARTED: Final = "started"
ENDED_AS: Final = "ended_as"
"""Of the transition with which a job ended: its terminal TrainingJobStatus."""
RECORDED_AT: Final = "recorded_at"
"""Of a transition: when Respot recorded it."""
VERSION: Final = "version"
"""Counts the writes of a state. A write is conditional on the version it was derived from."""
OUTCOME: Final = "outcome"
"""Of an alert, a digest or a weekly digest: `claimed` while it is leased, then `sent` or `declined` for good. Of a
resubmission and of a drill's post: what became of it.
"""
LEASE_UNTIL: Final = "lease_until"
"""When the lease on an alert, a digest, a weekly digest or a sweep expires."""
NOTED_AT: Final = "noted_at"
"""Of a next step: when it was said."""
WITHDRAWN: Final = "withdrawn"
"""Why a stop intent was withdrawn."""
LEASE_HOLDER: Final = "claim"
"""The token of a lease, by which a holder that lost DynamoDB's answer recognises its own lease."""


class ItemKind(StrEnum):
    """What an item of the ledger is, in its attribute `kind`."""

    STATE = "state"
    TRANSITION = "transition"
    ALERT = "alert"
    DECISION = "decision"
    OUTCOME = "outcome"
    NOTICE = "notice"
    NEXT_STEP = "next-step"
    RUN_SUMMARY = "run-summary"
    STOP_INTENT = "giving-up"
    CREATION_INTENT = "creation-intent"
    ATTEMPT = "attempt"
    ATTEMPT_NAME = "attempt-name"
    WRITER = "writer"
    REFUSAL = "refusal"
    START = "start"
    SWEEP = "sweep"
    WINDOW = "window"
    MEMBER = "member"
    DIGEST = "digest"
    WEEKLY_DIGEST = "weekly-digest"
    DRILL_TRANSITION = "drill-transition"
    """A drill's transition. A stream reader receives this kind only if its filter names it."""
    DRILL_POST = "drill-post"
