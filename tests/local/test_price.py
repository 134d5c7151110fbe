"""What the sweeps and the rest of a month are said to cost."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest

from local.bench import price
from respot import metrics as metric_names
from respot.jobs.listing import LONGEST_LIFE

DAY = timedelta(days=1)


def dollars(*, jobs: int, depth: timedelta = DAY) -> float:
    return price.dollars(price.sweeping(jobs=jobs, depth=depth))


def quantity(what: str, *, jobs: int, depth: timedelta = DAY) -> float:
    return price.sweeping(jobs=jobs, depth=depth)[what]


def names_of(call: ast.Call) -> list[str]:
    """The metrics that a call of `count` or `gauge` emits, by the names that `metrics` gives them."""
    given = call.args[0]
    names = given.keys if isinstance(given, ast.Dict) else [given]
    return [getattr(metric_names, ast.unparse(name)) for name in names if name]


def test_the_custom_metrics_are_counted() -> None:
    sources = (Path(__file__).parents[2] / "functions" / "respot" / "handlers").glob("*.py")
    calls = [
        node
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"count", "gauge"}
    ]
    assert len({name for call in calls for name in names_of(call)}) == price.CUSTOM_METRICS


def test_without_jobs_sweeps_cost_what_they_ask_anyway() -> None:
    assert quantity("Lambda GB-seconds", jobs=0) == 8760 * 0.5
    assert quantity("DynamoDB read units", jobs=0) == 8760 * (2 + 5 + 0.5) + 876 / 2
    assert quantity("DynamoDB write units", jobs=0) == 8760 * 14


def test_a_pass_costs_a_second_for_each_page_and_half_a_unit_for_each_job() -> None:
    """876 full passes of 3,100 jobs on 32 pages, 7,884 others of 100 on two."""
    pages = 876 * 32 + 7884 * 2
    listed = 876 * 3100 + 7884 * 100
    checks = 3100 * (730 / 24 / 31) * 63
    assert quantity("Lambda GB-seconds", jobs=3100) == pytest.approx(pages * 0.5)
    summaries = 876 * (32 + 100) / 2
    reads = 8760 * 7 + pages / 2 + listed / 2 + checks + summaries
    assert quantity("DynamoDB read units", jobs=3100) == pytest.approx(reads)
    assert quantity("DynamoDB write units", jobs=3100) == pytest.approx(8760 * 13 + pages)


def test_the_price_grows_with_the_jobs_and_with_the_age_of_what_is_alive() -> None:
    assert dollars(jobs=0) < dollars(jobs=1000) < dollars(jobs=10_000)
    assert dollars(jobs=1000) < dollars(jobs=1000, depth=7 * DAY) < dollars(jobs=1000, depth=LONGEST_LIFE)
    assert dollars(jobs=1000, depth=LONGEST_LIFE) == dollars(jobs=1000, depth=2 * LONGEST_LIFE)


def test_a_month_has_all_that_does_not_grow_with_events() -> None:
    bill = {what: quantity * each for what, (quantity, each) in price.month(jobs=1000, depth=DAY).items()}
    assert bill.pop("sweeps") == pytest.approx(dollars(jobs=1000))
    assert bill == pytest.approx(
        {
            "custom metrics": price.CUSTOM_METRICS * 0.30,
            "alarms": price.ALARMS * 0.10,
            # Five queues, five readers each, three times a minute.
            "idle polling of queues, estimate": 5 * 5 * 3 * 60 * 730 * 0.4e-6,
            # Each sweep: four messages of three requests; six calls of a tenth of a second and a kilobyte of log.
            "heartbeats": 8760 * (12 * 0.4e-6 + 6 * (0.2e-6 + 0.1 * 0.5 * 0.0000133334 + 0.5e-6)),
            # An invocation of Scheduler, three requests, half a second and a kilobyte of log, 16 read units.
            "checks of deadlines": 1000
            * (730 / 24 / 31)
            * (1e-6 + 3 * 0.4e-6 + 0.2e-6 + 0.5 * 0.5 * 0.0000133334 + 0.5e-6 + 16 * 0.125e-6),
            "Slack secret": 0.40,
        }
    )
