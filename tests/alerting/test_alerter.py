"""Rules of every alert, and what each kind of change adds to them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.required import (
    JobAppeared,
    LedgerChange,
    RecoveryNews,
    TransitionRecorded,
    missing_alerts,
    required_alerts,
)
from respot.alerting.text import plain, what_happens_next
from respot.errors import (
    AlertInProgressError,
    LedgerIncompleteError,
    LedgerUnavailableError,
    TopicUnavailableError,
    UnreadableItemError,
)
from respot.jobs.job import JobRecord, JobState, Market, Transition
from respot.jobs.merge import reconcile
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Action, Outlook
from respot.recovery.planning.run import run_id
from respot.recovery.records import AttemptRecord, NoticeKind, OutcomeKind
from tests.alerting.environment import ENDED, JOB, LEASE, Environment
from tests.support.builders import CREATED, at, history, job_id, reported, snapshot, transition
from tests.support.records import decision_record, outcome_of
from tests.support.scenarios import SCENARIOS, Scenario
from tests.support.with_hooks import ProcessCrashError

END = history(ENDED)[-1]
OUTCOME = outcome_of()
CHANGES = {
    "transition": TransitionRecorded(job=JOB, transition=END),
    "appearance": JobAppeared(job=JOB),
    "recovery": OUTCOME,
}
ANY_CHANGE = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@pytest.fixture
def env() -> Environment:
    return Environment()


# --- rules of every alert -------------------------------------------------------------------------------------------


def test_an_alert_record_says_what_was_sent_and_when(env: Environment) -> None:
    alert_record = env.alerter.alert(JOB, transition("Interrupted", 3720))
    assert alert_record == AlertRecord(
        job=JOB,
        kind=AlertKind.INTERRUPTED,
        transition=transition("Interrupted", 3720),
        outcome=AlertOutcome.SENT,
        reason="Interrupted at 2026-09-16T10:02:00.000Z",
        headline="spot-job was interrupted (1st time)",
        settled_at=at(21645),
        message_id="message-1",
    )
    assert env.alerts() == (alert_record,)


@ANY_CHANGE
def test_an_alert_is_sent_once_however_often_its_change_is_delivered(env: Environment, change: LedgerChange) -> None:
    alert_record = env.alerter.on(change)
    for _ in range(4):
        env.clock.pass_by(timedelta(hours=1))
        assert env.alerter.on(change) is None
    env.clock.pass_by(timedelta(days=1))  # a sent alert is never declined
    env.alerter.on(change)
    assert len(env.topic.published) == 1
    assert env.alerts() == (alert_record,)


@ANY_CHANGE
def test_when_sns_is_down_the_next_delivery_sends(env: Environment, change: LedgerChange) -> None:
    env.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        env.alerter.on(change)
    assert env.alerts() == ()
    env.topic.fault = None
    assert env.alerter.on(change) is not None
    assert len(env.topic.published) == 1


@ANY_CHANGE
def test_a_crash_before_publishing_is_taken_over_after_the_lease(env: Environment, change: LedgerChange) -> None:
    env.topic.fault = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.alerter.on(change)
    env.topic.fault = None
    with pytest.raises(AlertInProgressError):
        env.alerter.on(change)
    assert env.topic.published == []
    env.clock.pass_by(LEASE)
    assert env.alerter.on(change) is not None
    assert len(env.topic.published) == 1


@ANY_CHANGE
def test_a_crash_after_publishing_repeats_the_alert_with_the_same_id(env: Environment, change: LedgerChange) -> None:
    env.ledger.faults["complete_alert"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.alerter.on(change)
    env.ledger.faults.clear()
    env.clock.pass_by(LEASE)
    env.alerter.on(change)
    first, second = env.topic.published
    assert first.id == second.id
    assert len(env.alerts()) == 1


@ANY_CHANGE
@pytest.mark.parametrize("method", ["load", "watched_since", "lease_alert"])
def test_when_dynamodb_is_down_nothing_is_published(env: Environment, method: str, change: LedgerChange) -> None:
    env.ledger.faults[method] = LedgerUnavailableError("down")
    with pytest.raises(LedgerUnavailableError):
        env.alerter.on(change)
    assert env.topic.published == []
    env.ledger.faults.clear()
    assert env.alerter.on(change) is not None


@ANY_CHANGE
def test_a_job_without_its_state_is_an_error(env: Environment, change: LedgerChange) -> None:
    with pytest.raises(LedgerIncompleteError, match="not its state"):
        env.alerter.on(replace(change, job=job_id("unknown")))


# --- declined -------------------------------------------------------------------------------------------------------


def declined(alert_record: AlertRecord | None) -> str:
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.DECLINED
    assert (alert_record.headline, alert_record.message_id) == (None, None)
    return alert_record.reason


@ANY_CHANGE
def test_a_declined_alert_is_recorded_and_never_sent(env: Environment, change: LedgerChange) -> None:
    alert_record = replace(env.alerter, kinds=frozenset()).on(change)
    assert "switched off" in declined(alert_record)
    assert env.alerter.on(change) is None
    assert env.topic.published == []
    assert env.alerts() == (alert_record,)


@ANY_CHANGE
@pytest.mark.parametrize(
    ("hours", "deployed", "reason"),
    [(25, 0, "longer than the 1 d 00 h"), (0, 22_000, "before Respot was deployed")],
)
def test_old_news_is_declined(env: Environment, change: LedgerChange, hours: int, deployed: float, reason: str) -> None:
    env.clock.pass_by(timedelta(hours=hours))
    env.memory.created = at(deployed)
    assert reason in declined(env.alerter.on(change))
    assert env.topic.published == []


def test_after_a_restore_what_respot_did_is_reported_and_old_transitions_are_not(env: Environment) -> None:
    """Whether the lost ledger reported it is unknown; a repeat has the same id."""
    env.memory.watched[JOB.region], env.memory.created = CREATED, at(22_000)
    reported_now = env.alerter.on(OUTCOME)
    assert reported_now is not None
    assert reported_now.outcome is AlertOutcome.SENT
    assert "before Respot was deployed" in declined(env.alerter.on(TransitionRecorded(job=JOB, transition=END)))


# --- transitions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_scenario_gives_its_alerts_and_no_other(env: Environment, scenario: Scenario) -> None:
    job = job_id(scenario.job)
    env.know(snapshot(scenario.transitions, job=job))
    for each in history(scenario.transitions):
        env.alerter.alert(job, each)
    expected = [(kind, at(seconds)) for kind, seconds in scenario.alerts]
    assert [(each.kind, each.transition.started) for each in env.memory.alerts(job)] == expected
    assert [(each.kind, each.transition.started) for each in env.topic.published] == expected


def test_the_figures_are_those_of_the_moment_of_the_transition(env: Environment) -> None:
    """A ledger that is ahead of the stream must not turn the first interruption into the second one."""
    env.alerter.alert(JOB, transition("Interrupted", 3720))
    (alert,) = env.topic.published
    assert alert.earlier_interruptions == 0
    assert alert.figures.interruptions == 1
    assert alert.figures.trained == timedelta(seconds=3330)
    assert alert.figures.waited == timedelta(seconds=250)


def test_an_alert_has_the_transitions_until_then(env: Environment) -> None:
    """They show instances where TrainingStartTime is not known."""
    job = job_id("other")
    env.know(
        snapshot("Starting=0 Interrupted=100 Starting=130 MaxWaitTimeExceeded=21600", job=job, training_started=None)
    )
    env.alerter.catch_up(job)
    first, *_, ended = env.topic.published
    known = env.memory.load(job).transitions
    assert first.transitions == tuple(transition for transition in known if transition.started <= at(100))
    assert ended.transitions == known
    assert "never" not in plain(ended)


# --- what Respot will do about an end -------------------------------------------------------------------------------


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


def outlook(env: Environment, foresight: Foreseen | None = None) -> Outlook:
    """Of the alert of the job's end."""
    assert replace(env.alerter, foresight=foresight).alert(JOB, END)
    return env.topic.published[-1].outlook


@pytest.mark.parametrize("foreseen", [*Outlook, None])
def test_the_alert_of_an_end_says_what_respot_will_do(env: Environment, foreseen: Outlook | None) -> None:
    assert outlook(env, Foreseen(foreseen) if foreseen else None) is (foreseen or Outlook.UNKNOWN)


@pytest.mark.parametrize(
    ("action", "notify", "outcome", "expected"),
    [
        (Action.RESUBMIT, False, None, Outlook.DECIDES),
        (Action.REFUSE, True, None, Outlook.DECIDED),
        (Action.NOTHING, True, None, Outlook.DECIDED),
        (Action.REFUSE, False, None, Outlook.LEAVES),
        (Action.NOTHING, False, None, Outlook.LEAVES),
        *((Action.RESUBMIT, False, kind, Outlook.DECIDED) for kind in OutcomeKind),  # the alert may be hours late
    ],
)
def test_a_recorded_decision_counts_and_not_the_policy_of_today(
    env: Environment, action: Action, *, notify: bool, outcome: OutcomeKind | None, expected: Outlook
) -> None:
    env.runs.decide(decision_record(action, notify=notify), None)
    if outcome:
        env.runs.record_outcome(outcome_of(outcome))
    foresight = Foreseen(Outlook.UNKNOWN)
    assert outlook(env, foresight) is expected
    assert foresight.asked == 0
    said = what_happens_next(env.topic.published[-1])
    assert ("Respot has already decided whether it resumes the job." in said) is (expected is Outlook.DECIDED)


def test_the_policy_is_read_only_of_a_job_that_has_ended(env: Environment) -> None:
    foresight = Foreseen(Outlook.LEAVES)
    assert replace(env.alerter, foresight=foresight).alert(JOB, transition("Interrupted", 3720))
    assert foresight.asked == 0


# --- recovery -------------------------------------------------------------------------------------------------------

RESUBMITTED = RecoveryNews(
    kind=AlertKind.RESUBMITTED, summary="resubmitted as spot-job-r2", happened_at=at(21640), warning="late"
)


def test_what_respot_did_is_reported_as_of_the_jobs_end(env: Environment) -> None:
    alert_record = env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    assert alert_record is not None
    assert (alert_record.kind, alert_record.outcome) == (AlertKind.RESUBMITTED, AlertOutcome.SENT)
    assert alert_record.transition == END
    assert alert_record.headline == "spot-job was resubmitted"
    env.alerter.alert_on_recovery(JOB, replace(RESUBMITTED, kind=AlertKind.NOT_RESUBMITTED, withdrawn=True))
    alert, withdrawn = env.topic.published
    assert (alert.summary, alert.warning) == ("resubmitted as spot-job-r2", "late")
    assert withdrawn.severity is Severity.INFO


def test_it_is_reported_once_even_if_the_job_is_deleted_afterwards(env: Environment) -> None:
    env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    env.know(snapshot(f"{ENDED} Deleting=30000", status="Deleting"))
    assert env.alerter.alert_on_recovery(JOB, RESUBMITTED) is None
    assert len(env.topic.published) == 1


def half_written() -> Environment:
    """`record` died after it had written that the job is being deleted, before it wrote how the job had ended."""
    env = Environment(seen=None)
    change = reconcile(JobRecord(), snapshot("Starting=0 Failed=3600 Deleting=7200", status="Deleting"))
    env.memory.save(replace(change, inserted=()))
    env.runs.notice(JOB, NoticeKind.POLICY_INVALID, "no JSON")
    return env


@pytest.mark.parametrize("died", [False, True], ids=["complete", "died after publishing"])
def test_an_alert_keeps_its_identity_when_more_of_the_end_is_learned(*, died: bool) -> None:
    env = half_written()
    (notice,) = env.runs.recovery_records(JOB).notices
    if died:
        env.ledger.faults["complete_alert"] = ProcessCrashError()
        with pytest.raises(ProcessCrashError):
            env.alerter.on(notice)
        env.ledger.faults.clear()
    else:
        env.alerter.on(notice)
    env.know(snapshot("Starting=0 Failed=3600 Deleting=7200", status="Deleting"))
    env.clock.pass_by(LEASE)
    env.alerter.on(notice)
    env.alerter.catch_up(JOB)
    told = [alert.id for alert in env.topic.published if alert.kind is AlertKind.POLICY_INVALID]
    assert (len(told), len(set(told))) == (1 + died, 1)
    record, records = env.memory.load(JOB), env.runs.recovery_records(JOB)
    assert record.state
    complete = {(each.kind, each.transition.started) for each in env.alerts()}
    assert missing_alerts(required_alerts(record, record.state, records), complete) == set()
    assert missing_alerts(required_alerts(record, record.state, records), ()) != set()


def test_both_warnings_of_a_deadline_are_sent(env: Environment) -> None:
    """That the work is not known is said first, that the deadline is at risk later: one kind of alert, two moments."""
    env.runs.clock = env.clock
    for kind in (NoticeKind.WORK_UNKNOWN, NoticeKind.DEADLINE_AT_RISK):
        env.clock.pass_by(timedelta(seconds=10))
        env.runs.notice(JOB, kind, f"it is {kind}")
        env.alerter.on(env.runs.recovery_records(JOB).notices[-1])
    warned = [each for each in env.alerts() if each.kind is AlertKind.DEADLINE_AT_RISK]
    assert [each.transition.started for each in warned] == [at(21655), at(21665)]
    assert len(env.topic.published) == len(warned)
    assert not [each for each in env.alerter.catch_up(JOB) if each.kind is AlertKind.DEADLINE_AT_RISK]


@pytest.mark.parametrize(("happened", "sent"), [(timedelta(days=3), True), (timedelta(), False)])
def test_the_age_of_recovery_news_counts_and_not_the_age_of_the_end(
    env: Environment, happened: timedelta, *, sent: bool
) -> None:
    """A run may wait for days for an instance quota."""
    env.clock.pass_by(timedelta(days=3))
    alert_record = env.alerter.alert_on_recovery(JOB, replace(RESUBMITTED, happened_at=at(21640) + happened))
    assert alert_record is not None
    assert (alert_record.outcome is AlertOutcome.SENT) is sent
    assert sent or "happened 3 d 00 h ago" in alert_record.reason


# --- advice ---------------------------------------------------------------------------------------------------------

RUN = run_id(JOB)
LINEAGE = Lineage(run=RUN, attempt=2, parent=JOB.name).to_tags()


def appears(env: Environment, script: str = "Starting=0", **others: object) -> None:
    env.clock.moment = at(60)
    env.know(snapshot(script, job=job_id("new"), **({"checkpoint_uri": None} | others)))


def advised(env: Environment, name: str = "new") -> bool:
    """Whether advice on the job is sent."""
    alert_record = env.alerter.advise(job_id(name))
    assert alert_record is not None
    return (alert_record.kind, alert_record.outcome) == (AlertKind.ADVICE, AlertOutcome.SENT)


def test_a_risky_job_is_advised_when_it_appears_and_a_safe_one_is_left_alone(env: Environment) -> None:
    appears(env)
    assert advised(env)
    (alert,) = env.topic.published
    assert len(alert.advice) == 1
    env.know(snapshot("Starting=0", job=job_id("safe")))
    assert env.alerter.advise(job_id("safe")) is None
    assert env.memory.alerts(job_id("safe")) == ()


def test_advice_comes_once_even_if_earlier_transitions_are_recorded_later(env: Environment) -> None:
    env.know(reported("Training", 30, job=job_id("new"), market=Market.SPOT))
    appears(env, "Starting=5 Training=30")
    env.memory.transitions[job_id("new")] = {("Training", at(30)): history("Training=30")[0]}
    env.alerter.advise(job_id("new"))
    env.know(snapshot("Starting=5 Training=30", job=job_id("new"), checkpoint_uri=None))
    assert env.alerter.advise(job_id("new")) is None
    assert len(env.topic.published) == 1


def resubmit(env: Environment) -> None:
    """Respot decides on the next attempt of the ended job, named `new`."""
    attempt = AttemptRecord(run=RUN, number=2, region=JOB.region, name="new", parent=JOB, decided_at=CREATED)
    assert env.runs.decide(replace(decision_record(Action.RESUBMIT), next_name="new"), attempt)


def test_an_attempt_of_respot_is_not_advised_and_the_ledger_records_it(env: Environment) -> None:
    resubmit(env)
    appears(env, tags=LINEAGE)
    assert declined(env.alerter.advise(job_id("new"))) == "attempt 2, which Respot created with the settings of its run"
    assert env.topic.published == []
    assert env.alerter.catch_up(job_id("new")) == ()  # it is complete: no sweep comes back to it


def test_tags_that_anyone_can_set_suppress_no_advice(env: Environment) -> None:
    appears(env, tags=LINEAGE)  # no such attempt was decided on
    assert advised(env)
    resubmit(env)
    env.know(snapshot("Starting=0", job=job_id("copy"), checkpoint_uri=None, tags=LINEAGE))
    assert advised(env, "copy")


# --- catching up: the stream lost the job's items, or a sender crashed ---------------------------------------------


def noticed(env: Environment) -> None:
    env.runs.notice(JOB, NoticeKind.POLICY_INVALID, "no JSON")


def test_catching_up_completes_every_open_alert(env: Environment) -> None:
    noticed(env)
    kinds = [alert_record.kind for alert_record in env.alerter.catch_up(JOB)]
    assert kinds == [
        AlertKind.ADVICE,
        AlertKind.INTERRUPTED,
        AlertKind.MAX_WAIT_TIME_EXCEEDED,
        AlertKind.POLICY_INVALID,
    ]
    assert [alert.kind for alert in env.topic.published] == kinds
    assert env.topic.published[-1].summary == "no JSON"


def test_catching_up_leaves_complete_alerts_alone_at_any_age(env: Environment) -> None:
    sent = env.alerter.catch_up(JOB)
    noticed(env)
    env.clock.pass_by(timedelta(days=2))
    (alert_record,) = env.alerter.catch_up(JOB)
    assert (alert_record.kind, alert_record.outcome) == (AlertKind.POLICY_INVALID, AlertOutcome.DECLINED)
    assert set(env.alerts()) == {*sent, alert_record}
    assert env.alerter.catch_up(JOB) == ()


def test_catching_up_takes_over_an_expired_lease(env: Environment) -> None:
    env.alerter.alert(JOB, transition("Interrupted", 3720))
    env.alerter.advise(JOB)
    env.memory.lease_alert(JOB, AlertKind.MAX_WAIT_TIME_EXCEEDED, END, now=env.clock(), lease=LEASE)
    env.clock.pass_by(LEASE)
    assert [alert_record.outcome for alert_record in env.alerter.catch_up(JOB)] == [AlertOutcome.SENT]


def unreadable(*_: object) -> None:
    raise UnreadableItemError("job#...", "decision", "a word")


def test_an_end_is_alerted_on_although_its_decision_cannot_be_read(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(env.runs), "decision", unreadable)
    assert env.alerter.alert(JOB, END)
    assert env.topic.published[-1].outlook is Outlook.UNKNOWN


def test_catching_up_completes_the_others_if_the_recovery_cannot_be_read(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(env.runs), "recovery_records", unreadable)
    with pytest.raises(UnreadableItemError):
        env.alerter.catch_up(JOB)
    assert [alert.kind for alert in env.topic.published] == [
        AlertKind.ADVICE,
        AlertKind.INTERRUPTED,
        AlertKind.MAX_WAIT_TIME_EXCEEDED,
    ]
