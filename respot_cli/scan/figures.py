"""What a scan has found, in figures: the same receipts as those of a deployment, each job a run of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from respot.jobs.job import JobRecord, JobState, Market
from respot.jobs.lifecycle import DELETING, end_of, is_terminal
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.ending import Trigger, ending_of
from respot.recovery.planning.run import run_id
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunAttempt
from respot.savings.money import Prices
from respot.savings.receipt import RunReceipt, receipt_of
from respot.savings.totals import Totals, spot_runs, total
from respot_cli.scan.reading import RegionJobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a scan has found.

    Attributes:
        jobs: all jobs.
        spot: those that asked for spot.
        live: those of `spot` that have not ended.
        completed: those of `spot` that completed.
        interrupted: those of `spot` that were interrupted at least once.
        interruptions: how often, in all.
        out_of_time: those of `spot` that ran out of waiting time.
        without_checkpoints: those of `spot` without a checkpoint location.
        billed_in_full: those of `spot` that saved nothing, by AWS's own formula, wherever they ran.
        totals: the sums of `spot`.
    """

    jobs: int
    spot: int
    live: int
    completed: int
    interrupted: int
    interruptions: int
    out_of_time: int
    without_checkpoints: int
    billed_in_full: int
    totals: Totals


def receipts_of(regions: Iterable[RegionJobs], *, now: datetime) -> tuple[RunReceipt, ...]:
    """The receipt of each job; the newest first.

    A job whose figures cannot be is moved to those of its region that could not be read.
    """
    receipts = [receipt for found in regions for receipt in _receipts(found, now)]
    return tuple(sorted(receipts, key=lambda each: each.began, reverse=True))


def _receipts(found: RegionJobs, now: datetime) -> list[RunReceipt]:
    receipts, added_up = [], []
    for record, state in [(each, each.state) for each in found.jobs if each.state]:
        try:
            receipts.append(receipt_of(run_id(state.job), [_attempt(record, state)], now=now))
        except (ValueError, OverflowError) as error:
            found.unread[state.job.name] = str(error)
        else:
            added_up.append(record)
    found.jobs = added_up
    return receipts


def figures_of(records: Sequence[JobRecord], receipts: Sequence[RunReceipt], prices: Prices) -> Figures:
    """The figures of these jobs, with the sums of their receipts."""
    spot = [each.state for each in records if each.state and each.state.market is Market.SPOT]
    on_spot = spot_runs(receipts)
    return Figures(
        jobs=len(records),
        spot=len(spot),
        live=sum(not is_terminal(each.status) for each in spot),
        completed=sum(each.status == "Completed" for each in spot),
        interrupted=sum(each.interruptions > 0 for each in on_spot),
        interruptions=sum(each.interruptions for each in on_spot),
        out_of_time=sum(ending_of(each).trigger is Trigger.MAX_WAIT_TIME_EXCEEDED for each in spot),
        without_checkpoints=sum(each.checkpoint_uri is None for each in spot),
        billed_in_full=sum(_is_billed_in_full(each) for each in spot),
        totals=total(on_spot, prices),
    )


def _is_billed_in_full(state: JobState) -> bool:
    trained, billed = state.training_time, state.billable_time
    return bool(trained and billed and billed >= trained)


def _attempt(record: JobRecord, state: JobState) -> RunAttempt:
    """The job as the one attempt of its run; Respot has decided nothing about it."""
    decided = None
    if is_terminal(state.status) and state.status != DELETING:
        reason = "nothing followed, as far as a scan shows"
        decision = Decision(action=Action.NOTHING, reason=reason, inputs={}, cause=Cause.NOT_ASKED)
        ended = end_of(record, state).started
        decided = DecisionRecord(job=state.job, run=run_id(state.job), number=1, decision=decision, decided_at=ended)
    return RunAttempt(
        number=1,
        state=state,
        name=state.job.name,
        decision=decided,
        outcome=None,
        transitions=record.transitions,
    )
