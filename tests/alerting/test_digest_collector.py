from dataclasses import replace
from datetime import timedelta

import pytest

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.digest.collector import MARGIN, DigestCollector
from respot.alerting.digest.digest import DigestRecord, DigestWindow
from respot.alerting.digest.text import what_happens_next
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.required import RecoveryNews
from respot.errors import (
    AlertInProgressError,
    LedgerUnavailableError,
    QueueUnavailableError,
    TopicUnavailableError,
    UnreadableItemError,
)
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Outlook
from tests.alerting.environment import LEASE, alerter_on
from tests.support.builders import CREATED, at, job_id, snapshot, transition
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDigestStore, MemoryDigestTimers, MemoryLedger, MemoryTopic

LENGTH = timedelta(minutes=3)
INTERRUPTED = transition("Interrupted", 3720)


class Environment:
    """An alerter with a digest collector, on twins."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger(created=CREATED)
        self.store, self.timers, self.topic = MemoryDigestStore(), MemoryDigestTimers(), MemoryTopic()
        self.clock = FakeClock(at(3725))
        self.unreadable: list[UnreadableItemError] = []
        self.collector = DigestCollector(
            on_unreadable=self.unreadable.append,
            store=self.store,
            timers=self.timers,
            topic=self.topic,
            clock=self.clock,
            length=LENGTH,
            lease=LEASE,
        )
        self.alerter = replace(alerter_on(self.ledger, clock=self.clock, topic=self.topic), digests=self.collector)

    def interrupt(self, name: str, *, status: str = "Interrupted", **state: object) -> AlertRecord:
        job = job_id(name)
        self.ledger.save(reconcile(self.ledger.load(job), snapshot(f"Starting=0 {status}=3720", job=job, **state)))
        digest_record = self.alerter.alert(job, transition(status, 3720))
        assert digest_record
        return digest_record

    def over(self) -> DigestWindow:
        """Let the time pass until the one timer rings; gives its window."""
        ((window, delay),) = self.timers.sent
        self.clock.pass_by(delay)
        return window

    def window_of_two(self) -> DigestWindow:
        """A window that is over, with one entry."""
        self.interrupt("first")
        self.interrupt("second")
        return self.over()

    def alone(self) -> list[str]:
        return [alert.state.job.name for alert in self.topic.published if alert.digest is None]


@pytest.fixture
def env() -> Environment:
    return Environment()


def test_later_alerts_reach_machines_at_once_and_people_in_one_digest(env: Environment) -> None:
    assert env.interrupt("first").digest is None
    assert (env.alone(), env.timers.sent) == (["first"], [])
    ids = {env.interrupt(f"job-{number}").digest for number in range(20)}
    assert len(env.topic.published) == 21
    assert {alert.digest for alert in env.topic.published[1:]} == ids
    digest_record = env.collector.close(env.over())
    (digest,) = env.topic.digests
    assert {digest.id} == ids
    assert [entry.job.name for entry in digest.entries] == sorted(f"job-{number}" for number in range(20))
    assert digest_record == DigestRecord(
        digest=digest.id,
        outcome=AlertOutcome.SENT,
        reason="20 more of the pool within 3 min",
        headline="20 more spot jobs on ml.g5.2xlarge in us-east-1 were interrupted",
        settled_at=env.clock(),
        message_id="digest-message-1",
    )


def test_one_timer_serves_all_entries(env: Environment) -> None:
    for name in ("first", "second", "third", "fourth"):
        env.interrupt(name)
        env.clock.pass_by(timedelta(seconds=10))
    ((window, delay),) = env.timers.sent
    assert window.opened == at(3725)
    assert delay == LENGTH - timedelta(seconds=10) + MARGIN


def test_an_old_digest_is_sent_after_a_new_window_was_opened(env: Environment) -> None:
    env.interrupt("first")
    old = env.interrupt("second").digest
    window = env.over()
    assert env.interrupt("third").digest is None
    new = env.interrupt("fourth").digest
    assert env.collector.close(window)
    assert [(digest.id, len(digest.entries)) for digest in env.topic.digests] == [(old, 1)]
    assert new != old


def test_a_digest_of_recoveries_quotes_what_respot_did(env: Environment) -> None:
    for name in ("first", "second", "third"):
        env.interrupt(name, status="MaxWaitTimeExceeded")
        news = RecoveryNews(
            kind=AlertKind.RESUBMITTED, summary=f"resubmitted as {name}-r2", happened_at=at(3725), warning="be\nquick"
        )
        assert env.alerter.alert_on_recovery(job_id(name), news)
    assert [(alert.state.job.name, alert.kind) for alert in env.topic.published if alert.digest is None] == [
        ("first", AlertKind.MAX_WAIT_TIME_EXCEEDED),
        ("first", AlertKind.RESUBMITTED),
    ]
    env.clock.pass_by(LENGTH + MARGIN)
    assert [env.collector.close(window) is not None for window, _ in env.timers.sent] == [True, True]
    waited, resubmitted = env.topic.digests
    assert [entry.description for entry in waited.entries] == ["", ""]
    assert [entry.description for entry in resubmitted.entries] == [
        "resubmitted as second-r2; be quick",
        "resubmitted as third-r2; be quick",
    ]


def test_an_entry_has_its_alerts_outlook_and_severity(env: Environment) -> None:
    outlooks = {"second": Outlook.DECIDES, "third": Outlook.LEAVES}
    env.alerter = replace(env.alerter, foresight=lambda state, _: outlooks.get(state.job.name, Outlook.UNKNOWN))
    for name in ("first", "second", "third"):
        env.interrupt(name, status="MaxWaitTimeExceeded")
    env.collector.close(env.over())
    (digest,) = env.topic.digests
    assert [(entry.outlook, entry.severity) for entry in digest.entries] == [
        (Outlook.DECIDES, Severity.ERROR),
        (Outlook.LEAVES, Severity.ERROR),
    ]
    assert "Respot may resume 1 of them (second)" in what_happens_next(digest)


@pytest.mark.parametrize(
    ("more", "kept"),
    [("x" * 287, "x" * 287), ("x" * 288, "x" * 286 + "…"), ("\nb\u202e\x1bc", " b  c")],
    ids=["longest", "too long", "hostile"],
)
def test_a_description_is_one_line_of_limited_length(env: Environment, more: str, kept: str) -> None:
    for name in ("first", "second"):
        env.interrupt(name, status="Failed", failure_reason=f"CapacityError{more}")
    env.collector.close(env.over())
    ((entry,),) = (digest.entries for digest in env.topic.digests)
    assert entry.description == f"CapacityError{kept}"


def test_pools_are_kept_apart_and_a_failure_of_the_jobs_own_has_none(env: Environment) -> None:
    env.interrupt("first")
    assert env.interrupt("other-type", instance_type="ml.p3.2xlarge").digest is None
    assert env.interrupt("other-kind", status="MaxWaitTimeExceeded").digest is None
    for name in ("failed", "failed-too"):
        assert env.interrupt(name, status="Failed", failure_reason="AlgorithmError: exit code 1").digest is None
    assert len(env.store.windows) == 3
    assert env.interrupt("same").digest is not None


def test_a_digest_is_sent_once_however_often_its_timer_arrives(env: Environment) -> None:
    window = env.window_of_two()
    assert env.collector.close(window)
    env.clock.pass_by(LEASE)
    assert env.collector.close(window) is None
    assert len(env.topic.digests) == 1


def test_a_timer_that_arrives_early_is_sent_again(env: Environment) -> None:
    env.interrupt("first")
    env.interrupt("second")
    ((window, _),) = env.timers.sent
    env.clock.pass_by(timedelta(minutes=1))
    assert env.collector.close(window) is None
    assert env.timers.sent[1:] == [(window, timedelta(minutes=2) + MARGIN)]
    assert env.interrupt("third").digest == window.id


def test_an_alert_after_the_closing_is_sent_alone(env: Environment) -> None:
    env.interrupt("first")
    env.interrupt("second")
    ((window, _),) = env.timers.sent
    env.store.close(window)
    assert env.interrupt("late").digest is None
    assert env.alone() == ["first", "late"]


def test_a_window_without_entries_completes_without_a_digest(env: Environment) -> None:
    env.interrupt("first")
    (window,) = env.store.windows.values()
    env.clock.pass_by(LENGTH)
    digest_record = env.collector.close(window)
    assert digest_record
    assert (digest_record.outcome, digest_record.headline) == (AlertOutcome.DECLINED, None)
    assert env.topic.digests == []
    assert env.store.digest(window) == digest_record


def test_when_sns_is_down_the_next_delivery_need_not_wait_for_the_lease(env: Environment) -> None:
    window = env.window_of_two()
    env.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        env.collector.close(window)
    env.topic.fault = None
    assert env.collector.close(window)


def test_a_leased_digest_has_one_sender(env: Environment) -> None:
    window = env.window_of_two()
    env.store.lease_digest(window, now=env.clock(), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        env.collector.close(window)
    assert env.topic.digests == []


def test_without_a_timer_no_alert_is_left_to_a_digest(env: Environment) -> None:
    env.interrupt("first")
    env.timers.fault = QueueUnavailableError("down")
    with pytest.raises(QueueUnavailableError):
        env.interrupt("second")
    assert env.ledger.alerts(job_id("second")) == ()
    env.timers.fault = None
    digest_record = env.alerter.alert(job_id("second"), INTERRUPTED)
    assert digest_record
    assert digest_record.digest
    assert len(env.timers.sent) == 1


def test_the_opener_is_sent_alone_even_after_a_failure(env: Environment) -> None:
    env.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        env.interrupt("first")
    env.topic.fault = None
    digest_record = env.alerter.alert(job_id("first"), INTERRUPTED)
    assert digest_record
    assert digest_record.digest is None
    assert env.interrupt("second").digest


@pytest.mark.parametrize("method", ["window", "join", "note_timer"])
def test_an_alert_that_could_not_be_grouped_waits_for_no_lease(
    env: Environment, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    env.interrupt("first")

    def down(*_: object, **__: object) -> None:
        message = "throttled"
        raise LedgerUnavailableError(message)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryDigestStore, method, down)
        with pytest.raises(LedgerUnavailableError):
            env.interrupt("second")
    assert env.interrupt("second").digest is not None
    assert env.alone() == ["first"]


def test_a_pool_whose_window_cannot_be_read_holds_no_alert_back(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = UnreadableItemError("pool#...", "window", "a word")

    def fail(*_: object) -> None:
        raise unreadable

    monkeypatch.setattr(type(env.store), "window", fail)
    for name in ("first", "second"):
        env.interrupt(name)
    assert env.alone() == ["first", "second"]
    assert env.unreadable == [unreadable] * 2
