"""What happens next to a job that waits: `respot list`, `show` and `why` say the same of it."""

from datetime import timedelta
from typing import Any, Final

import pytest
from rich.console import Console

from respot.jobs.job import JobRecord, Market, Owner, Parent
from respot.jobs.merge import reconcile
from respot.recovery.planning.run import run_id
from respot.recovery.policy.document import parse_policy
from respot.recovery.policy.policy import AccountPolicy, resolve
from respot.recovery.records import NextStep
from respot.runs.summary import RunSummaries
from respot_cli.list.rows import Row, rows_of
from respot_cli.show.command import load
from respot_cli.show.next_step import Step
from respot_cli.why.explanation import Explanation, explain
from respot_cli.why.view import render
from tests.support.builders import CREATED, NAME, REGION, at, job_id, snapshot
from tests.support.memory import MemoryLedger, MemoryRunStore, MemorySummaries

LIMIT: Final = 3 * 3600
AT_ITS_LIMIT: Final = Step(words="moves to the next pool if it still waits", at=at(LIMIT))
MAX_WAIT: Final = "SageMaker starts it with capacity, or ends it when MaxWaitTimeInSeconds is over"
AT_MAX_WAIT: Final = Step(words=MAX_WAIT, at=at(6 * 3600))
OWNED: Final = "owned by a tuning job (tuner), which decides itself"
LEFT_ALONE: Final[dict[str, tuple[dict[str, Any], dict[str, Any], str, str]]] = {
    "dry run": ({}, {"dry_run": True}, "in a dry run, Respot only says what it would do", "Set `dry_run: false`"),
    "owned": ({"parent": Parent(owner=Owner.TUNING, identifier="tuner")}, {}, OWNED, "Configure a retry"),
    "bad tags": ({"tags": {"respot:max-attempts": "lots"}}, {}, "respot:max-attempts", "Correct the tags"),
    "opted out": ({"tags": {"respot:resume": "off"}}, {}, "its owner opted out", "Take the tag respot:resume = off"),
}
"""Members of the job, settings, the reason, and the advice."""


class Waiting:
    """A job that waits, by a policy that resumes it and limits its wait to three hours."""

    def __init__(self, settings: dict[str, Any] | None = None, life: str = "Starting=0", **members: Any) -> None:  # noqa: ANN401
        ladder = [{"market": "spot"}, {"market": "on-demand"}]
        defaults = {"resume": True, "give_up_waiting_after": "3 h", "ladder": ladder} | (settings or {})
        self.account: AccountPolicy = parse_policy({"version": 1, "defaults": defaults})
        self.ledger = MemoryLedger(created=CREATED - timedelta(days=1))
        self.ledger.save(reconcile(JobRecord(), snapshot(life, **({"tags": {}} | members))))
        self.runs = MemoryRunStore(ledger=self.ledger, clock=lambda: at(100))

    def noted(self, reason: str, seconds: float | None) -> "Waiting":
        """Have recovery note its next step."""
        step = NextStep(reason=reason, at=None if seconds is None else at(seconds), noted_at=at(200))
        self.runs.note_next_step(job_id(), step)
        return self

    def row(self) -> Row:
        summaries = RunSummaries(ledger=self.ledger, runs=self.runs, store=MemorySummaries())
        summary = summaries.derive(run_id(job_id()), job_id())
        assert summary
        (row,) = rows_of([summary], {job_id(): self.ledger.load(job_id()).state}, self.account)
        return row

    def shown(self) -> Step | None:
        return load(self.ledger, self.runs, region=REGION, name=NAME).next_step

    def explained(self) -> Explanation:
        history = load(self.ledger, self.runs, region=REGION, name=NAME)
        resolved = resolve(self.account, history.state, role=history.state.role_arn)
        return explain(history, resolved=resolved, kill_switch="/Respot/kill-switch")

    def steps(self) -> tuple[Step | None, Step | None, Step | None]:
        """Of the list, of `show` and of `why`."""
        return self.row().next_step, self.shown(), self.explained().history.next_step


def text_of(found: Explanation) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(render(found, now=at(600)))
    return captured.get()


def test_a_job_moves_on_at_its_limit_if_maxwait_is_not_over_before() -> None:
    assert Waiting().steps() == (AT_ITS_LIMIT, AT_MAX_WAIT, AT_ITS_LIMIT)  # `show` does not read the policy


@pytest.mark.parametrize("noted", [None, LIMIT], ids=["not noted", "noted"])
def test_maxwait_ends_a_job_before_a_later_limit(noted: float | None) -> None:
    waiting = Waiting(max_wait=timedelta(hours=1))
    if noted:
        waiting.noted("has waited 3 min of 3 h", noted)
    assert waiting.steps() == (Step(words=MAX_WAIT, at=at(3600)),) * 3
    assert "Respot goes on" not in " ".join(waiting.explained().changes)


def test_without_maxwait_and_limit_nothing_is_planned() -> None:
    waiting = Waiting({"ladder": []}, max_wait=None, market=Market.ON_DEMAND)
    assert waiting.row().next_step is None
    assert waiting.shown() == waiting.explained().history.next_step
    assert waiting.shown() == Step(words="SageMaker starts it as soon as it has on-demand ml.g5.2xlarge")


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_no_limit_is_promised_for_a_job_that_respot_does_nothing_about(name: str) -> None:
    members, settings, reason, advice = LEFT_ALONE[name]
    waiting = Waiting(settings, **members)
    assert waiting.steps() == (AT_MAX_WAIT,) * 3
    found = waiting.explained()
    assert found.wait
    assert found.wait.limit_at is None
    assert reason in found.note
    assert found.changes[0].startswith(advice)
    text = text_of(found)
    assert "Respot is to   do nothing about it" in text
    assert "goes on" not in text
    assert found.wait.limit is None or f"3 h 00 min, without effect: {found.wait.no_limit}" in text
    assert (found.wait.no_limit or "").find(reason) >= 0


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_nor_is_a_decision_promised_while_such_a_job_runs(name: str) -> None:
    members, settings, reason, advice = LEFT_ALONE[name]
    found = Waiting(settings, life="Starting=0 Training=390", **members).explained()
    assert reason in found.note
    assert found.changes[0].startswith(advice)


def test_nobody_can_tell_whether_a_job_with_unknown_words_waits() -> None:
    waiting = Waiting(status_message="Somewhat busy")
    assert waiting.steps() == (AT_MAX_WAIT,) * 3
    assert "without effect: whether it waits for capacity is not known: SageMaker says 'Somewhat busy'" in text_of(
        waiting.explained()
    )


@pytest.mark.parametrize(
    ("reason", "seconds", "members"),
    [
        (OWNED, LIMIT, {"parent": Parent(owner=Owner.TUNING, identifier="tuner")}),
        (OWNED, None, {"parent": Parent(owner=Owner.TUNING, identifier="tuner")}),
        ("the kill switch /Respot/kill-switch is on", None, {}),
        ("its latest on-demand start is 11:00", 7200, {}),
    ],
)
def test_what_recovery_noted_comes_first(reason: str, seconds: float | None, members: dict[str, Any]) -> None:
    noted = Step(words=reason, at=None if seconds is None else at(seconds))
    assert Waiting(**members).noted(reason, seconds).steps() == (noted,) * 3


def test_a_deadline_does_not_stop_a_job_that_waits_on_demand() -> None:
    settings = {"deadline": "20 h", "ladder": []}
    spot, on_demand = (Waiting(settings, market=market).explained().changes for market in Market)
    assert "by the limit or the deadline" in spot[0]
    assert "by the limit or the deadline" not in on_demand[0]
