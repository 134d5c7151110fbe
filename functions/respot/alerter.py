"""Alerts on transitions: once for each, whatever the number of deliveries, and every decision written down."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.domain.alert import (
    Alert,
    AlertDecision,
    AlertOutcome,
    AlertPolicy,
    AlertReceipt,
    decide,
    interruptions_before,
)
from respot.domain.alert_kinds import KIND_BY_STATUS, AlertKind
from respot.domain.alert_text import headline
from respot.domain.job import JobFacts, JobId, JobRecord, Transition
from respot.domain.lifecycle import figures
from respot.errors import LedgerIncompleteError, TopicUnavailableError
from respot.ports import AlertTopic, Clock, Ledger

LEASE: Final = timedelta(minutes=2)
"""How long a claim holds: longer than the function may run, so that a claim which lapsed is a dead sender's."""


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
        if kind is None:
            return None
        record = self.ledger.load(job)
        if record.facts is None:  # the state is written before its stays, so this is no race
            message = f"{job}: the ledger has a transition of this job but not its state"
            raise LedgerIncompleteError(message)
        decision = decide(kind, record.facts, transition, self._policy(), now=self.clock())
        if not decision.send:
            return self._settle(job, kind, transition, decision)
        if not self.ledger.claim_alert(job, transition, now=self.clock(), lease=LEASE):
            return None
        alert = _compose(kind, transition, record, record.facts)
        try:
            message_id = self.topic.publish(alert)
        except TopicUnavailableError:
            self.ledger.release_alert(job, transition)
            raise
        return self._settle(job, kind, transition, decision, said=headline(alert), message_id=message_id)

    def _policy(self) -> AlertPolicy:
        return AlertPolicy(kinds=self.kinds, max_age=self.max_age, deployed_at=self.ledger.created_at())

    def _settle(
        self,
        job: JobId,
        kind: AlertKind,
        transition: Transition,
        decision: AlertDecision,
        *,
        said: str | None = None,
        message_id: str | None = None,
    ) -> AlertReceipt:
        receipt = AlertReceipt(
            job=job,
            kind=kind,
            transition=transition,
            outcome=AlertOutcome.SENT if decision.send else AlertOutcome.DECLINED,
            reason=decision.reason,
            headline=said,
            settled_at=self.clock(),
            message_id=message_id,
        )
        self.ledger.settle_alert(receipt)
        return receipt


def _compose(kind: AlertKind, transition: Transition, record: JobRecord, facts: JobFacts) -> Alert:
    until_then = tuple(stay for stay in record.transitions if stay.started <= transition.started)
    return Alert(
        kind=kind,
        transition=transition,
        facts=facts,
        figures=figures(until_then),
        earlier_interruptions=interruptions_before(transition, until_then),
    )
