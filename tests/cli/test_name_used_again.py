"""A name is used again once its job was deleted: `wait` and `logs --follow` follow the job that has the name now."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.jobs.formatting import iso
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import ExitCode
from respot_cli.main import main
from respot_cli.wait import command
from tests.support.builders import ACCOUNT, CREATED, NAME, REGION, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE
from tests.support.records import decision_record
from tests.support.refused import cut_off, refuse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OLD: Final = job_id()
NEW: Final = job_id(created=at(90_000))
FAR: Final = "eu-west-1"
BEGAN: Final = at(90_001)
"""When the command begins: the job was created a second ago."""


@dataclass(slots=True)
class World:
    """A deployment whose ledger has a failed job, and an account in which the name may belong to another job now.

    Attributes:
        client: of the ledger's table.
        session: the command's.
        clock: the time of the command's waits.
        later: what happens while the command waits, by the seconds that it waited.
    """

    client: "DynamoDBClient"
    session: boto3.session.Session
    clock: FakeClock
    later: dict[float, Callable[[], object]]

    def know(self, job: JobId, life: str) -> None:
        """Have the ledger know a job."""
        zero = (job.created - CREATED).total_seconds()
        words = (word.split("=") for word in life.split())
        seen = snapshot(" ".join(f"{status}={zero + float(seconds):g}" for status, seconds in words), job=job)
        ledger = DynamoDbLedger(self.client, TABLE, clock=self.clock, retention=None)
        ledger.save(reconcile(ledger.load(job), seen))

    def describe_as(self, created: datetime, **others: object) -> None:
        """Have SageMaker say that the job of this name was created then."""

        def answer(parsed: dict[str, Any], **_: object) -> None:
            parsed |= {"CreationTime": created, **others}

        create(REGION)
        self.session.events.register("after-call.sagemaker.DescribeTrainingJob", answer)

    def cut_off_the_ledger(self, *, after: float, until: float, of_index: bool = True) -> None:
        """Have the ledger not answer the command for a while; unless `of_index`, only its index of names answers."""

        def unreachable(params: dict[str, Any], **_: object) -> None:
            if after <= (self.clock() - BEGAN).total_seconds() < until and (of_index or "IndexName" not in params):
                raise EndpointConnectionError(endpoint_url="https://dynamodb/")

        self.session.events.register("provide-client-params.dynamodb", unreachable)

    def sleep(self, seconds: float) -> None:
        self.clock.pass_by(timedelta(seconds=seconds))
        waited = (self.clock() - BEGAN).total_seconds()
        for moment in [moment for moment in self.later if moment <= waited]:
            self.later.pop(moment)()


def create(region: str) -> None:
    """Have SageMaker know a job of the name, created at the real time."""
    boto3.client("sagemaker", region_name=region).create_training_job(
        TrainingJobName=NAME,
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/training",
        OutputDataConfig={"S3OutputPath": "s3://ml-bucket/out/"},
        ResourceConfig={"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )


@pytest.fixture
def world(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> World:
    session = boto3.Session(region_name=REGION)
    made = World(client=dynamodb, session=session, clock=FakeClock(BEGAN), later={})
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"}
    monkeypatch.setattr(deployment, "find", lambda _: Deployment(session=session, outputs=outputs))
    monkeypatch.setattr(command, "_now", made.clock)
    monkeypatch.setattr("time.sleep", made.sleep)
    monkeypatch.setattr("time.monotonic", lambda: made.clock().timestamp())
    made.know(OLD, "Starting=0 Training=5 Failed=9")
    decided = replace(decision_record(Action.NOTHING, job=OLD), run=run_id(OLD))
    DynamoDbRunStore(dynamodb, TABLE, clock=made.clock, retention=None).decide(decided, None)
    return made


def completes_at_once(world: World) -> None:
    world.know(NEW, "Starting=0 Training=5 Completed=9")


def completes(world: World, after: float) -> None:
    world.later[after] = lambda: completes_at_once(world)


def waited(*words: str) -> int:
    return main(["wait", NAME, *words, "--json"])


@pytest.mark.parametrize("after", [3, 590])
def test_wait_follows_the_job_that_sagemaker_has_now(
    world: World, capsys: pytest.CaptureFixture[str], after: float
) -> None:
    world.describe_as(NEW.created)
    completes(world, after)
    assert waited() == ExitCode.DONE
    out, err = capsys.readouterr()
    assert [each["created"] for each in json.loads(out)["attempts"]] == [iso(NEW.created)]
    assert f"respot: following {NAME} in {REGION}, created {iso(NEW.created)}\n" in err
    assert "had ended" not in err


def test_a_lost_end_of_the_old_job_does_not_hold_it(world: World) -> None:
    """SageMaker deletes only jobs that have ended; the ledger may not know the end yet."""
    stale = job_id(created=at(40_000))
    world.know(stale, "Starting=0 Training=5")
    world.describe_as(NEW.created)
    completes(world, 3)
    assert waited() == ExitCode.DONE


def test_a_newer_job_that_the_ledger_never_learns_of_is_not_there(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.describe_as(NEW.created)
    assert waited() == ExitCode.NOT_FOUND
    assert f"the ledger has no job {NAME} created {iso(NEW.created)} in {REGION}" in capsys.readouterr().err
    assert world.clock() - BEGAN == timedelta(minutes=10)


@pytest.mark.parametrize("after", [0, 5])
def test_a_ledger_that_does_not_answer_for_a_while_ends_no_wait_for_a_new_job(
    world: World, capsys: pytest.CaptureFixture[str], after: float
) -> None:
    world.cut_off_the_ledger(after=after, until=570)
    completes(world, 590)
    assert waited("--created-since", iso(NEW.created)) == ExitCode.DONE
    assert capsys.readouterr().err.count("trying again") == 1


def test_nor_one_that_does_not_answer_once_the_job_is_found(world: World) -> None:
    world.cut_off_the_ledger(after=0, until=570, of_index=False)
    assert waited() == ExitCode.NOT_DONE
    assert world.clock() - BEGAN == timedelta(seconds=570)


def test_a_ledger_that_refuses_ends_it_at_once(world: World) -> None:
    refuse(world.session, "dynamodb", "Query")
    assert waited() == ExitCode.AWS_UNAVAILABLE
    assert world.clock() == BEGAN


def test_the_deployment_is_found_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time costs a session, and a call of CloudFormation's few."""
    found = Mock(side_effect=deployment.find)
    monkeypatch.setattr(deployment, "find", found)
    world.describe_as(NEW.created)
    assert waited() == ExitCode.NOT_FOUND
    assert found.call_count == 1


def test_without_time_to_wait_an_unknown_job_is_not_there(world: World) -> None:
    assert waited("--created-since", iso(NEW.created), "--timeout", "0 s") == ExitCode.NOT_FOUND
    assert world.clock() == BEGAN


@pytest.mark.parametrize("rounded", [0, -0.9, 0.9])
def test_an_old_run_that_still_has_the_name_is_answered_at_once(
    world: World, capsys: pytest.CaptureFixture[str], rounded: float
) -> None:
    world.describe_as(at(rounded))
    assert waited() == ExitCode.NOT_DONE
    err = capsys.readouterr().err
    assert f"respot: following {NAME} in {REGION}, created {iso(OLD.created)}\n" in err
    assert "this run had ended at 2026-09-16 09:00 UTC, before this command began" in err
    assert world.clock() == BEGAN


def test_an_old_run_whose_job_was_deleted_is_answered(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert waited() == ExitCode.NOT_DONE
    err = capsys.readouterr().err
    assert "before this command began" in err
    assert "could not be asked" not in err
    assert world.clock() == BEGAN


def test_without_the_permission_the_ledger_decides_and_that_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(world.session, "sagemaker", "DescribeTrainingJob")
    assert waited() == ExitCode.NOT_DONE
    err = capsys.readouterr().err
    assert "SageMaker could not be asked which job has this name now" in err
    assert "sagemaker:DescribeTrainingJob" in err
    assert "--created-since" in err


def test_a_sagemaker_out_of_reach_ends_no_wait(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    cut_off(world.session, "sagemaker", region=REGION)
    assert waited() == ExitCode.NOT_DONE
    assert "SageMaker could not be asked" in capsys.readouterr().err


def test_sagemaker_is_asked_once(world: World) -> None:
    calls: list[str] = []
    world.session.events.register("before-call.sagemaker", lambda model, **_: calls.append(model.name))
    world.describe_as(NEW.created)
    world.later[3] = lambda: world.know(NEW, "Starting=0 Training=5")
    world.later[300] = lambda: world.know(NEW, "Starting=0 Training=5 Failed=9")
    assert waited("--timeout", "6 min") == ExitCode.TIMED_OUT  # not decided yet
    assert calls == ["DescribeTrainingJob"]


@pytest.mark.parametrize("words", [("--created-since", "2026-09-16T09:00:01Z"), ("--created-since", "2026-09-17")])
def test_a_time_of_creation_needs_no_sagemaker(world: World, words: tuple[str, ...]) -> None:
    refuse(world.session, "sagemaker", "DescribeTrainingJob")
    completes(world, 3)
    assert waited(*words) == ExitCode.DONE


@pytest.mark.usefixtures("world")
def test_a_job_created_at_that_time_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert waited("--created-since", iso(OLD.created)) == ExitCode.NOT_DONE
    assert waited("--created-since", iso(at(1))) == ExitCode.NOT_FOUND
    assert f"the ledger has no job {NAME} created since {iso(at(1))} in {REGION}" in capsys.readouterr().err


@pytest.mark.usefixtures("world")
def test_fractions_of_a_second_do_not_count() -> None:
    """The ledger may have the time of an event, which is rounded down to seconds."""
    assert waited("--created-since", at(0.999).isoformat()) == ExitCode.NOT_DONE


@pytest.mark.usefixtures("world")
def test_a_time_with_an_offset_is_said_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    assert waited("--created-since", "2026-09-18T02:00:00+02:00") == ExitCode.NOT_FOUND
    assert "created since 2026-09-18T00:00:00.000Z" in capsys.readouterr().err


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("command", [["logs"], ["why"]])
def test_commands_that_do_not_wait_take_the_time_of_creation_too(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, NAME, "--created-since", iso(NEW.created)]) == ExitCode.NOT_FOUND
    assert f"created since {iso(NEW.created)}" in capsys.readouterr().err


def watch(world: World, monkeypatch: pytest.MonkeyPatch, *regions: str) -> None:
    """Have the deployment watch these regions, too."""
    outputs = deployment.find(None).outputs | {"WatchedRegions": ",".join(regions)}  # type: ignore[arg-type]  # patched
    monkeypatch.setattr(deployment, "find", lambda _: Deployment(session=world.session, outputs=outputs))


def test_a_newer_job_in_another_region_is_not_mistaken_for_an_old_one(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its event is on its way: the ledger has only the old job, which has ended."""
    watch(world, monkeypatch, "eu-central-1", FAR)
    create(FAR)
    assert waited() == ExitCode.USAGE
    assert f"there are jobs {NAME} in {REGION} and {FAR}: choose with --region" in capsys.readouterr().err
    assert waited("--region", REGION) == ExitCode.NOT_DONE


def test_a_region_that_cannot_be_asked_hides_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch(world, monkeypatch, "eu-central-1", FAR)
    create(FAR)
    cut_off(world.session, "sagemaker", region="eu-central-1")
    assert waited() == ExitCode.USAGE
    err = capsys.readouterr().err
    assert err.count("SageMaker could not be asked") == 1
    assert f"in {REGION} and {FAR}" in err


def test_only_the_region_of_a_run_that_goes_on_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(world, monkeypatch, FAR)
    world.know(NEW, "Starting=0 Training=5")
    asked: list[str] = []
    world.session.events.register("before-send.sagemaker", lambda request, **_: asked.append(request.url))
    assert waited("--timeout", "1 min") == ExitCode.TIMED_OUT
    assert asked == [f"https://api.sagemaker.{REGION}.amazonaws.com/"]


def test_the_id_of_a_run_says_which(world: World) -> None:
    world.describe_as(NEW.created)
    assert main(["wait", run_id(OLD)]) == ExitCode.NOT_DONE
    assert world.clock() == BEGAN


@pytest.mark.parametrize("rounded", [0, -0.9, 0.9])
def test_the_model_is_that_of_the_job(world: World, capsys: pytest.CaptureFixture[str], rounded: float) -> None:
    completes_at_once(world)
    world.describe_as(NEW.created + timedelta(seconds=rounded), ModelArtifacts={"S3ModelArtifacts": "s3://its/model"})
    assert main(["wait", run_id(NEW), "--output", "model"]) == ExitCode.DONE
    assert capsys.readouterr().out == "s3://its/model\n"


@pytest.mark.parametrize("used_again", [True, False])
def test_a_deleted_job_has_no_model_and_another_jobs_is_not_taken(
    world: World, capsys: pytest.CaptureFixture[str], *, used_again: bool
) -> None:
    completes_at_once(world)
    if used_again:
        world.describe_as(NEW.created + timedelta(hours=1))
    assert main(["wait", run_id(NEW), "--output", "model"]) == ExitCode.NOT_FOUND
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{NAME}, created {iso(NEW.created)}, was deleted" in err
    assert f"search its S3OutputPath for {NAME}/output/" in err


def test_an_end_without_a_model_is_shown_unless_the_model_is_asked_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    completes_at_once(world)
    world.describe_as(NEW.created, ModelArtifacts={})
    assert main(["wait", run_id(NEW), "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["model"] is None
    assert main(["wait", run_id(NEW), "--output", "model"]) == ExitCode.NOT_FOUND
    assert f"SageMaker names no model of {NAME}" in capsys.readouterr().err


def test_a_model_that_sagemaker_refuses_to_name_is_not_unknown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    completes_at_once(world)
    refuse(world.session, "sagemaker", "DescribeTrainingJob")
    assert main(["wait", run_id(NEW), "--output", "model"]) == ExitCode.AWS_UNAVAILABLE
    assert "ask your administrator for this permission" in capsys.readouterr().err


def test_logs_follow_it_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("logs").create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")
    world.describe_as(NEW.created)
    completes(world, 3)
    assert main(["logs", NAME, "--follow"]) == ExitCode.DONE
    assert f"completed: {NAME} completed" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["", "yesterday", "9", "0001-01-01T00:00:00+01:00"])
def test_a_time_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["wait", NAME, "--created-since", words])
