"""Writes runs into a ledger on moto, by the code that writes them on AWS."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.jobs.job import JobId, JobSnapshot
from respot.jobs.merge import reconcile
from respot.recovery.planning.run import run_id
from respot.recovery.records import AttemptRecord, DecisionRecord
from respot.runs.run_state import RunAttempt
from respot.runs.summary import RunSummaries
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE
from tests.support.receipts import NOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def named(attempts: Sequence[RunAttempt], name: str) -> tuple[RunAttempt, ...]:
    """The same run under another name."""
    return tuple(_named(each, name if each.number == 1 else f"{name}-r{each.number}", name) for each in attempts)


def write(client: "DynamoDBClient", *attempts: RunAttempt, table: str = TABLE) -> None:
    """Write the run of these attempts: jobs, decisions, outcomes, and its summary."""
    ledger = DynamoDbLedger(client, table, clock=FakeClock(NOW), retention=None)
    runs = DynamoDbRunStore(client, table, clock=FakeClock(NOW), retention=None)
    store = DynamoDbRunSummaries(client, table, clock=FakeClock(NOW), retention=None)
    for attempt, following in zip(attempts, [*attempts[1:], None], strict=True):
        assert attempt.state is not None
        snapshot = JobSnapshot(state=attempt.state, history=attempt.transitions)
        ledger.save(reconcile(ledger.load(attempt.state.job), snapshot))
        if attempt.decision:
            runs.decide(
                attempt.decision, _planned(attempt.state.job, attempt.decision, following) if following else None
            )
        if attempt.outcome:
            created = following.state.job.created if following and following.state else None
            runs.record_outcome(replace(attempt.outcome, job_created=created))
    last = attempts[-1].state
    assert last is not None
    RunSummaries(ledger=ledger, runs=runs, store=store).refresh(last.job)


def _planned(parent: JobId, decision: DecisionRecord, following: RunAttempt) -> AttemptRecord:
    return AttemptRecord(
        run=decision.run,
        number=following.number,
        region=parent.region,
        name=following.name,
        parent=parent,
        decided_at=decision.decided_at,
    )


def _named(attempt: RunAttempt, name: str, first: str) -> RunAttempt:
    assert attempt.state is not None
    job = replace(attempt.state.job, name=name)
    decision, outcome = attempt.decision, attempt.outcome
    if decision:
        decision = replace(decision, job=job, run=run_id(replace(job, name=first)), next_name=f"{first}-r2")
    if outcome:
        outcome = replace(outcome, job=job, name=f"{first}-r2")
    return replace(attempt, name=name, state=replace(attempt.state, job=job), decision=decision, outcome=outcome)
