"""Compares what Respot recorded and said with what SageMaker did: the demo's and the end-to-end tests' judge.

SageMaker's side comes from the lifecycles that the jobs were given and from Describe, never from Respot.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from local.deployed import DeployedAccount
from local.sagemaker.lifecycle import INTERRUPTED, PENDING_TIMEOUT, Lifecycle
from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.jobs.formatting import iso
from respot.jobs.job import JobRecord, at_milliseconds, savings_percent
from respot.jobs.lifecycle import figures
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind
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
    alert_records: tuple[AlertRecord, ...]

    @property
    def expected_alerts(self) -> list[str]:
        """The kinds of alerts that the lifecycle calls for, in order."""
        return [_KINDS[status] for status in self.lifecycle.statuses if status in _KINDS]


def observe(deployed: DeployedAccount, name: str, lifecycle: Lifecycle, *, region: str | None = None) -> JobOutcome:
    """Look at one job from both sides; without a region, in the hub's."""
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
    state, found = outcome.record.state, []
    if state is None:
        return [f"{outcome.name}: the ledger does not know the job"]

    def demand(what: str, wanted: object, got: object) -> None:
        if wanted != got:
            found.append(f"{outcome.name}: {what}: {wanted!r} was demanded, {got!r} was found")

    history = [
        (transition["Status"], _iso(transition["StartTime"]))
        for transition in outcome.described["SecondaryStatusTransitions"]
    ]
    transitions = outcome.record.transitions
    demand("order of transitions", list(outcome.lifecycle.statuses), [transition.status for transition in transitions])
    demand(
        "transitions of Describe", history, [(transition.status, iso(transition.started)) for transition in transitions]
    )
    demand("status", outcome.described["TrainingJobStatus"], state.status)
    demand("secondary status", outcome.lifecycle.ending.status, state.secondary_status)
    demand("interruptions", outcome.lifecycle.statuses.count(INTERRUPTED), figures(transitions).interruptions)
    training, billable = (outcome.described.get(f"{word}TimeInSeconds") for word in ("Training", "Billable"))
    demand("training seconds", training, state.training_time and state.training_time.total_seconds())
    demand("billable seconds", billable, state.billable_time and state.billable_time.total_seconds())
    saved = savings_percent(training=state.training_time, billable=state.billable_time)
    demand("savings", _savings(training, billable), None if saved is None else round(saved, 6))
    demand("alerts", outcome.expected_alerts, [alert_record.kind.value for alert_record in outcome.alert_records])
    for alert_record in outcome.alert_records:
        demand(f"outcome of the {alert_record.kind} alert", AlertOutcome.SENT, alert_record.outcome)
    return found


def compare_deliveries(
    outcomes: Sequence["JobOutcome | AttemptOutcome"], documents: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Whether a machine subscriber got each alert that the ledger says was sent exactly once, and nothing else."""
    sent = Counter(
        (outcome.name, alert_record.kind.value, iso(alert_record.transition.started))
        for outcome in outcomes
        for alert_record in outcome.alert_records
        if alert_record.outcome is AlertOutcome.SENT
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """What is to be seen of one attempt of a run.

    Attributes:
        name: its job.
        described: what DescribeTrainingJob says.
        tags: what ListTags says.
        record: what the ledger says of the job.
        decision: what Respot decided after its end; None while it has not.
        outcome: what became of a decision to resubmit; None while that is open.
        receipts: the alerts that the ledger says were settled.
    """

    name: str
    described: Mapping[str, Any]
    tags: Mapping[str, str]
    record: JobRecord
    decision: DecisionRecord | None
    outcome: Outcome | None
    alert_records: tuple[AlertRecord, ...]

    @property
    def expected_alerts(self) -> list[str]:
        """The kinds of alerts that its history, the advice on spot jobs, and Respot's doings call for, sorted."""
        spot = bool(self.described["EnableManagedSpotTraining"])
        history = (transition["Status"] for transition in self.described["SecondaryStatusTransitions"])
        kinds = [_KINDS[status] for status in history if status in _KINDS and spot]
        kinds += ["ended"] * (self.described["SecondaryStatus"] == PENDING_TIMEOUT)
        limits = self.described["StoppingCondition"]
        if spot and (
            "CheckpointConfig" not in self.described or limits["MaxRuntimeInSeconds"] == limits["MaxWaitTimeInSeconds"]
        ):
            kinds.append("advice")
        if self.decision and self.decision.decision.notify:
            kinds.append("would-resubmit" if self.decision.decision.action is Action.RESUBMIT else "not-resubmitted")
        if self.outcome:
            kinds.append("resubmitted" if self.outcome.kind is OutcomeKind.CREATED else "not-resubmitted")
        return sorted(kinds)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come from it."""
        if self.decision is None:
            return False
        decision = self.decision.decision
        is_open = decision.action is Action.RESUBMIT and not decision.dry_run and self.outcome is None
        return not is_open and len(self.alert_records) >= len(self.expected_alerts)


def observe_run(deployed: DeployedAccount, name: str, *, region: str | None = None) -> tuple[AttemptOutcome, ...]:
    """Look at a run from its first job on, as far as attempts were created by now; without a region, in the hub's."""
    table = deployed.outputs["LedgerTableName"]
    ledger = deployed.ledger()
    runs = DynamoDbRunStore(deployed.client("dynamodb"), table, clock=lambda: datetime.now(UTC), retention=None)
    sagemaker = deployed.client("sagemaker", region)
    attempts: list[AttemptOutcome] = []
    following: str | None = name
    while following:
        described = sagemaker.describe_training_job(TrainingJobName=following)
        tags = sagemaker.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
        jobs = ledger.find(region or deployed.account.region, following)
        outcome = runs.outcome(jobs[0]) if jobs else None
        attempts.append(
            AttemptOutcome(
                name=following,
                described=described,
                tags={tag["Key"]: tag["Value"] for tag in tags},
                record=ledger.load(jobs[0]) if jobs else JobRecord(),
                decision=runs.decision(jobs[0]) if jobs else None,
                outcome=outcome,
                alert_records=ledger.alerts(jobs[0]) if jobs else (),
            )
        )
        following = outcome.name if outcome and outcome.kind is OutcomeKind.CREATED else None
    return tuple(attempts)


def run_differences(run: Sequence[AttemptOutcome]) -> list[str]:
    """Where a settled run departs from what is demanded of every run; empty if nowhere."""
    found = []

    def demand(name: str, what: str, wanted: object, got: object) -> None:
        if wanted != got:
            found.append(f"{name}: {what}: {wanted!r} was demanded, {got!r} was found")

    for number, attempt in enumerate(run, start=1):
        history = [transition["Status"] for transition in attempt.described["SecondaryStatusTransitions"]]
        demand(attempt.name, "transitions", history, [transition.status for transition in attempt.record.transitions])
        kinds = sorted(alert_record.kind.value for alert_record in attempt.alert_records)
        demand(attempt.name, "alerts", attempt.expected_alerts, kinds)
        demand(
            attempt.name, "alerts sent", [AlertOutcome.SENT] * len(kinds), [r.outcome for r in attempt.alert_records]
        )
        demand(attempt.name, "number in the ledger", number, attempt.decision and attempt.decision.number)
    for number, (earlier, later) in enumerate(pairwise(run), start=2):
        decision = earlier.decision
        lineage = Lineage(run=decision.run if decision else "", attempt=number, parent=earlier.name).to_tags()
        demand(later.name, "name", f"{run[0].name}-r{number}", later.name)
        demand(later.name, "lineage", lineage, {key: later.tags.get(key) for key in lineage})
        ended = earlier.described["SecondaryStatusTransitions"][-1]["StartTime"]
        if later.described["CreationTime"] < ended:
            found.append(f"{later.name} was created before {earlier.name} had ended: two jobs wrote checkpoints")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Steps that a checkpoint proves a job to have trained: those after the first, up to the last."""

    job: str
    from_step: int
    to_step: int


def trained(deployed: DeployedAccount, prefix: str, *, region: str | None = None) -> list[Trained]:
    """What the checkpoints below a key prefix of the ground's bucket say, each of whom wrote it; in order of steps."""
    s3, bucket = deployed.client("s3", region), deployed.grounds[region or deployed.account.region].bucket
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ()) if "/trained-by-" in item["Key"]]
    entries = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    found = [Trained(job=e["trained_by"], from_step=e["from_step"], to_step=e["to_step"]) for e in entries]
    return sorted(found, key=lambda entry: (entry.from_step, entry.to_step, entry.job))


def training_differences(entries: Sequence[Trained]) -> list[str]:
    """Steps up to the last checkpoint that nobody trained, or that were trained twice; empty if there are none."""
    found, reached = [], 0
    for entry in entries:
        if entry.from_step < reached:
            found.append(f"{entry.job} trained steps {entry.from_step + 1} to {min(reached, entry.to_step)} again")
        elif entry.from_step > reached:
            found.append(f"nobody trained steps {reached + 1} to {entry.from_step}")
        reached = max(reached, entry.to_step)
    return found


def fingerprint(outcome: JobOutcome) -> list[str]:
    """What the ledger says of a job without its times: equal for equal fates, however the events arrived."""
    state = outcome.record.state
    return [
        *(
            transition.status + (" provisional" if transition.provisional else "")
            for transition in outcome.record.transitions
        ),
        *(
            f"{alert_record.kind} {alert_record.outcome} {alert_record.headline}"
            for alert_record in outcome.alert_records
        ),
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
