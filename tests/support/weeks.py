"""Builders of weekly digests: each fills what a test is not about."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from respot.alerting.weekly.digest import Coverage, WeeklyDigest, digest_of
from respot.alerting.weekly.week import Week, week_before
from respot.jobs.job import Market
from respot.recovery.planning.decision import Action
from respot.savings.receipt import RunReceipt
from tests.support.builders import at
from tests.support.receipts import receipt, resumed_run, run_attempt
from tests.support.records import decision_record

WEEK: Final[Week] = week_before(at(5 * 86_400))
"""That of the builders' jobs: 2026-W38."""
INTERRUPTED: Final = (
    "Starting=0 Downloading=60 Training=160 Interrupted=4000 Starting=4000 Training=7600 Uploading=11200 Failed=11260"
)
ON_DEMAND: Final = "Starting=0 Downloading=60 Training=160 Uploading=460 Completed=560"


def ended_receipts() -> tuple[RunReceipt, ...]:
    """A run that completed in its second attempt, one that failed after an interruption, and one on demand."""
    refused = decision_record(Action.NOTHING)
    failed = run_attempt(INTERRUPTED, billed=(7600, 2400), decision=refused, instance_type="ml.p3.2xlarge")
    return (
        receipt(*resumed_run()),
        receipt(failed),
        receipt(run_attempt(ON_DEMAND, billed=(500, 500), market=Market.ON_DEMAND)),
    )


def weekly_digest(receipts: Sequence[RunReceipt] | None = None, **coverage: int) -> WeeklyDigest:
    """The digest of these runs; `coverage` changes how much of the week that is."""
    known = ended_receipts() if receipts is None else receipts
    whole = Coverage(found=len(known), tried=len(known), unread=0)
    return digest_of(WEEK, known, replace(whole, **coverage), account="111122223333", region="us-east-1")


def of_type(instance_type: str, script: str = INTERRUPTED, **others: Any) -> RunReceipt:  # noqa: ANN401
    """A run on that type."""
    return receipt(run_attempt(script, billed=(7600, 2400), instance_type=instance_type, **others))
