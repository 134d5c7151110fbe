from datetime import UTC, datetime

import pytest

from respot.jobs.job import at_milliseconds
from tests.support.builders import job_id


def test_a_job_reads_as_region_name_and_creation() -> None:
    assert str(job_id("trainer")) == "us-east-1/trainer (created 2026-09-16 09:00:00Z)"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("2026-09-16T09:00:00.036999+00:00", "2026-09-16T09:00:00.037+00:00", id="float's last digit"),
        pytest.param("2026-09-16T09:00:00.037499+00:00", "2026-09-16T09:00:00.037+00:00", id="down"),
        pytest.param("2026-09-16T09:00:00.999500+00:00", "2026-09-16T09:00:01+00:00", id="into the next second"),
        pytest.param("2026-09-16T11:00:00+02:00", "2026-09-16T09:00:00+00:00", id="another zone"),
    ],
)
def test_times_are_taken_to_the_nearest_millisecond_in_utc(written: str, meant: str) -> None:
    taken = at_milliseconds(datetime.fromisoformat(written))
    assert taken == datetime.fromisoformat(meant)
    assert taken.tzinfo is UTC
