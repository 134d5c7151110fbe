"""`respot why` against a deployment: what it asks for, and what it says if it is not answered."""

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import ExitCode
from respot_cli.main import main
from tests.support.builders import NAME, REGION, snapshot
from tests.support.frozen_ledger import written
from tests.support.moto_aws import TABLE
from tests.support.refused import refuse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARAMETER = "/Respot/policy"
WAITING = "Starting=0 Training=390 Interrupted=3720"


@pytest.fixture
def at(dynamodb_ledger: DynamoDbLedger, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment whose ledger has one job, which waits."""
    dynamodb_ledger.save(reconcile(JobRecord(), snapshot(WAITING, tags={})))
    outputs = {
        "LedgerTableName": TABLE,
        "PolicyParameterName": PARAMETER,
        "AlertsTopicArn": "arn:aws:sns:us-east-1:111122223333:alerts",
    }
    found = Deployment(session=boto3.session.Session(region_name=REGION), outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    return found


def put_policy(text: str) -> None:
    boto3.client("ssm", region_name=REGION).put_parameter(Name=PARAMETER, Value=text, Type="String", Overwrite=True)


def why(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    code = main(["why", NAME, "--json", *words])
    said = capsys.readouterr()
    return code, json.loads(said.out or "{}"), said.err


@pytest.mark.usefixtures("at")
def test_a_job_that_waits_is_explained_by_the_present_policy(capsys: pytest.CaptureFixture[str]) -> None:
    rule = {
        "name": "all",
        "match": {"job_name": "*"},
        "settings": {"resume": True, "give_up_waiting_after": "2 h", "ladder": [{"market": "spot", "attempts": 1}]},
    }
    put_policy(json.dumps({"version": 1, "rules": [rule]}))
    code, document, said = why(capsys)
    assert (code, said) == (ExitCode.DONE, "")
    assert (document["state"], document["decision"], document["unread"]) == ("waiting", None, {})
    assert document["policy"] == {"resume": True, "sources": ["defaults", "rule 'all'"], "bad_tags": []}
    assert document["wait"]["limit_seconds"] == 7200
    assert f"respot show {NAME}" in document["next"]


@pytest.mark.usefixtures("at")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"version": 1, "defaults": {"resum": true}}', "the account's policy is invalid"),
        (None, "the policy's parameter /Respot/policy does not exist: deploy again"),
    ],
)
def test_a_policy_that_nobody_can_follow_is_said_and_the_rest_is_shown(
    capsys: pytest.CaptureFixture[str], text: str | None, words: str
) -> None:
    if text:
        put_policy(text)
    code, document, said = why(capsys)
    assert code == ExitCode.INCOMPLETE
    assert words in said
    assert words in document["unread"]["policy"]
    assert (document["state"], document["policy"]) == ("waiting", None)


def test_a_missing_permission_is_named(at: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(at.session, "ssm", "GetParameter")
    code, document, said = why(capsys)
    assert code == ExitCode.INCOMPLETE
    assert "ssm:GetParameter" in said
    assert "ask your administrator for this permission" in document["unread"]["policy"]
    assert document["state"] == "waiting"


@pytest.mark.usefixtures("at")
def test_what_another_version_wrote_is_said_and_the_rest_is_shown(
    dynamodb: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    put_policy('{"version": 1}')
    dynamodb.put_item(TableName=TABLE, Item=written()["decision"].item | {"action": {"S": "migrate"}})
    code, document, said = why(capsys)
    assert code == ExitCode.INCOMPLETE
    assert "'migrate' is not a valid Action" in said
    assert (document["state"], document["decision"]) == ("waiting", None)


@pytest.mark.usefixtures("at")
def test_a_run_is_explained_by_its_id_and_one_that_is_not_there_is_not_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_policy('{"version": 1}')
    assert main(["why", f"{REGION}/{NAME}/1789549200000"]) == ExitCode.DONE
    assert "Nobody has asked Respot to resume this job." in capsys.readouterr().out
    assert main(["why", "nobody"]) == ExitCode.NOT_FOUND
    assert "the ledger has no job nobody" in capsys.readouterr().err


def test_a_ledger_that_does_not_answer_is_said_with_the_missing_permission(
    at: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(at.session, "dynamodb", "Query")
    assert main(["why", NAME]) == ExitCode.AWS_UNAVAILABLE
    said = capsys.readouterr().err
    assert "dynamodb:Query" in said
    assert "ask your administrator for this permission" in said
