"""How many drills pass."""

from datetime import timedelta

from respot.recording.drill_limit import APART, AT_ONCE, DrillLimit
from tests.support.builders import CREATED
from tests.support.clock import FakeClock


def test_a_few_drills_pass_at_once_and_then_one_now_and_then() -> None:
    clock = FakeClock(CREATED)
    limit = DrillLimit(clock=clock)
    assert sum(limit.passes() for _ in range(5000)) == AT_ONCE
    for _ in range(3):
        clock.pass_by(APART)
        assert [limit.passes(), limit.passes()] == [True, False]
    clock.pass_by(timedelta(days=1))  # no more pass at once, however long none came
    assert sum(limit.passes() for _ in range(5000)) == AT_ONCE
