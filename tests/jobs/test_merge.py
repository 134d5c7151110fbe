from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.jobs.job import JobId, JobRecord, JobSnapshot, Market, Transition
from respot.jobs.merge import is_same_job, merge, reconcile
from tests.support.builders import at, history, job_id, reported, snapshot, state, transition

SEEN = "Starting=0 Downloading=250 Training=390 Interrupted=3720"


def record_of(seen: JobSnapshot, *, version: int = 1) -> JobRecord:
    return JobRecord(state=seen.state, version=version, transitions=seen.history)


def provisional(status: str, seconds: float) -> Transition:
    return transition(status, seconds, provisional=True)


def sighted(status: str, seconds: float) -> JobSnapshot:
    """What an event without its own transition reports."""
    return replace(reported(status, seconds), start_known=False)


def after(*snapshots: JobSnapshot) -> JobRecord:
    record = JobRecord()
    for seen in snapshots:
        change = reconcile(record, seen)
        record = JobRecord(state=change.state, version=record.version + 1, transitions=change.transitions)
    return record


def test_the_first_snapshot_is_written_completely() -> None:
    seen = snapshot(SEEN)
    change = reconcile(JobRecord(), seen)
    assert (change.state, change.inserted, change.version) == (seen.state, seen.history, 0)
    assert change.state_changed
    assert not change.is_empty


@pytest.mark.parametrize("seen", [SEEN, "Starting=0 Downloading=250"], ids=["again", "stale"])
def test_a_snapshot_that_is_known_changes_nothing(seen: str) -> None:
    assert reconcile(record_of(snapshot(SEEN)), snapshot(seen)).is_empty


def test_only_missing_transitions_are_inserted() -> None:
    change = reconcile(record_of(snapshot("Starting=0 Downloading=250")), snapshot(SEEN))
    assert change.inserted == history("Training=390 Interrupted=3720")
    assert change.transitions == history(SEEN)


def test_transitions_lost_in_a_crash_are_inserted_for_an_unchanged_state() -> None:
    seen = snapshot(SEEN)
    change = reconcile(JobRecord(state=seen.state, version=1, transitions=seen.history[:1]), seen)
    assert change.inserted == seen.history[1:]


def test_a_new_transition_changes_the_state_even_if_only_figures_change() -> None:
    """The state item has the figures: an interruption that is recorded late must count there too."""
    ended = reported("Stopped", 9000)
    late = reported("Interrupted", 3720)
    change = reconcile(record_of(ended), late)
    assert change.inserted == late.history
    assert change.state == ended.state
    assert change.state_changed


# --- one transition, reported twice ---------------------------------------------------------------------------------


@pytest.mark.parametrize("difference", [0, 0.037, -0.037, 0.999, -0.999, 1, -1])
@pytest.mark.parametrize("order", [1, -1], ids=["event first", "describe first"])
def test_an_event_and_describe_with_different_rounding_are_one_transition(difference: float, order: int) -> None:
    snapshots = (reported("Interrupted", 3720 + difference), snapshot(SEEN))
    statuses = [each.status for each in after(*snapshots[::order]).transitions]
    assert statuses == ["Starting", "Downloading", "Training", "Interrupted"]


@pytest.mark.parametrize(
    ("known", "seen", "is_new"),
    [
        pytest.param(reported("Interrupted", 3720), reported("Interrupted", 3721.001), True, id="beyond the tolerance"),
        pytest.param(snapshot(), reported("Training", 2000), True, id="its own start within an equal status"),
        pytest.param(snapshot(), sighted("Training", 2000), False, id="no start: the status of its time"),
        pytest.param(snapshot("Training=390"), sighted("Training", 100), True, id="no start, before equal statuses"),
    ],
)
def test_an_event_is_a_transition_of_its_own_or_a_known_one(
    known: JobSnapshot, seen: JobSnapshot, *, is_new: bool
) -> None:
    assert reconcile(record_of(known), seen).inserted == (seen.history if is_new else ())


@pytest.mark.parametrize("report", [reported, sighted])
def test_an_interruption_reported_after_a_later_one_is_not_lost(report: Callable[[str, float], JobSnapshot]) -> None:
    events = [report("Interrupted", 3720), report("Training", 5600), report("Interrupted", 12_000)]
    for order in (events, events[::-1]):
        assert [each.status for each in after(*order).transitions] == ["Interrupted", "Training", "Interrupted"]


def test_a_transition_reported_twice_without_a_start_is_one_in_either_order() -> None:
    early, late = sighted("Starting", 20), sighted("Starting", 200)
    assert [len(after(*order).transitions) for order in ((early, late), (late, early))] == [1, 1]


def test_describe_does_not_repeat_what_an_event_without_a_start_reported() -> None:
    seen = after(sighted("Training", 600), snapshot("Starting=0 Downloading=250 Training=390 Uploading=900"))
    assert [(transition.status, transition.provisional) for transition in seen.transitions] == [
        ("Starting", False),
        ("Downloading", False),
        ("Training", True),
        ("Uploading", False),
    ]


def test_an_event_without_a_start_belongs_to_the_nearer_of_two_transitions() -> None:
    seen = snapshot("Starting=0 Interrupted=9.1 Starting=9.2 Interrupted=10.3 Starting=10.6")
    inserted = reconcile(record_of(sighted("Interrupted", 10)), seen).inserted
    assert [each for each in inserted if each.status == "Interrupted"] == list(history("Interrupted=9.1"))


# --- the state ------------------------------------------------------------------------------------------------------

RUNNING = state(status="InProgress", secondary_status="Training", last_modified=at(390))
STOPPED = state(status="Stopped", secondary_status="MaxWaitTimeExceeded", last_modified=at(21600))
DELETING = state(status="Deleting", secondary_status="MaxWaitTimeExceeded", last_modified=at(90000))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        pytest.param(RUNNING, replace(RUNNING, last_modified=at(500), secondary_status="Uploading"), id="by time"),
        pytest.param(RUNNING, STOPPED, id="terminal after running"),
        pytest.param(replace(RUNNING, last_modified=at(30000)), STOPPED, id="terminal with an earlier time"),
        pytest.param(STOPPED, DELETING, id="deleting after terminal"),
        pytest.param(replace(STOPPED, last_modified=at(99999)), DELETING, id="deleting with an earlier time"),
        pytest.param(replace(RUNNING, last_modified=at(99999)), DELETING, id="deleting before a late event"),
    ],
)
def test_the_state_only_moves_forward_in_any_order(earlier: Any, later: Any) -> None:  # noqa: ANN401
    assert merge(earlier, later).secondary_status == later.secondary_status
    assert merge(earlier, later) == merge(later, earlier)
    assert merge(later, earlier).status == later.status


def test_the_earlier_state_supplies_what_the_later_one_lacks() -> None:
    described = replace(RUNNING, tags={"team": "vision"})
    event = replace(STOPPED, market=None, checkpoint_uri=None, tags=None, described=None)
    after = merge(described, event)
    assert after == merge(event, described)
    assert (after.market, after.checkpoint_uri, after.tags) == (Market.SPOT, RUNNING.checkpoint_uri, {"team": "vision"})
    assert after.described


def test_an_event_does_not_replace_a_description_of_the_same_moment() -> None:
    assert merge(RUNNING, replace(RUNNING, instance_type="ml.odd")).instance_type == RUNNING.instance_type


def test_the_message_of_an_earlier_transition_is_not_kept_for_a_later_one() -> None:
    earlier = replace(RUNNING, status_message="Training in progress")
    later = replace(RUNNING, secondary_status="Interrupted", last_modified=at(3720), status_message=None)
    assert merge(earlier, later).status_message is None
    assert merge(later, earlier).status_message is None


def test_a_message_that_an_event_lacks_comes_from_the_description_of_that_moment() -> None:
    described = replace(RUNNING, status_message="Training in progress")
    assert merge(RUNNING, described).status_message == "Training in progress"


def test_figures_can_change_after_the_end() -> None:
    settled = replace(STOPPED, billable_time=timedelta(seconds=100))
    assert merge(STOPPED, settled).billable_time == timedelta(seconds=100)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(job_id(), True, id="itself"),
        pytest.param(job_id(created=at(1)), True, id="rounded"),
        pytest.param(job_id(created=at(2)), False, id="created later"),
        pytest.param(job_id("another"), False, id="another name"),
        pytest.param(replace(job_id(), region="eu-west-1"), False, id="another region"),
    ],
)
def test_one_job_has_one_region_name_and_creation(other: JobId, same: bool) -> None:  # noqa: FBT001 - a table's cell
    assert is_same_job(job_id(), other) is same
