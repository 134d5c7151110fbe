"""What a sweep compares, and when it looks after the ledger's own jobs."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import JobState
from respot.jobs.merge import TIMESTAMP_TOLERANCE
from respot.sweep.progress import (
    ABANDONED,
    FIRST_CHECK,
    FRESH_DEPLOYMENT,
    FULL_AFTER,
    LONGEST_LIFE,
    QUICK,
    Summary,
    SweepProgress,
    check_periods,
    completed,
    differs,
    is_full_due,
    oldest_for_quick_pass,
    oldest_to_list,
    restarted,
    resumed,
    should_record,
    started,
    watched_since,
)
from tests.support.builders import CREATED, REGION, at, job_id, state

CHECKS_AFTER = tuple(FIRST_CHECK * 2**number for number in range(9))


def summary(**others: object) -> Summary:
    """The same as `state()`, listed."""
    plain = Summary(job=job_id(), status="InProgress", secondary_status="Training", last_modified=at(390))
    return replace(plain, **others)  # type: ignore[arg-type]


# --- what is unlike -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "known"),
    [
        pytest.param(summary(), state(), id="the same"),
        pytest.param(summary(secondary_status=None), state(), id="a list without secondary statuses"),
        pytest.param(summary(last_modified=at(391)), state(), id="rounded up to a second"),
        pytest.param(summary(last_modified=at(100)), state(), id="an older list"),
        pytest.param(summary(), state(status="Deleting"), id="being deleted: nothing follows"),
        pytest.param(summary(status="Deleting"), state(status="Deleting"), id="deleting, by both"),
    ],
)
def test_what_the_ledger_knows_as_well_is_alike(listed: Summary, known: JobState) -> None:
    assert not differs(listed, known)


@pytest.mark.parametrize(
    ("listed", "known"),
    [
        pytest.param(summary(), None, id="unknown"),
        pytest.param(summary(status="Stopping"), state(), id="another status"),
        pytest.param(summary(secondary_status="Interrupted"), state(), id="another secondary status"),
        pytest.param(summary(secondary_status="Teleporting"), state(), id="a status of tomorrow"),
        pytest.param(summary(last_modified=at(391.001)), state(), id="changed since"),
        pytest.param(summary(status="Deleting"), state(status="Completed"), id="deleted by now"),
        pytest.param(summary(status="Stopped", secondary_status=None), state(), id="ended"),
    ],
)
def test_what_the_ledger_does_not_know_is_unlike(listed: Summary, known: JobState | None) -> None:
    assert differs(listed, known)


# --- what is nobody's concern ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "status", "expected"),
    [
        (-30, "Completed", True),
        (-30.001, "Completed", False),
        (-30.001, "Deleting", False),
        (-400, "InProgress", True),
        (-400, "Stopping", True),
        (1, "Failed", True),
    ],
)
def test_an_unknown_job_that_ended_before_the_backfill_is_left_alone(
    days: float, status: str, *, expected: bool
) -> None:
    listed = summary(status=status, job=job_id(created=CREATED + timedelta(days=days)))
    assert should_record(listed, watched_since=CREATED, backfill=timedelta(days=30)) is expected


def progress(**others: object) -> SweepProgress:
    return replace(SweepProgress(scope=REGION, watched_since=CREATED, leased_at=CREATED), **others)  # type: ignore[arg-type]


HALFWAY = progress(
    began=at(10),
    token="token",  # noqa: S106 - a page's
    reached=at(5),
    down_to=at(-900),
    last_began=at(-300),
    last_full=at(-600),
)


@pytest.mark.parametrize(
    ("last_began", "backfill", "expected"),
    [
        pytest.param(None, 90, CREATED - timedelta(days=90), id="the first pass, through the backfill"),
        pytest.param(None, 0, at(60) - LONGEST_LIFE, id="the first pass, through whatever may be alive"),
        pytest.param(CREATED, 90, at(60) - LONGEST_LIFE, id="a later one, through whatever may be alive"),
        pytest.param(CREATED, 0, at(60) - LONGEST_LIFE, id="a later one without backfill"),
    ],
)
def test_how_far_back_a_pass_lists(last_began: datetime | None, backfill: int, expected: datetime) -> None:
    of = progress(last_began=last_began)
    assert oldest_to_list(of, backfill=timedelta(days=backfill), now=at(60)) == expected


def test_the_first_pass_lists_back_from_the_deployment_however_long_it_takes() -> None:
    now = CREATED + timedelta(days=20)
    assert oldest_to_list(progress(), backfill=timedelta(days=30), now=now) == CREATED - timedelta(days=30)


# --- full passes and shallow ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_full", "expected"),
    [
        pytest.param(None, True, id="never yet"),
        pytest.param(FULL_AFTER - timedelta(milliseconds=1), False, id="lately"),
        pytest.param(FULL_AFTER, True, id="long enough ago"),
        pytest.param(timedelta(days=6), True, id="long ago"),
    ],
)
def test_a_pass_is_a_full_one_when_none_was_for_some_time(last_full: timedelta | None, *, expected: bool) -> None:
    of = progress(last_began=at(60), last_full=last_full and at(60) - last_full)
    assert is_full_due(of, now=at(60)) is expected


@pytest.mark.parametrize(
    ("alive", "expected"),
    [
        pytest.param(None, QUICK, id="nothing alive"),
        pytest.param(timedelta(hours=1), QUICK, id="alive and young"),
        pytest.param(QUICK, QUICK + TIMESTAMP_TOLERANCE, id="alive at the edge"),
        pytest.param(timedelta(days=20), timedelta(days=20) + TIMESTAMP_TOLERANCE, id="alive and old"),
    ],
)
def test_a_shallow_pass_lists_a_day_and_past_what_is_alive(alive: timedelta | None, expected: timedelta) -> None:
    oldest = None if alive is None else at(60) - alive
    assert oldest_for_quick_pass(oldest_alive=oldest, now=at(60)) == at(60) - expected


@pytest.mark.parametrize("days", [1, 20, 400])
@pytest.mark.parametrize("last_began", [None, CREATED])
def test_a_shallow_pass_ends_at_its_depth_and_within_the_horizon(days: int, last_began: datetime | None) -> None:
    of = progress(last_began=last_began, down_to=at(60) - timedelta(days=days))
    whole = oldest_to_list(replace(of, down_to=None), backfill=timedelta(days=90), now=at(60))
    assert oldest_to_list(of, backfill=timedelta(days=90), now=at(60)) == max(whole, at(60) - timedelta(days=days))


def test_a_pass_begins_with_nothing_of_the_one_before() -> None:
    assert started(HALFWAY, now=at(60), down_to=at(-9)) == replace(
        HALFWAY, began=at(60), token=None, reached=None, down_to=at(-9)
    )


@pytest.mark.parametrize("down_to", [None, at(-9)], ids=["full", "shallow"])
def test_only_a_full_pass_puts_the_next_full_one_off(down_to: datetime | None) -> None:
    idle = replace(HALFWAY, began=None, token=None, reached=None, down_to=None)
    of = replace(HALFWAY, down_to=down_to)
    assert completed(of) == replace(idle, last_began=at(10), last_full=at(-600) if down_to else at(10))
    assert restarted(of) == idle


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(timedelta(minutes=5), CREATED, id="there from the deployment on"),
        pytest.param(FRESH_DEPLOYMENT - timedelta(seconds=1), CREATED, id="just within"),
        pytest.param(FRESH_DEPLOYMENT, CREATED + FRESH_DEPLOYMENT, id="added an hour later"),
        pytest.param(timedelta(days=200), CREATED + timedelta(days=200), id="added much later"),
    ],
)
def test_a_region_added_later_is_watched_from_then_on(after: timedelta, expected: datetime) -> None:
    assert watched_since(now=CREATED + after, deployed=CREATED) == expected


def test_the_age_is_that_of_the_last_complete_pass_or_of_the_watch() -> None:
    assert progress().age(at(60)) == timedelta(minutes=1)
    assert progress(last_began=at(30), began=at(50)).age(at(60)) == timedelta(seconds=30)


# --- taking a pass up -----------------------------------------------------------------------------------------------


def test_a_new_scope_is_watched_since_its_first_sweep() -> None:
    taken = resumed(None, scope=REGION, now=at(60), watched_since=at(59))
    assert taken == SweepProgress(scope=REGION, watched_since=at(59), leased_at=at(60))


@pytest.mark.parametrize("idle", [timedelta(0), ABANDONED], ids=["at once", "after an outage"])
def test_a_pass_goes_on_where_it_was_left(idle: timedelta) -> None:
    taken = resumed(HALFWAY, scope=REGION, now=CREATED + idle, watched_since=at(60))
    assert taken == replace(HALFWAY, leased_at=CREATED + idle)


def test_a_region_that_was_not_swept_for_long_is_watched_anew() -> None:
    now = CREATED + ABANDONED + timedelta(seconds=1)
    taken = resumed(HALFWAY, scope=REGION, now=now, watched_since=now)
    assert taken == SweepProgress(scope=REGION, watched_since=now, leased_at=now)


# --- checks ---------------------------------------------------------------------------------------------------------


@given(
    gaps=st.lists(st.timedeltas(timedelta(seconds=1), timedelta(hours=60)), min_size=1, max_size=60),
    changed=st.timedeltas(timedelta(days=-3), timedelta(days=30)),
)
def test_each_job_is_checked_after_ten_minutes_and_ever_more_rarely_whatever_the_cadence(
    gaps: list[timedelta], changed: timedelta
) -> None:
    """At the first sweep after each of its times; those that one sweep makes good for are one check."""
    moment, last, found, expected = CREATED + changed, CREATED, [], []
    for gap in gaps:
        now = last + gap
        holding = [window for window in check_periods(last=last, now=now) if window.since <= moment <= window.until]
        # Where two windows meet, or a sweep begins to the very moment, a job may be checked twice: never less.
        found += [now] * bool(holding)
        expected += [now] * any(last <= moment + after <= now for after in CHECKS_AFTER)
        assert len(holding) <= 2
        last = now
    assert found == expected


def test_a_job_is_due_once_however_long_the_outage() -> None:
    due = check_periods(last=CREATED, now=CREATED + timedelta(days=20))
    assert due[0].until == CREATED + timedelta(days=20) - FIRST_CHECK
    assert all(earlier.since == later.until for earlier, later in pairwise(due))
    assert due[-1].since == CREATED - CHECKS_AFTER[-1]


def test_checks_end_before_recovery_forgets() -> None:
    assert timedelta(days=1) < CHECKS_AFTER[-1] < timedelta(days=3)
    assert len(check_periods(last=CREATED, now=at(300))) == len(CHECKS_AFTER)


def test_every_window_has_an_inside() -> None:
    for span in (timedelta(0), timedelta(minutes=5), timedelta(minutes=10), timedelta(days=9)):
        assert all(each.since <= each.until for each in check_periods(last=CREATED, now=CREATED + span))
