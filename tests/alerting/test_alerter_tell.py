"""Alerts on what Respot itself did or declined, and advice on jobs that appear."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.alerting.alert import AlertOutcome
from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.required import RecoveryNews
from respot.errors import LedgerIncompleteError, TopicUnavailableError
from respot.jobs.job import JobSnapshot, Market
from respot.jobs.merge import reconcile
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.run import run_id
from respot.recovery.records import AttemptRecord, DecisionRecord, NoticeKind
from tests.support.builders import CREATED, at, history, job_id, reported, snapshot
from tests.support.clock import FakeClock
from tests.support.faulty import FaultyLedger, ProcessCrashError
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic

JOB = job_id()
LEASE = timedelta(minutes=2)
ENDED = "Starting=0 Downloading=250 Training=390 Stopping=21600 MaxWaitTimeExceeded=21630"
RESUBMITTED = RecoveryNews(
    kind=AlertKind.RESUBMITTED, summary="resubmitted as spot-job-r2", happened_at=at(21640), warning="late"
)


class Environment:
    """An alerter on twins, with one job that has ended."""

    def __init__(self) -> None:
        self.memory = MemoryLedger(created=CREATED)
        self.runs = MemoryRunStore(ledger=self.memory, clock=lambda: at(21640))
        self.ledger = FaultyLedger(ledger=self.memory)
        self.topic = MemoryTopic()
        self.clock = FakeClock(at(21645))
        self.alerter = Alerter(
            ledger=self.ledger,
            runs=self.runs,
            topic=self.topic,
            clock=self.clock,
            kinds=frozenset(AlertKind),
            max_age=timedelta(hours=24),
            lease=LEASE,
        )

    def know(self, look: JobSnapshot) -> None:
        self.memory.save(reconcile(self.memory.load(look.state.job), look))


@pytest.fixture
def env() -> Environment:
    env = Environment()
    env.know(snapshot(ENDED))
    return env


# --- tell -----------------------------------------------------------------------------------------------------------


def test_what_respot_did_is_told_as_of_the_jobs_end(env: Environment) -> None:
    alert_record = env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    assert alert_record is not None
    assert (alert_record.kind, alert_record.outcome) == (AlertKind.RESUBMITTED, AlertOutcome.SENT)
    assert alert_record.transition == history(ENDED)[-1]
    assert alert_record.headline == "spot-job was resubmitted"
    (alert,) = env.topic.published
    assert (alert.summary, alert.warning) == ("resubmitted as spot-job-r2", "late")


@pytest.mark.parametrize("times", [2, 5])
def test_it_is_told_once_however_often_it_is_delivered(env: Environment, times: int) -> None:
    for _ in range(times):
        env.alerter.alert_on_recovery(JOB, RESUBMITTED)
        env.clock.pass_by(timedelta(hours=1))
    assert len(env.topic.published) == 1


def test_it_is_told_once_although_the_job_is_deleted_meanwhile(env: Environment) -> None:
    env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    env.know(snapshot(f"{ENDED} Deleting=30000", status="Deleting"))
    assert env.alerter.alert_on_recovery(JOB, RESUBMITTED) is None
    assert len(env.topic.published) == 1


def test_a_job_without_a_known_end_is_told_of_by_its_state(env: Environment) -> None:
    env.memory.transitions[JOB].clear()
    alert_record = env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    assert alert_record is not None
    assert alert_record.transition == history(ENDED)[-1]


def test_news_of_a_job_that_ended_days_ago_is_news(env: Environment) -> None:
    """An instance quota may be taken for days."""
    env.clock.pass_by(timedelta(days=3))
    alert_record = env.alerter.alert_on_recovery(JOB, replace(RESUBMITTED, happened_at=env.clock()))
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.SENT


def test_old_news_is_declined_in_writing(env: Environment) -> None:
    env.clock.pass_by(timedelta(days=3))
    alert_record = env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.DECLINED
    assert "happened 3 d 00 h ago" in alert_record.reason


def test_what_respot_did_is_told_of_on_demand_jobs_too(env: Environment) -> None:
    env.know(snapshot(ENDED, job=job_id("other"), market=Market.ON_DEMAND))
    alert_record = env.alerter.alert_on_recovery(job_id("other"), RESUBMITTED)
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.SENT


def test_kinds_are_told_apart(env: Environment) -> None:
    for kind in (AlertKind.POLICY_INVALID, AlertKind.RESUBMITTED, AlertKind.NOT_RESUBMITTED, AlertKind.WOULD_RESUBMIT):
        env.alerter.alert_on_recovery(JOB, replace(RESUBMITTED, kind=kind))
    assert len({alert.id for alert in env.topic.published}) == 4


def test_when_sns_is_down_the_next_delivery_tells(env: Environment) -> None:
    env.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    env.topic.fault = None
    assert env.alerter.alert_on_recovery(JOB, RESUBMITTED) is not None


def test_a_teller_that_died_is_taken_over(env: Environment) -> None:
    env.ledger.faults["complete_alert"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    env.ledger.faults.clear()
    env.clock.pass_by(LEASE)
    env.alerter.alert_on_recovery(JOB, RESUBMITTED)
    assert len({alert.id for alert in env.topic.published}) == 1
    assert len(env.memory.alerts(JOB)) == 1


def test_of_an_unknown_job_nothing_is_told(env: Environment) -> None:
    with pytest.raises(LedgerIncompleteError):
        env.alerter.alert_on_recovery(job_id("unknown"), RESUBMITTED)


# --- advise ---------------------------------------------------------------------------------------------------------


def appears(env: Environment, script: str = "Starting=0", **others: object) -> None:
    env.clock.moment = at(60)
    env.know(snapshot(script, job=job_id("new"), **({"checkpoint_uri": None} | others)))


def test_a_job_at_a_risk_is_advised_when_it_appears(env: Environment) -> None:
    appears(env)
    alert_record = env.alerter.advise(job_id("new"))
    assert alert_record is not None
    assert (alert_record.kind, alert_record.outcome) == (AlertKind.ADVICE, AlertOutcome.SENT)
    (alert,) = env.topic.published
    assert len(alert.advice) == 1


def test_a_job_without_a_risk_is_left_alone(env: Environment) -> None:
    appears(env, checkpoint_uri="s3://ml-bucket/new/")
    assert env.alerter.advise(job_id("new")) is None
    assert env.memory.alerts(job_id("new")) == ()


def test_advice_is_given_once_although_earlier_stays_are_learnt_of(env: Environment) -> None:
    env.know(reported("Training", 30, job=job_id("new"), market=Market.SPOT))
    appears(env, "Starting=5 Training=30")
    env.memory.transitions[job_id("new")] = {("Training", at(30)): history("Training=30")[0]}
    env.alerter.advise(job_id("new"))
    env.know(snapshot("Starting=5 Training=30", job=job_id("new"), checkpoint_uri=None))
    assert env.alerter.advise(job_id("new")) is None
    assert len(env.topic.published) == 1


def test_advice_on_an_old_job_is_declined(env: Environment) -> None:
    appears(env)
    env.clock.moment = at(100_000)
    alert_record = env.alerter.advise(job_id("new"))
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.DECLINED


RUN = run_id(JOB)
LINEAGE = Lineage(run=RUN, attempt=2, parent=JOB.name).to_tags()


def resubmit(env: Environment) -> None:
    """Respot decides on the next attempt of the ended job, named `new`."""
    decision = Decision(action=Action.RESUBMIT, reason="so says the policy", inputs={})
    record = DecisionRecord(
        job=JOB, run=RUN, number=1, decision=decision, decided_at=CREATED, checkpoint=None, next_name="new"
    )
    attempt = AttemptRecord(run=RUN, number=2, region=JOB.region, name="new", parent=JOB, decided_at=CREATED)
    assert env.runs.decide(record, attempt)


def test_an_attempt_that_respot_created_is_not_advised_on_and_the_ledger_says_so(env: Environment) -> None:
    resubmit(env)
    appears(env, tags=LINEAGE)
    alert_record = env.alerter.advise(job_id("new"))
    assert alert_record is not None
    assert (alert_record.outcome, alert_record.reason) == (
        AlertOutcome.DECLINED,
        "attempt 2, which Respot created with the settings of its run",
    )
    assert env.topic.published == []
    assert env.alerter.catch_up(job_id("new")) == ()  # it is settled: no sweep comes back to it


def test_tags_that_anyone_can_set_suppress_no_advice(env: Environment) -> None:
    appears(env, tags=LINEAGE)  # no such attempt was decided on
    alert_record = env.alerter.advise(job_id("new"))
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.SENT


def test_a_job_that_copies_an_attempts_tags_is_advised(env: Environment) -> None:
    resubmit(env)
    env.know(snapshot("Starting=0", job=job_id("copy"), checkpoint_uri=None, tags=LINEAGE))
    env.clock.moment = at(60)
    alert_record = env.alerter.advise(job_id("copy"))
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.SENT


def test_what_is_withdrawn_is_told_as_an_information(env: Environment) -> None:
    env.alerter.alert_on_recovery(JOB, replace(RESUBMITTED, kind=AlertKind.NOT_RESUBMITTED, withdrawn=True))
    (alert,) = env.topic.published
    assert alert.severity is Severity.INFO


# --- catching up: the stream has lost the job's items, or somebody died with them in hand --------------------------


def noticed(env: Environment) -> None:
    env.runs.notice(JOB, NoticeKind.POLICY_INVALID, "no JSON")


def test_whatever_nobody_settled_is_alerted_on(env: Environment) -> None:
    env.know(snapshot(ENDED, checkpoint_uri=None))
    noticed(env)
    kinds = [alert_record.kind for alert_record in env.alerter.catch_up(JOB)]
    assert kinds == [AlertKind.MAX_WAIT_TIME_EXCEEDED, AlertKind.POLICY_INVALID]
    assert [alert.kind for alert in env.topic.published] == kinds
    assert env.topic.published[1].summary == "no JSON"


def test_what_was_settled_is_passed_over_however_old_it_is(env: Environment) -> None:
    env.alerter.alert(JOB, history(ENDED)[-1])
    noticed(env)
    env.clock.pass_by(timedelta(days=2))
    (alert_record,) = env.alerter.catch_up(JOB)
    assert (alert_record.kind, alert_record.outcome) == (AlertKind.POLICY_INVALID, AlertOutcome.DECLINED)
    assert {each.outcome for each in env.memory.alerts(JOB)} == {AlertOutcome.SENT, AlertOutcome.DECLINED}
    assert env.alerter.catch_up(JOB) == ()


def test_an_alert_that_died_in_somebodys_hand_is_taken_over(env: Environment) -> None:
    end = history(ENDED)[-1]
    env.memory.lease_alert(JOB, AlertKind.MAX_WAIT_TIME_EXCEEDED, end, now=env.clock(), lease=LEASE)
    env.clock.pass_by(LEASE)
    assert [alert_record.outcome for alert_record in env.alerter.catch_up(JOB)] == [AlertOutcome.SENT]
