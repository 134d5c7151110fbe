import json
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from rich.console import Console

from cli.deployment import Deployment
from cli.errors import CommandError, ExitCode
from cli.history import History, to_document
from cli.main import parser
from cli.timeline import load, region_of
from cli.timeline_view import BAR_WIDTH, bar, render
from respot.adapters.memory import MemoryLedger, MemoryRuns
from respot.domain.alert import AlertOutcome, AlertReceipt
from respot.domain.alert_kinds import AlertKind
from respot.domain.reconciliation import reconcile
from respot.domain.waiting import GivingUp
from tests.support.builders import CREATED, NAME, REGION, at, job_id, observation, transition

LIFE = "Starting=0 Downloading=250 Training=390 Interrupted=3720 Starting=3760 Downloading=5460 Training=5600"


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger(created=CREATED)
    save(ledger, LIFE)
    interrupted = transition("Interrupted", 3720)
    ledger.settle_alert(
        AlertReceipt(
            job=job_id(),
            kind=AlertKind.INTERRUPTED,
            transition=interrupted,
            outcome=AlertOutcome.SENT,
            reason="Interrupted",
            headline=f"{NAME} was interrupted (1st time)",
            settled_at=at(3721),
            message_id="message-1",
        )
    )
    return ledger


def save(ledger: MemoryLedger, life: str, **others: object) -> None:
    seen = observation(life, **others)
    ledger.save(reconcile(ledger.load(seen.facts.job), seen))


def shown(history: History, *, width: int = 110) -> str:
    console = Console(width=width, record=True, file=None, highlight=False)
    with console.capture() as captured:
        console.print(render(history, now=at(6000)))
    return captured.get()


def test_the_timeline_shows_each_stay_with_its_length_and_its_alert(ledger: MemoryLedger) -> None:
    lines = shown(load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME)).splitlines()
    row = next(line for line in lines if "Interrupted" in line and "alerted" in line)
    assert "40 s" in row
    assert any("Training" in line and "6 min so far" in line for line in lines)


def test_the_timeline_says_in_which_digest_people_heard_of_it(ledger: MemoryLedger) -> None:
    (receipt,) = ledger.receipts.values()
    ledger.receipts = {key: replace(receipt, digest="digest/1") for key in ledger.receipts}
    history = load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME)
    assert "in digest/1" in shown(history)
    assert to_document(history)["alerts"][0]["digest"] == "digest/1"


def test_the_bar_is_as_wide_as_told_and_shows_every_stay(ledger: MemoryLedger) -> None:
    drawn = bar(load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME), now=at(6000))
    assert abs(len(drawn.plain) - BAR_WIDTH) <= len(LIFE.split())
    assert len(drawn.spans) == len(LIFE.split())


def test_words_of_others_are_never_markup(ledger: MemoryLedger) -> None:
    save(ledger, "Starting=0", job=job_id("hostile"), tags={"a": "[red]b[/red]\x1b[31m\n"}, failure_reason="[bold]x")
    said = shown(load(ledger, MemoryRuns(ledger=ledger), region=REGION, name="hostile"))
    assert "[red]b[/red]" in said
    assert "[bold]x" in said
    assert "\x1b[31m\n" not in said


def test_json_tells_what_the_ledger_knows(ledger: MemoryLedger) -> None:
    document = to_document(load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME))
    assert json.loads(json.dumps(document)) == document
    assert [stay["status"] for stay in document["transitions"]] == [word.split("=")[0] for word in LIFE.split()]
    assert document["transitions"][-1]["ended"] is None
    assert document["alerts"][0]["message_id"] == "message-1"
    assert document["figures"]["interruptions"] == 1


def test_a_job_that_is_not_there_is_an_exit_code_of_its_own(ledger: MemoryLedger) -> None:
    with pytest.raises(CommandError, match="has no job nobody in us-east-1") as missing:
        load(ledger, MemoryRuns(ledger=ledger), region=REGION, name="nobody")
    assert missing.value.exit_code == ExitCode.NOT_FOUND


def test_of_jobs_with_one_name_the_newest_is_shown_unless_another_is_chosen(ledger: MemoryLedger) -> None:
    later = CREATED + timedelta(days=2)
    save(ledger, "Starting=0", job=job_id(created=later))
    newest = load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME)
    assert newest.facts.job.created == later
    assert [other.created for other in newest.others] == [CREATED]
    assert "Other jobs of this name" in shown(newest)
    chosen = load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME, created=CREATED.isoformat())
    assert chosen.facts.job.created == CREATED
    with pytest.raises(CommandError, match="it has jobs of that name created"):
        load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME, created="2020-01-01")
    with pytest.raises(CommandError, match="--created must be an ISO 8601 time"):
        load(ledger, MemoryRuns(ledger=ledger), region=REGION, name=NAME, created="yesterday")


def test_wrong_usage_is_exit_code_2() -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_args(["timeline"])
    assert left.value.code == 2


def test_a_job_is_looked_for_in_every_watched_region(ledger: MemoryLedger) -> None:
    there = job_id("elsewhere", region="eu-west-1")
    save(ledger, "Starting=0", job=there)
    assert region_of(ledger, (REGION, "eu-west-1"), "elsewhere") == "eu-west-1"
    assert region_of(ledger, (REGION, "eu-west-1"), NAME) == REGION


def test_a_name_in_two_regions_has_to_be_chosen_between(ledger: MemoryLedger) -> None:
    save(ledger, "Starting=0", job=job_id(region="eu-west-1"))
    with pytest.raises(CommandError, match=r"in us-east-1 and eu-west-1: choose with --region") as ambiguous:
        region_of(ledger, (REGION, "eu-west-1"), NAME)
    assert ambiguous.value.exit_code is ExitCode.NOT_DONE


def test_a_name_in_no_region_is_not_found_in_any(ledger: MemoryLedger) -> None:
    with pytest.raises(CommandError, match=r"has no job nobody in us-east-1 or eu-west-1") as missing:
        region_of(ledger, (REGION, "eu-west-1"), "nobody")
    assert missing.value.exit_code is ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    ("outputs", "regions"),
    [
        pytest.param({}, (REGION,), id="the hub alone"),
        pytest.param({"WatchedRegions": "eu-west-1,eu-west-2"}, (REGION, "eu-west-1", "eu-west-2"), id="three"),
    ],
)
def test_a_deployment_tells_the_regions_that_it_watches(outputs: dict[str, str], regions: tuple[str, ...]) -> None:
    session = boto3.session.Session(region_name=REGION)
    assert Deployment(session=session, outputs=outputs).regions == regions


def test_a_stop_of_respots_own_is_shown_with_its_reason_and_nobodys_markup(ledger: MemoryLedger) -> None:
    runs = MemoryRuns(ledger=ledger)
    assert load(ledger, runs, region=REGION, name=NAME).giving_up is None
    words = "has waited for [red]spot"
    runs.give_up(GivingUp(job=job_id(), waiting_since=CREATED, decided_at=at(7200), reason=words, inputs={"a": "b"}))
    history = load(ledger, runs, region=REGION, name=NAME)
    assert "Patience 11:00:00: has waited for [red]spot" in shown(history)
    assert to_document(history)["giving_up"] == {
        "waiting_since": "2026-09-16T09:00:00.000Z",
        "decided_at": "2026-09-16T11:00:00.000Z",
        "reason": words,
        "inputs": {"a": "b"},
        "withdrawn": None,
    }
    runs.withdraw(runs.given_up[job_id()], "waits no [red]longer")
    history = load(ledger, runs, region=REGION, name=NAME)
    assert "Patience 11:00:00: has waited for [red]spot (withdrawn: waits no [red]longer)" in shown(history)
    assert to_document(history)["giving_up"]["withdrawn"] == "waits no [red]longer"
