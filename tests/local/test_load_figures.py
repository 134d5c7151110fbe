from dataclasses import replace
from typing import Any

import pytest

from local.bench.events import Spread
from local.bench.load import Load, Wave
from local.bench.load_table import to_figures

SPREAD = Spread(p50=1, p95=2, p99=3)
FRESH = Wave(
    events=8000, seconds=80, backlog=100, drain_seconds=10, calls={"Query": 8000, "PutItem": 16_000, "sns": 1000}
)
SOUND = Load(
    jobs=1000,
    transitions=8000,
    lost_transitions=0,
    lost_alerts=0,
    written_by_duplicates=0,
    dead_letters=0,
    fresh=FRESH,
    again=replace(FRESH, calls={}),
    to_ledger=SPREAD,
    to_alert=SPREAD,
    most_describes_in_flight=2,
    most_describes_in_a_second=10,
)


@pytest.mark.parametrize("fault", ["lost_transitions", "lost_alerts", "written_by_duplicates", "dead_letters"])
def test_a_run_is_sound_if_nothing_was_lost_doubled_or_dead_lettered(fault: str) -> None:
    assert SOUND.is_sound
    changed: dict[str, Any] = {fault: 1}
    assert not replace(SOUND, **changed).is_sound


def test_calls_are_those_of_the_fresh_events_for_each_transition() -> None:
    assert SOUND.calls_per_transition == 25_000 / 8000
    assert SOUND.fresh.events_per_second == 100


def test_the_price_of_a_thousand_jobs_does_not_depend_on_how_many_were_run() -> None:
    many = replace(FRESH, events=80_000, seconds=800, calls={name: 10 * n for name, n in FRESH.calls.items()})
    assert replace(SOUND, jobs=10_000, fresh=many).dollars_per_thousand_jobs == pytest.approx(
        SOUND.dollars_per_thousand_jobs
    )
    # 8,000 events: requests 0.0016, 80 x 2 x 0.5 GB-seconds 0.0011, SQS 0.0096, 56,000 write units 0.035,
    # 16,000 read units 0.002, log 0.004; 1,000 messages 0.0005.
    assert SOUND.dollars_per_thousand_jobs == pytest.approx(0.0538, abs=0.0001)


def test_what_is_judged_is_the_sum_of_all_losses_and_the_worst_time() -> None:
    larger = replace(
        SOUND,
        jobs=3000,
        lost_alerts=2,
        dead_letters=1,
        fresh=replace(FRESH, seconds=360),
        to_alert=replace(SPREAD, p95=9),
    )
    found = to_figures([SOUND, larger])
    assert (found["jobs"], found["alerts lost"], found["dead letters"], found["transitions lost"]) == (4000, 2, 1, 0)
    assert (found["event to alert, p95"], found["events by the second"]) == (9, 8000 / 360)
    # Three times the jobs took 4.5 times as long.
    assert found["time for twice the jobs"] == 3
