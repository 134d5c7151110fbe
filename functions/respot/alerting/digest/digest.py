"""Digests: which alerts one message reports together."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from respot.alerting.alert import Alert, AlertOutcome
from respot.alerting.kinds import OF_ANY_TYPE, AlertKind, Severity, severity_of
from respot.jobs.formatting import iso
from respot.jobs.job import JobId
from respot.recovery.planning.decision import Outlook
from respot.recovery.planning.ending import Trigger, ending_of

GROUPED: Final = frozenset(AlertKind) - {AlertKind.DIGEST}
"""Kinds that digests group; of `failed`, only what `pool_of` admits."""

_PLAIN_TYPE: Final = re.compile(r"[a-z0-9.-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityPool:
    """Jobs to which the same happens at once.

    Attributes:
        kind: what happens to them.
        region: where.
        instance_type: on what; `None` if it is unknown or does not matter.
    """

    kind: AlertKind
    region: str
    instance_type: str | None

    @property
    def key(self) -> str:
        """The pool as a short, safe text: an instance type that only an event reports can be any text."""
        named = self.instance_type or ("any" if self.kind in OF_ANY_TYPE else "unknown")
        if not _PLAIN_TYPE.fullmatch(named):
            named = hashlib.sha256(named.encode(errors="surrogatepass")).hexdigest()[:16]
        return f"{self.region}/{named}/{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestWindow:
    """A span of time in which people receive a pool's first alert, and the others in a digest.

    Attributes:
        pool: of which pool.
        opened: when Respot processed the first alert, by its own clock, so that late events are grouped, too.
        closes: until when others join.
        opener: the id of that first alert.
        timer_sent: whether the message that will close the window was sent.
        closed: whether it was closed; the digest does not have later entries.
    """

    pool: CapacityPool
    opened: datetime
    closes: datetime
    opener: str = ""
    timer_sent: bool = False
    closed: bool = False

    @property
    def id(self) -> str:
        """The id of the window's digest."""
        return f"digest/{self.pool.key}/{iso(self.opened)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestEntry:
    """An alert that a digest reports to people.

    Attributes:
        job: which job.
        arn: its ARN.
        started: when it happened.
        alert: the alert's id.
        headline: the alert's headline.
        description: the particulars in which it may differ from others of its kind; empty if there are none.
        severity: how urgent it is; `None` is as urgent as its kind.
        outlook: of the end of a job: what Respot will do about it.
    """

    job: JobId
    arn: str
    started: datetime
    alert: str
    headline: str
    description: str = ""
    severity: Severity | None = None
    outlook: Outlook = Outlook.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What people receive about a window: its entries, in order of time. One without entries is not sent."""

    window: DigestWindow
    entries: tuple[DigestEntry, ...]

    @property
    def id(self) -> str:
        """The same for every delivery."""
        return self.window.id

    @property
    def severity(self) -> Severity:
        """The highest severity of its entries, so that a filter by severity misses none."""
        usual = severity_of(self.window.pool.kind)
        return max((entry.severity or usual for entry in self.entries), key=list(Severity).index)

    @property
    def jobs(self) -> int:
        """How many jobs: one may be interrupted twice within a window."""
        return len({entry.job for entry in self.entries})


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRecord:
    """What the ledger keeps of a digest.

    Attributes:
        digest: its id.
        outcome: sent, or declined for lack of entries.
        reason: why, in an operator's words.
        headline: of the message; `None` if none was sent.
        settled_at: when it was completed.
        message_id: SNS's id of the message; `None` if none was sent.
    """

    digest: str
    outcome: AlertOutcome
    reason: str
    headline: str | None
    settled_at: datetime
    message_id: str | None


def pool_of(alert: Alert) -> CapacityPool | None:
    """The pool whose window the alert opens or joins; `None` if people always receive the alert itself.

    Only this function decides which alerts are grouped.
    """
    state = alert.state
    if state.job.is_drill:
        return None  # a drill must neither delay a real alert nor be delayed
    instance_type = None if alert.kind in OF_ANY_TYPE else state.instance_type
    pool = CapacityPool(kind=alert.kind, region=state.job.region, instance_type=instance_type)
    match alert.kind:
        case AlertKind.INTERRUPTED | AlertKind.MAX_WAIT_TIME_EXCEEDED | AlertKind.ENDED:
            return pool  # capacity leaves the pool: its other jobs are affected, too
        case AlertKind.RESUBMITTED | AlertKind.WOULD_RESUBMIT | AlertKind.NOT_RESUBMITTED:
            return pool  # follows the interruptions of the pool; a digest quotes the reasons, which may differ
        case AlertKind.WAIT_LIMIT_EXCEEDED | AlertKind.CREATION_POSTPONED | AlertKind.DEADLINE_AT_RISK:
            return pool  # jobs of one pool wait together, and then meet the same quota
        case AlertKind.MAX_RUNTIME_EXCEEDED | AlertKind.ADVICE:
            return pool  # jobs started together from one definition share its limits and settings
        case AlertKind.POLICY_INVALID:
            return pool  # an invalid policy blocks every job of the account
        case AlertKind.POSTPONED:
            return pool  # and so does the kill switch
        case AlertKind.FAILED:
            # Lost capacity fails jobs, too. Any other failure is a job's own, and people need its reason.
            return pool if ending_of(state).trigger is Trigger.CAPACITY_ERROR else None
        case AlertKind.DIGEST:
            return None  # of many jobs already
        case _:  # pragma: no cover - mypy proves that no kind is left
            assert_never(alert.kind)


def is_over(window: DigestWindow, *, now: datetime) -> bool:
    """Whether another alert of the pool opens a new window."""
    return window.closes <= now


def time_left(window: DigestWindow, *, now: datetime) -> timedelta:
    """How long until the window may be closed."""
    return max(window.closes - now, timedelta())
