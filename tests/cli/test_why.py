"""Why a run is what it is: its last decision, what would change it, and what happens next."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from botocore.model import StructureShape
from botocore.session import Session
from rich.console import Console

from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Decision
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import run_id
from respot.recovery.policy.document import SCHEMA_FILE
from respot.recovery.policy.policy import Policy, Resolved, parse_ladder, read_tags
from respot.recovery.records import DecisionRecord, NextStep, NoticeKind, OutcomeKind
from respot_cli.main import COMMANDS
from respot_cli.show.command import load
from respot_cli.why.advice import Facts, advice
from respot_cli.why.explanation import NOBODY_ASKED, Explanation, explain, needs_policy
from respot_cli.why.inputs import GROUPS, OTHER, grouped
from respot_cli.why.view import commands, render, to_document
from tests.support.builders import CREATED, NAME, REGION, at, job_id, snapshot
from tests.support.causes import DECISIONS
from tests.support.decisions import NEVER, decide
from tests.support.example_run import example_history
from tests.support.memory import MemoryLedger, MemoryRunStore
from tests.support.records import outcome_of

SWITCH: Final = "/Respot/kill-switch"
WAITING: Final = "Starting=0 Training=390 Interrupted=3720 Starting=3760"
ENDED: Final = f"{WAITING} MaxWaitTimeExceeded=21600"
URI: Final = f"s3://ml-bucket/checkpoints/{NAME}/"


class Told:
    """A ledger with one job, and what was recorded about it."""

    def __init__(self, life: str = ENDED, **others: Any) -> None:  # noqa: ANN401
        self.ledger = MemoryLedger(created=CREATED - timedelta(days=1))
        self.ledger.save(reconcile(JobRecord(), snapshot(life, **others)))
        self.runs = MemoryRunStore(ledger=self.ledger, clock=lambda: at(21700))

    def decided(self, decision: Decision, **others: Any) -> "Told":  # noqa: ANN401
        job = job_id()
        record = DecisionRecord(job=job, run=run_id(job), number=1, decision=decision, decided_at=at(21635), **others)
        assert self.runs.decide(record, None)
        return self

    def explained(self, resolved: Resolved | None = None) -> Explanation:
        history = load(self.ledger, self.runs, region=REGION, name=NAME)
        return explain(history, resolved=resolved, kill_switch=SWITCH)


def shown(found: Explanation, *, width: int = 160, seconds: float = 22000) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(render(found, now=at(seconds)))
    return captured.get()


def policy(**settings: Any) -> Resolved:  # noqa: ANN401
    return Resolved(policy=Policy(**({"resume": True} | settings)), sources=("defaults", "rule 'nightly'"))


# --- what would change it


@pytest.mark.parametrize("cause", [*Cause, None])
def test_every_cause_has_advice_that_says_what_to_do(cause: Cause | None) -> None:
    said = advice(cause, Facts(reason="", inputs={}))
    assert said
    for each in said:
        assert each.strip() == each
        assert each[0].isupper()
        assert "None" not in each


ADVICE: Final[dict[Cause, str]] = {
    Cause.OPTED_OUT: "Take the tag respot:resume = off away",
    Cause.NOT_ASKED: "Set the tag respot:resume = on, on the next job.",
    Cause.BAD_TAGS: "Correct the tags",
    Cause.OWNED: "Configure a retry in the service that owns the job",
    Cause.STOPPED_BY_A_PERSON: "Respot never continues what a person stopped",
    Cause.NOT_REPEATABLE: "Correct what SageMaker or the job's logs name",
    Cause.TRIGGER_NOT_CHOSEN: "Add max-wait-time-exceeded to `triggers`",
    Cause.TOO_LATE: "within three days",
    Cause.CONCURRENT_WRITER: "a checkpoint location of its own",
    Cause.NO_CHECKPOINT_LOCATION: "Give the job a CheckpointConfig",
    Cause.NO_CHECKPOINT: "require_checkpoint: false",
    Cause.NO_PROGRESS: "require_progress: false",
    Cause.ATTEMPTS_SPENT: "Raise `attempts.total` (now 1)",
    Cause.BUDGET_SPENT: "Raise `attempts.capacity` (now 0)",
    Cause.HOURS_SPENT: "Raise `max_billable_hours`",
    Cause.LADDER_SPENT: "Add a rung to `ladder`",
    Cause.POOLS_REFUSED: "Request a quota for the pool that the reason names",
    Cause.DEADLINE_LOST: "Set a later `deadline`",
    Cause.DRY_RUN: "dry_run: false",
}
"""In the words of the advice, for decisions of the real planner."""


@pytest.mark.parametrize("cause", ADVICE)
def test_the_advice_names_what_to_set_and_its_present_value(cause: Cause) -> None:
    found = Told().decided(DECISIONS[cause]()).explained()
    assert found.cause is cause
    assert ADVICE[cause] in " ".join(found.changes)
    text = shown(found, width=200)
    assert "What would change it" in text
    assert found.changes[0] in text
    assert to_document(found)["what_would_change_it"] == list(found.changes)


def test_a_decision_is_final_and_the_work_can_go_on_from_its_checkpoint() -> None:
    found = Told().decided(DECISIONS[Cause.ATTEMPTS_SPENT]()).explained()
    assert found.changes[-1] == (
        f"The decision is final. To go on with this work, submit the job again with the checkpoint location {URI}; "
        "checkpoint-500 is there to resume from."
    )


@pytest.mark.parametrize("budget", Budget)
def test_the_budget_that_is_spent_is_named(budget: Budget) -> None:
    reason = f"the budget of 5 resubmissions for {budget} is spent"
    inputs = {"budgets": "capacity 1 of 5, interruption 6 of 7, failure 2 of 3"}
    limit = {"capacity": 5, "interruption": 7, "failure": 3}[budget]
    assert advice(Cause.BUDGET_SPENT, Facts(reason=reason, inputs=inputs))[0] == (
        f"Raise `attempts.{budget}` (now {limit}) in the policy."
    )


@pytest.mark.parametrize(
    ("cause", "summary", "words"),
    [
        (Cause.PERMISSION_MISSING, "not resubmitted: AccessDenied: iam:PassRole", "Add the permission"),
        (
            Cause.NAME_TAKEN,
            "not resubmitted: a job named spot-job-r2 exists",
            "another job has the next attempt's name",
        ),
        (Cause.POOLS_REFUSED, "not resubmitted: cannot use spot ml.g5.2xlarge (a quota of 0)", "Request a quota"),
    ],
)
def test_what_kept_a_planned_attempt_from_being_created_counts(cause: Cause, summary: str, words: str) -> None:
    told = Told().decided(decide(), next_name="spot-job-r2")
    told.runs.record_outcome(outcome_of(OutcomeKind.FAILED, summary=summary, cause=cause))
    found = told.explained()
    assert found.cause is cause
    assert words in " ".join(found.changes)
    assert summary in shown(found)


def test_a_decision_of_an_earlier_version_has_its_reason_alone() -> None:
    found = Told().decided(replace(DECISIONS[Cause.ATTEMPTS_SPENT](), cause=None)).explained()
    assert found.changes == (
        "An earlier version of Respot decided this and recorded no more than the reason: act on that.",
    )
    assert "all 1 attempts are spent" in shown(found)


# --- while there is no decision


def test_a_wait_says_since_when_what_for_its_limit_and_its_deadline() -> None:
    told = Told(WAITING)
    limited = policy(
        give_up_waiting_after=timedelta(hours=2), ladder=parse_ladder("spot:1 on-demand"), deadline=timedelta(hours=20)
    )
    text = shown(told.explained(limited), seconds=3760 + 600)
    assert "waiting: spot-job waits for spot ml.g5.2xlarge" in text
    for words in (
        "2026-09-16 10:02 UTC (10 min)",
        "Insufficient capacity error from EC2 while launching instances, retrying!",
        "2 h 00 min, over at 2026-09-16 12:02 UTC",
        "SageMaker ends the job at 2026-09-16 15:00 UTC",
        "2026-09-17 05:00 UTC",
        "defaults, rule 'nightly'",
        "Respot decides once the job has ended",
    ):
        assert words in text
    assert "moves to the next pool if it still waits" in text
    document = to_document(told.explained(limited))
    assert (document["wait"]["limit_seconds"], document["next_step"]["at"]) == (7200, "2026-09-16T12:02:00.000Z")


@pytest.mark.parametrize(
    ("settings", "limit", "words"),
    [
        ({}, "none by a policy", "a `ladder` and `give_up_waiting_after` below MaxWait"),
        (
            {"give_up_waiting_after": timedelta(hours=2)},
            "2 h 00 min, without effect: the policy has no ladder",
            "a `ladder` and",
        ),
        ({"deadline": timedelta(hours=9)}, "none by a policy", "by the limit or the deadline of its policy"),
    ],
)
def test_what_would_end_a_wait_depends_on_the_policy(settings: dict[str, Any], limit: str, words: str) -> None:
    found = Told(WAITING).explained(policy(**settings))
    assert limit in shown(found)
    assert words in " ".join(found.changes)


def test_what_recovery_has_noted_is_the_next_step_with_its_time() -> None:
    told = Told(WAITING, max_wait=timedelta(hours=20))
    told.runs.note_next_step(
        job_id(), NextStep(reason="its latest on-demand start is 19:00.", at=at(36000), noted_at=at(4000))
    )
    text = shown(told.explained(policy()), seconds=35400)
    assert "its latest on-demand start is 19:00" in text
    assert "about 2026-09-16 19:00 UTC (in 10 min)" in text


@pytest.mark.parametrize(
    ("noted_at", "counts"), [(4000, True), (100, False)], ids=["of this wait", "of an earlier one"]
)
def test_what_recovery_has_noted_outranks_the_policys_limit(noted_at: float, *, counts: bool) -> None:
    told = Told(WAITING)
    told.runs.note_next_step(job_id(), NextStep(reason="a new reason", at=at(9000), noted_at=at(noted_at)))
    found = told.explained(policy(give_up_waiting_after=timedelta(hours=2), ladder=parse_ladder("spot:1 on-demand")))
    step = found.history.next_step
    assert step
    assert (step.words == "a new reason", step.at) == (counts, at(9000) if counts else at(3720 + 7200))


def test_a_limit_that_recovery_has_noted_is_said_in_words_that_do_not_age() -> None:
    told = Told(WAITING)
    limit = at(3720 + 7200)
    told.runs.note_next_step(job_id(), NextStep(reason="has waited 18 s of 2 h", at=limit, noted_at=at(4000)))
    found = told.explained(policy(give_up_waiting_after=timedelta(hours=2), ladder=parse_ladder("spot:1 on-demand")))
    step = found.history.next_step
    assert step
    assert (step.words, step.at) == ("moves to the next pool if it still waits", limit)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (NoticeKind.POSTPONED, f"aws ssm put-parameter --name {SWITCH} --type String --value off --overwrite"),
        (NoticeKind.POLICY_INVALID, "respot policy check"),
        (NoticeKind.CREATION_POSTPONED, "AWS Service Quotas"),
        (NoticeKind.DEADLINE_AT_RISK, "the next step follows automatically"),
        (None, "the next step follows automatically"),
    ],
)
def test_what_holds_a_decision_up_is_what_would_change_it(kind: NoticeKind | None, words: str) -> None:
    told = Told()
    if kind:
        told.runs.notice(job_id(), kind, "a summary")
    found = told.explained(policy())
    assert found.situation.state == "recovering"
    assert words in " ".join(found.changes)
    assert "the job has ended, and Respot has not decided yet" in shown(found)


@pytest.mark.parametrize("life", [WAITING, "Starting=0 Training=390"])
def test_a_live_job_that_nobody_opted_in_is_told_kindly_how_to(life: str) -> None:
    found = Told(life).explained(policy(resume=False))
    assert found.note == NOBODY_ASKED
    assert found.changes[0] == "Set the tag respot:resume = on, before the job ends."
    assert "final" not in " ".join(found.changes)
    assert NOBODY_ASKED in shown(found)


def test_an_ended_job_that_nobody_opted_in_is_told_the_same() -> None:
    found = Told().decided(DECISIONS[Cause.NOT_ASKED]()).explained()
    assert found.note == NOBODY_ASKED
    assert Told().decided(DECISIONS[Cause.OPTED_OUT]()).explained().note == ""


def test_a_completed_run_needs_nothing() -> None:
    found = Told("Starting=0 Training=390 Completed=9000").explained()
    assert found.changes == ("Nothing: the work is done.",)
    text = shown(found)
    assert "completed: spot-job completed" in text
    assert "nothing: the run has ended" in text


@pytest.mark.parametrize(
    ("life", "decided", "needs"),
    [(WAITING, False, True), (ENDED, False, True), (ENDED, True, False), ("Training=0 Completed=5", False, False)],
)
def test_the_present_policy_counts_until_a_decision_names_its_own(life: str, *, decided: bool, needs: bool) -> None:
    told = Told(life)
    if decided:
        told.decided(decide(NEVER, dry_run=True))
    assert needs_policy(load(told.ledger, told.runs, region=REGION, name=NAME)) is needs


# --- the decision before the present attempt


def test_a_run_that_goes_on_shows_the_decision_that_led_to_its_attempt() -> None:
    found = explain(example_history("nightly-resnet-r2"), resolved=policy(), kill_switch=SWITCH)
    text = shown(found)
    assert "About    attempt 1, nightly-resnet" in text
    assert "resubmit: ran out of waiting time; next: spot ml.g5.2xlarge" in text
    assert found.cause is None
    assert to_document(found)["decision"]["attempt"] == 1


# --- its inputs


def test_every_input_of_the_planner_has_a_group_and_a_name_for_people() -> None:
    names = {name for make in DECISIONS.values() for name in make().inputs}
    names |= set(decide(deadline=timedelta(hours=20), work=timedelta(hours=6)).inputs)
    assert OTHER not in grouped(dict.fromkeys(names, "1"))
    listed = [name for group in GROUPS.values() for name in group]
    assert len(listed) == len(set(listed))


def test_inputs_are_for_people_and_those_of_another_version_are_shown_too() -> None:
    found = grouped({"deadline": "2026-09-17T05:00:00.000Z", "policy": "defaults", "moon_phase": "full"})
    assert found == {
        "Policy": [("Settings from", "defaults; no rule matches")],
        "Deadline": [("Deadline", "2026-09-17 05:00 UTC")],
        OTHER: [("moon phase", "full")],
    }
    assert grouped({"policy": "defaults, rule 'a'"})["Policy"] == [("Settings from", "defaults, rule 'a'")]


# --- words of others, widths


HOSTILE: Final = "[red]x[/red]\x1b[31m\n\u202eabc"


def test_words_of_others_can_neither_pose_as_ours_nor_steer_the_terminal() -> None:
    told = Told(failure_reason=HOSTILE, status_message=HOSTILE)
    told.decided(replace(decide(max_attempts=1), reason=HOSTILE, inputs={"policy": HOSTILE, HOSTILE: HOSTILE}))
    text = shown(told.explained())
    assert text.startswith("╭─ spot-job  refused ─")
    assert "[red]x[/red]" in text
    assert not {"\x1b", "\u202e"} & set(text)
    waits = shown(Told(WAITING, status_message=HOSTILE).explained(replace(policy(), sources=(HOSTILE,))))
    assert not {"\x1b", "\u202e"} & set(waits)


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize("cause", [Cause.ATTEMPTS_SPENT, Cause.DEADLINE_LOST])
def test_it_fits_its_terminal(width: int, cause: Cause) -> None:
    lines = shown(Told().decided(DECISIONS[cause]()).explained(), width=width).splitlines()
    assert {len(line) for line in lines} == {width}


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Told().decided(decide(max_attempts=1)).explained(), ["show", "logs", "policy"]),
        (lambda: Told(WAITING).explained(policy()), ["show", "wait"]),
    ],
)
def test_it_ends_with_the_next_commands(make: Callable[[], Explanation], names: list[str]) -> None:
    listed = [command.split() for command, _ in commands(make(), "the-run")]
    assert [words[1] for words in listed] == names
    assert {words[-1] for words in listed} <= {"the-run", run_id(job_id())}


# --- what the advice names is there


ALL_ADVICE: Final = "\n".join(
    line
    for cause in Cause
    for facts in (Facts(reason=""), Facts(reason="", inputs={"checkpoint_location": URI}, lives=True))
    for line in advice(cause, facts)
)


def test_every_setting_and_tag_that_advice_names_can_be_set() -> None:
    settings = set(json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))["definitions"]["settings"]["properties"])
    for name in re.findall(r"`([a-z_]+)[`.:]", ALL_ADVICE):
        assert name in settings | {"defaults"}
    for tag, value in re.findall(r"(respot:[a-z-]+)(?: = (\w+))?", ALL_ADVICE):
        problems = read_tags({tag: value or "no such value"})[1]
        assert not [words for words in problems if "no such setting" in words]
        assert not (value and problems)


def members(service: str, shape: str) -> set[str]:
    """Those of a structure in botocore's model of the service."""
    found = Session().get_service_model(service).shape_for(shape)
    assert isinstance(found, StructureShape)
    return set(found.members)


def test_what_advice_names_of_aws_is_in_its_service_models() -> None:
    assert "StopTrainingJob" in ALL_ADVICE
    assert "StopTrainingJob" in Session().get_service_model("sagemaker").operation_names
    assert {"S3Uri", "LocalPath"} <= members("sagemaker", "CheckpointConfig")
    options = set(re.findall(r"--([a-z]+)", " ".join(advice(Cause.KILL_SWITCH, Facts(reason="")))))
    assert options == {"name", "type", "value", "overwrite"}
    assert options <= {each.lower() for each in members("ssm", "PutParameterRequest")}


def test_every_command_that_advice_names_is_one() -> None:
    assert set(re.findall(r"respot ([a-z]+)", ALL_ADVICE)) <= {*COMMANDS, "doctor"}
