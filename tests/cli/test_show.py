import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from rich.console import Console

from respot.alerting.alert import AlertOutcome
from respot.alerting.kinds import AlertKind
from respot.aws.dynamodb.keys import partition_of
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import AttemptRecord, NoticeKind, OutcomeKind
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import find_run
from respot_cli.main import parser
from respot_cli.show.command import Unread, load
from respot_cli.show.history import History, to_document
from respot_cli.show.view import render
from tests.support.builders import CREATED, NAME, REGION, at, job_id, snapshot, transition
from tests.support.example_run import example_history
from tests.support.frozen_ledger import written
from tests.support.memory import MemoryLedger, MemoryRunStore
from tests.support.moto_aws import TABLE
from tests.support.records import alert_record, decision_record, outcome_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIFE = "Starting=0 Downloading=250 Training=390 Interrupted=3720 Starting=3760 Downloading=5460 Training=5600"
SECOND = "spot-job-r2"


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger(created=CREATED)
    save(ledger, LIFE)
    ledger.complete_alert(alert_record())
    return ledger


def save(ledger: MemoryLedger, life: str, **others: object) -> None:
    seen = snapshot(life, **others)
    ledger.save(reconcile(ledger.load(seen.state.job), seen))


def history_of(ledger: MemoryLedger, name: str = NAME, runs: MemoryRunStore | None = None, **others: Any) -> History:  # noqa: ANN401
    return load(ledger, runs or MemoryRunStore(ledger=ledger), region=REGION, name=name, **others)


def shown(history: History, seconds: float = 6000, *, width: int = 160) -> str:
    console = Console(width=width, record=True, file=None, highlight=False)
    with console.capture() as captured:
        console.print(render(history, now=at(seconds)))
    return captured.get()


def document_of(history: History, seconds: float = 6000) -> dict[str, Any]:
    return to_document(history, now=at(seconds))


def test_the_timeline_shows_each_transition_with_its_length_and_its_alert(ledger: MemoryLedger) -> None:
    lines = shown(history_of(ledger), width=110).splitlines()
    row = next(line for line in lines if "Interrupted" in line and "alerted" in line)
    assert "40 s" in row
    assert any("Training" in line and "6 min so far" in line for line in lines)


def test_the_timeline_names_the_digest_of_an_alert(ledger: MemoryLedger) -> None:
    ledger.alert_records = {key: replace(each, digest="digest/1") for key, each in ledger.alert_records.items()}
    assert "in digest/1" in shown(history_of(ledger))
    assert document_of(history_of(ledger))["alerts"][0]["digest"] == "digest/1"


def test_words_of_others_are_never_markup(ledger: MemoryLedger) -> None:
    save(ledger, "Starting=0", job=job_id("hostile"), tags={"a": "[red]b[/red]\x1b[31m\n"}, failure_reason="[bold]x")
    said = shown(history_of(ledger, "hostile"))
    assert "[red]b[/red]" in said
    assert "[bold]x" in said
    assert "\x1b[31m\n" not in said


def test_json_has_what_the_ledger_knows(ledger: MemoryLedger) -> None:
    document = document_of(history_of(ledger))
    assert json.loads(json.dumps(document)) == document
    statuses = [transition["status"] for transition in document["transitions"]]
    assert statuses == [word.split("=")[0] for word in LIFE.split()]
    assert document["transitions"][-1]["ended"] is None
    assert document["alerts"][0]["message_id"] == "message-1"
    assert document["figures"]["interruptions"] == 1


def test_of_jobs_with_one_name_the_newest_is_shown_unless_another_is_chosen(ledger: MemoryLedger) -> None:
    later = CREATED + timedelta(days=2)
    save(ledger, "Starting=0", job=job_id(created=later))
    newest = history_of(ledger)
    assert newest.state.job.created == later
    assert [other.created for other in newest.others] == [CREATED]
    assert "Other jobs of this name" in shown(newest)
    assert history_of(ledger, created=CREATED.isoformat()).state.job.created == CREATED
    with pytest.raises(CommandError, match="it has jobs of that name created"):
        history_of(ledger, created="2020-01-01")
    with pytest.raises(CommandError, match="--created must be an ISO 8601 time"):
        history_of(ledger, created="yesterday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What finding a run needs of a deployment."""

    stored: MemoryLedger
    regions: tuple[str, ...] = (REGION, "eu-west-1")

    def ledger(self, _: object) -> MemoryLedger:
        return self.stored

    def runs(self, _: object) -> MemoryRunStore:
        return MemoryRunStore(ledger=self.stored)


def found(ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch, *words: str) -> JobId:
    monkeypatch.setattr(deployment, "find", lambda _: Watching(stored=ledger))
    return find_run(parser(["show"]).parse_args(["show", *words])).job


def test_a_run_is_searched_for_in_every_watched_region(ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    save(ledger, "Starting=0", job=job_id("elsewhere", region="eu-west-1"))
    assert found(ledger, monkeypatch, "elsewhere").region == "eu-west-1"
    assert found(ledger, monkeypatch, NAME).region == REGION
    save(ledger, "Starting=0", job=job_id(region="eu-west-1"))
    assert found(ledger, monkeypatch, NAME, "--region", "eu-west-1").region == "eu-west-1"
    assert found(ledger, monkeypatch, f"eu-west-1/{NAME}/1789549200000").region == "eu-west-1"


@pytest.mark.parametrize(
    ("asked", "words", "code"),
    [
        ((NAME,), "in us-east-1 and eu-west-1: choose with --region", ExitCode.USAGE),
        (("nobody",), "has no job nobody in us-east-1 or eu-west-1", ExitCode.NOT_FOUND),
        (("nobody", "--region", REGION), "has no job nobody in us-east-1: check its name", ExitCode.NOT_FOUND),
        ((f"{REGION}/{NAME}/1",), f"has no job {NAME} created 1970-01-01T00:00:00.001Z", ExitCode.NOT_FOUND),
    ],
    ids=["in two regions", "in none of two", "not in the region", "created at another time"],
)
def test_a_name_that_is_not_of_one_job_is_refused(
    ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...], words: str, code: ExitCode
) -> None:
    save(ledger, "Starting=0", job=job_id(region="eu-west-1"))
    with pytest.raises(CommandError, match=words) as refused:
        found(ledger, monkeypatch, *asked)
    assert refused.value.exit_code is code


def test_a_job_that_expires_while_it_is_read_is_not_there(ledger: MemoryLedger) -> None:
    with pytest.raises(CommandError, match="the ledger has no job nobody in us-east-1") as refused:
        history_of(ledger, "nobody")
    assert refused.value.exit_code is ExitCode.NOT_FOUND


def test_a_deployment_lists_the_regions_that_it_watches() -> None:
    session = boto3.session.Session(region_name=REGION)
    assert Deployment(session=session, outputs={}).regions == (REGION,)
    watched = Deployment(session=session, outputs={"WatchedRegions": "eu-west-1,eu-west-2"})
    assert watched.regions == (REGION, "eu-west-1", "eu-west-2")


def test_a_stop_of_respots_own_is_shown_with_its_reason_and_nobodys_markup(ledger: MemoryLedger) -> None:
    runs = MemoryRunStore(ledger=ledger)
    assert history_of(ledger, runs=runs).stop_intent is None
    words = "has waited for [red]spot"
    runs.record_stop_intent(
        StopIntent(job=job_id(), waiting_since=CREATED, decided_at=at(7200), reason=words, inputs={"a": "b"})
    )
    history = history_of(ledger, runs=runs)
    assert "2026-09-16 11:00:00  stops waiting  has waited for [red]spot" in shown(history)
    assert "Respot is stopping it: has waited for [red]spot." in shown(history)
    assert document_of(history)["giving_up"] == {
        "waiting_since": "2026-09-16T09:00:00.000Z",
        "decided_at": "2026-09-16T11:00:00.000Z",
        "reason": words,
        "inputs": {"a": "b"},
        "withdrawn": None,
    }
    runs.withdraw_stop_intent(runs.stop_intents[job_id()], "waits no [red]longer")
    history = history_of(ledger, runs=runs)
    assert "stops waiting  has waited for [red]spot (withdrawn: waits no [red]longer)" in shown(history)
    assert "Respot is stopping it" not in shown(history)
    assert document_of(history)["giving_up"]["withdrawn"] == "waits no [red]longer"


# --- what still lasts


def test_an_open_status_counts_up_to_now_in_its_row_and_in_the_sums(ledger: MemoryLedger) -> None:
    document = document_of(history_of(ledger), 9200)
    assert [transition["so_far"] for transition in document["transitions"]] == [False] * 6 + [True]
    assert (document["transitions"][-1]["ended"], document["transitions"][-1]["seconds"]) == (None, 3600)
    assert document["read_at"] == "2026-09-16T11:33:20.000Z"
    # The first Training lasted 3330 s.
    assert (document["figures"]["so_far"], document["figures"]["trained_seconds"]) == (True, 3330 + 3600)
    said = shown(history_of(ledger), 9200)
    assert "Training for 1 h 00 min so far." in said
    assert "So far: trained 1 h 55 min, waited 33 min for capacity" in said
    save(ledger, "Starting=0", job=job_id("waiting"))
    assert document_of(history_of(ledger, "waiting"), 60)["figures"]["waited_seconds"] == 60


def test_a_clock_behind_aws_shows_no_negative_length(ledger: MemoryLedger) -> None:
    document = document_of(history_of(ledger), 5000)
    assert (document["transitions"][-1]["seconds"], document["figures"]["trained_seconds"]) == (0, 3330)


@pytest.mark.parametrize("end", ["Completed", "Stopped", "MaxWaitTimeExceeded", "EndedSomehow"])
def test_the_end_of_a_job_has_no_length(ledger: MemoryLedger, end: str) -> None:
    """By its TrainingJobStatus a job has ended, with any SecondaryStatus."""
    save(ledger, f"Starting=0 Training=100 {end}=400", job=job_id("ended"), status="Stopped")
    history = history_of(ledger, "ended")
    document = document_of(history, 9000)
    last = document["transitions"][-1]
    assert (last["seconds"], last["so_far"], document["figures"]["so_far"]) == (None, False, False)
    assert document["figures"]["trained_seconds"] == 300
    assert "so far" not in shown(history, 9000)
    assert f"■ ended ({end})" in shown(history, 9000)


def test_a_status_that_nobody_knows_is_shown(ledger: MemoryLedger) -> None:
    save(ledger, "Starting=0 Dreaming=100", job=job_id("new"))
    said = shown(history_of(ledger, "new"), 400)
    assert "Dreaming for 5 min so far." in said
    assert "▓ other 5 min so far" in said


# --- what became of it


ENDED = "Starting=0 Training=400 MaxWaitTimeExceeded=1000"


def decided(ledger: MemoryLedger, action: Action = Action.RESUBMIT, *, dry_run: bool = False) -> MemoryRunStore:
    """The job has ended, and this was decided on it: of a resubmission, the next attempt is planned."""
    ledger.states.clear()
    ledger.transitions.clear()
    save(ledger, ENDED)
    runs = MemoryRunStore(ledger=ledger, clock=lambda: at(1500))
    resubmits = action is Action.RESUBMIT
    run = run_id(job_id())
    attempt = AttemptRecord(run=run, number=2, region=REGION, name=SECOND, parent=job_id(), decided_at=at(1010))
    record = decision_record(action, decided_at=1010, reason="the [red]reason", dry_run=dry_run)
    assert runs.decide(record, attempt if resubmits and not dry_run else None)
    return runs


def settle(runs: MemoryRunStore, kind: OutcomeKind, summary: str) -> None:
    runs.record_outcome(outcome_of(kind, summary=summary, settled_at=at(2000)))


@pytest.mark.parametrize(
    ("kind", "summary", "headline"),
    [
        (OutcomeKind.CREATED, "resubmitted as spot-job-r2", "Resubmitted as spot-job-r2."),
        (OutcomeKind.FAILED, "not resubmitted: the quota is 0..", "Not resubmitted: the quota is 0."),
        (OutcomeKind.CANCELLED, "not resubmitted: dry_run", "Not resubmitted: dry_run."),
    ],
)
def test_the_outcome_is_the_headline_and_the_decision_is_history(
    ledger: MemoryLedger, kind: OutcomeKind, summary: str, headline: str
) -> None:
    runs = decided(ledger)
    settle(runs, kind, summary)
    history = history_of(ledger, runs=runs)
    document = document_of(history)
    assert (document["headline"], document["outcome"]["kind"]) == (headline, kind)
    assert (document["decision"]["action"], document["decision"]["decided_at"][11:19]) == ("resubmit", "09:16:50")
    lines = shown(history, width=110).splitlines()
    first, decision, outcome = (
        next(number for number, line in enumerate(lines) if words in line)
        for words in (headline, "09:16:50  decided", f"09:33:20  {kind}")
    )
    assert first < decision < outcome
    assert "resubmit: the [red]reason" in lines[decision]


PLANNED = "To be resubmitted as spot-job-r2, which is not created yet: the [red]reason"
UNDECIDED = "Ended as MaxWaitTimeExceeded, not decided yet"
INVALID = (NoticeKind.POLICY_INVALID, "rules[0] is no rule")
POSTPONED = (NoticeKind.POSTPONED, "the kill switch is on.")
POSTPONED_AT = "it was postponed at 2026-09-16 09:25 UTC: the kill switch is on."
"""The notice is written once: the kill switch may be off by now."""


@pytest.mark.parametrize(
    ("action", "dry_run", "notice", "headline"),
    [
        (Action.RESUBMIT, False, None, f"{PLANNED}."),
        (Action.RESUBMIT, True, None, "Nothing was created, since the policy says dry_run: the [red]reason."),
        (Action.REFUSE, False, None, "Not resubmitted: the [red]reason."),
        (Action.NOTHING, False, None, "The [red]reason."),
        (Action.RESUBMIT, False, POSTPONED, f"{PLANNED}; {POSTPONED_AT}"),
        (None, False, None, f"{UNDECIDED}."),
        (None, False, POSTPONED, f"{UNDECIDED}; {POSTPONED_AT}"),
        (
            *(None, False, INVALID),
            f"{UNDECIDED}; the account's policy was invalid at 2026-09-16 09:25 UTC: rules[0] is no rule.",
        ),
    ],
)
def test_without_an_outcome_the_decision_and_what_it_waits_for_are_the_headline(
    ledger: MemoryLedger, action: Action | None, notice: tuple[NoticeKind, str] | None, headline: str, *, dry_run: bool
) -> None:
    runs = decided(ledger, action or Action.NOTHING, dry_run=dry_run)
    if action is None:
        runs.decisions.clear()
    if notice:
        runs.notice(job_id(), *notice)
    history = history_of(ledger, runs=runs)
    document = document_of(history)
    assert (document["headline"], document["outcome"]) == (headline, None)
    assert [each["kind"] for each in document["notices"]] == ([notice[0]] if notice else [])
    if notice:
        assert f"09:25:00  {notice[0]}" in shown(history)
    else:
        assert headline in shown(history)


def test_a_notice_before_the_decision_is_history(ledger: MemoryLedger) -> None:
    runs = decided(ledger)
    runs.clock = lambda: at(1005)
    runs.notice(job_id(), NoticeKind.POLICY_INVALID, "rules[0] is no rule")
    history = history_of(ledger, runs=runs)
    assert "was invalid" not in document_of(history)["headline"]
    rows = shown(history).splitlines()
    assert [line.split()[3] for line in rows if "09:16:4" in line or "09:16:5" in line] == [
        "MaxWaitTimeExceeded",
        "policy-invalid",
        "decided",
    ]


def test_alerts_of_every_kind_are_shown_at_what_they_are_about(ledger: MemoryLedger) -> None:
    runs = decided(ledger)
    (interrupted,) = ledger.alert_records.values()
    end = transition("MaxWaitTimeExceeded", 1000)
    for kind, each in (
        (AlertKind.MAX_WAIT_TIME_EXCEEDED, end),
        (AlertKind.NOT_RESUBMITTED, end),
        (AlertKind.ADVICE, transition("Pending", 0)),
    ):
        declined = replace(interrupted, kind=kind, transition=each, outcome=AlertOutcome.DECLINED, reason="too old")
        ledger.complete_alert(declined)
    lines = shown(history_of(ledger, runs=runs)).splitlines()
    own, other = (
        number for number, line in enumerate(lines) if "not alerted: too old" in line and "advice" not in line
    )
    assert "MaxWaitTimeExceeded" in lines[own]
    assert (other, "not-resubmitted: not alerted: too old" in lines[other]) == (own + 1, True)
    # The status that it is about is not in the history.
    assert any("advice alert" in line and "not alerted: too old" in line for line in lines)


# --- words of others, and what was billed


@pytest.mark.parametrize(
    ("reason", "shown_as"),
    [
        ("ClientError: bad..", "SageMaker says: ClientError: bad. "),
        ("ClientError: bad", "SageMaker says: ClientError: bad. "),
        ("Is it bad?", "SageMaker says: Is it bad? "),
    ],
)
def test_sagemakers_reason_ends_in_one_full_stop(ledger: MemoryLedger, reason: str, shown_as: str) -> None:
    save(ledger, "Starting=0 Failed=60", job=job_id("failed"), failure_reason=reason)
    assert shown_as in shown(history_of(ledger, "failed"))


NOTHING_BILLED = "Nothing was billed: the job never held an instance."
NOT_REPORTED = "SageMaker has not reported yet what it bills."


@pytest.mark.parametrize(
    ("life", "others", "said"),
    [
        pytest.param("Starting=0 Training=390 MaxWaitTimeExceeded=4000", {}, NOT_REPORTED, id="trained"),
        pytest.param("Starting=0 Interrupted=390 MaxWaitTimeExceeded=4000", {}, NOT_REPORTED, id="interrupted"),
        pytest.param(
            "Starting=0 Completed=4000",
            {"training_time": timedelta(seconds=4000), "billable_time": timedelta(seconds=1000), "market": None},
            "Saved 75 % (16 min of 1 h 06 min billed).",
            id="billed, market unknown",
        ),
        pytest.param(
            "Starting=0 Completed=4000",
            {"training_time": timedelta(seconds=4000), "billable_time": timedelta(seconds=4001)},
            "Saved 0 % (1 h 06 min of 1 h 06 min billed).",
            id="below zero by a hair",
        ),
        pytest.param("Starting=0 Stopped=4000", {"market": None}, NOT_REPORTED, id="market unknown"),
        pytest.param("Starting=0 Stopping=3900 Stopped=4000", {}, NOTHING_BILLED, id="never launched"),
    ],
)
def test_nothing_was_billed_only_if_nothing_proves_instances(
    ledger: MemoryLedger, life: str, others: dict[str, Any], said: str
) -> None:
    save(ledger, life, job=job_id("ended"), **others)
    text = shown(history_of(ledger, "ended"), 9000)
    assert said in text
    assert (NOTHING_BILLED in text) is (said == NOTHING_BILLED)


# --- attempts


def attempts(history: History) -> list[tuple[int, str]]:
    assert [row["job"] for row in document_of(history)["run"]] == [each.name for each in history.run]
    return [(each.number, each.name) for each in history.run]


@pytest.mark.parametrize("taken", [False, True], ids=["free", "another's job has its name"])
@pytest.mark.parametrize("kind", [OutcomeKind.FAILED, OutcomeKind.CANCELLED, None])
def test_an_attempt_that_was_not_created_is_none(
    ledger: MemoryLedger, kind: OutcomeKind | None, *, taken: bool
) -> None:
    runs = decided(ledger)
    if taken:
        save(ledger, "Starting=1100", job=job_id(SECOND, created=at(1100)))
    if kind:
        settle(runs, kind, "not resubmitted: no")
    assert attempts(history_of(ledger, runs=runs)) == [(1, NAME)]
    assert "The run" not in shown(history_of(ledger, runs=runs))


def test_an_attempt_that_was_created_is_one_before_its_first_event(ledger: MemoryLedger) -> None:
    runs = decided(ledger)
    settle(runs, OutcomeKind.CREATED, "resubmitted as spot-job-r2")
    history = history_of(ledger, runs=runs)
    assert attempts(history) == [(1, NAME), (2, SECOND)]
    assert "The run is at attempt 2: spot-job-r2, created, no event of it yet." in shown(history)


@pytest.mark.parametrize("settled", [True, False], ids=["outcome written", "outcome not written yet"])
def test_an_attempt_that_the_ledger_has_seen_is_one(ledger: MemoryLedger, *, settled: bool) -> None:
    runs = decided(ledger)
    if settled:
        settle(runs, OutcomeKind.CREATED, "resubmitted as spot-job-r2")
    next_job = job_id(SECOND, created=at(1100))
    where = f"s3://ml-bucket/checkpoints/{NAME}/"
    save(ledger, "Starting=1100 Training=1200", job=next_job, checkpoint_uri=where)
    # A job that had the name long before is another one.
    save(ledger, "Completed=-9000", job=job_id(SECOND, created=at(-9999)))
    for name in (NAME, SECOND):
        history = history_of(ledger, name, runs)
        assert attempts(history) == [(1, NAME), (2, SECOND)]
        assert history.run[1].state
        assert history.run[1].state.job == next_job
    assert "The run is at attempt 2: spot-job-r2, Training." in shown(history_of(ledger, runs=runs))
    assert "The run is at" not in shown(history_of(ledger, SECOND, runs))


# --- its width


@pytest.mark.parametrize("width", [40, 60, 80, 120, 300])
def test_the_timeline_fits_its_terminal(width: int) -> None:
    lines = shown(example_history(), width=width).splitlines()
    assert {len(line) for line in lines} == {width}
    assert sum("!░" in line for line in lines) == 2  # the attempt beside the others, and the job alone
    assert any("! interrupted" in line for line in lines)


LONG_NAMES = (
    "Starting=0 LaunchingMLInstances=10 PreparingTrainingStack=20 DownloadingTrainingImage=90 Training=390 "
    "Interrupted=3720 MaxWaitTimeExceeded=3760"
)


def words_of(text: str) -> set[str]:
    """Those that fit into a narrow terminal; bars are none, and the marks of a scale are as many as there is room."""
    text = re.sub(r"^[│ ]*(\d\d[:-]\d\d +)+│$", "", text, flags=re.MULTILINE)
    text = re.sub(r"UTC,[^│╭]*?a\W+character", "", text, flags=re.DOTALL)
    return {word for word in re.sub("[│╭╮╰╯─]", " ", text).split() if len(word) <= 32 and word.isascii()}


@pytest.mark.parametrize("width", [40, 48, 60, 66, 72, 80, 100, 120])
def test_nothing_is_folded_inside_a_word(ledger: MemoryLedger, width: int) -> None:
    save(ledger, LONG_NAMES, job=job_id("ended"))
    for history in (example_history(), history_of(ledger, "ended"), history_of(ledger)):
        whole = words_of(shown(history, width=300)) - {"Alerts"}  # a list leaves out what is empty
        # A list has a colon behind each title.
        found = {word.removesuffix(":") for word in words_of(shown(history, width=width))}
        assert {word.removesuffix(":") for word in whole} <= found


def test_below_its_least_width_the_timeline_is_a_list_of_whole_lines() -> None:
    lines = [line.strip("│ ") for line in shown(example_history(), width=20).splitlines()]
    assert "Downloading" in lines
    assert not [line for line in lines if len(line) == 1 and line.isalnum()]


# --- items that this version cannot read


@pytest.fixture
def poisoned(dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger) -> Deployment:
    """A deployment whose ledger has items of one job that a newer version wrote."""
    seen = snapshot("Starting=0 Training=390 Interrupted=3720")
    dynamodb_ledger.save(reconcile(dynamodb_ledger.load(job_id()), seen))
    for kind, bad in (("decision", {"action": {"S": "migrate"}}), ("alert", {"alert_kind": {"S": "stalled"}})):
        dynamodb.put_item(TableName=TABLE, Item=written()[kind].item | bad)
    return Deployment(session=boto3.session.Session(region_name=REGION), outputs={"LedgerTableName": TABLE})


def ran(found: Deployment, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(deployment, "find", lambda _: found)
    arguments = parser().parse_args(["show", NAME, "--region", REGION, "--json"])
    return int(arguments.run(arguments))


def test_the_rest_is_shown_and_what_could_not_be_read_is_said(
    poisoned: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(poisoned, monkeypatch) == ExitCode.INCOMPLETE
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert [each["status"] for each in document["transitions"]] == ["Starting", "Training", "Interrupted"]
    assert {key.split()[1].split("#")[0] for key in document["unread"]} == {"decision", "alert"}
    assert "'migrate' is not a valid Action" in said.err


@pytest.mark.parametrize("attribute", ["market", "status", "kind"])
def test_a_job_whose_state_cannot_be_read_is_shown_by_its_transitions(
    dynamodb: "DynamoDBClient",
    poisoned: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    attribute: str,
) -> None:
    key = {"pk": {"S": partition_of(job_id())}, "sk": {"S": "state"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    dynamodb.put_item(TableName=TABLE, Item={**item, attribute: {"L": []}})
    assert ran(poisoned, monkeypatch) == ExitCode.INCOMPLETE
    document = json.loads(capsys.readouterr().out)
    assert document["job"]["secondary_status"] == "Interrupted"
    assert (document["run_state"], document["run"][0]["status"]) == ("waiting", "Interrupted")
    assert f"{partition_of(job_id())} state" in document["unread"]
    unread = Unread()
    history = load(poisoned.ledger(unread), poisoned.runs(unread), region=REGION, name=NAME, unread=unread)
    assert "Interrupted" in shown(history)
