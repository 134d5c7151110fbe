from dataclasses import replace
from datetime import timedelta

import pytest

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind
from respot.alerting.text import plain, what_happens_next
from respot.errors import (
    AlertInProgressError,
    LedgerIncompleteError,
    LedgerUnavailableError,
    TopicUnavailableError,
)
from respot.jobs.job import JobId, JobSnapshot, JobState, Market, Transition
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action, Decision, Outlook
from respot.recovery.planning.run import run_id
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind
from tests.support.builders import CREATED, at, history, job_id, snapshot, transition
from tests.support.clock import FakeClock
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.scenarios import SCENARIOS, Scenario
from tests.support.troubled import DiedError, TroubledLedger

SEEN = "Starting=0 Downloading=250 Training=390 Interrupted=3720"
INTERRUPTED = transition("Interrupted", 3720)
JOB = job_id()
LEASE = timedelta(minutes=2)


class Bench:
    """An alerter on twins, with one interrupted job in the ledger."""

    def __init__(self) -> None:
        self.memory = MemoryLedger(created=CREATED)
        self.ledger = TroubledLedger(ledger=self.memory)
        self.topic = MemoryTopic()
        self.clock = FakeClock(at(3725))
        self.know(snapshot(SEEN))

    def know(self, look: JobSnapshot) -> None:
        self.memory.save(reconcile(self.memory.load(look.state.job), look))

    def alerter(self, *, kinds: frozenset[AlertKind] = frozenset(AlertKind)) -> Alerter:
        return Alerter(
            ledger=self.ledger,
            runs=MemoryRunStore(ledger=self.memory),
            topic=self.topic,
            clock=self.clock,
            kinds=kinds,
            max_age=timedelta(hours=24),
            lease=LEASE,
        )

    def alert(self, transition: Transition = INTERRUPTED, job: JobId = JOB) -> AlertRecord | None:
        return self.alerter().alert(job, transition)

    def alerts(self) -> tuple[AlertRecord, ...]:
        return self.memory.alerts(JOB)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_alerts_on_an_interruption_and_writes_down_what_was_sent_when(bench: Bench) -> None:
    alert_record = bench.alert()
    assert alert_record == AlertRecord(
        job=JOB,
        kind=AlertKind.INTERRUPTED,
        transition=INTERRUPTED,
        outcome=AlertOutcome.SENT,
        reason="Interrupted at 2026-09-16T10:02:00.000Z",
        headline="spot-job was interrupted (1st time)",
        settled_at=at(3725),
        message_id="message-1",
    )
    assert bench.alerts() == (alert_record,)


def test_alerts_once_when_the_event_is_delivered_twice(bench: Bench) -> None:
    bench.alert()
    bench.clock.pass_by(timedelta(hours=1))
    assert bench.alert() is None
    assert len(bench.topic.published) == 1
    assert len(bench.alerts()) == 1


@pytest.mark.parametrize("status", ["Starting", "Training", "Completed", "Stopped", "SomethingNew"])
def test_other_transitions_call_for_nothing(bench: Bench, status: str) -> None:
    assert bench.alert(transition(status, 100)) is None
    assert bench.alerts() == ()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_scenario_gives_its_alerts_and_no_other(bench: Bench, scenario: Scenario) -> None:
    job = job_id(scenario.job)
    bench.know(snapshot(scenario.transitions, job=job))
    bench.clock.moment = at(22_000)
    for each in history(scenario.transitions):
        bench.alert(each, job)
    assert [(told.kind, told.transition.started) for told in bench.memory.alerts(job)] == [
        (kind, at(seconds)) for kind, seconds in scenario.alerts
    ]
    assert [(alert.kind, alert.transition.started) for alert in bench.topic.published] == [
        (kind, at(seconds)) for kind, seconds in scenario.alerts
    ]


def test_the_figures_are_those_of_the_moment_of_the_transition(bench: Bench) -> None:
    """A ledger that is ahead of the stream must not make the first interruption look like the second one."""
    bench.know(snapshot(f"{SEEN} Starting=3760 Training=5000 Interrupted=6000 Starting=6040"))
    bench.alert()
    (alert,) = bench.topic.published
    assert alert.earlier_interruptions == 0
    assert alert.figures.interruptions == 1
    assert alert.figures.trained == timedelta(seconds=3330)
    assert alert.figures.waited == timedelta(seconds=250)


# --- what to expect of Respot about an end ---------------------------------------------------------------------------

ENDED = "Starting=0 Downloading=250 Training=390 MaxWaitTimeExceeded=3720"
END = transition("MaxWaitTimeExceeded", 3720)


class Foreseen:
    """The port `Foresight`: always the same, and how often it was asked."""

    def __init__(self, outlook: Outlook) -> None:
        self.outlook = outlook
        self.asked = 0

    def __call__(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        assert state.job == JOB
        assert transitions[-1] == END
        self.asked += 1
        return self.outlook


def decided(action: Action, *, notify: bool = False) -> DecisionRecord:
    decision = Decision(action=action, reason="a reason", inputs={}, notify=notify)
    return DecisionRecord(
        job=JOB, run=run_id(JOB), number=1, decision=decision, decided_at=at(3721), checkpoint=None, next_name=None
    )


def expected(
    bench: Bench,
    foresight: Foreseen | None,
    decision: DecisionRecord | None = None,
    outcome: Outcome | None = None,
) -> Outlook:
    bench.know(snapshot(ENDED))
    alerter = replace(bench.alerter(), foresight=foresight)
    if decision:
        alerter.runs.decide(decision, None)
    if outcome:
        alerter.runs.record_outcome(outcome)
    assert alerter.alert(JOB, END)
    return bench.topic.published[-1].outlook


@pytest.mark.parametrize("outlook", Outlook)
def test_the_alert_of_an_end_says_what_respot_is_going_to_do(bench: Bench, outlook: Outlook) -> None:
    assert expected(bench, Foreseen(outlook)) is outlook


def test_an_alert_has_the_stays_until_then(bench: Bench) -> None:
    """They show instances where TrainingStartTime is not known."""
    lost = "Starting=0 Interrupted=100 Starting=130 MaxWaitTimeExceeded=21600"
    bench.know(snapshot(lost, training_started=None))
    bench.clock.moment = at(21610)
    bench.alerter().catch_up(JOB)
    first, *_, ended = bench.topic.published
    known = bench.memory.load(JOB).transitions
    assert first.transitions == tuple(transition for transition in known if transition.started <= at(100))
    assert ended.transitions == known
    assert "never" not in plain(ended)


def test_without_foresight_nobody_knows(bench: Bench) -> None:
    assert expected(bench, None) is Outlook.UNKNOWN


@pytest.mark.parametrize(
    ("decision", "outlook"),
    [
        (decided(Action.RESUBMIT), Outlook.DECIDES),
        (decided(Action.REFUSE, notify=True), Outlook.DECIDED),
        (decided(Action.NOTHING, notify=True), Outlook.DECIDED),
        (decided(Action.REFUSE), Outlook.LEAVES),
        (decided(Action.NOTHING), Outlook.LEAVES),
    ],
)
def test_a_decision_that_is_there_counts_whatever_the_policy_says_by_now(
    bench: Bench, decision: DecisionRecord, outlook: Outlook
) -> None:
    foresight = Foreseen(Outlook.UNKNOWN)
    assert expected(bench, foresight, decision) is outlook
    assert foresight.asked == 0


@pytest.mark.parametrize("kind", OutcomeKind)
def test_once_the_decision_has_an_outcome_the_alert_of_the_end_announces_nothing(
    bench: Bench, kind: OutcomeKind
) -> None:
    """An alert may be late: its queue retries it for hours."""
    outcome = Outcome(job=JOB, kind=kind, story="a story", settled_at=CREATED, name="spot-job-r2")
    assert expected(bench, None, decided(Action.RESUBMIT), outcome) is Outlook.DECIDED
    said = what_happens_next(bench.topic.published[-1])
    assert "Respot has already decided whether it resumes the job." in said


def test_the_policy_is_read_only_of_a_job_that_has_ended(bench: Bench) -> None:
    foresight = Foreseen(Outlook.LEAVES)
    assert replace(bench.alerter(), foresight=foresight).alert(JOB, INTERRUPTED)
    assert foresight.asked == 0


# --- declined -------------------------------------------------------------------------------------------------------


def declined(alert_record: AlertRecord | None) -> str:
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.DECLINED
    assert (alert_record.headline, alert_record.message_id) == (None, None)
    return alert_record.reason


def test_a_kind_that_is_switched_off_is_declined_in_writing(bench: Bench) -> None:
    alert_record = bench.alerter(kinds=frozenset()).alert(JOB, INTERRUPTED)
    assert "switched off" in declined(alert_record)
    assert bench.alerts() == (alert_record,)
    assert bench.topic.published == []


def test_an_on_demand_job_is_declined_in_writing(bench: Bench) -> None:
    failed = transition("Failed", 4000)
    job = job_id("on-demand")
    bench.know(snapshot("Starting=0 Failed=4000", job=job, market=Market.ON_DEMAND))
    assert "on-demand" in declined(bench.alert(failed, job))
    assert bench.topic.published == []


def test_what_happened_before_the_deployment_is_declined_in_writing(bench: Bench) -> None:
    bench.memory.created = at(4000)
    assert "before Respot was deployed" in declined(bench.alert())


def test_what_is_too_old_is_declined_in_writing(bench: Bench) -> None:
    bench.clock.pass_by(timedelta(hours=25))
    assert "longer than the 1 d 00 h" in declined(bench.alert())


def test_what_was_declined_is_not_sent_later(bench: Bench) -> None:
    bench.alerter(kinds=frozenset()).alert(JOB, INTERRUPTED)
    assert bench.alert() is None
    assert bench.topic.published == []
    assert [told.outcome for told in bench.alerts()] == [AlertOutcome.DECLINED]


def test_what_was_sent_is_not_declined_later(bench: Bench) -> None:
    bench.alert()
    bench.clock.pass_by(timedelta(hours=25))
    bench.alert()
    assert [told.outcome for told in bench.alerts()] == [AlertOutcome.SENT]


# --- failures -------------------------------------------------------------------------------------------------------


def test_when_sns_is_down_the_next_delivery_sends(bench: Bench) -> None:
    bench.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        bench.alert()
    assert bench.alerts() == ()
    bench.topic.fault = None
    assert bench.alert() is not None
    assert len(bench.topic.published) == 1


def test_while_one_sender_is_at_it_another_one_keeps_off(bench: Bench) -> None:
    bench.memory.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=bench.clock(), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        bench.alert()
    assert bench.topic.published == []


def test_a_sender_that_died_before_publishing_is_taken_over_once_its_lease_has_lapsed(bench: Bench) -> None:
    bench.topic.fault = DiedError()
    with pytest.raises(DiedError):
        bench.alert()
    bench.topic.fault = None
    with pytest.raises(AlertInProgressError):
        bench.alert()
    bench.clock.pass_by(LEASE)
    assert bench.alert() is not None
    assert len(bench.topic.published) == 1


def test_a_sender_that_died_after_publishing_publishes_again_with_the_same_id(bench: Bench) -> None:
    bench.ledger.faults["settle_alert"] = DiedError()
    with pytest.raises(DiedError):
        bench.alert()
    bench.ledger.faults.clear()
    bench.clock.pass_by(LEASE)
    bench.alert()
    first, second = bench.topic.published
    assert first.id == second.id
    assert len(bench.alerts()) == 1


@pytest.mark.parametrize("method", ["load", "watched_since", "claim_alert"])
def test_when_dynamodb_is_down_nothing_is_published(bench: Bench, method: str) -> None:
    bench.ledger.faults[method] = LedgerUnavailableError("down")
    with pytest.raises(LedgerUnavailableError):
        bench.alert()
    assert bench.topic.published == []
    bench.ledger.faults.clear()
    assert bench.alert() is not None


def test_a_transition_without_its_state_is_said_to_be_incomplete(bench: Bench) -> None:
    with pytest.raises(LedgerIncompleteError, match="not its state"):
        bench.alert(INTERRUPTED, job_id("unknown"))
