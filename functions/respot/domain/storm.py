"""Storms: many jobs of one pool lose their capacity at once, and people get one alert and one digest of the rest."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.domain.alert import Alert, AlertOutcome
from respot.domain.alert_kinds import AlertKind, Severity, severity_of
from respot.domain.durations import iso
from respot.domain.job import JobId

GATHERED: Final = frozenset({AlertKind.INTERRUPTED, AlertKind.MAX_WAIT_TIME_EXCEEDED})
"""Kinds that say that capacity is leaving a pool: what one job suffers, its neighbours suffer."""

_PLAIN_TYPE: Final = re.compile(r"[a-z0-9.-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Jobs that lose the same thing at once.

    Attributes:
        kind: what happens to them.
        region: where.
        instance_type: on what; `None` if it is not known.
    """

    kind: AlertKind
    region: str
    instance_type: str | None

    @property
    def key(self) -> str:
        """The pool in a bounded text without surprises: an instance type that only an event told may be anything."""
        named = self.instance_type or "unknown"
        if not _PLAIN_TYPE.fullmatch(named):
            named = hashlib.sha256(named.encode(errors="surrogatepass")).hexdigest()[:16]
        return f"{self.region}/{named}/{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of time in which a pool's first alert is sent and the others are held back.

    Attributes:
        pool: of which pool.
        opened: when the first alert was taken in hand, by Respot's clock: what comes late is gathered all the same.
        closes: until when others join.
        opener: the id of that first alert.
        timer_sent: whether it is certain that somebody will close the window.
        closed: whether it was closed; whoever joins later is not counted any more.
    """

    pool: Pool
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
class Member:
    """An alert that a digest tells people of.

    Attributes:
        job: which job.
        arn: its ARN.
        started: when it happened.
        alert: the alert's id.
        headline: what it says.
    """

    job: JobId
    arn: str
    started: datetime
    alert: str
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What people are told of a window's members, of which there is at least one; they are in order of time."""

    window: Window
    members: tuple[Member, ...]

    @property
    def id(self) -> str:
        """The same for every delivery."""
        return self.window.id

    @property
    def severity(self) -> Severity:
        """That of the alerts it stands for, so that whoever filters by it misses none."""
        return severity_of(self.window.pool.kind)

    @property
    def jobs(self) -> int:
        """How many jobs: one may be interrupted twice within a window."""
        return len({member.job for member in self.members})


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestReceipt:
    """What the ledger keeps of a digest.

    Attributes:
        digest: its id.
        outcome: sent, or declined for lack of members.
        reason: why, in words an operator reads.
        headline: what was said; `None` if nothing was.
        settled_at: when.
        message_id: SNS's id of the message; `None` if none was sent.
    """

    digest: str
    outcome: AlertOutcome
    reason: str
    headline: str | None
    settled_at: datetime
    message_id: str | None


def pool_of(alert: Alert) -> Pool | None:
    """The pool whose window the alert opens or joins; `None` if people are told of it by itself, whatever else comes.

    This is the one place that says which alerts storms are made of.
    """
    if alert.kind not in GATHERED or alert.facts.job.is_drill:
        return None
    facts = alert.facts
    return Pool(kind=alert.kind, region=facts.job.region, instance_type=facts.instance_type)


def is_over(window: Window, *, now: datetime) -> bool:
    """Whether another alert of the pool opens a window of its own."""
    return window.closes <= now


def time_left(window: Window, *, now: datetime) -> timedelta:
    """How long until the window may be closed."""
    return max(window.closes - now, timedelta())
