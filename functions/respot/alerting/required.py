"""Which alerts a job's ledger records require."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from respot.alerting.advice import advise
from respot.alerting.alert import kind_of
from respot.alerting.kinds import OF_RECOVERY, AlertKind
from respot.jobs.job import JobId, JobRecord, JobState, Transition
from respot.jobs.lifecycle import STOPPING, appearance, end_of
from respot.recovery.planning.decision import Action, Outlook
from respot.recovery.records import WARNINGS, DecisionRecord, Notice, NoticeKind, Outcome, OutcomeKind, RecoveryRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAppeared:
    """A job's state was written for the first time."""

    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRecorded:
    """A transition of a job, or of a drill, was recorded."""

    job: JobId
    transition: Transition


LedgerChange = JobAppeared | TransitionRecorded | DecisionRecord | Outcome | Notice
"""A change of the ledger that may require an alert; `Alerter.on` alerts on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryNews:
    """What Respot did about a job that has ended.

    Attributes:
        kind: what it did.
        summary: in words.
        happened_at: when it did it, perhaps days after the job ended.
        warning: what people should know in addition.
        withdrawn: it did nothing because the request was withdrawn, which is no fault.
        transition: what it is about, if that is not the job's end.
    """

    kind: AlertKind
    summary: str
    happened_at: datetime
    warning: str | None = None
    withdrawn: bool = False
    transition: Transition | None = None


def news_of_decision(record: DecisionRecord) -> RecoveryNews | None:
    """The news of a decision; `None` if it requires no alert, or its outcome does."""
    decision, would = record.decision, record.decision.action is Action.RESUBMIT
    if not decision.notify or decision.creates_attempt:
        return None
    return RecoveryNews(
        kind=AlertKind.WOULD_RESUBMIT if would else AlertKind.NOT_RESUBMITTED,
        summary=decision.reason if would else f"not resubmitted: {decision.reason}",
        happened_at=record.decided_at,
        warning=decision.warning,
        withdrawn=decision.action is Action.NOTHING,
    )


def news_of_outcome(outcome: Outcome) -> RecoveryNews:
    """The news of an outcome."""
    return RecoveryNews(
        kind=AlertKind.RESUBMITTED if outcome.kind is OutcomeKind.CREATED else AlertKind.NOT_RESUBMITTED,
        summary=outcome.summary,
        happened_at=outcome.settled_at,
        warning=outcome.warning,
        withdrawn=outcome.kind is OutcomeKind.WITHDRAWN,
    )


def news_of_notice(notice: Notice) -> RecoveryNews:
    """The news of a notice."""
    # The job has not ended yet: what it is about is the notice itself.
    status = {NoticeKind.WAIT_LIMIT_EXCEEDED: STOPPING, **dict.fromkeys(WARNINGS, "Starting")}.get(notice.kind)
    return RecoveryNews(
        kind=AlertKind.DEADLINE_AT_RISK if notice.kind in WARNINGS else AlertKind(notice.kind.value),
        summary=notice.summary,
        happened_at=notice.noticed_at,
        transition=Transition(status=status, started=notice.noticed_at) if status else None,
    )


def news_of(recovery_records: RecoveryRecords) -> tuple[RecoveryNews, ...]:
    """All news of a job's recovery."""
    decision, outcome = recovery_records.decision, recovery_records.outcome
    of_notices = map(news_of_notice, recovery_records.notices)
    candidates = (decision and news_of_decision(decision), outcome and news_of_outcome(outcome), *of_notices)
    return tuple(news for news in candidates if news)


def outlook_after(record: DecisionRecord, outcome: Outcome | None) -> Outlook:
    """What follows a recorded decision: its outcome, its alert, or nothing."""
    if record.decision.creates_attempt:
        return Outlook.DECIDED if outcome else Outlook.DECIDES
    return Outlook.DECIDED if record.decision.notify else Outlook.LEAVES


def missing_alerts(
    required: Iterable[tuple[AlertKind, datetime]], completed: Iterable[tuple[AlertKind, datetime]]
) -> frozenset[tuple[AlertKind, datetime]]:
    """The required alerts that are not complete.

    An alert on a recovery may be complete as of another moment: the ledger has learned more about the end since.
    A warning of a deadline is no alert on the end, and there may be two.
    """
    done = frozenset(completed)
    told = {kind for kind, _ in done} & OF_RECOVERY - {AlertKind.DEADLINE_AT_RISK}
    return frozenset(each for each in required if each not in done and each[0] not in told)


def required_alerts(
    record: JobRecord, state: JobState, recovery_records: RecoveryRecords
) -> frozenset[tuple[AlertKind, datetime]]:
    """The alerts that must be sent or declined, each by its kind and the start of its transition."""
    return frozenset(_required_alerts(record, state, recovery_records))


def _required_alerts(
    record: JobRecord, state: JobState, recovery_records: RecoveryRecords
) -> Iterable[tuple[AlertKind, datetime]]:
    for transition in record.transitions:
        if (kind := kind_of(transition)) is not None:
            yield kind, transition.started
    if advise(state):
        yield AlertKind.ADVICE, appearance(state).started
    for news in news_of(recovery_records):
        yield news.kind, (news.transition or end_of(record, state)).started
