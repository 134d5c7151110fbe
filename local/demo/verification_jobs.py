"""Compares what Respot recorded of a job with what SageMaker did.

SageMaker's side comes from the lifecycles that the jobs were given and from Describe, never from Respot.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.demo.deployed import DeployedAccount
from local.sagemaker.lifecycle import INTERRUPTED, Lifecycle
from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.aws.dynamodb.keys import STATE_KEY
from respot.jobs.formatting import iso
from respot.jobs.job import JobRecord, at_milliseconds, savings_percent
from respot.jobs.lifecycle import figures

ALERT_KINDS: Final = {
    "Interrupted": "interrupted",
    "MaxWaitTimeExceeded": "max-wait-time-exceeded",
    "MaxRuntimeExceeded": "max-runtime-exceeded",
    "Failed": "failed",
}
"""Of the statuses that people are alerted to."""


def unequal(what: str, wanted: object, got: object) -> list[str]:
    """The difference between what is demanded and what was found; empty if there is none."""
    return [] if wanted == got else [f"{what}: {wanted!r} was demanded, {got!r} was found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """One job: its lifecycle, DescribeTrainingJob, and what the ledger has."""

    name: str
    lifecycle: Lifecycle
    described: Mapping[str, Any]
    record: JobRecord
    alert_records: tuple[AlertRecord, ...]

    @property
    def expected_alerts(self) -> list[str]:
        """The kinds of alerts that the lifecycle calls for, in order."""
        return [ALERT_KINDS[status] for status in self.lifecycle.statuses if status in ALERT_KINDS]


def observe(deployed: DeployedAccount, name: str, lifecycle: Lifecycle, *, region: str | None = None) -> JobOutcome:
    """One job from both sides; without a region, in the hub's."""
    ledger = deployed.ledger()
    described = deployed.client("sagemaker", region).describe_training_job(TrainingJobName=name)
    jobs = ledger.find(region or deployed.account.region, name)
    return JobOutcome(
        name=name,
        lifecycle=lifecycle,
        described=described,
        record=ledger.load(jobs[0]) if jobs else JobRecord(),
        alert_records=ledger.alerts(jobs[0]) if jobs else (),
    )


def is_settled(outcome: JobOutcome) -> bool:
    """Whether nothing more is to come from this job."""
    state = outcome.record.state
    return (
        state is not None
        and state.secondary_status == outcome.lifecycle.ending.status
        and len(outcome.record.transitions) >= len(outcome.lifecycle.statuses)
        and len(outcome.alert_records) >= len(outcome.expected_alerts)
    )


def differences(outcome: JobOutcome) -> list[str]:
    """Where the ledger departs from what the lifecycle and Describe demand; empty if nowhere."""
    state = outcome.record.state
    if state is None:
        return [f"{outcome.name}: the ledger does not know the job"]
    described, lifecycle, transitions = outcome.described, outcome.lifecycle, outcome.record.transitions
    history = [
        (each["Status"], iso(at_milliseconds(each["StartTime"]))) for each in described["SecondaryStatusTransitions"]
    ]
    training, billable = (described.get(f"{word}TimeInSeconds") for word in ("Training", "Billable"))
    saved = savings_percent(training=state.training_time, billable=state.billable_time)
    alerts = [(record.kind.value, record.outcome) for record in outcome.alert_records]
    checks: list[tuple[str, object, object]] = [
        ("order of transitions", [*lifecycle.statuses], [each.status for each in transitions]),
        ("transitions of Describe", history, [(each.status, iso(each.started)) for each in transitions]),
        ("status", described["TrainingJobStatus"], state.status),
        ("secondary status", lifecycle.ending.status, state.secondary_status),
        ("interruptions", lifecycle.statuses.count(INTERRUPTED), figures(transitions).interruptions),
        ("training seconds", training, state.training_time and state.training_time.total_seconds()),
        ("billable seconds", billable, state.billable_time and state.billable_time.total_seconds()),
        ("savings", _savings(training, billable), None if saved is None else round(saved, 6)),
        ("alerts", [(kind, AlertOutcome.SENT) for kind in outcome.expected_alerts], alerts),
    ]
    return [line for what, *both in checks for line in unequal(f"{outcome.name}: {what}", *both)]


def fingerprint(outcome: JobOutcome) -> list[str]:
    """What the ledger says of a job without its times: equal for equal fates, however the events arrived."""
    state = outcome.record.state
    return [
        *(each.status + (" provisional" if each.provisional else "") for each in outcome.record.transitions),
        *(f"{each.kind} {each.outcome} {each.headline}" for each in outcome.alert_records),
        *([state.status, state.secondary_status, str(state.market), str(state.billable_time)] if state else []),
    ]


def ledger_is_consistent(deployed: DeployedAccount) -> list[str]:
    """Jobs that have items but no state, or a state without transitions."""
    kinds: dict[str, Counter[str]] = {}
    pages = deployed.client("dynamodb").get_paginator("scan").paginate(TableName=deployed.outputs["LedgerTableName"])
    for page in pages:
        for item in page["Items"]:
            kinds.setdefault(item["pk"]["S"], Counter())[item["sk"]["S"].split("#")[0]] += 1
    return [
        f"{partition}: {dict(counts)}"
        for partition, counts in kinds.items()
        if partition.startswith("job#") and (counts[STATE_KEY] != 1 or not counts["transition"])
    ]


def _savings(training: int | None, billable: int | None) -> float | None:
    if not training or billable is None:
        return None
    return round((1 - billable / training) * 100, 6)
