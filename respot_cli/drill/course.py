"""A drill's course: the hops that it passed, with their times, up to where it got stuck."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import KIND_BY_STATUS
from respot.aws.dynamodb.drills import DrillPost, DynamoDbDrillPosts
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.formatting import clause
from respot.recording.drill import Drill

POLL: Final = timedelta(milliseconds=300)


class Hop(StrEnum):
    """Where a drill can get stuck."""

    EVENT_BUS = "event bus"
    RECORD = "record"
    ALERT = "alert"
    SLACK = "Slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A hop that the drill has passed.

    Attributes:
        hop: the hop.
        at: when.
        took: since the hop before; may be negative when this machine's clock is ahead of AWS's.
        said: what the ledger has about it.
    """

    hop: Hop
    at: datetime
    took: timedelta
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Where the drill got stuck.

    Attributes:
        hop: the hop that it did not pass.
        reason: why, as far as it is known.
        final: whether waiting longer is of no use.
        checks: what to check, the most likely cause first.
    """

    hop: Hop
    reason: str
    final: bool = False
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far a drill has come.

    Attributes:
        passed: the hops behind it, in order.
        stuck: where it got stuck; `None` if it passed all hops.
        has_slack: whether Slack is deployed.
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
        """When the transition to alert on came into the ledger."""

    def alert_record(self, drill: Drill) -> AlertRecord | None:
        """The completed alert."""

    def post(self, drill: Drill) -> DrillPost | None:
        """Slack's last answer."""


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
        kind = KIND_BY_STATUS[drill.status]
        return next((record for record in self._ledger.alerts(drill.job) if record.kind is kind), None)

    def post(self, drill: Drill) -> DrillPost | None:
        """See `Traces.post`."""
        return self._posts.find(drill.id)


def follow(
    drill: Drill,
    traces: Traces,
    *,
    has_slack: bool,
    timeout: timedelta,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    on_waiting: Callable[[Stuck], None],
) -> Course:
    """Poll until the drill has passed every hop, was declined, or the timeout is over.

    `on_waiting` gets what the drill is waiting for. Slack's refusal ends nothing: `slack` retries the message.
    """
    deadline = monotonic() + timeout.total_seconds()
    while True:
        course = course_of(drill, traces, has_slack=has_slack)
        if course.stuck is None or course.stuck.final:
            return course
        if monotonic() >= deadline:
            reason = f"{clause(course.stuck.reason)} (waited {timeout.total_seconds():g} s)"
            return replace(course, stuck=replace(course.stuck, reason=reason))
        on_waiting(course.stuck)
        sleep(POLL.total_seconds())


def course_of(drill: Drill, traces: Traces, *, has_slack: bool) -> Course:
    """How far the drill has come by now."""
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
    # Slack may answer before the ledger has SNS's answer.
    took = max(post.at - alert_record.settled_at, timedelta())
    return Course(passed=(*passed, Passed(hop=Hop.SLACK, at=post.at, took=took, said="Slack accepted it")))
