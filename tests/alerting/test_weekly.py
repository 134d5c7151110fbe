"""The weekly digest: which week, which figures, which words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting.weekly import text
from respot.alerting.weekly.week import week_before
from respot.jobs.job import Market
from respot.runs.run_state import RunState
from respot.savings.pools import pools_of
from respot.savings.receipt import RunReceipt
from respot.savings.span import Span
from respot.savings.span import total as together
from respot.savings.totals import spot_runs, total
from tests.support.receipts import receipt, run_attempt
from tests.support.weeks import ON_DEMAND, ended_receipts, of_type, weekly_digest

HOSTILE = "ml.<!channel>\x1b[31m\n\u202e" + "x" * 500


@pytest.mark.parametrize(
    ("day", "week"),
    [
        # The table of https://en.wikipedia.org/wiki/ISO_week_date, "Relation with the Gregorian calendar".
        ("2005-01-01", "2004-W53"),
        ("2005-01-02", "2004-W53"),
        ("2005-12-31", "2005-W52"),
        ("2007-01-01", "2007-W01"),
        ("2008-12-28", "2008-W52"),
        ("2008-12-29", "2009-W01"),
        ("2009-12-31", "2009-W53"),
        ("2010-01-03", "2009-W53"),
    ],
)
def test_weeks_are_those_of_iso_8601(day: str, week: str) -> None:
    assert week_before(datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=7)).id == week


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_week_before_is_over_and_the_next_one_is_not(now: datetime) -> None:
    week = week_before(now)
    assert week.ended <= now < week.ended + timedelta(days=7)
    assert week.began.weekday() == 0
    assert (week.began.time(), week.ended - week.began) == (week.ended.time(), timedelta(days=7))
    assert [day.date() for day in week.days] == [(week.began + timedelta(days=n)).date() for n in range(7)]


def test_the_figures_are_those_of_the_receipts_computed_by_hand() -> None:
    """7800 + 3960 + 7600 s of training, 2600 + 1320 + 2400 s billed; of the interrupted life 3840 s may be lost."""
    digest = weekly_digest()
    totals = digest.totals
    assert totals.training == timedelta(seconds=19_360)
    assert totals.billed == timedelta(seconds=6_320)
    assert totals.saved_gross == timedelta(seconds=13_040)
    assert totals.lost == Span(low=timedelta(seconds=600), high=timedelta(seconds=600 + 3840))
    # Of the first run, 600 s of training, 300 s of downloading and 300 s of uploading would not have been needed.
    assert totals.saved_net.high == timedelta(seconds=(11_760 - 1_200 - 3_920) + (7_600 - 2_400))
    assert totals.saved_net.low == totals.saved_net.high - timedelta(seconds=3840)
    assert digest.ended == {
        RunState.COMPLETED: 1,
        RunState.FAILED: 1,
        RunState.STOPPED: 0,
        RunState.REFUSED: 0,
    }
    assert (totals.runs, totals.attempts, totals.interruptions, digest.on_demand_runs) == (2, 3, 1, 1)


@given(st.lists(st.sampled_from(ended_receipts()), max_size=6))
def test_the_figures_are_those_of_respot_savings_and_pools(receipts: list[RunReceipt]) -> None:
    digest, on_spot = weekly_digest(receipts), spot_runs(receipts)
    assert digest.totals == total(on_spot)
    assert digest.totals.lost == together(each.lost for each in on_spot)
    assert sum(digest.ended.values()) + digest.on_demand_runs == len(receipts)
    bad = [each for each in pools_of(receipts) if each.interruptions or each.waits.without]
    assert list(digest.pools) == bad[:3]


def test_the_worst_pools_are_three_with_those_below_ten_hours_at_the_end() -> None:
    long = "Starting=0 Training=60 Interrupted=36000 Starting=36000 Training=37000 Completed=90000"
    busy = "Starting=0 Training=60 Interrupted=9000 Training=9060 Interrupted=9900 Training=9960 Failed=90000"
    receipts = [
        of_type("ml.calm", ON_DEMAND),
        of_type("ml.once"),
        *[of_type("ml.often")] * 2,
        of_type("ml.long", long),
        of_type("ml.busy", busy),
    ]
    worst = weekly_digest(receipts).pools
    assert [(each.pool.instance_type, each.interruptions) for each in worst] == [
        ("ml.busy", 2),
        ("ml.long", 1),
        ("ml.often", 2),
    ]
    assert [each.rate is None for each in worst] == [False, False, True]
    assert text.pool_words(worst[0]) == "2 interruptions in 24.9 instance-hours, 8.0 per 100; median wait 1 min"


def test_a_pool_that_interrupts_is_worse_than_one_that_has_a_rate_of_zero() -> None:
    calm = "Starting=0 Training=60 Completed=40000"
    calm_types = [f"ml.calm{number}" for number in range(3)]
    receipts = [of_type(each, script) for each in calm_types for script in (calm, "Starting=0 Stopped=600")]
    worst = weekly_digest([*receipts, of_type("ml.bad")]).pools
    assert [each.pool.instance_type for each in worst] == ["ml.bad", "ml.calm0", "ml.calm1"]


def test_a_pool_on_demand_has_the_waits_of_all_runs() -> None:
    """Not only of those that asked for spot: `respot pools` counts these, too."""
    in_vain = receipt(run_attempt("Starting=0 Stopped=600", market=Market.ON_DEMAND))
    (pool,) = weekly_digest([*ended_receipts()[:1], in_vain]).pools
    assert (pool.pool.market, pool.waits.without) == (Market.ON_DEMAND, 1)


def test_the_whole_text() -> None:
    assert text.plain(weekly_digest()).splitlines() == [
        "Week 2026-W38: 2 runs on spot ended, 1 interruption, 2.2 to 3.3 instance-hours saved net",
        "",
        "Week         2026-W38, 2026-09-14 to 2026-09-20 (UTC)",
        "Account      111122223333",
        "",
        "Runs on spot that ended: 2",
        "  completed        1",
        "  failed           1",
        "",
        "Instance-hours",
        "  trained          5.4",
        "  billed           1.8",
        "  saved, gross     3.6   (67.4 % of instance-hours saved by AWS's formula)",
        "  lost training    0.2 to 1.2",
        "  saved, net       2.2 to 3.3   (55.9 to 65.2 % of instance-hours)",
        "",
        "1 run that never asked for spot: in no figure but the pools.",
        "",
        "Interruptions: 1",
        "Worst pools:",
        "  ml.p3.2xlarge in us-east-1 (spot): 1 interruption in 2.1 instance-hours; median wait 1 min",
        "",
        text.NEXT,
        "Console      https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/jobs",
        "Digest       weekly/2026-W38",
    ]


def test_one_sentence_has_the_figures_and_the_worst_pools() -> None:
    said = text.what_happened(weekly_digest())
    assert said == (
        "Of 2 runs on spot that ended, 1 completed and 1 failed. SageMaker interrupted them once. "
        "Billed: 1.8 of 5.4 instance-hours (67.4 % of instance-hours saved by AWS's formula). "
        "Lost training: 0.2 to 1.2. "
        "Saved net of what was lost and repeated: 2.2 to 3.3. "
        "Worst pool: ml.p3.2xlarge in us-east-1 (spot) (1 interruption in 2.1 instance-hours, median wait 1 min)."
    )


@pytest.mark.parametrize(
    ("coverage", "said"),
    [
        ({}, ""),
        ({"found": 9, "tried": 4}, "There was time to read only the first 4 of 9 runs."),
        ({"unread": 1}, "1 run could not be read; the log of the function weekly names why."),
        ({"unread": 3}, "3 runs could not be read; the log of the function weekly names why."),
    ],
)
def test_what_is_missing_is_said_everywhere(coverage: dict[str, int], said: str) -> None:
    digest = weekly_digest(ended_receipts(), **coverage)
    assert text.missing(digest) == said
    assert said in text.plain(digest)
    assert said in text.what_happened(digest)


def test_attempts_without_a_bill_are_said() -> None:
    unbilled = run_attempt("Starting=0 Downloading=60 Training=160 Uploading=460 Completed=560")
    said = text.what_happened(weekly_digest([receipt(unbilled)]))
    assert "What AWS bills for 1 attempt is not known, and not in these hours." in said


def test_spot_that_cost_more_than_it_saved_is_below_zero() -> None:
    """Stopped for lack of waiting time after 300 s: nothing of it was kept, and 400 s were billed."""
    thrown_away = run_attempt(ON_DEMAND.replace("Completed", "MaxWaitTimeExceeded"), billed=(400, 400))
    digest = weekly_digest([receipt(thrown_away)])
    assert digest.totals.saved_net.low == timedelta(seconds=-400)
    assert "-0.1" in text.headline(digest)


def test_a_week_without_runs_on_spot_is_not_reported_unless_some_could_not_be_read() -> None:
    assert weekly_digest([]).why_not_sent == "no run on spot ended in 2026-W38"
    alone = weekly_digest(ended_receipts()[2:])
    assert alone.why_not_sent == "no run on spot ended in 2026-W38; 1 that never asked for spot did"
    assert weekly_digest([], found=2, tried=2, unread=2).why_not_sent is None
    assert weekly_digest([], found=2).why_not_sent is None
    assert weekly_digest().why_not_sent is None


def test_hostile_types_reach_no_line_of_their_own() -> None:
    digest = weekly_digest([of_type(HOSTILE)])
    for words in (text.plain(digest), text.what_happened(digest)):
        assert "\x1b" not in words
        assert "\u202e" not in words
        assert "x" * 121 not in words


def test_subject_and_sms_are_short_lines() -> None:
    digest = weekly_digest()
    assert text.subject(digest).startswith("[Respot info] Week 2026-W38: 2 runs on spot ended")
    assert len(text.subject(digest)) < 100
    assert text.short(digest) == f"Respot: {text.headline(digest)}"
