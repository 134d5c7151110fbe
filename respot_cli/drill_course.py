"""A drill's course: which hops it has passed, how long each took, and where it got stuck."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.aws.dynamodb.drills import DrillPost, DynamoDbDrillPosts
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.formatting import clause
from respot.recording.drill import Drill

POLL: Final = timedelta(milliseconds=300)


class Hop(StrEnum):
    """The stations at which a drill can get stuck."""

    EVENT_BUS = "event bus"
    RECORD = "record"
    ALERT = "alert"
    SLACK = "Slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A hop that the drill has passed.

    Attributes:
        hop: up to and including which station.
        at: when.
        took: since the station before; may be negative when this machine's clock is ahead of AWS's.
        said: what the ledger has of it.
    """

    hop: Hop
    at: datetime
    took: timedelta
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Where the drill got stuck.

    Attributes:
        hop: the station that it did not pass.
        reason: why, as far as it is known.
        final: whether it is no use to wait longer.
        look_at: what to look at, in the order in which it is worth looking.
    """

    hop: Hop
    reason: str
    final: bool = False
    look_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far a drill has come.

    Attributes:
        passed: the hops behind it, in order.
        stuck: where it got stuck; `None` if it passed all there are.
        has_slack: whether there is a Slack to go to.
    """

    passed: tuple[Passed, ...] = ()
    stuck: Stuck | None = None
    has_slack: bool = True

    def explained(self, explain: Callable[[Stuck], Stuck]) -> "Course":
        """The course with more said about where it got stuck."""
        return replace(self, stuck=explain(self.stuck)) if self.stuck else self


class Traces(Protocol):
    """What a drill leaves on its way."""

    def recorded_at(self, drill: Drill) -> datetime | None:
        """When the transition that people are told of came into the ledger."""

    def alert_record(self, drill: Drill) -> AlertRecord | None:
        """The settled alert."""

    def post(self, drill: Drill) -> DrillPost | None:
        """What Slack said last."""


class LedgerTraces:
    """Traces in a deployment's ledger."""

    def __init__(self, ledger: DynamoDbLedger, posts: DynamoDbDrillPosts) -> None:
        """Both are only read from."""
        self._ledger = ledger
        self._posts = posts

    def recorded_at(self, drill: Drill) -> datetime | None:
        """See `Traces.recorded_at`."""
        return self._ledger.recorded_at(drill.job, drill.alerted)

    def alert_record(self, drill: Drill) -> AlertRecord | None:
        """See `Traces.alert_record`."""
        return next(
            (alert_record for alert_record in self._ledger.alerts(drill.job) if alert_record.kind is drill.kind), None
        )

    def post(self, drill: Drill) -> DrillPost | None:
        """See `Traces.post`."""
        return self._posts.find(drill.id)


def follow(
    drill: Drill,
    traces: Traces,
    *,
    has_slack: bool,
    patience: timedelta,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    tell: Callable[[Stuck], None],
) -> Course:
    """Look until the drill has passed everything, or was declined, or patience ends; `tell` hears what is waited for.

    What Slack refused is tried again by `slack`, so that a refusal alone ends nothing.
    """
    deadline = monotonic() + patience.total_seconds()
    while True:
        course = _look(drill, traces, has_slack=has_slack)
        if course.stuck is None or course.stuck.final:
            return course
        if monotonic() >= deadline:
            reason = f"{clause(course.stuck.reason)} (waited {patience.total_seconds():g} s)"
            return replace(course, stuck=replace(course.stuck, reason=reason))
        tell(course.stuck)
        sleep(POLL.total_seconds())


def _look(drill: Drill, traces: Traces, *, has_slack: bool) -> Course:
    recorded_at = traces.recorded_at(drill)
    if recorded_at is None:
        return Course(stuck=Stuck(hop=Hop.RECORD, reason="the ledger has nothing of it"), has_slack=has_slack)
    passed = [
        Passed(hop=Hop.RECORD, at=recorded_at, took=recorded_at - drill.sent_at, said="in the ledger"),
    ]
    alert_record = traces.alert_record(drill)
    if alert_record is None or alert_record.outcome is AlertOutcome.DECLINED:
        reason = f"no alert is sent: {alert_record.reason}" if alert_record else "no alert was sent"
        stuck = Stuck(hop=Hop.ALERT, reason=reason, final=alert_record is not None)
        return Course(passed=tuple(passed), stuck=stuck, has_slack=has_slack)
    took = alert_record.settled_at - recorded_at
    passed.append(
        Passed(hop=Hop.ALERT, at=alert_record.settled_at, took=took, said=f"SNS took it as {alert_record.message_id}")
    )
    if not has_slack:
        return Course(passed=tuple(passed), has_slack=False)
    post = traces.post(drill)
    if post is None or post.refusal:
        reason = post.refusal if post and post.refusal else "nothing is known of Slack's answer"
        return Course(passed=tuple(passed), stuck=Stuck(hop=Hop.SLACK, reason=reason))
    # Slack may be quicker than the note that SNS has taken the alert.
    took = max(post.at - alert_record.settled_at, timedelta())
    return Course(passed=(*passed, Passed(hop=Hop.SLACK, at=post.at, took=took, said="Slack accepted it")))
