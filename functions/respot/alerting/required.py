"""What people are to be told of a job: the alerts that its items in the ledger call for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from respot.alerting.advice import advise
from respot.alerting.alert import kind_of
from respot.alerting.kinds import AlertKind
from respot.jobs.job import JobRecord, JobState
from respot.jobs.lifecycle import appearance, end_of
from respot.recovery.planning.decision import Action, Outlook
from respot.recovery.records import DecisionRecord, Notice, Outcome, OutcomeKind, RecoveryRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryNews:
    """What Respot has to say of its own doings.

    Attributes:
        kind: what it did.
        story: in words.
        at: when it did it, perhaps days after the job ended.
        warning: what people should know besides.
        withdrawn: it did not do what nobody asks for any more, which is no fault.
    """

    kind: AlertKind
    story: str
    at: datetime
    warning: str | None = None
    withdrawn: bool = False


def news_of_decision(record: DecisionRecord) -> RecoveryNews | None:
    """What is to be said of a decision; `None` where nobody waits for it."""
    decision, would = record.decision, record.decision.action is Action.RESUBMIT
    if not decision.notify or (would and not decision.dry_run):
        return None  # what becomes of a resubmission is told with its outcome
    return RecoveryNews(
        kind=AlertKind.WOULD_RESUBMIT if would else AlertKind.NOT_RESUBMITTED,
        story=decision.reason if would else f"not resubmitted: {decision.reason}",
        at=record.decided_at,
        warning=decision.warning,
        withdrawn=decision.action is Action.NOTHING,
    )


def news_of_outcome(outcome: Outcome) -> RecoveryNews:
    """What is to be said of what became of a decision."""
    created = outcome.kind is OutcomeKind.CREATED
    kind = AlertKind.RESUBMITTED if created else AlertKind.NOT_RESUBMITTED
    return RecoveryNews(
        kind=kind,
        story=outcome.story,
        at=outcome.settled_at,
        warning=outcome.warning,
        withdrawn=outcome.kind is OutcomeKind.WITHDRAWN,
    )


def news_of_notice(notice: Notice) -> RecoveryNews:
    """What is to be said of a notice."""
    return RecoveryNews(kind=AlertKind(notice.kind.value), story=notice.story, at=notice.noticed_at)


def news_of(recovery_records: RecoveryRecords) -> tuple[RecoveryNews, ...]:
    """All that people are to be told of them."""
    decided = news_of_decision(recovery_records.decision) if recovery_records.decision else None
    settled = news_of_outcome(recovery_records.outcome) if recovery_records.outcome else None
    noticed = (news_of_notice(notice) for notice in recovery_records.notices)
    return tuple(told for told in (decided, settled, *noticed) if told)


def outlook_after(record: DecisionRecord, outcome: Outcome | None) -> Outlook:
    """What is still to be expected once the decision is there: its outcome, its report, or nothing at all."""
    if record.decision.action is Action.RESUBMIT and not record.decision.dry_run:
        return Outlook.DECIDED if outcome else Outlook.DECIDES
    return Outlook.DECIDED if record.decision.notify else Outlook.LEAVES


def required_alerts(
    record: JobRecord, state: JobState, recovery_records: RecoveryRecords
) -> frozenset[tuple[AlertKind, datetime]]:
    """The alerts that must have been settled, sent or declined: each by its kind and the start of its transition."""
    return frozenset(_required_alerts(record, state, recovery_records))


def _required_alerts(
    record: JobRecord, state: JobState, recovery_records: RecoveryRecords
) -> Iterable[tuple[AlertKind, datetime]]:
    for transition in record.transitions:
        if (kind := kind_of(transition)) is not None:
            yield kind, transition.started
    if advise(state):
        yield AlertKind.ADVICE, appearance(state).started
    for told in news_of(recovery_records):
        yield told.kind, end_of(record, state).started
