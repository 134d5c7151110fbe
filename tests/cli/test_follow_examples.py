"""The examples that follow a run take the job that has the name now, and do not wait for what never comes."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.recovery.planning.run import run_id
from respot.runs.run_state import RunState
from tests.contracts.test_summary_store import BARE, dynamodb_store
from tests.support.builders import NAME, REGION, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
NEW: Final = job_id(created=at(90_000.25))
FAR: Final = "eu-west-1"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a clock that its waits move on."""
    spec = importlib.util.spec_from_file_location("follow_run", EXAMPLES / "follow_run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clock = FakeClock(NEW.created)
    monkeypatch.setattr("time.sleep", lambda seconds: clock.pass_by(timedelta(seconds=seconds)))
    monkeypatch.setattr("time.monotonic", lambda: clock().timestamp())
    return module


class Jobs:
    """SageMaker's jobs, in a deployment; moto has no CloudFormation without packages that nothing else needs."""

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.dynamodb = dynamodb
        self.there: dict[tuple[str, str], JobId] = {}

    def client(self, service: str, region_name: str | None = None) -> Any:  # noqa: ANN401 - as boto3 types it
        if service == "cloudformation":
            outputs = [{"OutputKey": "LedgerTableName", "OutputValue": TABLE}]
            return Mock(describe_stacks=Mock(return_value={"Stacks": [{"Outputs": outputs}]}))
        region = region_name or REGION
        client = Mock(describe_training_job=lambda **named: self._describe(region, *named.values()))
        client.meta.region_name = region
        return client

    def _describe(self, region: str, name: str) -> dict[str, Any]:
        if (region, name) not in self.there:
            error: Any = {"Error": {"Code": "ValidationException", "Message": "Requested resource not found."}}
            raise ClientError(error, "DescribeTrainingJob")
        job = self.there[region, name]
        return {"CreationTime": job.created, "ModelArtifacts": {"S3ModelArtifacts": f"s3://{region}/{name}"}}

    def know(self, job: JobId, state: RunState | None) -> None:
        """Have the ledger know a job, and the state of its run, if it has a summary."""
        ledger = DynamoDbLedger(self.dynamodb, TABLE, clock=FakeClock(NEW.created), retention=None)
        ledger.save(reconcile(ledger.load(job), snapshot("Starting=0 Training=5", job=job)))
        if state:
            run = run_id(job)
            summary, store = (
                replace(BARE, run=run, job=job, state=state, reason="as said"),
                dynamodb_store(self.dynamodb),
            )
            assert store.save(summary, over=store.load(run))


@pytest.fixture
def jobs(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    made = Jobs(dynamodb)
    with monkeypatch.context() as patched:
        patched.setattr(boto3, "client", made.client)
        yield made


@pytest.mark.parametrize("rounded", [0.0, -0.25])
def test_an_earlier_job_of_the_name_is_not_followed(
    example: ModuleType,
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rounded: float,
) -> None:
    known = replace(NEW, created=NEW.created + timedelta(seconds=rounded))
    jobs.there[REGION, NAME] = NEW
    jobs.know(job_id(), RunState.FAILED)
    once = iter([RunState.COMPLETED])
    monkeypatch.setattr("time.sleep", lambda _: jobs.know(known, next(once)))
    assert example.main(NAME) == 0
    assert capsys.readouterr() == (f"s3://{REGION}/{NAME}\n", "completed: as said\n")


def test_another_jobs_model_is_not_taken_for_that_of_a_deleted_job(
    example: ModuleType, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs.there[REGION, NAME] = NEW
    jobs.know(NEW, RunState.COMPLETED)
    ended = example.follow(NAME)
    jobs.there[REGION, NAME] = replace(NEW, created=NEW.created + timedelta(hours=1))
    monkeypatch.setattr(example, "follow", lambda *_, **__: ended)
    assert example.main(NAME) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{NAME} was deleted, and SageMaker has another job of that name" in err


def test_a_run_that_did_not_complete_is_1(example: ModuleType, jobs: Jobs) -> None:
    jobs.there[REGION, NAME] = NEW
    jobs.know(NEW, RunState.REFUSED)
    assert example.main(NAME) == 1


def test_a_job_of_another_region_is_followed_there(
    example: ModuleType, jobs: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    far = replace(NEW, region=FAR)
    jobs.there[FAR, NAME] = far
    jobs.know(far, RunState.COMPLETED)
    assert example.main(NAME) == 3
    assert f"SageMaker in {REGION} does not show it" in capsys.readouterr().err
    assert example.main(NAME, FAR) == 0
    assert capsys.readouterr().out == f"s3://{FAR}/{NAME}\n"


def test_a_job_that_the_deployment_does_not_watch_ends_the_wait(
    example: ModuleType, jobs: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs.there[REGION, NAME] = NEW
    assert example.main(NAME) == 3
    assert f"Respot did not learn of it in 600 s: does it watch {REGION}?" in capsys.readouterr().err


def test_a_known_job_without_a_summary_ends_the_wait(
    example: ModuleType, jobs: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended before an upgrade, or is a later attempt of its run."""
    jobs.there[REGION, NAME] = NEW
    jobs.know(NEW, None)
    assert example.main(NAME) == 3
    words = "Respot has no summary of its run after 600 s: name the run's first job, or use `respot wait`"
    assert words in capsys.readouterr().err


def test_a_run_with_a_summary_is_followed_for_as_long_as_it_takes(
    example: ModuleType, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.there[REGION, NAME] = NEW
    jobs.know(NEW, RunState.RUNNING)
    looks = iter(range(9))
    states = iter([None, None, RunState.COMPLETED])
    monkeypatch.setattr("time.monotonic", lambda: next(looks) * 86_400.0)
    monkeypatch.setattr("time.sleep", lambda _: jobs.know(NEW, next(states)))
    assert example.main(NAME) == 0


@pytest.mark.parametrize(("code", "explained"), [(0, ""), (1, f"why {NAME} --region {FAR}\n"), (3, ""), (6, "")])
def test_the_shell_script_exits_as_wait_does_and_explains_only_how_a_run_ended(
    tmp_path: Path, code: int, explained: str
) -> None:
    fake = tmp_path / "respot"
    fake.write_text(
        f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:])\nsys.exit({code} if sys.argv[1] == 'wait' else 5)\n"
    )
    fake.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - our own example
        [EXAMPLES / "follow_run.sh", NAME, "--region", FAR],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert done.stderr == explained
    assert done.stdout == (f"wait {NAME} --region {FAR} --timeout 24h --output model\n" if code == 0 else "")
