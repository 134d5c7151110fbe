from dataclasses import replace
from datetime import timedelta

import pytest

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.digest.collector import MARGIN, DigestCollector
from respot.alerting.digest.digest import DigestRecord, DigestWindow
from respot.alerting.digest.text import what_happens_next
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.required import RecoveryNews
from respot.errors import AlertInProgressError, LedgerUnavailableError, QueueUnavailableError, TopicUnavailableError
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Outlook
from tests.support.builders import CREATED, at, job_id, snapshot, transition
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDigestStore, MemoryDigestTimers, MemoryLedger, MemoryRunStore, MemoryTopic

LEASE = timedelta(minutes=2)
LENGTH = timedelta(minutes=3)
INTERRUPTED = transition("Interrupted", 3720)


class Bench:
    """An alerter that watches for storms, on twins."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger(created=CREATED)
        self.storms, self.timers, self.topic = MemoryDigestStore(), MemoryDigestTimers(), MemoryTopic()
        self.clock = FakeClock(at(3725))
        self.watch = DigestCollector(
            storms=self.storms,
            timers=self.timers,
            topic=self.topic,
            clock=self.clock,
            length=LENGTH,
            lease=LEASE,
        )
        self.alerter = Alerter(
            ledger=self.ledger,
            runs=MemoryRunStore(ledger=self.ledger),
            topic=self.topic,
            clock=self.clock,
            kinds=frozenset(AlertKind),
            max_age=timedelta(hours=24),
            lease=LEASE,
            watch=self.watch,
        )

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

    def alone(self) -> list[str]:
        return [alert.state.job.name for alert in self.topic.published if alert.digest is None]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_is_told_at_once_and_costs_no_timer(bench: Bench) -> None:
    assert bench.interrupt("first").digest is None
    assert bench.alone() == ["first"]
    assert bench.timers.sent == []


def test_those_that_follow_are_published_for_machines_and_told_in_one_digest(bench: Bench) -> None:
    bench.interrupt("first")
    ids = {bench.interrupt(f"job-{number}").digest for number in range(20)}
    assert len(bench.topic.published) == 21
    assert {alert.digest for alert in bench.topic.published[1:]} == ids
    digest_record = bench.watch.close(bench.over())
    (digest,) = bench.topic.digests
    assert {digest.id} == ids
    assert [entry.job.name for entry in digest.entries] == sorted(f"job-{number}" for number in range(20))
    assert digest_record == DigestRecord(
        digest=digest.id,
        outcome=AlertOutcome.SENT,
        reason="20 more of the pool within 3 min",
        headline="20 more spot jobs on ml.g5.2xlarge in us-east-1 were interrupted",
        settled_at=bench.clock(),
        message_id="digest-message-1",
    )


def test_one_timer_serves_all_members(bench: Bench) -> None:
    for name in ("first", "second", "third", "fourth"):
        bench.interrupt(name)
        bench.clock.pass_by(timedelta(seconds=10))
    ((window, delay),) = bench.timers.sent
    assert window.opened == at(3725)
    assert delay == LENGTH - timedelta(seconds=10) + MARGIN


def test_after_the_window_the_next_one_is_told_at_once(bench: Bench) -> None:
    bench.interrupt("first")
    bench.interrupt("second")
    bench.clock.pass_by(LENGTH)
    assert bench.interrupt("third").digest is None
    assert bench.alone() == ["first", "third"]


def test_the_old_digest_is_told_also_after_a_new_window_was_opened(bench: Bench) -> None:
    bench.interrupt("first")
    old = bench.interrupt("second").digest
    window = bench.over()
    bench.interrupt("third")
    new = bench.interrupt("fourth").digest
    assert bench.watch.close(window)
    assert [(digest.id, len(digest.entries)) for digest in bench.topic.digests] == [(old, 1)]
    assert new != old


def test_what_is_a_jobs_own_fault_is_never_held_back(bench: Bench) -> None:
    for name in ("first", "second"):
        assert bench.interrupt(name, status="Failed", failure_reason="AlgorithmError: exit code 1").digest is None
    assert bench.storms.windows == {}


def test_what_respot_did_about_many_jobs_is_told_in_one_digest_that_quotes_it(bench: Bench) -> None:
    for name in ("first", "second", "third"):
        bench.interrupt(name, status="MaxWaitTimeExceeded")
        told = RecoveryNews(
            kind=AlertKind.RESUBMITTED, story=f"resubmitted as {name}-r2", at=at(3725), warning="be\nquick"
        )
        assert bench.alerter.tell(job_id(name), told)
    assert [(alert.state.job.name, alert.kind) for alert in bench.topic.published if alert.digest is None] == [
        ("first", AlertKind.MAX_WAIT_TIME_EXCEEDED),
        ("first", AlertKind.RESUBMITTED),
    ]
    bench.clock.pass_by(LENGTH + MARGIN)
    assert [bench.watch.close(window) is not None for window, _ in bench.timers.sent] == [True, True]
    waited, resubmitted = bench.topic.digests
    assert [entry.said for entry in waited.entries] == ["", ""]
    assert [entry.said for entry in resubmitted.entries] == [
        "resubmitted as second-r2; be quick",
        "resubmitted as third-r2; be quick",
    ]


def test_a_digest_knows_of_each_member_what_to_expect_and_how_urgent_it_is(bench: Bench) -> None:
    outlooks = {"second": Outlook.DECIDES, "third": Outlook.LEAVES}
    bench.alerter = replace(bench.alerter, foresight=lambda state, _: outlooks.get(state.job.name, Outlook.UNKNOWN))
    for name in ("first", "second", "third"):
        bench.interrupt(name, status="MaxWaitTimeExceeded")
    bench.watch.close(bench.over())
    (digest,) = bench.topic.digests
    assert [(entry.outlook, entry.severity) for entry in digest.entries] == [
        (Outlook.DECIDES, Severity.ERROR),
        (Outlook.LEAVES, Severity.ERROR),
    ]
    assert "Respot may resume 1 of them (second)" in what_happens_next(digest)


def test_advice_on_many_jobs_is_told_in_one_digest(bench: Bench) -> None:
    jobs = [job_id(name) for name in ("first", "second", "third")]
    for job in jobs:
        bench.ledger.save(reconcile(bench.ledger.load(job), snapshot("Starting=0", job=job, checkpoint_uri=None)))
        assert bench.alerter.advise(job)
    assert bench.alone() == ["first"]
    bench.watch.close(bench.over())
    (digest,) = bench.topic.digests
    assert [entry.job for entry in digest.entries] == jobs[1:]
    assert all(entry.said.startswith("No checkpoint location is configured") for entry in digest.entries)


def test_the_queue_s_path_joins_windows_as_the_stream_s_does(bench: Bench) -> None:
    jobs = [job_id(name) for name in ("first", "second")]
    for job in jobs:
        look = snapshot("Starting=0 Interrupted=3720", job=job, checkpoint_uri=None)
        bench.ledger.save(reconcile(bench.ledger.load(job), look))
    digest_records = [
        [(digest_record.kind, digest_record.digest is None) for digest_record in bench.alerter.catch_up(job)]
        for job in jobs
    ]
    kinds = (AlertKind.ADVICE, AlertKind.INTERRUPTED)
    assert digest_records == [[(kind, True) for kind in kinds], [(kind, False) for kind in kinds]]


@pytest.mark.parametrize(
    ("more", "kept"),
    [("x" * 287, "x" * 287), ("x" * 288, "x" * 286 + "…"), ("\nb\u202e\x1bc", " b  c")],
    ids=["longest", "too long", "hostile"],
)
def test_what_a_member_says_is_one_line_of_a_bounded_length(bench: Bench, more: str, kept: str) -> None:
    for name in ("first", "second"):
        bench.interrupt(name, status="Failed", failure_reason=f"CapacityError{more}")
    bench.watch.close(bench.over())
    ((entry,),) = (digest.entries for digest in bench.topic.digests)
    assert entry.said == f"CapacityError{kept}"


def test_pools_are_kept_apart(bench: Bench) -> None:
    bench.interrupt("first")
    assert bench.interrupt("other-type", instance_type="ml.p3.2xlarge").digest is None
    assert bench.interrupt("other-kind", status="MaxWaitTimeExceeded").digest is None
    assert bench.interrupt("same").digest is not None


def test_without_a_watch_nobody_is_held_back(bench: Bench) -> None:
    bench.alerter = replace(bench.alerter, watch=None)
    for name in ("first", "second", "third"):
        assert bench.interrupt(name).digest is None
    assert bench.storms.windows == {}


def test_a_digest_is_told_once_however_often_its_timer_rings(bench: Bench) -> None:
    bench.interrupt("first")
    bench.interrupt("second")
    window = bench.over()
    assert bench.watch.close(window)
    bench.clock.pass_by(LEASE)
    assert bench.watch.close(window) is None
    assert len(bench.topic.digests) == 1


def test_a_timer_that_rings_too_early_is_wound_up_again(bench: Bench) -> None:
    bench.interrupt("first")
    bench.interrupt("second")
    ((window, _),) = bench.timers.sent
    bench.clock.pass_by(timedelta(minutes=1))
    assert bench.watch.close(window) is None
    assert bench.timers.sent[1:] == [(window, timedelta(minutes=2) + MARGIN)]
    assert bench.interrupt("third").digest == window.id


def test_who_finds_the_window_closed_is_told_by_itself(bench: Bench) -> None:
    bench.interrupt("first")
    bench.interrupt("second")
    ((window, _),) = bench.timers.sent
    bench.storms.close(window)
    assert bench.interrupt("late").digest is None
    assert bench.alone() == ["first", "late"]


def test_a_window_without_members_is_settled_and_nobody_is_told(bench: Bench) -> None:
    bench.interrupt("first")
    (window,) = bench.storms.windows.values()
    bench.clock.pass_by(LENGTH)
    digest_record = bench.watch.close(window)
    assert digest_record
    assert (digest_record.outcome, digest_record.headline) == (AlertOutcome.DECLINED, None)
    assert bench.topic.digests == []
    assert bench.storms.digest(window) == digest_record


def test_when_sns_is_down_the_next_ring_sends_without_waiting_for_a_lease(bench: Bench) -> None:
    bench.interrupt("first")
    bench.interrupt("second")
    window = bench.over()
    bench.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        bench.watch.close(window)
    bench.topic.fault = None
    assert bench.watch.close(window)


def test_while_one_sender_is_at_a_digest_another_one_keeps_off(bench: Bench) -> None:
    bench.interrupt("first")
    bench.interrupt("second")
    window = bench.over()
    bench.storms.lease_digest(window, now=bench.clock(), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        bench.watch.close(window)
    assert bench.topic.digests == []


def test_while_no_timer_can_be_sent_nobody_is_held_back_for_good(bench: Bench) -> None:
    bench.interrupt("first")
    bench.timers.fault = QueueUnavailableError("down")
    with pytest.raises(QueueUnavailableError):
        bench.interrupt("second")
    assert bench.ledger.alerts(job_id("second")) == ()
    bench.timers.fault = None
    digest_record = bench.alerter.alert(job_id("second"), INTERRUPTED)
    assert digest_record
    assert digest_record.digest
    assert len(bench.timers.sent) == 1


def test_who_opened_the_window_and_died_is_told_by_itself(bench: Bench) -> None:
    bench.topic.fault = TopicUnavailableError("down")
    with pytest.raises(TopicUnavailableError):
        bench.interrupt("first")
    bench.topic.fault = None
    digest_record = bench.alerter.alert(job_id("first"), INTERRUPTED)
    assert digest_record
    assert digest_record.digest is None
    assert bench.interrupt("second").digest


@pytest.mark.parametrize("method", ["window", "join", "note_timer"])
def test_an_alert_that_the_watch_could_not_place_waits_for_no_lease(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    bench.interrupt("first")

    def down(*_: object, **__: object) -> None:
        message = "throttled"
        raise LedgerUnavailableError(message)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryDigestStore, method, down)
        with pytest.raises(LedgerUnavailableError):
            bench.interrupt("second")
    assert bench.interrupt("second").digest is not None
    assert bench.alone() == ["first"]
