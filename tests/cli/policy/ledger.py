"""A deployment whose ledger has jobs that ended, as Respot recorded them: in moto, to be read by the command."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

import boto3
import pytest
from botocore.client import BaseClient

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.jobs.job import JobId, JobRecord, JobSnapshot
from respot.jobs.merge import reconcile
from respot.jobs.ports import Clock
from respot_cli.main import main
from respot_cli.policy import command
from tests.support.builders import ACCOUNT, REGION
from tests.support.moto_aws import TABLE
from tests.support.recovery_environment import RecoveryEnvironment

PARAMETER: Final = "/Respot/policy"
NOTHING: Final = {"version": 1}
RESUME: Final = {"version": 1, "defaults": {"resume": True}}
READS: Final = {
    "CloudFormation.DescribeStacks",
    "DynamoDB.Query",
    "DynamoDB.BatchGetItem",
    "SSM.GetParameter",
}
"""All that the command may call: it cannot write."""


OUTPUTS: Final = {
    "LedgerTableName": TABLE,
    "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts",
    "PolicyParameterName": PARAMETER,
    "SweepMinutes": "5",
}


def deploy(policy: object) -> None:
    """The deployed policy, from now on."""
    text = policy if isinstance(policy, str) else json.dumps(policy)
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=text, Type="String", Overwrite=True)


def write(environment: RecoveryEnvironment) -> None:
    """Put what Respot has recorded in memory into the table."""
    client = boto3.client("dynamodb")
    ledger = DynamoDbLedger(client, TABLE, clock=environment.clock, retention=None)
    runs = DynamoDbRunStore(client, TABLE, clock=environment.clock, retention=None)
    kept = environment.runs
    for job, (state, _) in environment.ledger.states.items():
        ended = JobSnapshot(state=state, history=environment.ledger.load(job).transitions)
        assert ledger.save(reconcile(JobRecord(), ended))
    for decided in kept.decisions.values():
        planned = next((each for each in kept.planned.values() if each.parent == decided.job), None)
        assert runs.decide(decided, planned)
    for outcome in kept.outcomes.values():
        runs.record_outcome(outcome)
    for intent in kept.stop_intents.values():
        runs.record_stop_intent(intent)
    for notice in kept.notices.values():
        runs.notice(notice.job, notice.kind, notice.summary)


@dataclass(slots=True)
class Command:
    """Runs the command at the jobs' time, and notes what it calls in AWS.

    Attributes:
        clock: of the jobs, and of the command.
        monkeypatch: to stand between the command and AWS.
        capsys: what it writes.
        calls: each as service and operation.
    """

    clock: Clock
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    calls: list[str] = field(default_factory=list)

    def run(self, *arguments: object) -> tuple[int, str, str]:
        """The exit code, and what it wrote to stdout and stderr."""
        self.capsys.readouterr()
        with self.monkeypatch.context() as patched:
            patched.setattr(BaseClient, "_make_api_call", self._calling(vars(BaseClient)["_make_api_call"]))
            patched.setattr(command, "_now", self.clock)
            code = main([str(each) for each in arguments])
        written = self.capsys.readouterr()
        return code, written.out, written.err

    def document(self, *arguments: object) -> dict[str, Any]:
        """Its JSON."""
        _, out, _ = self.run(*arguments, "--json")
        return cast("dict[str, Any]", json.loads(out))

    def _calling(self, call: Callable[..., object]) -> Callable[..., object]:
        """Calls of any client, noted; moto lacks a dependency for stacks."""

        def noted(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> object:
            self.calls.append(f"{client.meta.service_model.service_id}.{operation}")
            if operation == "DescribeStacks":
                return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]}]}
            return call(client, operation, parameters)

        return noted


def ended_and_decided(environment: RecoveryEnvironment, name: str, tags: Mapping[str, str], **others: Any) -> JobId:  # noqa: ANN401
    """A job that trained for an hour and ended for want of capacity, with the decision on it."""
    environment.submit(name, tags, **others)
    for minutes, status in ((5, "Downloading"), (5, "Training"), (60, "Interrupted"), (10, "MaxWaitTimeExceeded")):
        environment.clock.pass_by(timedelta(minutes=minutes))
        if status == "Interrupted":
            environment.save(500, name)
        environment.sagemaker.move(name, status)
    environment.observe(name)
    job = environment.sagemaker.jobs[name].state.job
    environment.recover(job)
    return job


def never_launched(environment: RecoveryEnvironment, name: str, tags: Mapping[str, str], **others: Any) -> JobId:  # noqa: ANN401
    """A job that waited for six hours in vain, with the decision on it."""
    job = environment.submit(name, tags, **others)
    environment.clock.pass_by(timedelta(hours=6))
    environment.sagemaker.move(name, "MaxWaitTimeExceeded")
    environment.observe(name)
    environment.recover(job)
    return job


def completed(environment: RecoveryEnvironment, name: str) -> JobId:
    """A job that did its work."""
    job = environment.submit(name, {})
    environment.sagemaker.move(name, "Completed")
    environment.observe(name)
    environment.recover(job)
    return job
