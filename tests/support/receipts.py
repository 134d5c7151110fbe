"""Builders of runs for receipts: each fills what a test is not about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from respot.jobs.lifecycle import in_order, is_end
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunAttempt
from respot.savings.money import Price
from respot.savings.receipt import RunReceipt, receipt_of
from tests.support.builders import NAME, PRIMARY, at, history, job_id, state
from tests.support.records import decision_record, outcome_of
from tests.support.runs import saved

NOW: Final = at(100_000)
FIRST_LIFE: Final = "Starting=0 Downloading=600 Training=900 Stopping=8100 Uploading=8160 MaxWaitTimeExceeded=8400"
SECOND_LIFE: Final = "Starting=9000 Downloading=10200 Training=10500 Uploading=14100 Completed=14160"


def run_attempt(
    script: str,
    number: int = 1,
    *,
    billed: tuple[float, float] | None = None,
    decision: DecisionRecord | None = None,
    **others: Any,  # noqa: ANN401
) -> RunAttempt:
    """An attempt from its transitions, in seconds after the run's creation; its first one is its creation.

    `billed` are TrainingTimeInSeconds and BillableTimeInSeconds.
    """
    transitions = history(script)
    name = NAME if number == 1 else f"{NAME}-r{number}"
    last = transitions[-1]
    known: dict[str, Any] = {
        "status": PRIMARY.get(last.status, "InProgress"),
        "secondary_status": last.status,
        "last_modified": last.started,
        "training_time": timedelta(seconds=billed[0]) if billed else None,
        "billable_time": timedelta(seconds=billed[1]) if billed else None,
        "tags": {"team": "vision"},
    }
    job = job_id(name, created=transitions[0].started)
    marked = tuple(replace(each, ended_as=PRIMARY[each.status]) if is_end(each) else each for each in transitions)
    created = bool(decision and decision.decision.creates_attempt)
    return RunAttempt(
        number=number,
        state=state(job, **(known | others)),
        name=name,
        decision=decision,
        outcome=outcome_of(job=job) if created else None,
        transitions=in_order(marked),
    )


def resubmission(
    *, saved_at: float | None, proved: str = "", at_seconds: float = 8500, checkpoint: Checkpoint | None = None
) -> DecisionRecord:
    """A decision to resubmit after S3 was listed, with the newest checkpoint saved then."""
    newest = checkpoint or (None if saved_at is None else saved(saved_at))
    inputs = {"fruitless_attempts": "0"} | (
        {"work_done": f"{proved}: training that checkpoints cover"} if proved else {}
    )
    record = decision_record(Action.RESUBMIT, inputs=inputs, decided_at=at_seconds)
    return replace(record, checkpoint=newest)


def resumed_run(**others: Any) -> tuple[RunAttempt, ...]:  # noqa: ANN401
    """A run whose spot job ran out of waiting time while it trained, and whose second attempt completed.

    Of 7200 s of training, 6600 s were saved.
    """
    decision = resubmission(saved_at=7500, proved="1 h 50 min")
    first = run_attempt(FIRST_LIFE, billed=(7800, 2600), decision=decision, **others)
    return first, run_attempt(SECOND_LIFE, 2, billed=(3960, 1320), **others)


def receipt(*attempts: RunAttempt, now: datetime = NOW) -> RunReceipt:
    return receipt_of(run_id(job_id()), attempts, now=now)


class OnePrice:
    """The same price everywhere."""

    def __init__(self, amount: str, currency: str = "USD") -> None:
        self._price = Price(amount=Decimal(amount), currency=currency, as_of=date(2026, 9, 1), source="a test")

    def on_demand(self, region: str, instance_type: str, at: datetime) -> Price | None:  # noqa: ARG002 - the port's signature
        return self._price


class PriceOf:
    """The price of each of these instance types, with its currency."""

    def __init__(self, prices: Mapping[str, tuple[str, str]]) -> None:
        self._prices = {instance_type: OnePrice(*price) for instance_type, price in prices.items()}

    def on_demand(self, region: str, instance_type: str, at: datetime) -> Price | None:
        found = self._prices.get(instance_type)
        return found.on_demand(region, instance_type, at) if found else None


TWO_PRICES: Final = {"ml.m5.large": ("0.115", "USD"), "ml.p4d.24xlarge": ("32.7726", "USD")}


def cheap_and_expensive() -> list[tuple[RunAttempt, ...]]:
    """Two runs of ten hours: a cheap type at a tenth, and an expensive one that lost half of them, at four fifths."""
    cheap = run_attempt("Starting=0 Training=100 Completed=36100", billed=(36_000, 3_600), instance_type="ml.m5.large")
    expensive = run_attempt(
        "Starting=0 Training=100 Interrupted=18100 Starting=18200 Training=18300 Completed=36300",
        billed=(36_000, 28_800),
        checkpoint_uri=None,
        instance_type="ml.p4d.24xlarge",
        tags={"team": "speech"},
    )
    return [(cheap,), (expensive,)]
