"""The demo's last screen fits a terminal, and its figures can be checked by eye."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from local.demo import demo_runs
from local.demo.demo import JOBS
from local.demo.screen import Stages, next_commands, screen
from local.sagemaker.lifecycle import NAMED, parse
from respot.jobs.job import JobId
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.run import run_id
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind, RecoveryRecords
from respot_cli.timeline.history import History
from tests.support.builders import at, history, job_id, state

WAY = "Starting=0 Training=1 Interrupted=3 Starting=4 Training=5"


def ended(job: JobId, status: str = "Completed", *, training: int | None = 4, billed: int | None = 1) -> History:
    times = {"training_time": training, "billable_time": billed}
    spans = {name: None if seconds is None else timedelta(seconds=seconds) for name, seconds in times.items()}
    return History(
        state=state(job, status="Stopped", secondary_status=status, **spans),
        transitions=history(f"{WAY} {status}=9"),
        alerts=(),
        recovery_records=RecoveryRecords(decision=decision(job, Action.NOTHING, "completed: nothing to do")),
    )


def decision(job: JobId, action: Action, reason: str) -> DecisionRecord:
    decided = Decision(action=action, reason=reason, inputs={})
    return DecisionRecord(job=job, run=run_id(job), number=1, decision=decided, decided_at=at(10))


def printed(renderable: RenderableType, *, width: int = 100) -> list[str]:
    console = Console(width=width, file=StringIO())
    with console.capture() as capture:
        console.print(renderable)
    return [line.rstrip() for line in capture.get().rstrip().splitlines()]


def shown(*histories: History, width: int = 100, failing: str = "") -> list[str]:
    return printed(screen(histories, meant_to_fail={failing}, width=width, now=at(10)), width=width)


def test_the_saving_follows_from_the_two_columns_beside_it() -> None:
    """One second waited is half an hour shown, and SageMaker reports whole seconds."""
    row = next(line for line in shown(ended(job_id("steady"))) if line.startswith("steady"))
    assert row.split()[-7:] == ["0", "2.0", "h", "0.5", "h", "75", "%"]


def test_a_job_without_an_instance_has_no_figures() -> None:
    lines = shown(ended(job_id("no-capacity"), "MaxWaitTimeExceeded", training=None, billed=None))
    assert next(line for line in lines if line.startswith("no-capacity")).split()[-3:] == ["-", "-", "-"]


@pytest.mark.parametrize("width", [60, 80, 94, 100, 200])
def test_each_job_has_one_line_at_any_usual_width(width: int) -> None:
    names = [*JOBS, *(name for expected in demo_runs.RUNS for name in expected.names)]
    lines = shown(*(ended(job_id(name), "MaxWaitTimeExceeded") for name in names), width=width)
    assert max(map(len, lines)) <= width
    first = next(place for place, line in enumerate(lines) if line.startswith("Job ")) + 1
    rows = lines[first : first + len(names)]
    assert [line.split()[:2] for line in rows] == [[name, "MaxWaitTimeExceeded"] for name in names]


def test_what_fails_on_purpose_is_named() -> None:
    lines = shown(ended(job_id("stuck"), "MaxWaitTimeExceeded"), ended(job_id("steady")), failing="stuck")
    assert "Made to fail by the demo: stuck." in lines


def test_jobs_with_the_same_decision_share_a_line_and_a_resubmission_has_no_time() -> None:
    job = job_id("overnight")
    created = Outcome(
        job=job, kind=OutcomeKind.CREATED, summary="created (0 s old)", settled_at=at(10), name="overnight-r2"
    )
    records = RecoveryRecords(decision=decision(job, Action.RESUBMIT, "0 s lost"), outcome=created)
    first = replace(ended(job, "MaxWaitTimeExceeded"), recovery_records=records)
    lines = shown(first, ended(job_id("steady")), ended(job_id("overnight-r2")))
    assert lines[-2:] == [
        "  overnight: Resubmitted as overnight-r2 (spot), from scratch.",
        "  steady, overnight-r2: Completed: nothing to do.",
    ]


def test_the_last_job_of_the_table_completes() -> None:
    assert parse(NAMED[JOBS["steady"]]).ending.status == "Completed"
    assert demo_runs.RUNS[0].attempts[-1][1] == "Completed"


def test_the_next_commands_fit_beside_their_explanations() -> None:
    lines = printed(next_commands("resumed"), width=80)
    assert len(lines) == 4
    assert "respot timeline resumed " in lines[2]


def test_outside_a_terminal_a_stage_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Stages(Console(force_terminal=False)) as stage:
        stage("Deploying")
        stage("Checking")
    assert capsys.readouterr().out == "Deploying …\nChecking …\n"


def test_a_stage_that_fails_is_not_ticked(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stages(Console(force_terminal=True))
    with pytest.raises(RuntimeError), stage:
        start_and_fail(stage)
    ticked = [line for line in capsys.readouterr().out.splitlines() if "✓" in line]
    assert ["Starting" in line for line in ticked] == [True]


def start_and_fail(stage: Stages) -> None:
    stage("Starting")
    stage("Deploying", spinner=False)
    raise RuntimeError
