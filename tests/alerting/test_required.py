"""Which alerts a job's ledger records require."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting.kinds import AlertKind
from respot.alerting.required import RecoveryNews, missing_alerts, news_of_decision, news_of_outcome, required_alerts
from respot.jobs.job import JobRecord, JobSnapshot, Market, Transition
from respot.jobs.lifecycle import end_of
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord, Notice, NoticeKind, OutcomeKind, RecoveryRecords
from tests.alerting.environment import JOB, alerter_on
from tests.support.builders import CREATED, at, snapshot, state, transition
from tests.support.clock import FakeClock
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.records import decision_record, outcome_of

END = transition("MaxWaitTimeExceeded", 21630)


def decided(action: Action = Action.NOTHING, *, notify: bool = True, dry_run: bool = False) -> DecisionRecord:
    return decision_record(action, notify=notify, dry_run=dry_run, warning="a warning")


NOTICE = Notice(job=JOB, kind=NoticeKind.POLICY_INVALID, summary="no policy", noticed_at=at(21650))

STOP = Notice(job=JOB, kind=NoticeKind.WAIT_LIMIT_EXCEEDED, summary="waited too long", noticed_at=at(7))


# --- news of what Respot did ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("news", "seconds", "withdrawn"),
    [
        pytest.param(news_of_decision(decided()), 21635, True, id="nothing to do"),
        pytest.param(news_of_decision(decided(Action.REFUSE)), 21635, False, id="refused"),
        pytest.param(news_of_outcome(outcome_of()), 21640, False, id="created"),
        pytest.param(news_of_outcome(outcome_of(OutcomeKind.WITHDRAWN)), 21640, True, id="withdrawn"),
    ],
)
def test_news_has_its_own_time_and_is_no_fault_if_the_request_was_withdrawn(
    news: RecoveryNews, seconds: float, *, withdrawn: bool
) -> None:
    assert (news.happened_at, news.warning, news.withdrawn) == (at(seconds), "a warning", withdrawn)


# --- when -----------------------------------------------------------------------------------------------------------


def test_an_end_without_a_transition_is_the_states() -> None:
    assert end_of(JobRecord(), state(secondary_status="Stopped", last_modified=at(9))) == transition("Stopped", 9)


# --- required alerts ------------------------------------------------------------------------------------------------


def required(seen: JobSnapshot, recovery_records: RecoveryRecords | None = None) -> set[tuple[str, float]]:
    """The kinds of the required alerts, and the seconds of their transitions."""
    record = JobRecord(state=seen.state, transitions=seen.history)
    found = required_alerts(record, seen.state, recovery_records or RecoveryRecords())
    return {(kind.value, (started - CREATED).total_seconds()) for kind, started in found}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(snapshot(), set(), id="a job that runs normally"),
        pytest.param(
            snapshot("Starting=0 Interrupted=10 Starting=20 Interrupted=30"),
            {("interrupted", 10), ("interrupted", 30)},
            id="each interruption",
        ),
        pytest.param(snapshot(checkpoint_uri=None), {("advice", 0)}, id="risky spot settings"),
        pytest.param(snapshot(checkpoint_uri=None, market=Market.ON_DEMAND), set(), id="on demand"),
    ],
)
def test_a_job_requires_these_alerts(seen: JobSnapshot, expected: set[tuple[str, float]]) -> None:
    assert required(seen) == expected


@pytest.mark.parametrize(
    ("recovery_records", "expected"),
    [
        (RecoveryRecords(), set()),
        (RecoveryRecords(decision=decided(Action.RESUBMIT)), set()),
        (RecoveryRecords(decision=decided(Action.RESUBMIT), outcome=outcome_of()), {"resubmitted"}),
        (RecoveryRecords(decision=decided(), notices=(NOTICE,)), {"not-resubmitted", "policy-invalid"}),
    ],
    ids=["nothing yet", "under way", "created", "declined at last"],
)
def test_recovery_news_requires_an_alert_on_the_jobs_end(recovery_records: RecoveryRecords, expected: set[str]) -> None:
    assert required(snapshot("Stopping=1 Stopped=9"), recovery_records) == {(kind, 9) for kind in expected}


def test_the_alert_on_a_stop_is_about_the_stop_whether_the_job_has_ended_or_not() -> None:
    """Otherwise it would be required again as of the job's end."""
    records = RecoveryRecords(notices=(STOP,))
    for script in ("Starting=0", "Starting=0 Stopping=8 Stopped=9"):
        assert required(snapshot(script), records) == {("wait-limit-exceeded", 7)}


def test_two_warnings_of_one_deadline_require_two_alerts() -> None:
    """The owner sets the work after the first one; the second is as of another moment."""
    moments = {NoticeKind.WORK_UNKNOWN: 7, NoticeKind.DEADLINE_AT_RISK: 9}
    warnings = (Notice(job=JOB, kind=kind, summary="", noticed_at=at(second)) for kind, second in moments.items())
    records = RecoveryRecords(notices=tuple(warnings))
    assert required(snapshot("Starting=0"), records) == {("deadline-at-risk", 7), ("deadline-at-risk", 9)}
    both = [(AlertKind.DEADLINE_AT_RISK, at(second)) for second in (7, 9)]
    assert missing_alerts(both, both[:1]) == {both[1]}


STATUSES = ("Starting", "Training", "Interrupted", "Failed", "MaxWaitTimeExceeded", "MaxRuntimeExceeded", "Deleting")


@st.composite
def observations(draw: st.DrawFn) -> JobSnapshot:
    """Any transitions of any job, likely or not."""
    transitions = draw(
        st.lists(st.tuples(st.sampled_from(STATUSES), st.integers(0, 9)), min_size=1, max_size=8, unique=True)
    )
    plain = snapshot(
        market=draw(st.sampled_from((Market.SPOT, Market.ON_DEMAND, None))),
        checkpoint_uri=draw(st.sampled_from((None, "s3://bucket/prefix"))),
        status=draw(st.sampled_from(("InProgress", "Stopped", "Failed", "Deleting"))),
    )
    return replace(
        plain, history=tuple(Transition(status=status, started=at(second)) for status, second in transitions)
    )


@st.composite
def recovery_records(draw: st.DrawFn) -> RecoveryRecords:
    decisions = st.builds(decided, st.sampled_from(Action), notify=st.booleans(), dry_run=st.booleans())
    return RecoveryRecords(
        decision=draw(st.none() | decisions),
        outcome=draw(st.none() | st.builds(outcome_of, st.sampled_from(OutcomeKind))),
        notices=draw(st.sampled_from(((), (NOTICE,), (STOP, NOTICE)))),
    )


@given(
    seen=observations(), done=recovery_records(), kinds=st.sets(st.sampled_from(AlertKind)), hours=st.integers(0, 99)
)
def test_catching_up_completes_exactly_the_required_alerts(
    seen: JobSnapshot, done: RecoveryRecords, kinds: set[AlertKind], hours: int
) -> None:
    """Otherwise a sweep would return to a job for ever, or an alert would be missing."""
    ledger = MemoryLedger(created=CREATED - timedelta(days=1))
    runs = MemoryRunStore(ledger=ledger, clock=FakeClock(at(21650)))
    ledger.save(reconcile(JobRecord(), seen))
    if done.decision:
        runs.decisions[JOB] = done.decision
    if done.outcome:
        runs.outcomes[JOB] = done.outcome
    for notice in done.notices:
        runs.notice(JOB, notice.kind, notice.summary)
    clock = FakeClock(at(21900) + timedelta(hours=hours))
    alerter = alerter_on(ledger, clock=clock, topic=MemoryTopic())
    replace(alerter, runs=runs, kinds=frozenset(kinds)).catch_up(JOB)
    record = ledger.load(JOB)
    assert record.state is not None
    complete = {(alert_record.kind, alert_record.transition.started) for alert_record in ledger.alerts(JOB)}
    assert complete == required_alerts(record, record.state, runs.recovery_records(JOB))
