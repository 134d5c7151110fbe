"""The rules of the sweep."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import JobState
from respot.jobs.listing import LONGEST_LIFE, Summary
from respot.jobs.merge import TIMESTAMP_TOLERANCE
from respot.sweep.progress import (
    ABANDONED,
    FIRST_CHECK,
    FRESH_DEPLOYMENT,
    FULL_AFTER,
    QUICK,
    SweepProgress,
    check_periods,
    completed,
    differs,
    is_awaited,
    is_full_due,
    oldest_for_quick_pass,
    oldest_to_list,
    restarted,
    resumed,
    should_record,
    started,
    watched_since,
    with_proof,
)
from tests.support.builders import CREATED, REGION, at, job_id, state

CHECKS_AFTER = tuple(FIRST_CHECK * 2**number for number in range(9))


def summary(**others: object) -> Summary:
    """The same as `state()`, listed."""
    plain = Summary(job=job_id(), status="InProgress", secondary_status="Training", last_modified=at(390))
    return replace(plain, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("listed", "known", "expected"),
    [
        pytest.param(summary(), state(), False, id="the same"),
        pytest.param(summary(secondary_status=None), state(), False, id="a list without secondary statuses"),
        pytest.param(summary(last_modified=at(391)), state(), False, id="rounded up to a second"),
        pytest.param(summary(last_modified=at(100)), state(), False, id="an older list"),
        pytest.param(summary(), state(status="Deleting"), False, id="being deleted: nothing follows"),
        pytest.param(summary(), None, True, id="unknown"),
        pytest.param(summary(status="Stopping"), state(), True, id="another status"),
        pytest.param(summary(secondary_status="Teleporting"), state(), True, id="a status of tomorrow"),
        pytest.param(summary(last_modified=at(391.001)), state(), True, id="changed since"),
        pytest.param(summary(status="Deleting"), state(status="Completed"), True, id="deleted since"),
    ],
)
def test_a_listed_job_differs_if_the_ledger_lacks_something(
    listed: Summary, known: JobState | None, *, expected: bool
) -> None:
    assert differs(listed, known) is expected


@pytest.mark.parametrize(
    ("days", "status", "expected"),
    [
        (-30, "Completed", True),
        (-30.001, "Completed", False),
        (-30.001, "Deleting", False),
        (-400, "Stopping", True),
    ],
)
def test_an_unknown_job_is_recorded_unless_it_ended_before_the_backfill(
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
    ("others", "backfill", "expected"),
    [
        pytest.param({}, 90, CREATED - timedelta(days=90), id="the first pass, through the backfill"),
        pytest.param({}, 0, at(60) - LONGEST_LIFE, id="the first pass, through all that may be open"),
        pytest.param({"last_began": CREATED}, 90, at(60) - LONGEST_LIFE, id="a later one"),
        pytest.param({"down_to": at(-900)}, 90, at(-900), id="a quick one"),
        pytest.param(
            {"last_began": CREATED, "down_to": at(60) - 2 * LONGEST_LIFE}, 90, at(60) - LONGEST_LIFE, id="never further"
        ),
    ],
)
def test_the_oldest_creation_that_a_pass_lists(others: dict[str, Any], backfill: int, expected: datetime) -> None:
    assert oldest_to_list(progress(**others), backfill=timedelta(days=backfill), now=at(60)) == expected


@pytest.mark.parametrize(
    ("last_full", "expected"),
    [(None, True), (FULL_AFTER - timedelta(milliseconds=1), False), (FULL_AFTER, True), (timedelta(days=6), True)],
    ids=["never yet", "lately", "long enough ago", "long ago"],
)
def test_a_full_pass_is_due_after_some_time(last_full: timedelta | None, *, expected: bool) -> None:
    of = progress(last_began=at(60), last_full=last_full and at(60) - last_full, recorded_until=at(0))
    assert is_full_due(of, now=at(60)) is expected
    assert is_full_due(replace(of, recorded_until=None), now=at(60))


def before(**span: float) -> datetime:
    """Before the pass of `HALFWAY` began."""
    return at(10) - timedelta(**span)


GRACE = timedelta(minutes=2)
SETTLED = before(minutes=7)
"""A live job created before should be in the ledger."""
LATE = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("created", "others", "expected"),
    [
        pytest.param(SETTLED, {}, False, id="SageMaker's list may lack one as young"),
        pytest.param(SETTLED - LATE, {}, True, id="old enough"),
        pytest.param(before(days=20), {}, True, id="however old, while nothing is proven"),
        pytest.param(before(days=20), {"recorded_until": before(days=20)}, True, id="younger than what is proven"),
        pytest.param(before(days=20), {"recorded_until": before(days=20) + LATE}, False, id="proven before"),
        pytest.param(before(hours=2), {"missing_since": before(minutes=59)}, True, id="missing for less than an hour"),
        pytest.param(before(hours=2), {"missing_since": before(hours=1)}, False, id="perhaps never recorded"),
        pytest.param(before(minutes=30), {"missing_since": before(hours=1)}, True, id="another, of late"),
    ],
)
def test_the_live_jobs_that_the_ledger_should_have(
    created: datetime, others: dict[str, Any], *, expected: bool
) -> None:
    assert is_awaited(created, replace(HALFWAY, **others), grace=GRACE) is expected


@pytest.mark.parametrize(
    ("others", "until", "since"),
    [
        pytest.param({"down_to": None}, SETTLED, None, id="a full pass proves all"),
        pytest.param({"down_to": None, "missing": at(-800)}, at(-800), at(10), id="up to a job that is missing"),
        pytest.param({}, None, None, id="a quick pass without a beginning proves nothing"),
        pytest.param({"recorded_until": at(-900)}, SETTLED, None, id="a quick pass that leaves no gap"),
        pytest.param({"recorded_until": at(-900.001)}, at(-900.001), None, id="one that leaves a gap"),
        pytest.param({"recorded_until": at(-900), "missing": at(-800)}, at(-800), at(10), id="a missing job"),
        pytest.param({"recorded_until": at(0)}, at(0), None, id="never earlier than before"),
        pytest.param(
            {"recorded_until": at(-900), "missing_since": at(-60)}, SETTLED, None, id="the missing job has come"
        ),
        pytest.param(
            {"recorded_until": at(-900), "missing": at(-800), "missing_since": at(-60)},
            at(-800),
            at(-60),
            id="it has not",
        ),
        pytest.param(
            {"recorded_until": at(-900), "missing": at(-800), "missing_since": at(-3590)},
            at(-800),
            at(10),
            id="another has an hour of its own",
        ),
    ],
)
def test_until_when_the_ledger_has_every_live_job(
    others: dict[str, Any], until: datetime | None, since: datetime | None
) -> None:
    found = with_proof(replace(HALFWAY, **others), grace=GRACE)
    assert (found.recorded_until, found.missing_since) == (until, since)


@pytest.mark.parametrize("late", [0, 3, 40], ids="{} s late at times".format)
def test_full_passes_begin_less_than_an_hour_apart(late: float) -> None:
    of, full = progress(last_began=at(0), last_full=CREATED - timedelta(hours=5), recorded_until=at(0)), []
    for number in range(12 * 24):
        now = CREATED + number * timedelta(minutes=5) + timedelta(seconds=late * (number % 3))
        if is_full_due(of, now=now):
            full.append(now)
        of = completed(started(of, now=now, down_to=None if is_full_due(of, now=now) else now - QUICK))
    gaps = [later - earlier for earlier, later in pairwise(full)]
    assert full[0] == CREATED
    assert max(gaps) + timedelta(minutes=1) <= timedelta(hours=1)
    assert min(gaps) >= FULL_AFTER


@pytest.mark.parametrize(
    ("alive", "expected"),
    [
        (None, QUICK),
        (timedelta(hours=1), QUICK),
        (QUICK, QUICK + TIMESTAMP_TOLERANCE),
        (timedelta(days=20), timedelta(days=20) + TIMESTAMP_TOLERANCE),
    ],
    ids=["nothing alive", "alive and young", "alive at the edge", "alive and old"],
)
def test_a_quick_pass_lists_a_day_and_past_the_oldest_open_job(alive: timedelta | None, expected: timedelta) -> None:
    oldest = None if alive is None else at(60) - alive
    assert oldest_for_quick_pass(oldest_alive=oldest, now=at(60)) == at(60) - expected


def test_a_pass_starts_without_the_place_of_the_one_before() -> None:
    assert started(HALFWAY, now=at(60), down_to=at(-9)) == replace(
        HALFWAY, began=at(60), token=None, reached=None, down_to=at(-9)
    )


@pytest.mark.parametrize("down_to", [None, at(-9)], ids=["full", "quick"])
def test_only_a_complete_full_pass_postpones_the_next_full_one(down_to: datetime | None) -> None:
    idle = replace(HALFWAY, began=None, token=None, reached=None, down_to=None)
    of = replace(HALFWAY, down_to=down_to)
    assert completed(of) == replace(idle, last_began=at(10), last_full=at(-600) if down_to else at(10))
    assert restarted(of) == idle


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (FRESH_DEPLOYMENT - timedelta(seconds=1), CREATED),
        (FRESH_DEPLOYMENT, CREATED + FRESH_DEPLOYMENT),
        (timedelta(days=200), CREATED + timedelta(days=200)),
    ],
    ids=["there from the deployment on", "added an hour later", "added much later"],
)
def test_a_region_added_later_is_watched_from_then_on(after: timedelta, expected: datetime) -> None:
    assert watched_since(now=CREATED + after, deployed=CREATED) == expected


def test_the_age_counts_from_the_last_complete_pass_or_the_watch() -> None:
    assert progress().age(at(60)) == timedelta(minutes=1)
    assert progress(last_began=at(30), began=at(50)).age(at(60)) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("before", "now"),
    [(None, at(60)), (HALFWAY, CREATED + ABANDONED + timedelta(seconds=1))],
    ids=["never swept", "abandoned"],
)
def test_a_new_scope_is_watched_since_its_first_sweep(before: SweepProgress | None, now: datetime) -> None:
    taken = resumed(before, scope=REGION, now=now, watched_since=at(59))
    assert taken == SweepProgress(scope=REGION, watched_since=at(59), leased_at=now)


@pytest.mark.parametrize("idle", [timedelta(0), ABANDONED], ids=["at once", "after an outage"])
def test_a_pass_resumes_where_it_was_saved(idle: timedelta) -> None:
    taken = resumed(HALFWAY, scope=REGION, now=CREATED + idle, watched_since=at(60))
    assert taken == replace(HALFWAY, leased_at=CREATED + idle)


@pytest.mark.parametrize(
    ("moment", "ahead"),
    [("began", 5), ("last_began", 5), ("last_full", 5), ("missing_since", 5), ("recorded_until", 0)],
)
def test_what_lies_in_the_future_is_dropped(moment: str, ahead: int) -> None:
    now = CREATED + timedelta(hours=2)
    near = replace(HALFWAY, **{moment: now + timedelta(minutes=ahead)})  # type: ignore[arg-type]
    far = replace(HALFWAY, **{moment: now + timedelta(minutes=ahead, milliseconds=1)})  # type: ignore[arg-type]
    taken = resumed(far, scope=REGION, now=now, watched_since=now)
    assert taken == replace(far, leased_at=now, **{moment: None})  # type: ignore[arg-type]
    assert resumed(near, scope=REGION, now=now, watched_since=now) == replace(near, leased_at=now)


@given(
    gaps=st.lists(st.timedeltas(timedelta(seconds=1), timedelta(hours=60)), min_size=1, max_size=60),
    changed=st.timedeltas(timedelta(days=-3), timedelta(days=30)),
)
def test_checks_double_their_distance_for_any_schedule(gaps: list[timedelta], changed: timedelta) -> None:
    """A job is checked at the first sweep after each of its times. Times that one sweep catches up on are one check."""
    moment, last, found, expected = CREATED + changed, CREATED, [], []
    for gap in gaps:
        now = last + gap
        holding = [each for each in check_periods(last=last, now=now) if each.since <= moment <= each.until]
        # Where two periods meet, or at the moment at which a sweep begins, a job may be checked twice: never less.
        found += [now] * bool(holding)
        expected += [now] * any(last <= moment + after <= now for after in CHECKS_AFTER)
        assert len(holding) <= 2
        assert all(each.since <= each.until for each in check_periods(last=last, now=now))
        last = now
    assert found == expected


def test_checks_end_within_the_three_days_of_recovery() -> None:
    assert timedelta(days=1) < CHECKS_AFTER[-1] < timedelta(days=3)
    assert len(check_periods(last=CREATED, now=at(300))) == len(CHECKS_AFTER)
