"""Compares what Respot recorded of jobs, and did about them, with what SageMaker and the checkpoints say.

SageMaker's side comes from the lifecycles that the jobs were given, from Describe and from S3, never from Respot.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

from local.demo.deployed import DeployedAccount
from local.sagemaker.lifecycle import PENDING_TIMEOUT, Lifecycle
from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.aws.dynamodb.keys import STATE_KEY
from respot.jobs.formatting import iso
from respot.jobs.job import JobRecord, at_milliseconds
from respot.jobs.lifecycle import is_terminal
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord, Notice, Outcome, OutcomeKind

ALERT_KINDS: Final = {
    "Interrupted": "interrupted",
    "MaxWaitTimeExceeded": "max-wait-time-exceeded",
    "MaxRuntimeExceeded": "max-runtime-exceeded",
    "Failed": "failed",
}
"""Of the statuses that people are alerted to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """One job, an attempt of its run: DescribeTrainingJob, ListTags, and what the ledger has.

    `lifecycle` is the one that it was given, if that is known.
    """

    name: str
    lifecycle: Lifecycle | None
    described: Mapping[str, Any]
    tags: Mapping[str, str]
    record: JobRecord
    decision: DecisionRecord | None
    outcome: Outcome | None
    notices: tuple[Notice, ...]
    alert_records: tuple[AlertRecord, ...]

    @property
    def statuses(self) -> list[str]:
        """Its history as Describe shows it."""
        return [transition["Status"] for transition in self.described["SecondaryStatusTransitions"]]

    @property
    def expected_alerts(self) -> list[str]:
        """The kinds of alerts that its history, the advice on spot jobs, and Respot's actions require, sorted."""
        spot = bool(self.described["EnableManagedSpotTraining"])
        kinds = [ALERT_KINDS[status] for status in self.statuses if status in ALERT_KINDS and spot]
        kinds += ["ended"] * (self.described["SecondaryStatus"] == PENDING_TIMEOUT)
        limits = self.described["StoppingCondition"]
        if spot and (
            "CheckpointConfig" not in self.described or limits["MaxRuntimeInSeconds"] == limits["MaxWaitTimeInSeconds"]
        ):
            kinds.append("advice")
        kinds += [notice.kind.value for notice in self.notices]
        if self.decision and self.decision.decision.notify:
            kinds.append("would-resubmit" if self.decision.decision.action is Action.RESUBMIT else "not-resubmitted")
        if self.outcome:
            kinds.append("resubmitted" if self.outcome.kind is OutcomeKind.CREATED else "not-resubmitted")
        return sorted(kinds)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come from it."""
        state = self.record.state
        if self.decision is None or state is None or not is_terminal(self.described["TrainingJobStatus"]):
            return False
        decision = self.decision.decision
        is_open = decision.action is Action.RESUBMIT and not decision.dry_run and self.outcome is None
        return (
            not is_open
            and state.secondary_status == self.described["SecondaryStatus"]
            and len(self.record.transitions) >= len(self.statuses)
            and len(self.alert_records) >= len(self.expected_alerts)
        )


def observe(
    deployed: DeployedAccount, name: str, lifecycle: Lifecycle | None = None, *, region: str | None = None
) -> JobOutcome:
    """One job from both sides; without a region, in the hub's."""
    ledger, runs, sagemaker = deployed.ledger(), deployed.runs(), deployed.client("sagemaker", region)
    described = sagemaker.describe_training_job(TrainingJobName=name)
    tags = sagemaker.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
    jobs = ledger.find(region or deployed.account.region, name)
    return JobOutcome(
        name=name,
        lifecycle=lifecycle,
        described=described,
        tags={tag["Key"]: tag["Value"] for tag in tags},
        record=ledger.load(jobs[0]) if jobs else JobRecord(),
        decision=runs.decision(jobs[0]) if jobs else None,
        outcome=runs.outcome(jobs[0]) if jobs else None,
        notices=runs.recovery_records(jobs[0]).notices if jobs else (),
        alert_records=ledger.alerts(jobs[0]) if jobs else (),
    )


def observe_run(deployed: DeployedAccount, name: str, *, region: str | None = None) -> tuple[JobOutcome, ...]:
    """The attempts of a run that exist now, the first one first; without a region, in the hub's."""
    run = [observe(deployed, name, region=region)]
    while (outcome := run[-1].outcome) and outcome.kind is OutcomeKind.CREATED and outcome.name:
        run.append(observe(deployed, outcome.name, region=region))
    return tuple(run)


def unequal(what: str, wanted: object, got: object) -> list[str]:
    """The difference between what is demanded and what was found; empty if there is none."""
    return [] if wanted == got else [f"{what}: {wanted!r} was demanded, {got!r} was found"]


def differences(outcome: JobOutcome) -> list[str]:
    """Where the ledger departs from what the lifecycle and Describe demand; empty if nowhere."""
    state = outcome.record.state
    if state is None:
        return [f"{outcome.name}: the ledger does not know the job"]
    described, transitions, alerts = outcome.described, outcome.record.transitions, outcome.alert_records
    history = [
        (each["Status"], iso(at_milliseconds(each["StartTime"]))) for each in described["SecondaryStatusTransitions"]
    ]
    order = outcome.lifecycle.statuses if outcome.lifecycle else outcome.statuses
    times = [span and span.total_seconds() for span in (state.training_time, state.billable_time)]
    described_times = [described.get(f"{word}TimeInSeconds") for word in ("Training", "Billable")]
    checks: list[tuple[str, object, object]] = [
        ("order of transitions", [*order], [each.status for each in transitions]),
        ("transitions of Describe", history, [(each.status, iso(each.started)) for each in transitions]),
        ("status", described["TrainingJobStatus"], state.status),
        ("secondary status", described["SecondaryStatus"], state.secondary_status),
        ("training and billable seconds", described_times, times),
        ("alerts", outcome.expected_alerts, sorted(each.kind.value for each in alerts)),
        ("alerts sent", [AlertOutcome.SENT] * len(alerts), [each.outcome for each in alerts]),
    ]
    return [line for what, *both in checks for line in unequal(f"{outcome.name}: {what}", *both)]


def run_differences(run: Sequence[JobOutcome]) -> list[str]:
    """Where a settled run departs from what is demanded of every run; empty if nowhere."""
    found = [line for attempt in run for line in differences(attempt)]
    for number, attempt in enumerate(run, start=1):
        found += unequal(f"{attempt.name}: number", number, attempt.decision and attempt.decision.number)
    for number, (earlier, later) in enumerate(pairwise(run), start=2):
        lineage = Lineage(run=earlier.decision.run if earlier.decision else "", attempt=number, parent=earlier.name)
        tags = lineage.to_tags()
        found += unequal(f"{later.name}: name", f"{run[0].name}-r{number}", later.name)
        found += unequal(f"{later.name}: lineage", tags, {key: later.tags.get(key) for key in tags})
        if later.described["CreationTime"] < earlier.described["SecondaryStatusTransitions"][-1]["StartTime"]:
            found.append(f"{later.name} was created before {earlier.name} had ended: two jobs wrote checkpoints")
    return found


def fingerprint(outcome: JobOutcome) -> list[str]:
    """What the ledger says of a job without its times: equal for equal fates, however the events arrived."""
    state, decision, created = outcome.record.state, outcome.decision, outcome.outcome
    return [
        *(each.status + (" provisional" if each.provisional else "") for each in outcome.record.transitions),
        *sorted(
            f"{each.kind} {each.outcome} {each.headline if each.kind.value in ALERT_KINDS.values() else ''}"
            for each in outcome.alert_records
        ),
        *([state.status, state.secondary_status, str(state.market), str(state.billable_time)] if state else []),
        f"{decision and decision.decision.action} {created and created.kind}",
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


class Trained(NamedTuple):
    """Steps that a checkpoint proves a job to have trained: those after the first, up to the last."""

    from_step: int
    to_step: int
    job: str


def trained(deployed: DeployedAccount, prefix: str, *, region: str | None = None) -> list[Trained]:
    """Which job trained which steps, by the checkpoints below a key prefix; in order of steps."""
    s3, bucket = deployed.client("s3", region), deployed.grounds[region or deployed.account.region].bucket
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ()) if "/trained-by-" in item["Key"]]
    entries = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return sorted(Trained(entry["from_step"], entry["to_step"], entry["trained_by"]) for entry in entries)


def training_differences(entries: Sequence[Trained]) -> list[str]:
    """Steps up to the last checkpoint that no job trained, or that were trained twice; empty if there are none."""
    found, reached = [], 0
    for entry in entries:
        if entry.from_step < reached:
            found.append(f"{entry.job} trained steps {entry.from_step + 1} to {min(reached, entry.to_step)} again")
        elif entry.from_step > reached:
            found.append(f"no job trained steps {reached + 1} to {entry.from_step}")
        reached = max(reached, entry.to_step)
    return found


# --- the machine subscriber

Key = tuple[str, str, str]
"""An alert: its job's name, its kind, and the start of its transition."""


def sent_alerts(outcomes: Iterable[JobOutcome]) -> list[Key]:
    """The alerts that the ledger says were sent."""
    return [
        (outcome.name, record.kind.value, iso(record.transition.started))
        for outcome in outcomes
        for record in outcome.alert_records
        if record.outcome is AlertOutcome.SENT
    ]


def key_of(document: Mapping[str, Any]) -> Key:
    """The alert that a document is about."""
    return document["job"]["name"], document["kind"], document["transition"]["started"]


def compare_deliveries(outcomes: Sequence[JobOutcome], documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Whether a machine subscriber got each alert that the ledger says was sent exactly once, and nothing else."""
    names = {outcome.name for outcome in outcomes}
    sent = Counter(sent_alerts(outcomes))
    received = Counter(key_of(each) for each in documents if each["job"]["name"] in names)
    return [
        f"{' '.join(key)}: sent {sent[key]} times, received {received[key]} times"
        for key in sent | received
        if sent[key] != received[key]
    ]


def receive_alerts(deployed: DeployedAccount) -> list[dict[str, Any]]:
    """Take everything that the machine subscriber's queue holds by now."""
    sqs, queue = deployed.client("sqs"), deployed.subscriber_url
    documents: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            documents.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return documents
