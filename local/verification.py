"""Compares what Respot recorded and said with what SageMaker did: the demo's and the end-to-end tests' judge.

SageMaker's side comes from the lifecycles that the jobs were given and from Describe, never from Respot.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.deployed import DeployedAccount
from local.sagemaker.lifecycle import INTERRUPTED, Lifecycle
from respot.domain.alert import AlertOutcome, AlertReceipt
from respot.domain.durations import iso
from respot.domain.job import JobRecord, at_milliseconds
from respot.domain.lifecycle import figures
from respot.domain.savings import savings_percent
from respot.schema import STATE_KEY

_KINDS: Final = {
    "Interrupted": "interrupted",
    "MaxWaitTimeExceeded": "max-wait-time-exceeded",
    "MaxRuntimeExceeded": "max-runtime-exceeded",
    "Failed": "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What is to be seen of one job after it ended.

    Attributes:
        name: the job.
        lifecycle: the fate it was given.
        described: what DescribeTrainingJob says.
        record: what the ledger says.
        receipts: the alerts that the ledger says were settled.
    """

    name: str
    lifecycle: Lifecycle
    described: Mapping[str, Any]
    record: JobRecord
    receipts: tuple[AlertReceipt, ...]

    @property
    def expected_alerts(self) -> list[str]:
        """The kinds of alerts that the lifecycle calls for, in order."""
        return [_KINDS[status] for status in self.lifecycle.statuses if status in _KINDS]


def observe(deployed: DeployedAccount, name: str, lifecycle: Lifecycle) -> JobOutcome:
    """Look at one job from both sides."""
    ledger = deployed.ledger()
    described = deployed.client("sagemaker").describe_training_job(TrainingJobName=name)
    jobs = ledger.find(deployed.account.region, name)
    return JobOutcome(
        name=name,
        lifecycle=lifecycle,
        described=described,
        record=ledger.load(jobs[0]) if jobs else JobRecord(),
        receipts=ledger.alerts(jobs[0]) if jobs else (),
    )


def is_settled(outcome: JobOutcome) -> bool:
    """Whether nothing more is to come from this job."""
    facts = outcome.record.facts
    return (
        facts is not None
        and facts.secondary_status == outcome.lifecycle.ending.status
        and len(outcome.record.transitions) >= len(outcome.lifecycle.statuses)
        and len(outcome.receipts) >= len(outcome.expected_alerts)
    )


def differences(outcome: JobOutcome) -> list[str]:
    """Where the ledger departs from what the lifecycle and Describe demand; empty if nowhere."""
    facts, found = outcome.record.facts, []
    if facts is None:
        return [f"{outcome.name}: the ledger does not know the job"]

    def demand(what: str, wanted: object, got: object) -> None:
        if wanted != got:
            found.append(f"{outcome.name}: {what}: {wanted!r} was demanded, {got!r} was found")

    history = [(stay["Status"], _iso(stay["StartTime"])) for stay in outcome.described["SecondaryStatusTransitions"]]
    stays = outcome.record.transitions
    demand("order of transitions", list(outcome.lifecycle.statuses), [stay.status for stay in stays])
    demand("transitions of Describe", history, [(stay.status, iso(stay.started)) for stay in stays])
    demand("status", outcome.described["TrainingJobStatus"], facts.status)
    demand("secondary status", outcome.lifecycle.ending.status, facts.secondary_status)
    demand("interruptions", outcome.lifecycle.statuses.count(INTERRUPTED), figures(stays).interruptions)
    training, billable = (outcome.described.get(f"{word}TimeInSeconds") for word in ("Training", "Billable"))
    demand("training seconds", training, facts.training_time and facts.training_time.total_seconds())
    demand("billable seconds", billable, facts.billable_time and facts.billable_time.total_seconds())
    saved = savings_percent(training=facts.training_time, billable=facts.billable_time)
    demand("savings", _savings(training, billable), None if saved is None else round(saved, 6))
    demand("alerts", outcome.expected_alerts, [receipt.kind.value for receipt in outcome.receipts])
    for receipt in outcome.receipts:
        demand(f"outcome of the {receipt.kind} alert", AlertOutcome.SENT, receipt.outcome)
    return found


def compare_deliveries(outcomes: Sequence[JobOutcome], documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Whether a machine subscriber got each alert that the ledger says was sent exactly once, and nothing else."""
    sent = Counter(
        (outcome.name, receipt.kind.value, iso(receipt.transition.started))
        for outcome in outcomes
        for receipt in outcome.receipts
        if receipt.outcome is AlertOutcome.SENT
    )
    names = {outcome.name for outcome in outcomes}
    received = Counter(
        (document["job"]["name"], document["kind"], document["transition"]["started"])
        for document in documents
        if document["job"]["name"] in names
    )
    return [
        f"{' '.join(key)}: sent {sent[key]} times, received {received[key]} times"
        for key in sent | received
        if sent[key] != received[key]
    ]


def fingerprint(outcome: JobOutcome) -> list[str]:
    """What the ledger says of a job without its times: equal for equal fates, however the events arrived."""
    facts = outcome.record.facts
    return [
        *(stay.status + (" provisional" if stay.provisional else "") for stay in outcome.record.transitions),
        *(f"{receipt.kind} {receipt.outcome} {receipt.headline}" for receipt in outcome.receipts),
        *([facts.status, facts.secondary_status, str(facts.market), str(facts.billable_time)] if facts else []),
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


def receive_alerts(deployed: DeployedAccount) -> list[dict[str, Any]]:
    """Take everything that the machine subscriber's queue holds by now."""
    sqs = deployed.client("sqs")
    documents: list[dict[str, Any]] = []
    while True:
        answer = sqs.receive_message(QueueUrl=deployed.subscriber_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        messages = answer.get("Messages", [])
        if not messages:
            return documents
        for message in messages:
            documents.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=deployed.subscriber_url, ReceiptHandle=message["ReceiptHandle"])


def _iso(moment: datetime) -> str:
    return iso(at_milliseconds(moment))


def _savings(training: int | None, billable: int | None) -> float | None:
    if not training or billable is None:
        return None
    return round((1 - billable / training) * 100, 6)
