"""A run of two attempts as an example: its ledger, its histories and its timeline."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from respot.alerting.kinds import AlertKind
from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import AttemptRecord
from respot_cli.show.command import load
from respot_cli.show.history import History
from tests.support.builders import CREATED, REGION, at, job_id, snapshot, state
from tests.support.memory import MemoryLedger, MemoryRunStore
from tests.support.records import alert_record, decision_record, outcome_of

ROOT: Final = "nightly-resnet"
NEXT: Final = f"{ROOT}-r2"
LIFE: Final = (
    "Starting=0 Downloading=250 Training=390 Interrupted=6720 Starting=6760 Downloading=9460 Training=9600 "
    "Interrupted=12900 Starting=12940 MaxWaitTimeExceeded=21600"
)
"""The documentation's job that is interrupted and runs out of waiting time, within six hours."""
NEXT_LIFE: Final = "Starting=22000 Downloading=22190 Training=22330"
NOW: Final = at(29500)
_URI: Final = f"s3://ml-bucket/checkpoints/{ROOT}/"
_REASON: Final = "ran out of waiting time; next: spot ml.g5.2xlarge"
_SUMMARY: Final = (
    f"resubmitted as {NEXT}, attempt 2 of 5, spot ml.g5.2xlarge, resumes from checkpoint-3000 "
    f"(Hugging Face Trainer, 11 min old, 98 MB); progress: step 3,000; 11 min of training lost ({_REASON})"
)


def example() -> tuple[MemoryLedger, MemoryRunStore]:
    """A ledger with a run of two attempts: the first one ran out of waiting time, the second one is training."""
    ledger = MemoryLedger(created=CREATED - timedelta(days=1))
    runs = MemoryRunStore(ledger=ledger)
    root, following = job_id(ROOT), job_id(NEXT, created=at(21990))
    run = run_id(root)
    seen = snapshot(
        LIFE,
        job=root,
        checkpoint_uri=_URI,
        training_started=at(250),
        training_time=timedelta(seconds=9630),
        billable_time=timedelta(seconds=3370),
        tags={"team": "vision", "respot:resume": "on"},
    )
    ledger.save(reconcile(JobRecord(), seen))
    tags = {"team": "vision", "respot:resume": "on"} | Lineage(run=run, attempt=2, parent=ROOT).to_tags()
    ledger.save(reconcile(JobRecord(), snapshot(NEXT_LIFE, job=following, checkpoint_uri=_URI, tags=tags)))
    for kind, status, seconds in (
        (AlertKind.INTERRUPTED, "Interrupted", 6720),
        (AlertKind.INTERRUPTED, "Interrupted", 12900),
        (AlertKind.MAX_WAIT_TIME_EXCEEDED, "MaxWaitTimeExceeded", 21600),
        (AlertKind.RESUBMITTED, "MaxWaitTimeExceeded", 21600),
    ):
        settled = at(seconds + (392 if kind is AlertKind.RESUBMITTED else 2))
        ledger.complete_alert(alert_record(status, seconds, job=root, kind=kind, headline=None, settled_at=settled))
    attempt = AttemptRecord(run=run, number=2, region=REGION, name=NEXT, parent=root, decided_at=at(21604))
    record = decision_record(
        Action.RESUBMIT, job=root, decided_at=21604, reason=_REASON, inputs={"retries": "1 of 5"}, attempt=2
    )
    runs.decide(replace(record, next_name=NEXT, summary=_SUMMARY), attempt)
    runs.record_outcome(outcome_of(job=root, summary=_SUMMARY, settled_at=at(21991), warning=None, arn=state(root).arn))
    return ledger, runs


def example_history(name: str = ROOT) -> History:
    """The history of one of the example's jobs."""
    ledger, runs = example()
    return load(ledger, runs, region=REGION, name=name)
