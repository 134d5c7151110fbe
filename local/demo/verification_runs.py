"""Compares what Respot did with a run, attempt by attempt, with what SageMaker and the checkpoints say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from local.demo.deployed import DeployedAccount
from local.demo.verification_jobs import ALERT_KINDS, unequal
from local.sagemaker.lifecycle import PENDING_TIMEOUT
from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.jobs.job import JobRecord
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """One attempt of a run: DescribeTrainingJob, ListTags, and what the ledger has."""

    name: str
    described: Mapping[str, Any]
    tags: Mapping[str, str]
    record: JobRecord
    decision: DecisionRecord | None
    outcome: Outcome | None
    alert_records: tuple[AlertRecord, ...]

    @property
    def expected_alerts(self) -> list[str]:
        """The kinds of alerts that its history, the advice on spot jobs, and Respot's actions require, sorted."""
        spot = bool(self.described["EnableManagedSpotTraining"])
        history = (transition["Status"] for transition in self.described["SecondaryStatusTransitions"])
        kinds = [ALERT_KINDS[status] for status in history if status in ALERT_KINDS and spot]
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
    """The attempts of a run that exist now, the first one first; without a region, in the hub's."""
    ledger, runs = deployed.ledger(), deployed.runs()
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
    checks: list[tuple[str, object, object]] = []
    found = []
    for number, attempt in enumerate(run, start=1):
        name, records = attempt.name, attempt.alert_records
        history = [each["Status"] for each in attempt.described["SecondaryStatusTransitions"]]
        checks += [
            (f"{name}: transitions", history, [each.status for each in attempt.record.transitions]),
            (f"{name}: alerts", attempt.expected_alerts, sorted(each.kind.value for each in records)),
            (f"{name}: alerts sent", [AlertOutcome.SENT] * len(records), [each.outcome for each in records]),
            (f"{name}: number in the ledger", number, attempt.decision and attempt.decision.number),
        ]
    for number, (earlier, later) in enumerate(pairwise(run), start=2):
        lineage = Lineage(run=earlier.decision.run if earlier.decision else "", attempt=number, parent=earlier.name)
        tags = lineage.to_tags()
        checks += [
            (f"{later.name}: name", f"{run[0].name}-r{number}", later.name),
            (f"{later.name}: lineage", tags, {key: later.tags.get(key) for key in tags}),
        ]
        if later.described["CreationTime"] < earlier.described["SecondaryStatusTransitions"][-1]["StartTime"]:
            found.append(f"{later.name} was created before {earlier.name} had ended: two jobs wrote checkpoints")
    return found + [line for check in checks for line in unequal(*check)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Steps that a checkpoint proves a job to have trained: those after the first, up to the last."""

    job: str
    from_step: int
    to_step: int


def trained(deployed: DeployedAccount, prefix: str, *, region: str | None = None) -> list[Trained]:
    """Which job trained which steps, by the checkpoints below a key prefix; in order of steps."""
    s3, bucket = deployed.client("s3", region), deployed.grounds[region or deployed.account.region].bucket
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ()) if "/trained-by-" in item["Key"]]
    entries = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    found = [Trained(job=e["trained_by"], from_step=e["from_step"], to_step=e["to_step"]) for e in entries]
    return sorted(found, key=lambda entry: (entry.from_step, entry.to_step, entry.job))


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
