"""A job's history as the ledger tells it: for people to look at, for scripts as JSON."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from respot.domain.alert import AlertReceipt
from respot.domain.durations import iso
from respot.domain.job import JobFacts, JobId, Transition
from respot.domain.lifecycle import Figures, figures, stays
from respot.domain.resubmission import DecisionRecord, Outcome
from respot.domain.savings import savings_percent
from respot.domain.waiting import GivingUp


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAttempt:
    """One attempt of the run that a job belongs to.

    Attributes:
        number: its place.
        facts: its state; `None` while SageMaker's event of it has not come.
        name: its job name.
        decision: what was decided when it had ended.
        outcome: what became of that.
    """

    number: int
    facts: JobFacts | None
    name: str
    decision: DecisionRecord | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the ledger has of one job.

    Attributes:
        facts: its state.
        transitions: its stays, oldest first.
        alerts: its settled alerts, oldest first.
        others: jobs that had the same name before or after.
        giving_up: the newest note that Respot was about to stop it, since it waited too long; `None` if it never was.
        run: all attempts of the run that the job belongs to, in order; the job alone if it has not ended.
    """

    facts: JobFacts
    transitions: tuple[Transition, ...]
    alerts: tuple[AlertReceipt, ...]
    others: tuple[JobId, ...] = ()
    giving_up: GivingUp | None = None
    run: tuple[RunAttempt, ...] = ()

    @property
    def decision(self) -> DecisionRecord | None:
        """What was decided when the job had ended."""
        return next((each.decision for each in self.run if each.name == self.facts.job.name), None)

    @property
    def figures(self) -> Figures:
        """What the stays add up to."""
        return figures(self.transitions)

    @property
    def savings_percent(self) -> float | None:
        """SageMaker's own savings figure; `None` while it is not known."""
        return savings_percent(training=self.facts.training_time, billable=self.facts.billable_time)


def to_document(history: History) -> dict[str, Any]:
    """The history as JSON: times are ISO 8601 UTC, spans are seconds, what is not known is null."""
    facts, sums, percent = history.facts, history.figures, history.savings_percent
    return {
        "job": {
            "name": facts.job.name,
            "region": facts.job.region,
            "created": iso(facts.job.created),
            "arn": facts.arn,
            "status": facts.status,
            "secondary_status": facts.secondary_status,
            "status_message": facts.status_message,
            "failure_reason": facts.failure_reason,
            "market": facts.market,
            "instance_type": facts.instance_type,
            "instance_count": facts.instance_count,
            "max_runtime_seconds": _seconds(facts.max_runtime),
            "max_wait_seconds": _seconds(facts.max_wait),
            "checkpoint_uri": facts.checkpoint_uri,
            "parent": facts.parent and {"owner": facts.parent.owner, "identifier": facts.parent.identifier},
            "tags": dict(facts.tags) if facts.tags is not None else None,
        },
        "transitions": [
            {
                "status": stay.status,
                "started": iso(stay.started),
                "ended": ended and iso(ended),
                "seconds": ended and (ended - stay.started).total_seconds(),
                "provisional": stay.provisional,
            }
            for stay, ended in stays(history.transitions)
        ],
        "alerts": [
            {
                "kind": alert.kind,
                "transition": iso(alert.transition.started),
                "outcome": alert.outcome,
                "reason": alert.reason,
                "headline": alert.headline,
                "settled_at": iso(alert.settled_at),
                "message_id": alert.message_id,
                "digest": alert.digest,
            }
            for alert in history.alerts
        ],
        "giving_up": history.giving_up
        and {
            "waiting_since": iso(history.giving_up.waiting_since),
            "decided_at": iso(history.giving_up.decided_at),
            "reason": history.giving_up.reason,
            "inputs": dict(history.giving_up.inputs),
            "withdrawn": history.giving_up.withdrawn,
        },
        "figures": {
            "interruptions": sums.interruptions,
            "waited_seconds": sums.waited.total_seconds(),
            "trained_seconds": sums.trained.total_seconds(),
            "training_time_seconds": _seconds(facts.training_time),
            "billable_time_seconds": _seconds(facts.billable_time),
            "savings_percent": None if percent is None else round(percent, 2),
        },
        "run": [
            {
                "attempt": each.number,
                "job": each.name,
                "status": each.facts and each.facts.secondary_status,
                "market": each.facts and each.facts.market,
                "instance_type": each.facts and each.facts.instance_type,
                "decision": each.decision and each.decision.decision.action,
                "reason": each.decision and each.decision.decision.reason,
                "inputs": each.decision and dict(each.decision.decision.inputs),
                "outcome": each.outcome and each.outcome.kind,
                "story": each.outcome and each.outcome.story,
            }
            for each in history.run
        ],
        "other_jobs_of_this_name": [iso(other.created) for other in history.others],
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
