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


def test_the_first_snapshot_is_written_completely() -> None:
    seen = snapshot(SEEN)
    change = reconcile(JobRecord(), seen)
    assert (change.state, change.inserted, change.version) == (seen.state, seen.history, 0)
    assert change.state_changed
    assert not change.is_empty


def test_the_same_snapshot_again_changes_nothing() -> None:
    seen = snapshot(SEEN)
    assert reconcile(record_of(seen), seen).is_empty


def test_only_missing_transitions_are_inserted() -> None:
    change = reconcile(record_of(snapshot("Starting=0 Downloading=250")), snapshot(SEEN))
    assert change.inserted == history("Training=390 Interrupted=3720")
    assert change.transitions == history(SEEN)


def test_transitions_lost_in_a_crash_are_inserted_for_an_unchanged_state() -> None:
    seen = snapshot(SEEN)
    change = reconcile(JobRecord(state=seen.state, version=1, transitions=seen.history[:1]), seen)
    assert change.inserted == seen.history[1:]


def test_a_stale_snapshot_takes_nothing_back() -> None:
    seen = snapshot(SEEN)
    assert reconcile(record_of(seen), snapshot("Starting=0 Downloading=250")).is_empty


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
@pytest.mark.parametrize("first", ["event", "describe"])
def test_an_event_and_describe_with_different_rounding_are_one_transition(difference: float, first: str) -> None:
    described = snapshot("Starting=0 Downloading=250 Training=390 Interrupted=3720")
    from_event = reported("Interrupted", 3720 + difference)
    snapshots = (from_event, described) if first == "event" else (described, from_event)
    after = JobRecord()
    for seen in snapshots:
        change = reconcile(after, seen)
        after = JobRecord(state=change.state, version=after.version + 1, transitions=change.transitions)
    assert [transition.status for transition in after.transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Interrupted",
    ]


def test_two_interruptions_beyond_the_tolerance_are_two() -> None:
    known = record_of(reported("Interrupted", 3720))
    assert reconcile(known, reported("Interrupted", 3721.001)).inserted == (provisional("Interrupted", 3721.001),)


def test_an_event_without_a_start_belongs_to_the_status_of_its_time() -> None:
    known = record_of(snapshot("Starting=0 Downloading=250 Training=390"))
    sighted = JobSnapshot(
        state=state(last_modified=at(2000)), history=(provisional("Training", 2000),), start_known=False
    )
    assert reconcile(known, sighted).inserted == ()


def test_an_event_with_a_start_is_its_own_transition_within_an_equal_status() -> None:
    known = record_of(snapshot("Starting=0 Downloading=250 Training=390"))
    assert reconcile(known, reported("Training", 2000)).inserted == (provisional("Training", 2000),)


def test_an_event_without_a_start_before_every_equal_status_is_new() -> None:
    known = record_of(snapshot("Training=390"))
    sighted = JobSnapshot(state=state(), history=(provisional("Training", 100),), start_known=False)
    assert reconcile(known, sighted).inserted == (provisional("Training", 100),)


def test_describe_does_not_repeat_what_an_event_without_a_start_reported() -> None:
    known = record_of(
        JobSnapshot(state=state(last_modified=at(600)), history=(provisional("Training", 600),), start_known=False)
    )
    change = reconcile(known, snapshot("Starting=0 Downloading=250 Training=390 Uploading=900"))
    assert [(transition.status, transition.provisional) for transition in change.transitions] == [
        ("Starting", False),
        ("Downloading", False),
        ("Training", True),
        ("Uploading", False),
    ]


def test_an_event_without_a_start_belongs_to_the_nearer_of_two_transitions() -> None:
    known = record_of(
        JobSnapshot(state=state(last_modified=at(10)), history=(provisional("Interrupted", 10),), start_known=False)
    )
    seen = snapshot("Starting=0 Interrupted=9.1 Starting=9.2 Interrupted=10.3 Starting=10.6")
    inserted = [transition for transition in reconcile(known, seen).inserted if transition.status == "Interrupted"]
    assert inserted == list(history("Interrupted=9.1"))


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
    event = replace(STOPPED, market=None, checkpoint_uri=None, tags=None)
    after = merge(described, event)
    assert after == merge(event, described)
    assert (after.market, after.checkpoint_uri, after.tags) == (Market.SPOT, RUNNING.checkpoint_uri, {"team": "vision"})


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


# --- deleted jobs, known only from events -------------------------------------------------------------------------


def sighted(status: str, seconds: float) -> JobSnapshot:
    """What an event without its own transition reports."""
    from_event = reported(status, seconds)
    return replace(from_event, start_known=False)


def statuses_after(*snapshots: JobSnapshot) -> list[str]:
    record = JobRecord()
    for seen in snapshots:
        change = reconcile(record, seen)
        record = JobRecord(state=change.state, version=record.version + 1, transitions=change.transitions)
    return [transition.status for transition in record.transitions]


def test_an_interruption_reported_after_a_later_one_is_not_lost() -> None:
    first, between, second = reported("Interrupted", 3720), reported("Training", 5600), reported("Interrupted", 12_000)
    assert statuses_after(second, first) == ["Interrupted", "Interrupted"]
    assert statuses_after(second, between, first) == ["Interrupted", "Training", "Interrupted"]


def test_an_interruption_without_a_start_after_a_later_one_is_not_lost() -> None:
    first, between, second = sighted("Interrupted", 3720), sighted("Training", 5600), sighted("Interrupted", 12_000)
    assert statuses_after(second, between, first) == ["Interrupted", "Training", "Interrupted"]
    assert statuses_after(first, between, second) == ["Interrupted", "Training", "Interrupted"]


def test_a_transition_reported_twice_without_a_start_is_one_in_either_order() -> None:
    early, late = sighted("Starting", 20), sighted("Starting", 200)
    assert statuses_after(early, late) == statuses_after(late, early) == ["Starting"]


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
