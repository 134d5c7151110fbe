"""Alerts on transitions: once for each, whatever the number of deliveries, and every decision written down."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from respot.domain.advice import advise
from respot.domain.alert import (
    Alert,
    AlertOutcome,
    AlertPolicy,
    AlertReceipt,
    decide,
    interruptions_before,
)
from respot.domain.alert_kinds import KIND_BY_STATUS, AlertKind
from respot.domain.alert_text import headline
from respot.domain.job import JobFacts, JobId, JobRecord, Transition
from respot.domain.lifecycle import ENDS, figures
from respot.errors import LedgerIncompleteError, TopicUnavailableError
from respot.ports import AlertTopic, Clock, Ledger

LEASE: Final = timedelta(minutes=2)
"""How long a claim holds: longer than the function may run, so that a claim which lapsed is a dead sender's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Respot has to say of its own doings.

    Attributes:
        kind: what it did.
        story: in words.
        at: when it did it, perhaps days after the job ended.
        warning: what people should know besides.
    """

    kind: AlertKind
    story: str
    at: datetime
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerter:
    """Decides on a transition, publishes, and writes down what it did."""

    ledger: Ledger
    topic: AlertTopic
    clock: Clock
    kinds: frozenset[AlertKind]
    max_age: timedelta

    def alert(self, job: JobId, transition: Transition) -> AlertReceipt | None:
        """Alert on one transition, or decline with a reason; `None` if that was settled before, or calls for nothing.

        Dying after the publication and before the note of it means that the next delivery publishes again,
        with the same alert id: at least once to subscribers, exactly once in the ledger.

        Raises:
            AlertInProgressError: another invocation is at it.
            LedgerUnavailableError: DynamoDB did not answer.
            TopicUnavailableError: SNS did not take the alert.
        """
        kind = KIND_BY_STATUS.get(transition.status)
        return (
            None if kind is None else self._settle(_case(kind, transition, *self._load(job)), news=transition.started)
        )

    def tell(self, job: JobId, told: Told) -> AlertReceipt | None:
        """Alert on what Respot itself did about a job that has ended; see `alert`."""
        record, facts = self._load(job)
        case = _case(told.kind, _end(record, facts), record, facts)
        return self._settle(replace(case, story=told.story, warning=told.warning), news=told.at)

    def advise(self, job: JobId) -> AlertReceipt | None:
        """Alert on settings that make spot a bad bargain, once, when the job appears; see `alert`."""
        record, facts = self._load(job)
        advice = advise(facts)
        if not advice:
            return None
        # Every job begins so; what it is in by now, or what is known of its stays, would make it another alert.
        first = Transition(status="Starting", started=facts.job.created)
        return self._settle(
            replace(_case(AlertKind.ADVICE, first, record, facts), advice=advice), news=facts.job.created
        )

    def _load(self, job: JobId) -> tuple[JobRecord, JobFacts]:
        record = self.ledger.load(job)
        if record.facts is None:  # the state is written before anything else, so this is no race
            message = f"{job}: the ledger has items of this job but not its state"
            raise LedgerIncompleteError(message)
        return record, record.facts

    def _settle(self, alert: Alert, *, news: datetime) -> AlertReceipt | None:
        """Send or decline; `news` is since when there is something to tell."""
        job, kind, transition = alert.facts.job, alert.kind, alert.transition
        policy = AlertPolicy(kinds=self.kinds, max_age=self.max_age, deployed_at=self.ledger.created_at())
        decision = decide(kind, alert.facts, transition, policy, news=news, now=self.clock())
        message_id = None
        if decision.send:
            if not self.ledger.claim_alert(job, kind, transition, now=self.clock(), lease=LEASE):
                return None
            try:
                message_id = self.topic.publish(alert)
            except TopicUnavailableError:
                self.ledger.release_alert(job, kind, transition)
                raise
        receipt = AlertReceipt(
            job=job,
            kind=kind,
            transition=transition,
            outcome=AlertOutcome.SENT if decision.send else AlertOutcome.DECLINED,
            reason=decision.reason,
            headline=headline(alert) if decision.send else None,
            settled_at=self.clock(),
            message_id=message_id,
        )
        self.ledger.settle_alert(receipt)
        return receipt


def _case(kind: AlertKind, transition: Transition, record: JobRecord, facts: JobFacts) -> Alert:
    until_then = tuple(stay for stay in record.transitions if stay.started <= transition.started)
    return Alert(
        kind=kind,
        transition=transition,
        facts=facts,
        figures=figures(until_then),
        earlier_interruptions=interruptions_before(transition, until_then),
    )


def _end(record: JobRecord, facts: JobFacts) -> Transition:
    """The stay with which the job ended: the same for every delivery, whatever follows it (Deleting) or is learnt."""
    ends = (stay for stay in record.transitions if stay.status in ENDS)
    return next(ends, Transition(status=facts.secondary_status, started=facts.last_modified))
