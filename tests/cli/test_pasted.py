"""The commands at a command's end, pasted as they are, are about the same run."""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import pytest

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.jobs.formatting import iso
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.runs.summary import RunSummaries
from respot_cli import deployment, found_runs
from respot_cli.deployment import Deployment
from respot_cli.main import main, parser
from tests.support.builders import ACCOUNT, CREATED, NAME, REGION, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE
from tests.support.records import decision_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OLD: Final = job_id()
NEW: Final = job_id(created=at(90_000))
FAR: Final = job_id(region="eu-west-1", created=at(90_000))
FAILED: Final = "Starting=0 Training=5 Failed=9"
COMPLETED: Final = "Starting=0 Training=5 Completed=9"
RUNNING: Final = "Starting=0 Training=5"

Know = Callable[[JobId, str], None]


@pytest.fixture
def know(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Know:
    """A deployment that watches two regions; what it returns has the ledger know a job, of which nobody asked more."""
    clock, session = FakeClock(at(90_001)), boto3.Session(region_name=REGION)
    alerts = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": alerts, "WatchedRegions": FAR.region}
    monkeypatch.setattr(deployment, "find", lambda _: Deployment(session=session, outputs=outputs))
    monkeypatch.setattr("respot_cli.list.command._now", clock)
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=None)
    runs = DynamoDbRunStore(dynamodb, TABLE, clock=clock, retention=None)
    summaries = DynamoDbRunSummaries(dynamodb, TABLE, clock=clock, retention=None)

    def known(job: JobId, life: str) -> None:
        zero = (job.created - CREATED).total_seconds()
        words = (word.split("=") for word in life.split())
        seen = snapshot(" ".join(f"{status}={zero + float(seconds):g}" for status, seconds in words), job=job)
        ledger.save(reconcile(ledger.load(job), seen))
        if life == FAILED:
            runs.decide(replace(decision_record(Action.REFUSE, job=job), run=run_id(job)), None)
        RunSummaries(ledger=ledger, runs=runs, store=summaries).refresh(job)

    return known


def pasted(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, JobId]:
    """The job that each command at the end is about."""
    capsys.readouterr()
    main(words)
    said = capsys.readouterr()
    lines = (said.out + said.err).partition("Next\n")[2].splitlines()
    listed = [line.strip().partition("  ")[0] for line in lines if line.startswith("  respot ")]
    arguments = {each: parser().parse_args(shlex.split(each)[1:]) for each in listed}
    assert arguments
    return {each: found_runs.find_run(chosen).job for each, chosen in arguments.items() if "run_or_job" in chosen}


FOLLOWING: Final[Sequence[Sequence[str]]] = (("show",), ("why",), ("wait", "--timeout", "0 s"), ("logs",))


@pytest.fixture(autouse=True)
def log_group(aws: None) -> None:
    del aws
    for region in (REGION, FAR.region):
        boto3.client("logs", region_name=region).create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")


@pytest.mark.parametrize("command", FOLLOWING, ids=lambda words: words[0])
@pytest.mark.parametrize("life", [FAILED, RUNNING])
def test_an_older_run_of_the_name_remains_the_one(
    know: Know, capsys: pytest.CaptureFixture[str], command: Sequence[str], life: str
) -> None:
    know(OLD, FAILED)
    know(NEW, life)
    about = pasted(capsys, *command, run_id(OLD))
    assert set(about.values()) == {OLD}, about
    assert {*pasted(capsys, *command, NAME).values()} == {NEW}


@pytest.mark.parametrize("command", FOLLOWING, ids=lambda words: words[0])
@pytest.mark.parametrize("job", [OLD, FAR], ids=["hub", "far"])
def test_a_name_of_two_regions_remains_in_its_own(
    know: Know, capsys: pytest.CaptureFixture[str], command: Sequence[str], job: JobId
) -> None:
    know(OLD, FAILED)
    know(FAR, FAILED)
    about = pasted(capsys, *command, NAME, "--region", job.region)
    assert set(about.values()) == {job}, about


@pytest.mark.parametrize("other", [NEW, FAR], ids=["the name used again", "two regions"])
def test_of_a_list_they_are_about_the_run_that_needs_it_most(
    know: Know, capsys: pytest.CaptureFixture[str], other: JobId
) -> None:
    know(OLD, FAILED)
    know(other, COMPLETED)
    about = pasted(capsys, "list", "--since", "30 d")
    assert set(about.values()) == {OLD}, about


def test_an_older_job_that_was_chosen_by_its_creation_remains_the_one(
    know: Know, capsys: pytest.CaptureFixture[str]
) -> None:
    know(OLD, FAILED)
    know(NEW, RUNNING)
    about = pasted(capsys, "show", NAME, "--created", iso(OLD.created))
    assert set(about.values()) == {OLD}, about


def test_a_name_that_is_enough_is_kept(know: Know, capsys: pytest.CaptureFixture[str]) -> None:
    know(OLD, RUNNING)
    main(["show", NAME, "--json"])
    assert json.loads(capsys.readouterr().out)["next"][0] == f"respot why {NAME}"


CHOICE: Final = {"stack": "Mine", "hub_region": REGION, "profile": "of mine"}
OPTIONS: Final = ("--stack", "Mine", "--hub-region", REGION, "--profile", "of mine")
ALL: Final[dict[str, Sequence[str]]] = {
    "list": (),
    "show": (NAME,),
    "why": (NAME,),
    "wait": (NAME,),
    "savings": ("--prices", "prices.json"),
    "pools": (),
    "report": ("--prices", "prices.json"),
    "export": ("--prices", "prices.json", "--output", "runs.jsonl"),
    "policy": ("test", "policy.yaml", "--job", NAME),
}


@pytest.mark.parametrize("command", ALL)
def test_the_options_that_chose_the_deployment_are_kept(
    know: Know, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    know(OLD, FAILED)
    monkeypatch.chdir(tmp_path)
    Path("prices.json").write_text("[]")
    Path("policy.yaml").write_text("version: 1")
    boto3.client("ssm", region_name=REGION).put_parameter(Name="/Respot/policy", Value='{"version": 1}', Type="String")
    main([command, *ALL[command], *OPTIONS, "--json"])
    following = [words for each in json.loads(capsys.readouterr().out)["next"] if (words := shlex.split(each))]
    chosen = [vars(parser().parse_args(words[1:])) for words in following if words[0] == "respot"]
    assert chosen or command == "export"  # which shows the file
    for each in chosen:
        assert {name: each[name] for name in CHOICE if name in each}.items() <= CHOICE.items()


def test_each_option_is_there_only_if_it_was_given(know: Know, capsys: pytest.CaptureFixture[str]) -> None:
    know(OLD, RUNNING)
    main(["logs", NAME, "--profile", "mine"])
    assert f"  respot logs {NAME} --follow --profile mine  " in capsys.readouterr().err
