"""The rows of an export: one for each attempt, the same in JSONL and in Parquet.

A row is flat, but for tags and transitions. Times are ISO 8601 in UTC, lengths are seconds; those that end in
`_instance_seconds` count each instance. What is not known is null. docs/reference/export.md lists the columns.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from respot.jobs.formatting import iso
from respot.runs.period import RecordedRun
from respot.runs.run_state import RunAttempt
from respot.savings.money import Price, Prices
from respot.savings.receipt import AttemptReceipt, RunReceipt, receipt_of
from respot.savings.span import Span
from respot.savings.wall_clock import TimeClass

VERSION: Final = 1
"""Of the form of a row: it grows when a column changes its meaning or goes. New columns do not change it."""

TEXTS: Final = (
    "run",
    "run_name",
    "run_state",
    "run_reason",
    "job",
    "job_arn",
    "region",
    "market",
    "instance_type",
    "owner_kind",
    "owner_id",
    "status",
    "secondary_status",
    "failure_reason",
    "checkpoint_uri",
    "role_arn",
    "image",
    "decision_action",
    "decision_reason",
    "decision_cause",
    "outcome",
    "currency",
)
WHOLE_NUMBERS: Final = ("version", "attempts", "attempt", "instance_count", "interruptions")
TIMES: Final = ("exported_at", "run_began", "run_ended", "created", "ended", "decided_at")
WALL_CLOCK: Final = {each: f"wall_clock_{each.replace(' ', '_')}_seconds" for each in TimeClass}
"""The columns of the time classes."""
LENGTHS: Final = (
    "max_runtime_seconds",
    "max_wait_seconds",
    "training_instance_seconds",
    "billable_instance_seconds",
    "trained_instance_seconds",
    *(
        f"{name}_{bound}_instance_seconds"
        for name in ("kept", "lost", "repeated", "uninterrupted")
        for bound in ("least", "most")
    ),
    "saved_gross_instance_seconds",
    "saved_net_least_instance_seconds",
    "saved_net_most_instance_seconds",
    *WALL_CLOCK.values(),
    "wall_clock_doubtful_seconds",
)
AMOUNTS: Final = ("price_per_hour",)
"""Decimal text in JSONL."""
DAYS: Final = ("price_as_of",)


def rows_of(recorded: RecordedRun, prices: Prices, *, now: datetime) -> Iterator[dict[str, Any]]:
    """The rows of a run, in the order of its attempts."""
    receipt = receipt_of(recorded.run, recorded.attempts, now=now)
    for attempt, own in zip(recorded.attempts, receipt.attempts, strict=True):
        yield {
            "version": VERSION,
            "exported_at": iso(now),
            **_of_run(receipt),
            **_of_job(attempt),
            **_of_receipt(own),
            **_of_decision(attempt),
            **_of_price(own, prices),
            "tags": dict(own.tags),
            "transitions": [
                {
                    "status": each.status,
                    "started": iso(each.started),
                    "ended_as": each.ended_as,
                    "provisional": each.provisional,
                }
                for each in attempt.transitions
            ],
        }


def _of_run(receipt: RunReceipt) -> dict[str, Any]:
    return {
        "run": receipt.run,
        "run_name": receipt.name,
        "run_state": receipt.state,
        "run_reason": receipt.reason,
        "run_began": iso(receipt.began),
        "run_ended": receipt.ended and iso(receipt.ended),
        "attempts": len(receipt.attempts),
    }


def _of_job(attempt: RunAttempt) -> dict[str, Any]:
    state = attempt.state
    return {
        "attempt": attempt.number,
        "job": attempt.name,
        "job_arn": state and state.arn,
        "failure_reason": state and state.failure_reason,
        "checkpoint_uri": state and state.checkpoint_uri,
        "role_arn": state and state.role_arn,
        "image": (state.image or state.algorithm) if state else None,
        "max_runtime_seconds": _seconds(state.max_runtime) if state else None,
        "max_wait_seconds": _seconds(state.max_wait) if state else None,
    }


def _of_receipt(own: AttemptReceipt) -> dict[str, Any]:
    clock = own.wall_clock
    return {
        "region": own.region or None,
        "market": own.market,
        "instance_type": own.instance_type,
        "instance_count": own.instance_count,
        "owner_kind": own.parent and own.parent.owner,
        "owner_id": own.parent and own.parent.identifier,
        "created": own.began and iso(own.began),
        "ended": own.ended and iso(own.ended),
        "status": own.status or None,
        "secondary_status": own.secondary_status or None,
        "interruptions": own.interruptions,
        "training_instance_seconds": _seconds(own.training),
        "billable_instance_seconds": _seconds(own.billed),
        "trained_instance_seconds": _seconds(own.trained),
        **_bounds("kept", own.kept),
        **_bounds("lost", own.lost),
        **_bounds("repeated", own.repeated),
        **_bounds("uninterrupted", own.uninterrupted),
        "saved_gross_instance_seconds": _seconds(own.saved_gross),
        **_bounds("saved_net", own.saved_net),
        **{column: _seconds(clock.of(each)) for each, column in WALL_CLOCK.items()},
        "wall_clock_doubtful_seconds": _seconds(clock.doubtful),
    }


def _of_decision(attempt: RunAttempt) -> dict[str, Any]:
    record, outcome = attempt.decision, attempt.outcome
    return {
        "decision_action": record and record.decision.action,
        "decision_reason": record and record.decision.reason,
        "decision_cause": record and record.decision.cause,
        "decided_at": record and iso(record.decided_at),
        "outcome": outcome and outcome.kind,
    }


def _of_price(own: AttemptReceipt, prices: Prices) -> dict[str, Any]:
    price: Price | None = None
    if own.instance_type and own.began:
        price = prices.on_demand(own.region, own.instance_type, own.ended or own.began)
    return {
        "price_per_hour": price and format(price.amount, "f"),
        "currency": price and price.currency,
        "price_as_of": price and price.as_of.isoformat(),
    }


def _bounds(name: str, span: Span | None) -> dict[str, float | None]:
    return {
        f"{name}_least_instance_seconds": _seconds(span.low) if span else None,
        f"{name}_most_instance_seconds": _seconds(span.high) if span else None,
    }


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length / timedelta(seconds=1)
