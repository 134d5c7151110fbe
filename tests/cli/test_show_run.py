"""What `respot show` says of a run: its state, what happens next and when, its attempts, its checkpoints."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from rich.console import Console

from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import AttemptRecord, NextStep, OutcomeKind
from respot_cli.errors import ExitCode
from respot_cli.main import main
from respot_cli.show.command import load
from respot_cli.show.history import History, to_document
from respot_cli.show.view import commands, render
from tests.support.builders import CREATED, NAME, REGION, at, job_id, snapshot
from tests.support.example_run import NEXT, NOW, ROOT, example_history
from tests.support.memory import MemoryLedger, MemoryRunStore
from tests.support.records import decision_record, outcome_of
from tests.support.respot_process import find
from tests.support.runs import saved

SECOND: Final = f"{NAME}-r2"
URI: Final = f"s3://ml-bucket/checkpoints/{NAME}/"
LISTED: Final = {"checkpoint_location": URI, "progress": "step 500"}
WAITS: Final = "Starting=0 Training=390 Interrupted=3720 Starting=3760"
ENDS: Final = f"{WAITS} MaxWaitTimeExceeded=21600"


def stored(life: str, **others: Any) -> tuple[MemoryLedger, MemoryRunStore]:  # noqa: ANN401
    ledger = MemoryLedger(created=CREATED - timedelta(days=1))
    ledger.save(reconcile(JobRecord(), snapshot(life, **others)))
    return ledger, MemoryRunStore(ledger=ledger, clock=lambda: at(21700))


def history_of(ledger: MemoryLedger, runs: MemoryRunStore, name: str = NAME) -> History:
    return load(ledger, runs, region=REGION, name=name)


def shown(history: History, *, width: int = 140, seconds: float = 22000) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(render(history, now=at(seconds)))
    return captured.get()


def step_of(history: History, seconds: float = 22000) -> dict[str, Any]:
    found: dict[str, Any] = to_document(history, now=at(seconds))["next_step"]
    return found


def test_the_run_comes_first_with_its_id_its_state_and_what_happens_next() -> None:
    text = shown(example_history(), seconds=(NOW - CREATED).total_seconds())
    places = [
        text.index(words)
        for words in (
            "us-east-1/nightly-resnet/1789549200000",
            "running: nightly-resnet-r2 is in Training on spot ml.g5.2xlarge",
            "nothing is planned: Respot acts when the job waits for capacity, or ends",
            "Attempts from 2026-09-16 09:00 to 17:11 UTC",
            "#  Job",
            f"Attempt 1, {ROOT}",
            "Region",
        )
    ]
    assert places == sorted(places)


def test_a_run_of_one_attempt_has_no_axis_of_its_own() -> None:
    text = shown(history_of(*stored(WAITS)))
    assert "Attempt" not in text
    assert "waiting: spot-job waits for spot ml.g5.2xlarge" in text


# --- what happens next, and when


def test_a_wait_ends_with_capacity_or_with_maxwait() -> None:
    history = history_of(*stored(WAITS))
    words = "SageMaker starts it with capacity, or ends it when MaxWaitTimeInSeconds is over"
    assert step_of(history) == {"reason": words, "at": "2026-09-16T15:00:00.000Z"}
    assert "When   about 2026-09-16 15:00 UTC (in 10 min)" in shown(history, seconds=21000)
    assert "When   about 2026-09-16 15:00 UTC (16 min ago)" in shown(history, seconds=21600 + 960)


def test_what_recovery_noted_about_the_present_wait_comes_first() -> None:
    ledger, runs = stored(WAITS)
    runs.note_next_step(job_id(), NextStep(reason="has waited 5 min of 2 h.", at=at(10960), noted_at=at(4000)))
    assert step_of(history_of(ledger, runs)) == {
        "reason": "has waited 5 min of 2 h",
        "at": "2026-09-16T12:02:40.000Z",
    }
    ledger, runs = stored(WAITS)
    runs.note_next_step(job_id(), NextStep(reason="has waited 5 min of 8 h", at=at(32560), noted_at=at(4000)))
    assert step_of(history_of(ledger, runs))["at"] == "2026-09-16T15:00:00.000Z"  # MaxWait is over before
    old = NextStep(reason="of an earlier wait", at=at(300), noted_at=at(100))
    ledger, runs = stored(WAITS)
    runs.note_next_step(job_id(), old)
    assert "earlier wait" not in step_of(history_of(ledger, runs))["reason"]


def test_a_stop_of_respots_own_comes_before_all_else() -> None:
    ledger, runs = stored(WAITS)
    intent = StopIntent(job=job_id(), waiting_since=at(3720), decided_at=at(9000), reason="waited too long")
    runs.record_stop_intent(intent)
    assert step_of(history_of(ledger, runs))["reason"].startswith("SageMaker stops the job, as Respot asks it to")
    runs.withdraw_stop_intent(intent, "waits no longer")
    assert step_of(history_of(ledger, runs))["reason"].startswith("SageMaker starts it with capacity")


def planned(kind: OutcomeKind | None = None) -> tuple[MemoryLedger, MemoryRunStore]:
    """A run whose first attempt has ended, and whose second one is decided on."""
    ledger, runs = stored(ENDS)
    attempt = AttemptRecord(
        run=run_id(job_id()), number=2, region=REGION, name=SECOND, parent=job_id(), decided_at=at(21635)
    )
    record = decision_record(Action.RESUBMIT, decided_at=21635, inputs=LISTED)
    assert runs.decide(replace(record, checkpoint=saved(7000), made_progress=True), attempt)
    if kind:
        runs.record_outcome(outcome_of(kind))
    return ledger, runs


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (None, "attempt 2, spot-job-r2, is created"),
        (OutcomeKind.CREATED, "SageMaker reports spot-job-r2 with its first event, or the next sweep finds it"),
    ],
)
def test_an_attempt_that_is_planned_or_not_reported_yet_is_the_next_step(kind: OutcomeKind | None, words: str) -> None:
    history = history_of(*planned(kind))
    assert step_of(history)["reason"] == words
    assert to_document(history, now=at(22000))["run_state"] == "recovering"


def test_an_end_that_is_not_decided_on_is_decided_next() -> None:
    assert step_of(history_of(*stored(ENDS)))["reason"] == "Respot decides on its end, as a rule within a minute"


def test_nothing_happens_to_a_run_that_has_ended() -> None:
    history = history_of(*planned(OutcomeKind.FAILED))
    assert to_document(history, now=at(22000))["next_step"] is None
    assert "nothing: the run has ended" in shown(history)


def test_the_first_attempts_page_says_what_happens_to_the_last_one() -> None:
    ledger, runs = planned(OutcomeKind.CREATED)
    second = snapshot("Starting=21700", job=job_id(SECOND, created=at(21650)))
    ledger.save(reconcile(JobRecord(), second))
    intent = StopIntent(job=second.state.job, waiting_since=at(21700), decided_at=at(29000), reason="waited too long")
    runs.record_stop_intent(intent)
    history = history_of(ledger, runs)
    assert [each.name for each in history.run] == [NAME, SECOND]
    assert step_of(history)["reason"].startswith("SageMaker stops the job")


# --- checkpoints


def test_each_attempts_newest_checkpoint_is_shown_with_its_layout_and_progress() -> None:
    history = history_of(*planned())
    row = next(line for line in shown(history).splitlines() if "checkpoint-500" in line and "2.1 GB" in line)
    for words in ("1", "2026-09-16 10:56", "Hugging Face Trainer", "step 500"):
        assert words in row
    assert to_document(history, now=at(22000))["run"][0]["checkpoint"] == {
        "name": "checkpoint-500",
        "step": 500,
        "saved_at": "2026-09-16T10:56:40.000Z",
        "bytes": 2_100_000_000,
        "layout": "Hugging Face Trainer",
        "complete": True,
        "made_progress": True,
    }


@pytest.mark.parametrize(
    ("inputs", "progress", "found"),
    [
        ({"passed_over": "checkpoint-9: 1 of 2 shards"}, None, "none; passed over: checkpoint-9: 1 of 2 shards"),
        ({"progress": "nothing new was saved"}, False, "none"),
    ],
)
def test_that_nothing_was_saved_is_shown_too(inputs: dict[str, str], progress: bool | None, found: str) -> None:  # noqa: FBT001 - a case
    ledger, runs = stored(ENDS)
    record = decision_record(
        Action.REFUSE, notify=True, inputs={"checkpoint_location": URI, "fruitless_attempts": "1"} | inputs
    )
    runs.decide(replace(record, made_progress=progress), None)
    text = shown(history_of(ledger, runs))
    assert "Checkpoints when each attempt had ended" in text
    assert found in text
    assert "Checkpoints when" not in shown(history_of(*stored(ENDS)))


def test_nothing_is_said_of_checkpoints_for_which_nobody_asked() -> None:
    ledger, runs = stored("Starting=0 Training=390 Completed=9000")
    runs.decide(decision_record(Action.NOTHING, inputs={"checkpoint_location": URI}), None)
    assert "Checkpoints when" not in shown(history_of(ledger, runs))


# --- the next commands, and the JSON


def test_it_ends_with_commands_that_have_the_real_name_in_them() -> None:
    listed = [command for command, _ in commands(example_history(), ROOT)]
    uri = f"s3://ml-bucket/checkpoints/{ROOT}/"
    assert listed == [
        *(f"respot {word} {ROOT}" for word in ("why", "wait", "logs")),
        f"respot checkpoints {uri}",
    ]
    ended = [command for command, _ in commands(history_of(*planned(OutcomeKind.FAILED)), ROOT)]
    assert not [command for command in ended if command.startswith("respot wait")]


def test_a_checkpoint_location_with_odd_characters_is_quoted_for_the_shell() -> None:
    history = history_of(*stored(WAITS, checkpoint_uri="s3://b/a b;rm -rf ~/\x1b"))
    assert commands(history, ROOT)[-1][0] == "respot checkpoints 's3://b/a b;rm -rf ~/ '"


def test_a_run_is_found_by_its_id(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("respot_cli.deployment.find", find)
    assert main(["show", "us-east-1/nightly-resnet/1789549200000", "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["job"]["name"] == ROOT
    assert document["run_id"] == "us-east-1/nightly-resnet/1789549200000"
    assert document["next"][0] == "respot why us-east-1/nightly-resnet/1789549200000"
    assert [each["job"] for each in document["run"]] == [ROOT, NEXT]


BEFORE: Final = {
    "": "headline read_at job transitions alerts giving_up notices decision outcome figures run",
    "decision": "action dry_run reason inputs decided_at next_job",
    "outcome": "kind story warning settled_at next_job",
    "run": "attempt job status market instance_type decision reason inputs outcome story",
}
"""The members of the JSON of `respot timeline`, which scripts may read."""


def test_the_json_has_what_it_had_before() -> None:
    document = to_document(example_history(), now=NOW)
    of = {"": document, "decision": document["decision"], "outcome": document["outcome"], "run": document["run"][0]}
    for place, names in BEFORE.items():
        assert set(names.split()) <= set(of[place]), place
