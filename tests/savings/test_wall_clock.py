"""Where the wall-clock time went: classes that add up to all of it, for any lifecycle."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import JobRecord
from respot.jobs.lifecycle import is_end
from respot.jobs.merge import reconcile
from respot.recovery.records import OutcomeKind
from respot.runs.run_state import RunAttempt
from respot.savings.receipt import receipt_of
from respot.savings.totals import Group, total, totals_by
from respot.savings.wall_clock import TimeClass, timeline, wall_clock
from respot_cli.savings.verify import verify
from tests.support.builders import at, job_id
from tests.support.lifecycles import Life, lives
from tests.support.receipts import NOW, receipt, resubmission, resumed_run, run_attempt
from tests.support.records import outcome_of

LONG_AFTER = at(1_000_000)


def of_life(life: Life, number: int, shift: timedelta, order: st.DataObject) -> RunAttempt:
    """The attempt that lived so, that much later, its transitions in any order."""
    last = life.moments[-1].described
    recorded = reconcile(JobRecord(), last).transitions
    transitions = [replace(each, started=each.started + shift) for each in recorded]
    seen = last.state
    moved = replace(
        seen,
        job=job_id(f"job-{number}", created=seen.job.created + shift),
        last_modified=seen.last_modified + shift,
        training_started=seen.training_started and seen.training_started + shift,
        training_ended=seen.training_ended and seen.training_ended + shift,
        instance_count=order.draw(st.sampled_from((None, 1, 3))),
        checkpoint_uri=order.draw(st.sampled_from((None, "s3://bucket/checkpoints/"))),
    )
    decision = order.draw(st.sampled_from((None, resubmission(saved_at=5000, proved="20 min"))))
    return RunAttempt(
        number=number,
        state=moved,
        name=moved.job.name,
        decision=decision,
        outcome=None,
        transitions=tuple(order.draw(st.permutations(transitions))),
    )


@given(life=lives(), following=lives(), shift=st.integers(0, 200_000), order=st.data())
def test_the_classes_add_up_for_any_lifecycle(life: Life, following: Life, shift: int, order: st.DataObject) -> None:
    """Also with statuses of nobody, in any order, of a second attempt that overlaps the first, and of live jobs."""
    first = of_life(life, 1, timedelta(), order)
    second = of_life(following, 2, timedelta(seconds=shift), order)
    attempts = order.draw(st.sampled_from(((first,), (first, second))))
    found = receipt_of("us-east-1/job-1/0", attempts, now=LONG_AFTER)  # type: ignore[arg-type]

    ends = [next((each.started for each in one.transitions if is_end(each)), None) for one in attempts]
    expected = max(end or LONG_AFTER for end in ends) - at(0)
    successor = found.segments[-1] if found.segments and attempts[-1].decision else None
    if successor and successor.time_class is TimeClass.BETWEEN:  # it waits for the attempt that was decided on
        expected = successor.ended - at(0)
    assert abs(found.wall_clock.total - expected) <= timedelta(seconds=1)
    assert all(one.ended == other.began for one, other in pairwise(found.segments))
    assert sum(found.wall_clock.share(each) for each in TimeClass) == pytest.approx(1 if found.wall_clock.total else 0)
    for attempt in found.attempts:
        assert timedelta() <= attempt.kept.low <= attempt.kept.high <= attempt.trained
        assert timedelta() <= attempt.repeated.low <= attempt.repeated.high
        assert attempt.uninterrupted is None or timedelta() <= attempt.uninterrupted.low <= attempt.uninterrupted.high
    whole = total([found])
    for group in Group:
        parts = totals_by(group, [found]).values()
        assert sum((each.wall_clock.total for each in parts), timedelta()) == whole.wall_clock.total
        assert sum((each.billed for each in parts), timedelta()) == whole.billed
        assert sum((each.lost.high for each in parts), timedelta()) == whole.lost.high
        assert sum(each.attempts for each in parts) == whole.attempts
    assert verify([found], {}, {}, whole).differences == ()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("Starting=0 Pending=60 Stopped=600", {"queued": 600}, id="never got an instance"),
        pytest.param(
            "Starting=0 LaunchingMLInstances=100 PreparingTrainingStack=200 Downloading=250 "
            "DownloadingTrainingImage=260 Training=300 Uploading=400 Completed=500",
            {"queued": 200, "starting": 50, "downloading": 50, "training": 100, "uploading": 100},
            id="the older names",
        ),
        pytest.param(
            "Starting=0 Downloading=100 Interrupted=200 Starting=210 Pending=300 Downloading=400 Stopping=500 "
            "Stopped=550",
            {"queued": 100, "downloading": 200, "interrupted": 200, "stopping": 50},
            id="what follows an interruption waits because of it",
        ),
        pytest.param(
            "Starting=0 Training=100 Restarting=200 Training=300 Completed=400",
            {"queued": 100, "training": 200, "interrupted": 100},
            id="a restart after an error of SageMaker's",
        ),
        pytest.param(
            "Starting=0 Reticulating=100 Training=200 Completed=300",
            {"queued": 100, "starting": 100, "training": 100},
            id="a status of an unknown name",
        ),
        pytest.param("Training=50 Completed=80", {"training": 30}, id="created with its first transition"),
    ],
)
def test_each_status_has_a_class(script: str, expected: dict[str, int]) -> None:
    found = wall_clock(timeline([run_attempt(script)], now=NOW))
    assert {each.value: length.total_seconds() for each, length in found.times.items()} == expected


def test_instances_are_there_from_training_start_time_on() -> None:
    """ "You are billed for the time interval between this time and TrainingEndTime", and `Starting` may last longer."""
    known = run_attempt("Starting=0 Downloading=300 Training=400 Completed=500", training_started=at(120))
    found = wall_clock(timeline([known], now=NOW))
    assert found.of(TimeClass.QUEUED) == timedelta(seconds=120)
    assert found.of(TimeClass.STARTING) == timedelta(seconds=180)


def test_what_precedes_the_first_known_status_is_waiting() -> None:
    known = run_attempt("Training=100 Completed=500")
    assert known.state is not None
    early = replace(known, state=replace(known.state, job=job_id()))
    found = wall_clock(timeline([early], now=NOW))
    assert found.times == {TimeClass.QUEUED: timedelta(seconds=100), TimeClass.TRAINING: timedelta(seconds=400)}


def test_time_goes_on_between_attempts_while_the_next_one_is_to_come() -> None:
    first, _ = resumed_run()
    waiting = receipt(first, now=at(8400 + 1000))
    assert waiting.wall_clock.of(TimeClass.BETWEEN) == timedelta(seconds=1000)
    three_days = timedelta(days=3)  # nothing is created later
    assert receipt(first, now=LONG_AFTER).wall_clock.of(TimeClass.BETWEEN) == at(8500) + three_days - at(8400)
    created = RunAttempt(number=2, state=None, name="spot-job-r2", decision=None, outcome=None)
    assert receipt(first, created, now=at(9400)).wall_clock.of(TimeClass.BETWEEN) == timedelta(seconds=1000)


def test_a_clock_that_is_behind_gives_no_negative_time() -> None:
    assert receipt(run_attempt("Starting=0 Training=900"), now=at(-60)).wall_clock.total == timedelta()


def test_nothing_is_waited_for_where_no_attempt_can_follow() -> None:
    first, _ = resumed_run()
    failed = replace(first, outcome=outcome_of(OutcomeKind.FAILED))
    assert receipt(failed).wall_clock.of(TimeClass.BETWEEN) == timedelta()


def test_a_job_whose_end_is_not_written_yet_ended_when_sagemaker_says() -> None:
    known = run_attempt("Starting=0 Training=100", status="Completed", training_ended=at(500))
    assert receipt(known).wall_clock.total == timedelta(seconds=500)
    assert receipt(run_attempt("Starting=0", status="Stopped", last_modified=at(60))).wall_clock.total == at(60) - at(0)


def test_without_any_time_there_is_no_share() -> None:
    nothing = receipt(run_attempt("Starting=0"), now=at(0)).wall_clock
    assert (nothing.goodput, nothing.share(TimeClass.TRAINING)) == (None, 0)
