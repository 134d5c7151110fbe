from datetime import UTC, datetime, timedelta

import pytest

from respot.jobs.job import at_milliseconds, savings_percent
from tests.support.builders import job_id


def test_a_job_id_prints_region_name_and_creation() -> None:
    assert str(job_id("trainer")) == "us-east-1/trainer (created 2026-09-16 09:00:00Z)"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("2026-09-16T09:00:00.036999+00:00", "2026-09-16T09:00:00.037+00:00", id="float's last digit"),
        pytest.param("2026-09-16T09:00:00.037499+00:00", "2026-09-16T09:00:00.037+00:00", id="down"),
        pytest.param("2026-09-16T09:00:00.999500+00:00", "2026-09-16T09:00:01+00:00", id="into the next second"),
        pytest.param("2026-09-16T11:00:00+02:00", "2026-09-16T09:00:00+00:00", id="another zone"),
    ],
)
def test_times_are_rounded_to_milliseconds_in_utc(written: str, expected: str) -> None:
    rounded = at_milliseconds(datetime.fromisoformat(written))
    assert rounded == datetime.fromisoformat(expected)
    assert rounded.tzinfo is UTC


def seconds(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


@pytest.mark.parametrize(
    ("training", "billable", "percent"),
    [
        pytest.param(500, 100, 80.0, id="the developer guide's example"),
        pytest.param(500, 500, 0.0, id="nothing saved"),
        pytest.param(500, 0, 100.0, id="nothing billed"),
        pytest.param(0, 0, None, id="not launched"),
        pytest.param(None, 100, None, id="training time not known"),
        pytest.param(500, None, None, id="billable time not known"),
        pytest.param(None, None, None, id="neither known"),
    ],
)
def test_savings_follow_sagemakers_formula(
    training: float | None, billable: float | None, percent: float | None
) -> None:
    assert savings_percent(training=seconds(training), billable=seconds(billable)) == percent
