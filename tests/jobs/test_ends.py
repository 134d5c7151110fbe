"""TrainingJobStatus decides whether a job has ended, not the name of its last status."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting.alert import kind_of
from respot.alerting.kinds import AlertKind
from respot.jobs.job import JobRecord, JobSnapshot, Transition
from respot.jobs.lifecycle import end_of, in_order, is_end, lacks_its_end
from respot.jobs.merge import reconcile
from respot.recovery.planning.waiting import stop_of
from tests.support.builders import CREATED, at, history, job_id, snapshot, state, transition
from tests.support.memory import MemoryLedger

UNKNOWN = "Reticulated"
WAITED = "Starting=0 Pending=5"


def ended(status: str = "Stopped", secondary: str = UNKNOWN, **others: object) -> JobSnapshot:
    """A description of a job that was pending for two hours, and then ended."""
    return snapshot(f"{WAITED} {secondary}=7200", status=status, **others)


def deleted(secondary: str = UNKNOWN) -> JobSnapshot:
    return ended("Deleting", secondary, last_modified=at(9000))


def from_event(seconds: float, status: str) -> JobSnapshot:
    """What an event with its own transition reports."""
    seen = state(status=status, secondary_status=UNKNOWN, last_modified=at(seconds), market=None, checkpoint_uri=None)
    return JobSnapshot(state=seen, history=(transition(UNKNOWN, seconds, provisional=True),))


def after(*snapshots: JobSnapshot) -> JobRecord:
    ledger = MemoryLedger(created=CREATED)
    for seen in snapshots:
        ledger.save(reconcile(ledger.load(job_id()), seen))
    return ledger.load(job_id())


def ends(record: JobRecord) -> list[tuple[str, str | None]]:
    return [(transition.status, transition.ended_as) for transition in record.transitions if is_end(transition)]


UNLISTED = snapshot(WAITED, status="Stopped", secondary_status=UNKNOWN, training_ended=at(7300))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(ended(), [(UNKNOWN, "Stopped")], id="stopped"),
        pytest.param(ended("Failed", "Whatever"), [("Whatever", "Failed")], id="failed"),
        pytest.param(ended("Completed", "Optimized"), [("Optimized", "Completed")], id="completed"),
        pytest.param(ended("Stopped", "MaxWaitTimeExceeded"), [("MaxWaitTimeExceeded", "Stopped")], id="a known end"),
        pytest.param(deleted(), [(UNKNOWN, "Deleting")], id="seen while it is deleted"),
        pytest.param(
            snapshot(f"{WAITED} {UNKNOWN}=7200 Deleting=9000", status="Deleting"),
            [(UNKNOWN, "Deleting")],
            id="deleting is a status of its own",
        ),
        pytest.param(snapshot("Deleting=9000", status="Deleting"), [], id="nothing but its deletion is known"),
        pytest.param(ended("Stopping"), [], id="not yet"),
        pytest.param(UNLISTED, [(UNKNOWN, "Stopped")], id="not in its list"),
        pytest.param(
            snapshot(f"{WAITED} {UNKNOWN}=7200 Uploading=7210", status="Stopped", secondary_status=UNKNOWN),
            [(UNKNOWN, "Stopped")],
            id="not the last in its list",
        ),
        pytest.param(from_event(7200, "Failed"), [(UNKNOWN, "Failed")], id="reported only by an event"),
    ],
)
def test_the_last_status_of_a_terminal_job_is_its_end(seen: JobSnapshot, expected: list[tuple[str, str]]) -> None:
    assert ends(after(seen)) == expected


def test_an_end_in_the_millisecond_of_another_status_is_the_last_one() -> None:
    at_once = snapshot("Starting=0 Stopping=7200", status="Stopped", secondary_status="Quick")
    seen = replace(at_once, history=in_order((*at_once.history, transition("Quick", 7200))))
    assert [each.status for each in after(seen).transitions] == ["Starting", "Stopping", "Quick"]


SNAPSHOTS = {
    "early": snapshot(WAITED),
    "not yet terminal": ended("Stopping"),
    "event": from_event(7200.4, "Stopped"),
    "event too early": from_event(7200.4, "Stopping"),
    "described": ended(),
    "without a start": JobSnapshot(
        state=state(status="Stopped", secondary_status=UNKNOWN, last_modified=at(7201)),
        history=(replace(transition(UNKNOWN, 7201), provisional=True),),
        start_known=False,
    ),
    "deleted": deleted(),
}


@pytest.mark.parametrize("names", [order for n in (2, 3) for order in permutations(SNAPSHOTS, n)], ids=" > ".join)
def test_in_any_order_of_snapshots_there_is_one_lasting_end(names: tuple[str, ...]) -> None:
    terminal = {"event", "described", "without a start", "deleted"} & set(names)
    record = after(*(SNAPSHOTS[name] for name in names))
    marked = [transition for transition in record.transitions if is_end(transition)]
    assert len(marked) == bool(terminal)
    assert not lacks_its_end(record)
    assert record.state
    if terminal:
        again = after(*(SNAPSHOTS[name] for name in names), deleted())
        assert end_of(again, again.state or record.state) == marked[0]


@given(st.lists(st.sampled_from(sorted(SNAPSHOTS)), min_size=1, max_size=8))
def test_the_stream_shows_an_end_once_inserted_or_marked(names: list[str]) -> None:
    """The stream shows what was inserted and what was marked."""
    ledger, shown = MemoryLedger(created=CREATED), 0
    for name in names:
        change = reconcile(ledger.load(job_id()), SNAPSHOTS[name])
        shown += sum(is_end(transition) for transition in (*change.inserted, *change.marked))
        ledger.save(change)
        assert reconcile(ledger.load(job_id()), SNAPSHOTS[name]).is_empty
    assert shown == sum(is_end(transition) for transition in ledger.load(job_id()).transitions)


def test_an_older_versions_item_without_the_mark_is_an_end_by_its_name() -> None:
    assert [is_end(transition) for transition in history("Stopping=1 MaxWaitTimeExceeded=2")] == [False, True]


def test_an_older_versions_unknown_end_is_marked_by_the_next_snapshot() -> None:
    known = JobRecord(state=ended().state, version=1, transitions=history(f"{WAITED} {UNKNOWN}=7200"))
    assert lacks_its_end(known)
    change = reconcile(known, ended())
    assert (change.inserted, change.marked) == ((), (transition(UNKNOWN, 7200),))
    assert not change.state_changed
    assert not change.is_empty
    assert change.marked[0].ended_as == "Stopped"


def test_a_known_end_without_the_mark_is_left_as_it_is() -> None:
    seen = ended("Stopped", "MaxWaitTimeExceeded")
    assert reconcile(JobRecord(state=seen.state, version=1, transitions=seen.history), seen).is_empty


@pytest.mark.parametrize(
    ("status", "ended_as", "kind"),
    [
        (UNKNOWN, "Stopped", AlertKind.ENDED),
        ("MaxPendingTimeExceeded", "Stopped", AlertKind.ENDED),
        ("Whatever", "Failed", AlertKind.ENDED),
        (UNKNOWN, "Deleting", AlertKind.ENDED),
        (UNKNOWN, "Completed", None),
        (UNKNOWN, None, None),
        ("Stopped", "Stopped", None),
        ("Stopped", "Failed", AlertKind.ENDED),  # a name that contradicts its status
        ("Completed", "Stopped", AlertKind.ENDED),
        ("Completed", "Completed", None),
        ("Failed", "Failed", AlertKind.FAILED),
        ("MaxWaitTimeExceeded", "Stopped", AlertKind.MAX_WAIT_TIME_EXCEEDED),
        ("MaxWaitTimeExceeded", None, AlertKind.MAX_WAIT_TIME_EXCEEDED),
        ("Interrupted", None, AlertKind.INTERRUPTED),
    ],
)
def test_an_unknown_end_is_alerted_on_and_a_known_one_keeps_its_kind(
    status: str, ended_as: str | None, kind: AlertKind | None
) -> None:
    assert kind_of(Transition(status=status, started=at(1), ended_as=ended_as)) is kind


def test_an_unknown_end_is_not_a_users_stop() -> None:
    assert stop_of(after(snapshot(f"{WAITED} Stopping=7190 {UNKNOWN}=7200", status="Stopped")).transitions) is None


def test_an_unlisted_end_starts_at_training_end_and_merges_when_listed() -> None:
    assert end_of(after(UNLISTED), UNLISTED.state).started == at(7300)
    for snapshots in ((UNLISTED, ended()), (ended(), UNLISTED), (UNLISTED, UNLISTED, ended(), UNLISTED)):
        assert ends(after(*snapshots)) == [(UNKNOWN, "Stopped")]
        assert not lacks_its_end(after(*snapshots))
