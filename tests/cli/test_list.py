"""`respot list`: the runs that go on, and those that ended lately."""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import boto3
import pytest
from rich.console import Console

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries, summary_item
from respot.errors import LedgerUnavailableError
from respot.jobs.job import JobId, Market, Owner, Parent
from respot.jobs.merge import reconcile
from respot.recovery.planning.run import run_id
from respot.recovery.policy.document import parse_policy
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import ExitCode
from respot_cli.list import command
from respot_cli.list.rows import Filter, listed, rows_of, to_document
from respot_cli.list.view import render
from respot_cli.main import main
from respot_cli.present_policy import present_policy
from tests.support.builders import CREATED, REGION, at, job_id, snapshot, state
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE
from tests.support.refused import refuse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = at(36_000)
POLICY = parse_policy(
    {
        "version": 1,
        "defaults": {
            "resume": True,
            "attempts": {"total": 4},
            "deadline": "1 d",
            "give_up_waiting_after": "3 h",
            "ladder": [{"market": "spot"}, {"market": "on-demand"}],
        },
    }
)


def run_of(name: str, situation: RunState, **others: Any) -> RunSummary:  # noqa: ANN401 - any member of a summary
    job = job_id(name)
    plain = RunSummary(
        run=run_id(job),
        state=situation,
        reason=f"{name} is in Training on spot ml.g5.2xlarge",
        since=at(30_000),
        number=1,
        job=job,
        market=Market.SPOT,
        instance_type="ml.g5.2xlarge",
    )
    return replace(plain, **others)


def shown(*runs: RunSummary, width: int = 150, policy: Any = POLICY, **states: Any) -> str:  # noqa: ANN401 - as above
    known = {each.job: state(each.job, tags=dict(each.tags), parent=each.parent, **states) for each in runs}
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(
            render(rows_of(runs, known, policy), now=NOW, owner_tag="owner", commands=[("respot why x", "y")])
        )
    return captured.get()


def test_a_row_says_what_the_run_is_since_when_and_what_happens_next() -> None:
    recovering = run_of(
        "nightly-bert",
        RunState.RECOVERING,
        since=at(34_800),
        number=2,
        next_step="attempt 3, spot ml.g5.2xlarge, is to start, after a pause for capacity",
        next_at=at(36_600),
        tags={"Owner": "vision"},
    )
    title, row, *_ = shown(recovering, width=200).splitlines()
    for column in ("State", "Run", "Attempt", "Pool", "For", "Next step, or the end", "Deadline", "Owner"):
        assert column in title
    for cell in ("recovering", "nightly-bert", "2 of 4", "spot ml.g5.2xlarge", "20 min", "in 14 h 00 min", "vision"):
        assert cell in row
    assert f"{at(36_600):%H:%M} UTC, 16 Sep: attempt 3, spot ml.g5.2xlarge, is to start" in row


def test_a_run_that_trains_shows_its_status_and_its_pool_once() -> None:
    said = shown(run_of("plain", RunState.RUNNING), width=200)
    assert (said.count("Training"), said.count("ml.g5.2xlarge"), "is in" in said) == (1, 1, False)


def test_a_run_that_waits_shows_until_when_the_policy_lets_it_wait() -> None:
    waiting = run_of("patient", RunState.WAITING)
    assert f"{at(30_000 + 3 * 3600):%H:%M} UTC, 16 Sep: moves to the next pool" in shown(
        waiting, width=200, max_wait=None
    )
    told = replace(waiting, next_step="its latest on-demand start", next_at=at(40_000))
    assert "moves to the next pool" not in shown(told, width=200, max_wait=None)


def test_a_run_that_has_ended_shows_why() -> None:
    reason = "refused-one ended as MaxWaitTimeExceeded; all 4 attempts are spent"
    said = shown(run_of("refused-one", RunState.REFUSED, reason=reason, number=4), width=200)
    assert "all 4 attempts are spent" in said
    assert "MaxWaitTimeExceeded" not in said


def test_without_a_policy_or_an_opt_in_nothing_is_promised() -> None:
    run = run_of("plain", RunState.WAITING)
    assert "of 4" not in shown(run, policy=None)
    nothing = parse_policy({"version": 1})
    assert "Deadline" not in shown(run, policy=nothing)
    owned = replace(run, parent=Parent(owner=Owner.TUNING, identifier="tuner-1"))
    assert "of 4" not in shown(owned)
    assert "tuner-1" in shown(owned)


def test_hostile_names_and_tags_reach_no_terminal() -> None:
    said = shown(run_of("x", RunState.RUNNING, tags={"owner": "\x1b[31m[red]\n\u202etxt"}))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "[red]" in said


@pytest.mark.parametrize("width", [40, 80, 200])
def test_narrow_terminals_lose_no_word(width: int) -> None:
    said = shown(run_of("a-name-of-some-length", RunState.RUNNING), width=width)
    for word in ("running", "a-name-of-some-length", "ml.g5.2xlarge", "respot why x"):
        assert word in said


def test_no_runs_are_said_to_be_none() -> None:
    assert "No runs." in shown()


# --- which runs -----------------------------------------------------------------------------------------------------

TAGGED = run_of("tagged", RunState.RUNNING, tags={"team": "vision", "stage": "prod"})
ELSEWHERE = run_of("elsewhere", RunState.WAITING, job=JobId(region="eu-west-1", name="elsewhere", created=CREATED))
OWNED = run_of("owned", RunState.FAILED, parent=Parent(owner=Owner.TUNING, identifier="t"))


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (Filter(), ["tagged", "elsewhere", "owned"]),
        (Filter(states=frozenset({RunState.RUNNING, RunState.FAILED})), ["tagged", "owned"]),
        (Filter(tags={"team": "vision", "stage": "prod"}), ["tagged"]),
        (Filter(tags={"team": "vision", "stage": "dev"}), []),
        (Filter(region="eu-west-1"), ["elsewhere"]),
        (Filter(owned=False), ["tagged", "elsewhere"]),
    ],
)
def test_filters(chosen: Filter, names: Sequence[str]) -> None:
    found, more = listed([[TAGGED], [ELSEWHERE, OWNED]], chosen, limit=9)
    assert ([summary.job.name for summary in found], more) == (names, False)


def test_no_page_is_read_that_is_not_needed() -> None:
    read = []

    def pages() -> Iterator[Sequence[RunSummary]]:
        for number in range(100):
            read.append(number)
            yield [run_of(f"job-{number}-{place}", RunState.RUNNING) for place in range(2)]

    found, more = listed(pages(), Filter(), limit=3)
    assert ([summary.job.name for summary in found], more) == (["job-0-0", "job-0-1", "job-1-0"], True)
    assert read == [0, 1]


def test_a_run_that_ends_while_pages_are_read_is_listed_once() -> None:
    ended = replace(TAGGED, state=RunState.STOPPED)
    assert listed([[TAGGED], [ended]], Filter(), limit=9) == ((TAGGED,), False)


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def deployed(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> "DynamoDBClient":
    """A deployment on moto, at a fixed time, whose policy resumes everything."""
    outputs = {"LedgerTableName": TABLE}
    found = Deployment(session=boto3.Session(region_name=REGION), outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(command, "present_policy", lambda _: (POLICY, None))
    monkeypatch.setattr(command, "_now", lambda: NOW)
    return dynamodb


def store_of(client: "DynamoDBClient") -> DynamoDbRunSummaries:
    return DynamoDbRunSummaries(client, TABLE, clock=FakeClock(NOW), retention=None)


def test_the_document_has_each_run_with_its_policy(
    deployed: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of("spot-job", RunState.WAITING, tags={"owner": "vision"})
    store_of(deployed).save(run, over=None)
    dynamodb_ledger.save(reconcile(dynamodb_ledger.load(run.job), snapshot("Starting=0", tags={})))
    assert main(["list", "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    (row,) = document["runs"]
    assert row == to_document(rows_of([run], {run.job: state(run.job, tags={})}, POLICY)[0])
    assert (row["state"], row["most_attempts"], row["deadline"]) == ("waiting", 4, "2026-09-17T09:00:00.000Z")
    assert document["more"] is False
    assert document["next"][0] == f"respot why {run.run}"


def test_ten_thousand_runs_cost_a_page_of_reads(
    deployed: "DynamoDBClient", capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = (run_of(f"job-{number}", RunState.RUNNING) for number in range(10_000))
    items = [summary_item(each, 1, None) for each in runs]
    for first in range(0, len(items), 25):
        requests: Any = [{"PutRequest": {"Item": item}} for item in items[first : first + 25]]
        deployed.batch_write_item(RequestItems={TABLE: requests})
    calls: list[str] = []
    session = boto3.Session(region_name=REGION)
    session.events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name))
    found = Deployment(session=session, outputs={"LedgerTableName": TABLE})
    monkeypatch.setattr(deployment, "find", lambda _: found)
    assert main(["list"]) == ExitCode.DONE
    said = capsys.readouterr()
    assert said.out.count("running") == 50
    assert "these are the first 50" in said.err
    # The keys, the summaries, and the jobs' states, by which the policy is resolved.
    assert calls == ["Query", "BatchGetItem", "BatchGetItem"]


def test_an_item_that_cannot_be_read_hides_no_other(
    deployed: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    store_of(deployed).save(run_of("sound", RunState.RUNNING), over=None)
    odd = summary_item(run_of("odd", RunState.RUNNING), 1, None) | {"state": {"S": "dreaming"}}
    deployed.put_item(TableName=TABLE, Item=odd)
    assert main(["list"]) == ExitCode.INCOMPLETE
    said = capsys.readouterr()
    assert "sound" in said.out
    assert "dreaming" in said.err


def test_a_run_that_names_no_job_hides_no_other(deployed: "DynamoDBClient", capsys: pytest.CaptureFixture[str]) -> None:
    store_of(deployed).save(run_of("sound", RunState.RUNNING), over=None)
    odd = summary_item(run_of("odd", RunState.RUNNING), 1, None) | {"run": {"S": "nonsense"}}
    deployed.put_item(TableName=TABLE, Item=odd)
    for form in ("text", "json"):
        assert main(["list", "--format", form]) == ExitCode.INCOMPLETE
        assert "sound" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "the account's policy is invalid"), (None, "ssm:GetParameter; ask your administrator for this permission")],
)
def test_without_the_policy_the_runs_are_listed_all_the_same(
    deployed: "DynamoDBClient",
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str | None,
    words: str,
) -> None:
    store_of(deployed).save(run_of("sound", RunState.RUNNING), over=None)
    found = deployment.find(argparse.Namespace())
    monkeypatch.setattr(command, "present_policy", present_policy)
    if text is None:
        refuse(found.session, "ssm", "GetParameter")
    else:
        boto3.client("ssm", region_name=REGION).put_parameter(Name="/Respot/policy", Value=text, Type="String")
    assert main(["list", "--json"]) == ExitCode.INCOMPLETE
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert [(row["name"], row["most_attempts"]) for row in document["runs"]] == [("sound", None)]
    assert words in document["unread"]["policy"]
    assert "attempts, deadlines and waits is not shown" in said.err


def test_watching_is_for_terminals(deployed: "DynamoDBClient", capsys: pytest.CaptureFixture[str]) -> None:
    del deployed
    assert main(["list", "--watch"]) == ExitCode.USAGE
    assert "--watch draws on a terminal" in capsys.readouterr().err


def test_watching_draws_until_it_is_interrupted(
    deployed: "DynamoDBClient", capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_of(deployed).save(run_of("sound", RunState.RUNNING), over=None)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("time.sleep", sleep)
    assert main(["list", "--watch"]) == ExitCode.INTERRUPTED
    assert slept == [5, 5, 5]
    assert capsys.readouterr().out.count("sound") == 3 * 4  # the row, and three commands


def watched(monkeypatch: pytest.MonkeyPatch, *between: Callable[[], object]) -> None:
    """Watch the list on a terminal; what happens between two pictures."""
    following = iter(between)

    def sleep(_: float) -> None:
        happens = next(following, None)
        if happens is None:
            raise KeyboardInterrupt
        happens()

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("time.sleep", sleep)
    assert main(["list", "--watch"]) == ExitCode.INTERRUPTED


def test_what_is_watched_follows_from_the_present_policy(
    deployed: "DynamoDBClient",
    dynamodb_ledger: DynamoDbLedger,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = run_of("spot-job", RunState.WAITING)
    store_of(deployed).save(run, over=None)
    dynamodb_ledger.save(reconcile(dynamodb_ledger.load(run.job), snapshot("Starting=0", tags={})))
    longer = replace(POLICY, defaults=replace(POLICY.defaults, max_attempts=9))
    watched(monkeypatch, lambda: monkeypatch.setattr(command, "present_policy", lambda _: (longer, None)))
    assert re.findall(r"1 of \d", capsys.readouterr().out) == ["1 of 4", "1 of 9"]


def test_a_ledger_that_does_not_answer_ends_no_watching(
    deployed: "DynamoDBClient", capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_of(deployed).save(run_of("sound", RunState.RUNNING), over=None)
    answering = DynamoDbRunSummaries.pages

    def refuse_pages() -> None:
        monkeypatch.setattr(DynamoDbRunSummaries, "pages", Mock(side_effect=LedgerUnavailableError("throttled")))

    def answer() -> None:
        monkeypatch.setattr(DynamoDbRunSummaries, "pages", answering)

    watched(monkeypatch, refuse_pages, lambda: None, answer)
    said = capsys.readouterr()
    assert said.out.count("what was decided, and what happens next") == 2
    assert said.err.count("the runs could not be listed: throttled; try again in a minute; still watching\n") == 1


def test_a_ledger_that_does_not_answer_at_first_ends_the_command(
    deployed: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    del deployed
    monkeypatch.setattr(DynamoDbRunSummaries, "pages", Mock(side_effect=LedgerUnavailableError("throttled")))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["list", "--watch"]) == ExitCode.AWS_UNAVAILABLE


@pytest.mark.parametrize(
    "words", [("--state", "dreaming"), ("--tag", "team"), ("--since", "soon"), ("--since", "999 d"), ("--limit", "0")]
)
def test_wrong_usage_is_refused(words: Sequence[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["list", *words])
