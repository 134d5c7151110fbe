from datetime import timedelta

import pytest

from respot.jobs.job import savings_percent


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
