"""Receipts of runs: gross by AWS's formula, net against the same useful work, in hours and to the cent."""

from datetime import timedelta
from decimal import Decimal

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunAttempt
from respot.savings.money import cost, to_the_cent
from respot.savings.receipt import money_of
from respot.savings.span import Span
from respot.savings.totals import total
from respot.savings.wall_clock import TimeClass
from tests.support.builders import at
from tests.support.receipts import FIRST_LIFE, OnePrice, receipt, resubmission, resumed_run, run_attempt
from tests.support.records import decision_record


def span(low: float, high: float | None = None) -> Span:
    return Span(low=timedelta(seconds=low), high=timedelta(seconds=low if high is None else high))


def seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def test_a_resumed_run_to_the_second() -> None:
    """By hand: 7200 s + 3600 s of training, 600 s of it after the last checkpoint.

    The second attempt's download (300 s) and the first one's end (60 s + 240 s) would not have been needed: 11,760 s of
    training time are 10,560 s uninterrupted, a download of 300 s, 10,200 s of work and an upload of 60 s.
    """
    found = receipt(*resumed_run())
    assert [seconds(each) for each in (found.training, found.billed, found.saved_gross)] == [11_760, 3_920, 7_840]
    assert (found.kept, found.lost, found.uninterrupted) == (span(10_200), span(600), span(10_560))
    assert [each.repeated for each in found.attempts] == [span(300), span(300)]
    assert found.saved_net == span(10_560 - 3_920)
    assert found.gross_percent == pytest.approx(100 * (1 - 3_920 / 11_760))
    assert found.net_percent == pytest.approx((100 * (1 - 3_920 / 10_560),) * 2)
    assert {each: seconds(length) for each, length in found.wall_clock.times.items()} == {
        TimeClass.QUEUED: 600 + 1200,
        TimeClass.DOWNLOADING: 300 + 300,
        TimeClass.TRAINING: 6600 + 3600,
        TimeClass.LOST: 600,
        TimeClass.STOPPING: 60,
        TimeClass.UPLOADING: 240 + 60,
        TimeClass.BETWEEN: 600,
    }
    assert found.wall_clock.goodput == pytest.approx((10_200 / 14_160,) * 2)


def test_a_resumed_run_to_the_cent() -> None:
    """By hand, at 1.2575 an hour: 11,760 s are 4.10783, 3,920 s are 1.36928.

    10,560 s are 3.68867, 600 s are 0.20958.
    """
    money = total([receipt(*resumed_run())], OnePrice("1.2575")).money["USD"]
    shown = [
        money.trained,
        money.billed,
        money.saved_gross,
        money.uninterrupted.low,
        money.saved_net.low,
        money.lost.low,
    ]
    assert [str(to_the_cent(each)) for each in shown] == ["4.11", "1.37", "2.74", "3.69", "2.32", "0.21"]
    assert money.saved_net.low == money.saved_net.high


def test_two_instances_cost_twice_as_much() -> None:
    one, two = receipt(*resumed_run()), receipt(*resumed_run(instance_count=2))
    assert (two.billed, two.lost) == (timedelta(seconds=2 * 3_920), one.lost.times(2))
    assert (two.net_percent, two.wall_clock) == (one.net_percent, one.wall_clock)


def test_without_an_interruption_net_is_gross() -> None:
    found = receipt(
        run_attempt("Starting=0 Downloading=60 Training=160 Uploading=460 Completed=560", billed=(500, 100))
    )
    assert found.gross_percent == 80  # the example of AWS's page: 100 and 500 give 80 %
    assert found.net_percent == (80, 80)


def test_training_time_is_counted_while_instances_are_held() -> None:
    """A job in a public log: training time 9527 s, 6386 s billed; by its transitions it held instances for 9532 s."""
    script = "Starting=0 Downloading=5020 Training=5192 Stopping=14534 Uploading=14539 MaxWaitTimeExceeded=14552"
    found = receipt(run_attempt(script, billed=(9527, 6386), decision=decision_record()))
    held = sum((each.length for each in found.segments if each.held), timedelta())
    assert abs(held - timedelta(seconds=9527)) <= timedelta(seconds=5)
    assert found.gross_percent == pytest.approx(32.97, abs=0.01)


@pytest.mark.parametrize(
    ("decision", "kept"),
    [
        pytest.param(resubmission(saved_at=7500, proved="1 h 50 min"), span(6600), id="proved to the last checkpoint"),
        pytest.param(resubmission(saved_at=7500, proved="1 h 30 min"), span(5400, 6600), id="proved in part"),
        pytest.param(resubmission(saved_at=7500), span(0, 6600), id="nothing proved"),
        pytest.param(resubmission(saved_at=8200, proved="9 h"), span(7200), id="saved as the job stopped"),
        pytest.param(resubmission(saved_at=-60, proved="1 h"), span(0), id="an earlier run's checkpoint"),
        pytest.param(resubmission(saved_at=None), span(0), id="no checkpoint"),
        pytest.param(decision_record(Action.RESUBMIT), span(0, 7200), id="S3 was not asked"),
        pytest.param(
            decision_record(Action.RESUBMIT, inputs={"fruitless_attempts": "0", "listing": "cut short"}),
            *(span(0, 7200),),
            id="too many objects to list",
        ),
        pytest.param(None, span(0, 7200), id="the decision has expired"),
    ],
)
def test_what_an_attempt_kept_follows_from_what_the_decision_saw(decision: DecisionRecord | None, kept: Span) -> None:
    first, second = resumed_run()
    first = run_attempt(FIRST_LIFE, billed=(7800, 2600), decision=decision)
    found = receipt(first, second).attempts[0]
    assert (found.kept, found.lost) == (kept, kept.left_of(timedelta(seconds=7200)))
    assert found.lost.low <= found.lost.high


TWICE = "Starting=0 Downloading=100 Training=200 Interrupted=1200 Starting=1300 Downloading=2000 Training=2200"


@pytest.mark.parametrize(
    ("attempt", "kept"),
    [
        pytest.param(run_attempt(f"{TWICE} Completed=4200"), span(2000, 3000), id="perhaps resumed, perhaps not"),
        pytest.param(
            run_attempt(f"{TWICE} Completed=4200", checkpoint_uri=None), span(2000), id="nowhere to save: from scratch"
        ),
        pytest.param(
            run_attempt(f"{TWICE} Completed=4200", checkpoint_uri=None, described=None),
            *(span(2000, 3000),),
            id="not known whether it saves",
        ),
        pytest.param(run_attempt(TWICE), span(100_000 - 2200, 100_000 - 1200), id="what goes on is kept so far"),
        pytest.param(
            run_attempt(f"{TWICE} Failed=4200", failure_reason="AlgorithmError: a bug"),
            *(span(2000, 3000),),
            id="its own end would have come on demand, too",
        ),
        pytest.param(
            run_attempt(f"{TWICE} Failed=4200", failure_reason="CapacityError: gone"),
            *(span(0, 3000),),
            id="thrown away, unless checkpoints hold it",
        ),
        pytest.param(run_attempt(f"{TWICE} MaxWaitTimeExceeded=4200", checkpoint_uri=None), span(0), id="thrown away"),
    ],
)
def test_an_interruption_leaves_a_range_where_nobody_saw_the_checkpoints(attempt: RunAttempt, kept: Span) -> None:
    assert receipt(attempt).kept == kept


@pytest.mark.parametrize(("status", "interruptions"), [("Interrupted", 1), ("Restarting", 0)])
def test_a_break_without_a_length_is_a_break(status: str, interruptions: int) -> None:
    """SageMaker's times may have whole seconds: the next status can begin in the second of the interruption.

    By hand: of 1000 s + 2900 s of training, the first 1000 s may be lost, and the second download of 100 s is repeated.
    4100 s of training time are 3000 s to 4000 s uninterrupted, and 1000 s are billed.
    """
    life = f"Starting=0 Downloading=100 Training=200 {status}=1200 Downloading=1200 Training=1300 Completed=4200"
    found = receipt(run_attempt(life, billed=(4100, 1000)))
    assert (found.interruptions, found.kept, found.lost) == (interruptions, span(2900, 3900), span(0, 1000))
    assert (found.attempts[0].repeated, found.uninterrupted) == (span(100), span(3000, 4000))
    assert found.net_percent == pytest.approx((100 * (1 - 1 / 3), 75))
    assert found.wall_clock.total == timedelta(seconds=4200)


def test_a_break_within_the_time_of_the_attempt_before_is_a_break() -> None:
    """The clocks differ: the second attempt was interrupted before the first one's end, by the first one's clock."""
    first, _ = resumed_run()
    second = run_attempt(
        "Starting=8000 Training=8100 Interrupted=8200 Training=8300 Completed=9400", 2, checkpoint_uri=None
    )
    assert receipt(first, second).kept == span(1000)


def test_an_end_of_its_own_breaks_work_off_once_another_attempt_follows() -> None:
    first = run_attempt("Starting=0 Training=100 MaxRuntimeExceeded=3700", checkpoint_uri=None)
    assert receipt(first).kept == span(3600)
    second = run_attempt("Starting=4000 Training=4100 Completed=4200", 2, checkpoint_uri=None)
    assert receipt(first, second).kept == span(100)


def test_the_doubt_is_in_the_interrupted_stretch() -> None:
    found = receipt(run_attempt(f"{TWICE} Completed=4200", billed=(3100, 1000)))
    doubtful = [(each.began, each.ended) for each in found.segments if each.doubtful]
    assert doubtful == [(at(200), at(1200))]
    low, high = found.wall_clock.goodput or (0, 0)
    assert (low, high) == pytest.approx((2000 / 4200, 3000 / 4200))
    # 3100 s, without the second download (200 s); without the first stretch (1000 s), if that was lost.
    assert found.uninterrupted == span(1900, 2900)


def test_goodput_and_wasted_progress_are_those_of_ml_goodput() -> None:
    """Its own scenario: 5 s of startup, five steps of 3 s, 5 s of disruption, startup again, on from the third step.

    It expects 12 s of productive time, and 6 s of "wasted progress from disruption". Its last step before each end does
    not count: only the start of a step is logged. (goodput_test.py, `GoodputDisruptionPartialRestartTest` and
    `test_badput_calculator_wasted_progress_and_disruptions`, AI-Hypercomputer/ml-goodput-measurement at 57092cf.)
    """
    saved_third = resubmission(saved_at=5 + 2 * 3, proved="6 s", at_seconds=20)
    first = run_attempt("Downloading=0 Training=5 MaxWaitTimeExceeded=17", decision=saved_third)
    second = run_attempt("Downloading=25 Training=30 Completed=36", 2)
    found = receipt(first, second)
    assert (found.kept, found.lost) == (span(12), span(6))
    assert found.wall_clock.goodput == pytest.approx((12 / 36, 12 / 36))


def test_where_perhaps_nothing_was_kept_perhaps_nothing_was_needed() -> None:
    """Then even the one start would have been in vain: 100 s of it, and 200 s of the second one."""
    found = receipt(run_attempt(f"{TWICE} MaxWaitTimeExceeded=4200", billed=(3300, 1000)))
    assert found.attempts[0].repeated == span(200, 300)
    assert found.uninterrupted == span(0, 3100)
    assert found.net_percent is not None
    least, most = found.net_percent
    assert least is None
    assert most == pytest.approx(100 * (1 - 1000 / 3100))


def test_work_that_was_thrown_away_saves_less_than_nothing() -> None:
    lost = run_attempt(f"{TWICE} MaxWaitTimeExceeded=4200", checkpoint_uri=None, billed=(3100, 1000))
    found = receipt(lost)
    assert (found.uninterrupted, found.saved_net, found.net_percent) == (span(0), span(-1000), None)
    assert found.gross_percent is not None
    assert found.gross_percent > 67


def test_what_aws_has_not_said_is_unknown() -> None:
    running = receipt(run_attempt("Starting=0 Downloading=60 Training=160"))
    assert (running.billed, running.saved_gross, running.saved_net, running.net_percent) == (None, None, None, None)
    assert running.ended is None
    assert total([running], OnePrice("1")).unbilled == 1
    so_far = receipt(run_attempt("Starting=0 Downloading=60 Training=160", billed=(500, 100)))
    assert (so_far.billed, total([so_far]).unbilled) == (None, 1)
    waited = receipt(run_attempt("Starting=0 Stopped=900"))
    assert (waited.billed, waited.saved_net, waited.gross_percent) == (timedelta(), span(0), None)


@pytest.mark.parametrize(
    ("billed", "count"),
    [
        pytest.param((-400, -100), 1, id="negative"),
        pytest.param((400, -100), 1, id="billed below zero"),
        pytest.param((8e13, 8e13), 1, id="too long to be added up"),
        pytest.param((400, 100), -3, id="fewer instances than none"),
        pytest.param((400, 100), 10**30, id="more instances than there are"),
    ],
)
def test_nonsense_has_no_receipt_that_would_spoil_the_sums(billed: tuple[float, float], count: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        receipt(run_attempt("Starting=0 Training=160 Completed=560", billed=billed, instance_count=count))


def test_a_job_on_no_instances_is_not_free() -> None:
    """The API's least InstanceCount is 0."""
    odd = receipt(run_attempt("Starting=0 Training=160 Completed=560", billed=(400, 100), instance_count=0))
    assert (odd.billed, total([odd]).unbilled) == (None, 1)


def test_an_on_demand_attempt_saves_nothing_and_pays_for_what_it_repeats() -> None:
    first, _ = resumed_run()
    second = run_attempt(
        "Starting=9000 Downloading=10200 Training=10500 Uploading=14100 Completed=14160",
        *(2,),
        billed=(3960, 3960),
        market=Market.ON_DEMAND,
    )
    found = receipt(first, second)
    assert (found.attempts[1].saved_gross, found.attempts[1].saved_net) == (timedelta(), span(-300))
    assert found.on_spot


def test_money_needs_a_price_and_is_never_rounded_before_the_end() -> None:
    (attempt, _) = receipt(*resumed_run()).attempts
    assert money_of(attempt) == {}
    third = OnePrice("0.01").on_demand("", "", at(0))
    assert third is not None
    assert cost(timedelta(seconds=1), third) * 3600 == pytest.approx(Decimal("0.01"))
    assert to_the_cent(Decimal("0.125")) == Decimal("0.12")  # half to even


def test_a_run_that_nobody_reported_has_no_receipt() -> None:
    planned = RunAttempt(number=2, state=None, name="spot-job-r2", decision=None, outcome=None)
    with pytest.raises(ValueError, match="no attempt of us-east-1/spot-job"):
        receipt(planned)
    first, _ = resumed_run()
    found = receipt(first, planned)
    assert (found.last.began, found.billed, found.on_spot) == (None, None, True)
    assert money_of(found.last, OnePrice("1")) == {}
    assert found.interruptions == 0


def test_an_attempt_without_its_number_of_instances_is_not_billed() -> None:
    found = receipt(run_attempt("Starting=0 Training=60 Completed=560", billed=(500, 100), instance_count=None))
    assert (found.billed, found.saved_gross, found.attempts[0].saved_gross) == (None, None, None)


def test_sums_have_the_figures_of_a_receipt() -> None:
    found, summed = receipt(*resumed_run()), total([receipt(*resumed_run())])
    assert (summed.saved_gross, summed.saved_net) == (found.saved_gross, found.saved_net)
    assert (summed.gross_percent, summed.net_percent) == (found.gross_percent, found.net_percent)
