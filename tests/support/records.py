"""Builders of what the ledger records about a job's recovery and its alerts."""

from dataclasses import replace
from typing import Any

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import KIND_BY_STATUS
from respot.jobs.job import JobId
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.run import run_id
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind
from tests.support.builders import at, job_id, transition


def decision_record(
    action: Action = Action.NOTHING,
    *,
    job: JobId | None = None,
    notify: bool = False,
    decided_at: float = 21635,
    reason: str = "the reason",
    **others: Any,  # noqa: ANN401
) -> DecisionRecord:
    """A decision on the job; the seconds count from its creation."""
    job = job or job_id()
    return DecisionRecord(
        job=job,
        run=run_id(job),
        number=1,
        decision=Decision(action=action, reason=reason, notify=notify, **({"inputs": {}} | others)),
        decided_at=at(decided_at),
        checkpoint=None,
        next_name=f"{job.name}-r2",
    )


def outcome_of(kind: OutcomeKind = OutcomeKind.CREATED, *, job: JobId | None = None, **others: Any) -> Outcome:  # noqa: ANN401
    """What became of the decision to resubmit the job."""
    job = job or job_id()
    known: dict[str, Any] = {
        "summary": "a summary",
        "settled_at": at(21640),
        "name": f"{job.name}-r2",
        "warning": "a warning",
    }
    return Outcome(job=job, kind=kind, **(known | others))


def alert_record(status: str = "Interrupted", seconds: float = 3720, **others: Any) -> AlertRecord:  # noqa: ANN401
    """An alert on this transition that was sent."""
    plain = AlertRecord(
        job=job_id(),
        kind=KIND_BY_STATUS[status],
        transition=transition(status, seconds),
        outcome=AlertOutcome.SENT,
        reason="a reason",
        headline="a headline",
        settled_at=at(seconds + 5),
        message_id="message-1",
    )
    return replace(plain, **others)
