"""With any failure of events, ports and processes, no run is resubmitted twice, too often, or too early.

More of the same: `python -m tests.support.recovery_world --schedules 100000 --processes 2`.
"""

from tests.support.recovery_world.__main__ import shown
from tests.support.recovery_world.schedule import Report, soak


def test_any_schedule_keeps_every_rule_and_settles_in_the_end() -> None:
    report = soak(range(500))
    assert report.broken == []
    assert report.seen["schedules"] == 500


def test_a_single_schedule_that_breaks_a_rule_is_shown() -> None:
    assert shown(Report(broken=["schedule 7: two jobs live"])) == "\nschedule 7: two jobs live\n1 broken rules\n"


def test_schedules_reach_what_the_rules_are_about() -> None:
    """A world in which nothing happens keeps every rule."""
    report = soak(range(30_000, 30_400))
    assert report.broken == []
    assert {name for name in SOUGHT if not report.seen[name]} == set()


SOUGHT = (
    *("created in trouble", "created in calm", "created without an answer", "deaths", "faults", "events lost"),
    *("deleted", "names taken", "lies", "decided resubmit", "decided refuse", "decided nothing"),
    *(
        "outcome created",
        "outcome failed",
        "outcome cancelled",
        "stopped after the wait limit",
        "resumed after the wait limit",
        "stopped at the latest start",
        "schedules that fired",
    ),
    *("lineage tags changed", "attempts forged", "calls denied", "decided by a wrong clock"),
    *("poison items met", "poison items given up"),
    *("ledgers restored", "attempts forgotten", "unknown after a restore", "forgotten attempts resubmitted"),
    *("runs completed", "runs failed", "runs refused", "runs stopped"),
    *("half-written ends sent", "pools refused", "created where there is quota"),
)
