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
from tests.support.faulty import FaultyLedger, ProcessCrashError
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.scenarios import SCENARIOS, Scenario

SEEN = "Starting=0 Downloading=250 Training=390 Interrupted=3720"
INTERRUPTED = transition("Interrupted", 3720)
JOB = job_id()
LEASE = timedelta(minutes=2)


class Environment:
    """An alerter on twins, with one interrupted job in the ledger."""

    def __init__(self) -> None:
        self.memory = MemoryLedger(created=CREATED)
        self.ledger = FaultyLedger(ledger=self.memory)
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
def env() -> Environment:
    return Environment()


def test_alerts_on_an_interruption_and_writes_down_what_was_sent_when(env: Environment) -> None:
    alert_record = env.alert()
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
    assert env.alerts() == (alert_record,)


def test_alerts_once_when_the_event_is_delivered_twice(env: Environment) -> None:
    env.alert()
    env.clock.pass_by(timedelta(hours=1))
    assert env.alert() is None
    assert len(env.topic.published) == 1
    assert len(env.alerts()) == 1


@pytest.mark.parametrize("status", ["Starting", "Training", "Completed", "Stopped", "SomethingNew"])
def test_other_transitions_call_for_nothing(env: Environment, status: str) -> None:
    assert env.alert(transition(status, 100)) is None
    assert env.alerts() == ()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_scenario_gives_its_alerts_and_no_other(env: Environment, scenario: Scenario) -> None:
    job = job_id(scenario.job)
    env.know(snapshot(scenario.transitions, job=job))
    env.clock.moment = at(22_000)
    for each in history(scenario.transitions):
        env.alert(each, job)
    assert [(news.kind, news.transition.started) for news in env.memory.alerts(job)] == [
        (kind, at(seconds)) for kind, seconds in scenario.alerts
    ]
    assert [(alert.kind, alert.transition.started) for alert in env.topic.published] == [
        (kind, at(seconds)) for kind, seconds in scenario.alerts
    ]


def test_the_figures_are_those_of_the_moment_of_the_transition(env: Environment) -> None:
    """A ledger that is ahead of the stream must not make the first interruption look like the second one."""
    env.know(snapshot(f"{SEEN} Starting=3760 Training=5000 Interrupted=6000 Starting=6040"))
    env.alert()
    (alert,) = env.topic.published
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
    env: Environment,
    foresight: Foreseen | None,
    decision: DecisionRecord | None = None,
    outcome: Outcome | None = None,
) -> Outlook:
    env.know(snapshot(ENDED))
    alerter = replace(env.alerter(), foresight=foresight)
    if decision:
        alerter.runs.decide(decision, None)
    if outcome:
        alerter.runs.record_outcome(outcome)
    assert alerter.alert(JOB, END)
    return env.topic.published[-1].outlook


@pytest.mark.parametrize("outlook", Outlook)
def test_the_alert_of_an_end_says_what_respot_is_going_to_do(env: Environment, outlook: Outlook) -> None:
    assert expected(env, Foreseen(outlook)) is outlook


def test_an_alert_has_the_stays_until_then(env: Environment) -> None:
    """They show instances where TrainingStartTime is not known."""
    lost = "Starting=0 Interrupted=100 Starting=130 MaxWaitTimeExceeded=21600"
    env.know(snapshot(lost, training_started=None))
    env.clock.moment = at(21610)
    env.alerter().catch_up(JOB)
    first, *_, ended = env.topic.published
    known = env.memory.load(JOB).transitions
    assert first.transitions == tuple(transition for transition in known if transition.started <= at(100))
    assert ended.transitions == known
    assert "never" not in plain(ended)


def test_without_foresight_nobody_knows(env: Environment) -> None:
    assert expected(env, None) is Outlook.UNKNOWN


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
    env: Environment, decision: DecisionRecord, outlook: Outlook
) -> None:
    foresight = Foreseen(Outlook.UNKNOWN)
    assert expected(env, foresight, decision) is outlook
    assert foresight.asked == 0


@pytest.mark.parametrize("kind", OutcomeKind)
def test_once_the_decision_has_an_outcome_the_alert_of_the_end_announces_nothing(
    env: Environment, kind: OutcomeKind
) -> None:
    """An alert may be late: its queue retries it for hours."""
    outcome = Outcome(job=JOB, kind=kind, story="a story", settled_at=CREATED, name="spot-job-r2")
    assert expected(env, None, decided(Action.RESUBMIT), outcome) is Outlook.DECIDED
    said = what_happens_next(env.topic.published[-1])
    assert "Respot has already decided whether it resumes the job." in said


def test_the_policy_is_read_only_of_a_job_that_has_ended(env: Environment) -> None:
    foresight = Foreseen(Outlook.LEAVES)
    assert replace(env.alerter(), foresight=foresight).alert(JOB, INTERRUPTED)
    assert foresight.asked == 0


# --- declined -------------------------------------------------------------------------------------------------------


def declined(alert_record: AlertRecord | None) -> str:
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.DECLINED
    assert (alert_record.headline, alert_record.message_id) == (None, None)
    return alert_record.reason


def test_a_kind_that_is_switched_off_is_declined_in_writing(env: Environment) -> None:
    alert_record = env.alerter(kinds=frozenset()).alert(JOB, INTERRUPTED)
    assert "switched off" in declined(alert_record)
    assert env.alerts() == (alert_record,)
    assert env.topic.published == []


def test_an_on_demand_job_is_declined_in_writing(env: Environment) -> None:
    failed = transition("Failed", 4000)
    job = job_id("on-demand")
    env.know(snapshot("Starting=0 Failed=4000", job=job, market=Market.ON_DEMAND))
    assert "on-demand" in declined(env.alert(failed, job))
    assert env.topic.published == []


def test_what_happened_before_the_deployment_is_declined_in_writing(env: Environment) -> None:
    env.memory.created = at(4000)
    assert "before Respot was deployed" in declined(env.alert())


def test_what_is_too_old_is_declined_in_writing(env: Environment) -> None:
    env.clock.pass_by(timedelta(hours=25))
    assert "longer than the 1 d 00 h" in declined(env.alert())


def test_what_was_declined_is_not_sent_later(env: Environment) -> None:
    env.alerter(kinds=frozenset()).alert(JOB, INTERRUPTED)
    assert env.alert() is None
    assert env.topic.published == []
    assert [news.outcome for news in env.alerts()] == [AlertOutcome.DECLINED]


def test_what_was_sent_is_not_declined_later(env: Environment) -> None:
    env.alert()
    env.clock.pass_by(timedelta(hours=25))
    env.alert()
    assert [news.outcome for news in env.alerts()] == [AlertOutcome.SENT]


# --- failures -------------------------------------------------------------------------------------------------------


def test_when_sns_is_down_the_next_delivery_sends(env: Environment) -> None:
    env.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        env.alert()
    assert env.alerts() == ()
    env.topic.fault = None
    assert env.alert() is not None
    assert len(env.topic.published) == 1


def test_while_one_sender_is_at_it_another_one_keeps_off(env: Environment) -> None:
    env.memory.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=env.clock(), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        env.alert()
    assert env.topic.published == []


def test_a_sender_that_died_before_publishing_is_taken_over_once_its_lease_has_lapsed(env: Environment) -> None:
    env.topic.fault = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.alert()
    env.topic.fault = None
    with pytest.raises(AlertInProgressError):
        env.alert()
    env.clock.pass_by(LEASE)
    assert env.alert() is not None
    assert len(env.topic.published) == 1


def test_a_sender_that_died_after_publishing_publishes_again_with_the_same_id(env: Environment) -> None:
    env.ledger.faults["complete_alert"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.alert()
    env.ledger.faults.clear()
    env.clock.pass_by(LEASE)
    env.alert()
    first, second = env.topic.published
    assert first.id == second.id
    assert len(env.alerts()) == 1


@pytest.mark.parametrize("method", ["load", "watched_since", "lease_alert"])
def test_when_dynamodb_is_down_nothing_is_published(env: Environment, method: str) -> None:
    env.ledger.faults[method] = LedgerUnavailableError("down")
    with pytest.raises(LedgerUnavailableError):
        env.alert()
    assert env.topic.published == []
    env.ledger.faults.clear()
    assert env.alert() is not None


def test_a_transition_without_its_state_is_said_to_be_incomplete(env: Environment) -> None:
    with pytest.raises(LedgerIncompleteError, match="not its state"):
        env.alert(INTERRUPTED, job_id("unknown"))
