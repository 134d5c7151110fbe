"""`respot policy test` on a ledger in DynamoDB: what it prints, what it calls, how it ends."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from respot.aws.dynamodb.keys import partition_of
from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.recovery.planning.run import run_id
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt
from respot_cli import found_runs
from respot_cli.main import main
from respot_cli.policy import command, comparison
from tests.cli.policy.ledger import (
    NOTHING,
    OUTPUTS,
    PARAMETER,
    READS,
    RESUME,
    Command,
    completed,
    deploy,
    ended_and_decided,
    never_launched,
    write,
)
from tests.support.builders import job_id, snapshot
from tests.support.moto_aws import TABLE
from tests.support.recovery_environment import OPTED_IN, RecoveryEnvironment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NIGHTLY: Final = "nightly-resnet"


@pytest.fixture
def world() -> RecoveryEnvironment:
    """Four jobs: two that nobody wanted resumed, one that was resumed, one that did its work."""
    environment = RecoveryEnvironment()
    ended_and_decided(environment, NIGHTLY, {})
    never_launched(environment, "wait-vit", {"team": "vision"})
    never_launched(environment, "tune-bert", OPTED_IN)
    completed(environment, "done")
    return environment


@pytest.fixture
def respot(
    world: RecoveryEnvironment,
    dynamodb: "DynamoDBClient",  # noqa: ARG001 - the table
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Command:
    """The command, in a folder with a policy that resumes all jobs; the deployed one resumes none."""
    write(world)
    deploy(NOTHING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    Path("policy.yaml").write_text(json.dumps(RESUME))
    return Command(clock=world.clock, monkeypatch=monkeypatch, capsys=capsys)


def test_all_jobs_that_ended_since_are_compared(respot: Command) -> None:
    code, out, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Jobs that ended since 2026-08-17 22:20 UTC and did not complete"
    assert lines[1].split() == ["Job", "Ended", "(UTC)", "Then", "Today", "With", "this", "file", "Why"]
    rows = {line.split()[0]: line for line in lines if line.startswith((NIGHTLY, "wait-vit", "tune-bert"))}
    assert "  nothing   nothing   resubmit spot ml.g5.2xlarge  defaults: ran out of" in rows["wait-vit"]
    assert "  resubmit  resubmit  resubmit spot ml.g5.2xlarge  defaults, tags respot:resume" in rows["tune-bert"]
    said = "This file would have resumed 3 of 3 jobs, today's policy 1; Respot resumed 1."
    assert said in lines
    assert "For 1 of these 3, that depends on what the ledger does not know." in lines
    assert "1 more completed, and need no decision." in lines
    assert f"  respot why {run_id(job_id(NIGHTLY))}  what was decided then, and from what" in lines


def test_it_only_reads(respot: Command) -> None:
    """The IAM actions of the table in the documentation, and no other; the AWS client itself is the witness."""
    respot.run("policy", "test", "policy.yaml", "--since", "30d")
    respot.run("policy", "test", "policy.yaml", "--job", NIGHTLY)
    assert set(respot.calls) == READS
    page = (Path(__file__).parents[3] / "docs/reference/permissions.md").read_text()
    (row,) = (line for line in page.splitlines() if line.startswith("| `respot policy`"))
    for name in ("cloudformation:DescribeStacks", "dynamodb:Query", "BatchGetItem", "ssm:GetParameter"):
        assert name in row


def test_one_job_has_the_reason_of_each_decision(respot: Command) -> None:
    code, out, _ = respot.run("policy", "test", "policy.yaml", "--job", NIGHTLY)
    words = " ".join(out.split())
    assert code == 0
    assert out.startswith(f"{NIGHTLY} ended as MaxWaitTimeExceeded at 2026-09-16 10:20 UTC")
    assert "Then nothing not asked to resume this job (defaults)" in words
    assert "Today nothing defaults: not asked to resume this job (defaults)" in words
    assert "assumes a complete checkpoint in s3://ml-bucket/checkpoints/nightly-resnet/: the ledger does not" in words
    assert "Assumed of each job: what came before it is as it was, the kill switch is off" in words


def second_attempt_ends(world: RecoveryEnvironment, status: str) -> str:
    """Have the second attempt of a run end; gives the run's id."""
    world.sagemaker.move("tune-bert-r2", "Training")
    world.clock.pass_by(timedelta(hours=1))
    world.sagemaker.move("tune-bert-r2", status)
    world.observe("tune-bert-r2")
    second = world.sagemaker.jobs["tune-bert-r2"].state.job
    world.recover(second)
    for kept in (world.ledger.states, world.runs.decisions, world.runs.outcomes):  # the table has the others
        for job in kept.keys() - {second}:
            kept.pop(job)
    write(world)
    return run_id(world.sagemaker.jobs["tune-bert"].state.job)


@pytest.mark.parametrize(
    ("status", "tested", "completed"), [("Failed", ["tune-bert", "tune-bert-r2"], 0), ("Completed", ["tune-bert"], 1)]
)
def test_the_id_of_a_run_means_each_of_its_attempts(
    world: RecoveryEnvironment, respot: Command, status: str, tested: list[str], completed: int
) -> None:
    run = second_attempt_ends(world, status)
    document = respot.document("policy", "test", "policy.yaml", "--job", run)
    assert [each["job"] for each in document["jobs"]] == tested
    assert document["summary"]["completed"] == completed
    code, out, _ = respot.run("policy", "test", "policy.yaml", "--job", run)
    assert code == 0
    assert out.startswith("Attempts of tune-bert that ended and did not complete\n")
    assert respot.document("policy", "test", "policy.yaml", "--job", run, "--changed")["jobs"] == []
    one = respot.document("policy", "test", "policy.yaml", "--job", "tune-bert-r2")
    assert [each["job"] for each in one["jobs"]] == ["tune-bert-r2"]


@pytest.mark.parametrize("name", ["tune-bert", "tune-bert-r2"])
def test_a_run_with_an_attempt_that_cannot_be_read_is_not_tested(
    world: RecoveryEnvironment, respot: Command, name: str
) -> None:
    """A newer version has written the job's state."""
    run = second_attempt_ends(world, "Failed")
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": partition_of(world.sagemaker.jobs[name].state.job)}, "sk": {"S": "state"}},
        UpdateExpression="SET #schema = :schema",
        ExpressionAttributeNames={"#schema": "schema"},
        ExpressionAttributeValues={":schema": {"N": "99"}},
    )
    code, out, err = respot.run("policy", "test", "policy.yaml", "--job", run)
    assert (code, out) == (5, "")
    assert "tune-bert cannot be tested: the item job#" in err
    assert f"#{name}#" in err


def test_an_attempt_that_has_expired_is_named(world: RecoveryEnvironment, respot: Command) -> None:
    run = second_attempt_ends(world, "Failed")

    def without_the_second(*ledger: Any) -> tuple[RunAttempt, ...]:  # noqa: ANN401 - as attempts_of
        first, last = attempts_of(*ledger)
        return first, replace(last, state=None), replace(last, number=3)

    respot.monkeypatch.setattr(found_runs, "attempts_of", without_the_second)
    code, _, err = respot.run("policy", "test", "policy.yaml", "--job", run)
    assert (code, err) == (5, "respot: the ledger does not know attempt 2, tune-bert-r2\n")


def test_an_attempt_that_goes_on_is_left_out(respot: Command, world: RecoveryEnvironment) -> None:
    run = run_id(world.sagemaker.jobs["tune-bert"].state.job)
    document = respot.document("policy", "test", "policy.yaml", "--job", run)
    assert [each["job"] for each in document["jobs"]] == ["tune-bert"]


@pytest.mark.parametrize(("minutes", "market"), [("5", "spot"), ("60", "on-demand")])
def test_the_deployments_sweeps_count(respot: Command, minutes: str, market: str) -> None:
    """A deadline keeps room for two of them."""
    respot.monkeypatch.setitem(OUTPUTS, "SweepMinutes", minutes)
    Path("policy.yaml").write_text("version: 1\ndefaults: {resume: true, deadline: 9h}\n")
    document = respot.document("policy", "test", "policy.yaml", "--job", NIGHTLY)
    assert document["jobs"][0]["with_this_file"]["market"] == market


def test_what_an_older_stack_does_not_say_of_its_sweeps_is_assumed_and_said(respot: Command) -> None:
    respot.monkeypatch.delitem(OUTPUTS, "SweepMinutes")
    code, _, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert (code, "assumes a sweep every 5 min" in err) == (0, True)


def test_the_json_has_all_decisions(respot: Command) -> None:
    document = respot.document("policy", "test", "policy.yaml", "--since", "30d")
    assert document["summary"] == {
        "jobs": 3,
        "resumed_then": 1,
        "resumed_today": 1,
        "resumed_with_this_file": 3,
        "of_these_by_assumption": 1,
        "changed": 2,
        "completed": 1,
    }
    (nightly,) = (each for each in document["jobs"] if each["job"] == NIGHTLY)
    assert (nightly["then"]["action"], nightly["today"]["action"]) == ("nothing", "nothing")
    assert nightly["with_this_file"]["action"] == "resubmit"
    assert nightly["with_this_file"]["sources"] == ["defaults"]
    assert nightly["changed"] is True
    (tuned,) = (each for each in document["jobs"] if each["job"] == "tune-bert")
    assert (tuned["changed"], tuned["difference"]) == (False, None)
    assert document["next"][0] == f"respot why {run_id(job_id(NIGHTLY))}"


def test_only_changes_are_listed_if_asked_for(respot: Command) -> None:
    document = respot.document("policy", "test", "policy.yaml", "--since", "30d", "--changed")
    assert [each["job"] for each in document["jobs"]] == [NIGHTLY, "wait-vit"]
    assert document["summary"]["jobs"] == 3


def test_what_ended_before_is_left_out_although_it_changed_since(world: RecoveryEnvironment, respot: Command) -> None:
    """The index lists jobs by their last change, for example by their deletion."""
    assert [each["job"] for each in respot.document("policy", "test", "policy.yaml", "--since", "3 h")["jobs"]] == [
        "tune-bert"
    ]
    world.sagemaker.move("wait-vit", "Deleting")
    world.observe("wait-vit")
    client = boto3.client("dynamodb")
    key = {"pk": {"S": partition_of(job_id("wait-vit", created=created_of(world, "wait-vit")))}, "sk": {"S": "state"}}
    changed = {":moment": {"S": "2026-09-16T22:19:00.000Z"}, ":status": {"S": "Deleting"}}
    client.update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET last_modified = :moment, #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=changed,
    )
    assert [each["job"] for each in respot.document("policy", "test", "policy.yaml", "--since", "3 h")["jobs"]] == [
        "tune-bert"
    ]
    assert len(respot.document("policy", "test", "policy.yaml", "--since", "30d")["jobs"]) == 3


def created_of(world: RecoveryEnvironment, name: str) -> datetime:
    return world.sagemaker.jobs[name].state.job.created


def test_jobs_of_another_region_can_be_left_out(respot: Command) -> None:
    document = respot.document("policy", "test", "policy.yaml", "--since", "30d", "--region", "eu-west-1")
    assert (document["jobs"], document["summary"]["completed"]) == ([], 0)
    code, out, _ = respot.run("policy", "test", "policy.yaml", "--since", "30d", "--region", "eu-west-1")
    assert code == 0
    assert out.startswith("This file would have resumed 0 of 0 jobs")


def test_the_deployed_policy_against_itself_changes_nothing(respot: Command) -> None:
    deploy(RESUME)
    document = respot.document("policy", "test", "policy.yaml", "--since", "30d")
    assert document["summary"]["changed"] == 0
    differences = {each["job"]: each["difference"] for each in document["jobs"]}
    others = "the settings of the policy, or of the job's tags, were others then"
    assert differences == {NIGHTLY: others, "wait-vit": others, "tune-bert": None}


def test_an_invalid_file_is_explained_and_aws_is_not_asked(respot: Command) -> None:
    Path("policy.yaml").write_text("version: 1\ndefaults: {resum: on}\n")
    code, out, _ = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert code == 1
    assert out.startswith("policy.yaml:2: error: defaults.resum: there is no such setting; did you mean resume?")
    assert respot.calls == []


def test_an_invalid_deployed_policy_decides_nothing(respot: Command) -> None:
    deploy('{"version": 1, "defaults": {"resum": true}}')
    code, out, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert code == 0
    assert "respot: the deployed policy is invalid, and nothing is decided by it: defaults.resum" in err
    assert "nothing   invalid  resubmit spot" in out
    assert "3 of 3 jobs, the deployed policy is invalid; Respot resumed 1." in out
    document = respot.document("policy", "test", "policy.yaml", "--job", NIGHTLY)
    assert (document["jobs"][0]["today"], document["summary"]["resumed_today"]) == (None, None)


@pytest.mark.parametrize(("operation", "action"), [("GetParameter", "ssm:GetParameter"), ("Query", "dynamodb:Query")])
def test_a_missing_permission_is_named(respot: Command, operation: str, action: str) -> None:
    call = vars(BaseClient)["_make_api_call"]

    def refused(client: BaseClient, called: str, parameters: object) -> object:
        if called == operation:
            denied = {"Error": {"Code": "AccessDeniedException", "Message": f"not authorized to perform: {action}"}}
            raise ClientError(denied, called)  # type: ignore[arg-type]
        return call(client, called, parameters)

    with respot.monkeypatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", refused)
        code, _, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert code == 4
    assert action in err
    assert "ask your administrator for this permission" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--job", "nobody"), 3, "the ledger has no job nobody in us-east-1"),
        (("--job", "tune-bert-r2"), 1, "tune-bert-r2 has not ended: nothing is decided before"),
    ],
)
def test_a_job_that_cannot_be_tested_is_named(
    world: RecoveryEnvironment, respot: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    live = world.sagemaker.describe("us-east-1", "tune-bert-r2")
    assert live is not None
    world.ledger.states.clear()
    world.runs.decisions.clear()
    world.runs.outcomes.clear()
    world.ledger.save(reconcile(JobRecord(), live))
    write(world)
    found, _, err = respot.run("policy", "test", "policy.yaml", *arguments)
    assert (found, words in err) == (code, True), err


def test_a_job_that_cannot_be_read_stops_no_other(world: RecoveryEnvironment, respot: Command) -> None:
    """A newer version has written its decision."""
    job = world.sagemaker.jobs["wait-vit"].state.job
    key = {"pk": {"S": partition_of(job)}, "sk": {"S": "decision"}}
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET #schema = :schema",
        ExpressionAttributeNames={"#schema": "schema"},
        ExpressionAttributeValues={":schema": {"N": "99"}},
    )
    code, out, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert code == 5
    assert "respot: wait-vit: the item" in err
    assert "1 could not be tested." in out
    assert "resumed 2 of 2 jobs" in out
    document = respot.document("policy", "test", "policy.yaml", "--since", "30d")
    assert [each["job"] for each in document["unread"]] == ["wait-vit"]
    code, _, err = respot.run("policy", "test", "policy.yaml", "--job", "wait-vit")
    assert (code, "wait-vit cannot be tested" in err) == (5, True)


def test_a_state_that_cannot_be_read_is_counted_once(world: RecoveryEnvironment, respot: Command) -> None:
    key = {"pk": {"S": partition_of(world.sagemaker.jobs["wait-vit"].state.job)}, "sk": {"S": "state"}}
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET #schema = :schema",
        ExpressionAttributeNames={"#schema": "schema"},
        ExpressionAttributeValues={":schema": {"N": "99"}},
    )
    code, out, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert (code, err.count("wait-vit")) == (5, 1)
    assert "1 could not be tested." in out


def test_many_jobs_are_paged_and_their_progress_is_shown(respot: Command) -> None:
    respot.monkeypatch.setattr(comparison, "PAGE", 2)
    respot.monkeypatch.setattr(command, "SAID_FROM", 3)
    code, out, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert code == 0
    assert err == "respot: 4 jobs read, up to 2026-09-16 22:20 UTC\n"
    assert "resumed 3 of 3 jobs" in out
    assert respot.calls.count("DynamoDB.BatchGetItem") == 2


def test_words_of_others_reach_no_terminal_as_commands(world: RecoveryEnvironment, respot: Command) -> None:
    """A tag and a failure's reason, written by whoever may create a job."""
    hostile = "CapacityError: \x1b[31m[bold]\n\u202eno"
    seen = snapshot("Starting=0 Failed=300", job=job_id("evil"), failure_reason=hostile, tags={"team": "\x1b[2J"})
    world.ledger.states.clear()
    world.runs.decisions.clear()
    world.runs.outcomes.clear()
    world.ledger.save(reconcile(JobRecord(), seen))
    write(world)
    for options in (("--since", "30d"), ("--job", "evil")):
        _, out, _ = respot.run("policy", "test", "policy.yaml", *options)
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "[bold] no" in " ".join(out.split())


@pytest.mark.parametrize(
    "arguments",
    [(), ("--since", "30d", "--job", "x"), ("--since", "soon"), ("--since", "0 s"), ("--since", "9999999999 d")],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["policy", "test", "policy.yaml", *arguments])
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_parameter_is_the_stacks(respot: Command) -> None:
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    _, out, err = respot.run("policy", "test", "policy.yaml", "--since", "30d")
    assert f"the policy's parameter {PARAMETER} does not exist" in err
    assert "nothing   invalid  resubmit spot" in out
