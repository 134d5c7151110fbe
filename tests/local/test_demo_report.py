"""The report that the demo ends with: `respot report` about the demo's runs, with the figures of the other commands."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import MagicMock

import boto3
import pytest

from local.demo import demo, scenarios
from local.demo.deployed import TrainingGround
from local.demo.scenarios import SCENARIOS, Scenario
from local.sagemaker.billing import billable_seconds, training_seconds
from local.sagemaker.lifecycle import parse, value_for
from respot.jobs.job import Market
from respot.runs.run_state import RunAttempt
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.main import main
from respot_cli.report import charts
from tests.cli.prices.price_lists import FakePriceList
from tests.support.builders import ACCOUNT, REGION
from tests.support.moto_aws import TABLE, aws, dynamodb
from tests.support.receipts import NOW, resubmission, run_attempt
from tests.support.same_figures import assert_same_figures, tables_of
from tests.support.stored_runs import named, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["aws", "dynamodb"]


def tags_of(scenario: Scenario) -> Mapping[str, str]:
    """Those with which the demo creates its job."""
    client = MagicMock()
    account = SimpleNamespace(client=lambda *_, **__: client)
    ground = TrainingGround(account=cast("Any", account), bucket="ml-bucket", role_arn="role", region=REGION)
    scenarios.start(cast("Any", SimpleNamespace(ground=ground, client=account.client)), scenario)
    return {each["Key"]: each["Value"] for each in client.create_training_job.call_args.kwargs["Tags"]}


def run_of(scenario: Scenario) -> tuple[RunAttempt, ...]:
    """Its attempts, as the simulated SageMaker reports them; each begins a second after the end of the one before."""
    attempts: list[RunAttempt] = []
    begin = 0.0
    for number, (market, _) in enumerate(scenario.attempts, 1):
        fate = value_for(number, scenario.lifecycle, parse)
        starts = [(status, after.total_seconds()) for status, after, _ in fate.periods] + [(fate.end, fate.seconds)]
        training = training_seconds((status, length) for status, _, length in fate.periods)
        billed = billable_seconds(training, spot=market is Market.SPOT)
        end = begin + fate.seconds
        attempts.append(
            run_attempt(
                " ".join(f"{status}={begin + after}" for status, after in starts),
                number,
                billed=(training, billed) if training and billed else None,
                decision=resubmission(saved_at=None, at_seconds=end) if number < len(scenario.attempts) else None,
                market=market,
                tags=tags_of(scenario),
            )
        )
        begin = end + 1
    return named(attempts, scenario.name)


@pytest.fixture
def account(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The demo's runs in a ledger, and the local account's price list."""
    for scenario in SCENARIOS:
        write(dynamodb, *run_of(scenario))
    session = boto3.Session(region_name=REGION)
    client_of = session.client
    services: dict[str, Any] = {"pricing": FakePriceList()}
    monkeypatch.setattr(session, "client", lambda name, **how: services.get(name) or client_of(name, **how))
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"}
    found = Deployment(session=session, outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    for command in ("report", "savings", "pools"):
        monkeypatch.setattr(f"respot_cli.{command}.command._now", lambda: NOW)
    monkeypatch.setattr(charts, "HAS_CHARTS", False)
    monkeypatch.setattr(demo, "REPORT", tmp_path / "demo" / "report.html")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def at() -> Any:  # noqa: ANN401 - the parts of a deployed account that are used
    environment = {"AWS_ENDPOINT_URL": "https://localhost:1"}
    return SimpleNamespace(account=SimpleNamespace(process_environment=lambda: environment))


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.usefixtures("account")
def test_the_demos_report_has_the_figures_of_the_commands_by_team_and_in_money(
    at: Any,  # noqa: ANN401 - as the fixture
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By hand, from the README's table, where an hour is two seconds.

    Speech: 3 + 6 + 6 + 4 s of training, 1 + 2 + 2 + 1 s billed. Vision: 1 + 1 + 4 + 6 + 4 s and 1 + 1 + 4 + 2 + 1 s.
    """

    def run_program(words: Sequence[str], *, env: Mapping[str, str]) -> SimpleNamespace:
        assert words[1:3] == ["-m", "respot_cli.main"]
        assert env["AWS_ENDPOINT_URL"] == "https://localhost:1"
        assert Path(env["XDG_CACHE_HOME"]).is_dir()
        return SimpleNamespace(returncode=main(words[3:]), stdout="")

    monkeypatch.setattr(demo, "run_program", run_program)
    assert demo.write_report(at) == []
    page = demo.REPORT.read_text(encoding="utf-8")
    savings = answered(capsys, "savings", "--by", "team")
    assert_same_figures(page, savings, answered(capsys, "pools"))
    figures = {team: [row["training_hours"], row["billed_hours"]] for team, row in savings["groups"].items()}
    assert figures == {
        "speech": pytest.approx([19 / 3600, 6 / 3600], abs=1e-6),
        "vision": pytest.approx([16 / 3600, 9 / 3600], abs=1e-6),
    }
    speech, vision = tables_of(page)["By the tag team"]
    assert (speech["team"], speech["Runs"], speech["Gross"], speech["Billed (s)"]) == ("speech", "5", "68.4 %", "6.00")
    assert (vision["team"], vision["Runs"], vision["Gross"], vision["Billed (s)"]) == ("vision", "3", "43.8 %", "9.00")
    assert "Net, USD" in speech
    assert "on-demand prices of AWS's price list" in savings["prices"]


def test_what_the_command_says_is_a_difference_if_it_fails(
    at: Any,  # noqa: ANN401 - as the fixture
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(demo, "REPORT", tmp_path / "report.html")
    failed = SimpleNamespace(returncode=5, stdout="respot: the item x could not be read\n")
    monkeypatch.setattr(demo, "run_program", lambda *_, **__: failed)
    assert demo.write_report(at) == ["respot report: respot: the item x could not be read"]
