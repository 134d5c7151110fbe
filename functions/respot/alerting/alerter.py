"""Completes each required alert: sends it, or records why it is declined."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from respot.alerting.advice import advise
from respot.alerting.alert import (
    Alert,
    AlertDecision,
    AlertOutcome,
    AlertPolicy,
    AlertRecord,
    decide,
    interruptions_before,
    kind_of,
)
from respot.alerting.digest.collector import DigestCollector
from respot.alerting.kinds import OF_RECOVERY, AlertKind
from respot.alerting.ports import AlertTopic, Foresight, Ledger
from respot.alerting.required import (
    JobAppeared,
    LedgerChange,
    RecoveryNews,
    TransitionRecorded,
    news_of,
    news_of_decision,
    news_of_notice,
    news_of_outcome,
    outlook_after,
)
from respot.alerting.text import concludes, headline
from respot.errors import (
    ItemError,
    LedgerIncompleteError,
    LedgerUnavailableError,
    QueueUnavailableError,
    TopicUnavailableError,
    UnreadableItemError,
)
from respot.jobs.job import JobId, JobRecord, JobState, Transition
from respot.jobs.lifecycle import appearance, end_of, figures
from respot.jobs.ports import Clock
from respot.recovery.planning.decision import Outlook
from respot.recovery.ports import RunStore
from respot.recovery.records import DecisionRecord, Notice, Outcome
from respot.recovery.run_place import place_in_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerter:
    """Decides on an alert, publishes it and records the result.

    Without `digests`, people get each alert. Without `foresight`, what Respot does about an end is unknown.
    """

    ledger: Ledger
    runs: RunStore
    topic: AlertTopic
    clock: Clock
    kinds: frozenset[AlertKind]
    max_age: timedelta
    lease: timedelta
    digests: DigestCollector | None = None
    foresight: Foresight | None = None

    def on(self, change: LedgerChange) -> AlertRecord | None:
        """Alert on a change of the ledger; see `alert`."""
        match change:
            case JobAppeared(job=job):
                return self.advise(job)
            case TransitionRecorded(job=job, transition=transition):
                return self.alert(job, transition)
            case DecisionRecord(job=job):
                news = news_of_decision(change)
                return self.alert_on_recovery(job, news) if news else None
            case Outcome(job=job):
                return self.alert_on_recovery(job, news_of_outcome(change))
            case Notice(job=job):
                return self.alert_on_recovery(job, news_of_notice(change))
            case _:  # pragma: no cover - mypy proves that no change is left
                assert_never(change)

    def alert(self, job: JobId, transition: Transition) -> AlertRecord | None:
        """Alert on one transition, or decline with a reason; `None` if no alert is required or it is complete already.

        After a crash between publishing and recording, the next delivery publishes again with the same alert id.
        Subscribers get it at least once; the ledger has it exactly once.

        Raises:
            AlertInProgressError: another invocation holds the lease.
            LedgerUnavailableError: DynamoDB did not answer.
            QueueUnavailableError: SQS did not take the timer of a digest.
            TopicUnavailableError: SNS did not take the alert.
        """
        if kind_of(transition) is None:
            return None
        return self._complete(_of_transition(*self._load(job), transition))

    def alert_on_recovery(self, job: JobId, news: RecoveryNews) -> AlertRecord | None:
        """Alert on what Respot did about a job that has ended; see `alert`."""
        return self._complete(self._of_recovery(*self._load(job), news))

    def advise(self, job: JobId) -> AlertRecord | None:
        """Alert on risky spot settings, once, when the job appears; see `alert`."""
        return self._complete(self._of_appearance(*self._load(job)))

    def catch_up(self, job: JobId) -> tuple[AlertRecord, ...]:
        """Complete all alerts that the job's records require; see `alert`.

        For a job whose items the stream lost, or whose alert was left leased by a crash.
        """
        record, state = self._load(job)
        news, refused = self._news(job)
        pending = (
            self._of_appearance(record, state),
            *(_of_transition(record, state, transition) for transition in record.transitions),
            *(self._of_recovery(record, state, each) for each in news),
        )
        complete = {(each.kind, each.transition.started) for each in self.ledger.alerts(job)}
        open_ = (each for each in pending if each and (each.alert.kind, each.alert.transition.started) not in complete)
        completed = []
        for each in open_:
            try:
                completed.append(self._complete(each))
            except ItemError as error:
                refused = refused or error
        if refused:
            raise refused
        return tuple(filter(None, completed))

    def _news(self, job: JobId) -> tuple[tuple[RecoveryNews, ...], ItemError | None]:
        """What is to be said of a job's recovery; the other alerts do not wait for what cannot be read."""
        try:
            return tuple(news_of(self.runs.recovery_records(job))), None
        except UnreadableItemError as error:
            return (), error

    def _load(self, job: JobId) -> tuple[JobRecord, JobState]:
        record = self.ledger.load(job)
        if record.state is None:  # not a race: the state is written first
            message = f"{job}: the ledger has items of this job but not its state"
            raise LedgerIncompleteError(message)
        return record, record.state

    def _of_appearance(self, record: JobRecord, state: JobState) -> "_Pending | None":
        """Advice; not needed on an attempt that the ledger confirms, since anyone can set tags."""
        advice = advise(state)
        if not advice:
            return None
        case = replace(_case(AlertKind.ADVICE, appearance(state), record, state), advice=advice)
        _, number = place_in_run(self.runs, self.ledger, state)
        needless = None if number == 1 else f"attempt {number}, which Respot created with the settings of its run"
        return _Pending(alert=case, happened_at=state.job.created, needless=needless)

    def _of_recovery(self, record: JobRecord, state: JobState, news: RecoveryNews) -> "_Pending":
        """As of its own moment, if the news has one, for there may be two of a kind; else as of the job's end.

        Or as of the moment with which an alert on the end has begun, before more was known of the end.
        """
        about = news.transition or end_of(record, state)
        began = None if news.transition else self.ledger.alert_began(state.job, news.kind)
        case = _case(news.kind, about if began is None else replace(about, started=began), record, state)
        case = replace(case, summary=news.summary, warning=news.warning, withdrawn=news.withdrawn)
        return _Pending(alert=case, happened_at=news.happened_at)

    def _outlook(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        """What Respot will do about an end: a recorded decision counts, even if the policy has changed since."""
        try:
            if decided := self.runs.decision(state.job):
                return outlook_after(decided, self.runs.outcome(state.job))
        except UnreadableItemError:  # people learn of the end; that the decision cannot be read is reported with it
            return Outlook.UNKNOWN
        return self.foresight(state, transitions) if self.foresight else Outlook.UNKNOWN

    def _complete(self, pending: "_Pending | None") -> AlertRecord | None:
        """Send or decline."""
        if pending is None:
            return None
        alert = pending.alert
        job, kind, transition = alert.state.job, alert.kind, alert.transition
        deployed_at = self._watched_since(kind, job.region, transition)
        policy = AlertPolicy(kinds=self.kinds, max_age=self.max_age, deployed_at=deployed_at)
        decision = decide(kind, alert.state, transition, policy, happened_at=pending.happened_at, now=self.clock())
        if decision.send and pending.needless:
            decision = AlertDecision(send=False, reason=pending.needless)
        message_id = None
        if decision.send:
            token = self.ledger.lease_alert(job, kind, transition, now=self.clock(), lease=self.lease)
            if token is None:
                return None
            try:
                if concludes(kind) and not job.is_drill:
                    alert = replace(alert, outlook=self._outlook(alert.state, pending.transitions))
                if self.digests:
                    alert = replace(alert, digest=self.digests.add_to_digest(alert))
                message_id = self.topic.publish(alert)
            except (TopicUnavailableError, QueueUnavailableError, LedgerUnavailableError, UnreadableItemError):
                # Nothing was sent: release the lease so that a retry need not wait until it expires.
                with suppress(LedgerUnavailableError):
                    self.ledger.release_alert(job, kind, transition, token)
                raise
        alert_record = AlertRecord(
            job=job,
            kind=kind,
            transition=transition,
            outcome=AlertOutcome.SENT if decision.send else AlertOutcome.DECLINED,
            reason=decision.reason,
            headline=headline(alert) if decision.send else None,
            settled_at=self.clock(),
            message_id=message_id,
            digest=alert.digest,
        )
        self.ledger.complete_alert(alert_record)
        return alert_record

    def _watched_since(self, kind: AlertKind, region: str, transition: Transition) -> datetime:
        """Since when such alerts are sent.

        What Respot did is reported even if the job ended before the ledger was restored from a backup: whether it was
        reported since the backup is unknown.
        """
        watched = self.ledger.watched_since(region)
        return self.ledger.first_watched(region) if kind in OF_RECOVERY and transition.started < watched else watched


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """An alert that is to be sent or declined.

    Attributes:
        alert: the alert.
        happened_at: when its news happened.
        transitions: all transitions of its job, where the outlook depends on them.
        needless: why it is declined even if the settings ask for it; `None` if it is not.
    """

    alert: Alert
    happened_at: datetime
    transitions: tuple[Transition, ...] = ()
    needless: str | None = None


def _of_transition(record: JobRecord, state: JobState, transition: Transition) -> _Pending | None:
    kind = kind_of(transition)
    if kind is None:
        return None
    return _Pending(
        alert=_case(kind, transition, record, state), happened_at=transition.started, transitions=record.transitions
    )


def _case(kind: AlertKind, transition: Transition, record: JobRecord, state: JobState) -> Alert:
    until_then = tuple(earlier for earlier in record.transitions if earlier.started <= transition.started)
    return Alert(
        kind=kind,
        transition=transition,
        state=state,
        figures=figures(until_then),
        transitions=until_then,
        earlier_interruptions=interruptions_before(transition, until_then),
    )
