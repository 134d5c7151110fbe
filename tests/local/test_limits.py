"""MaxRuntime and MaxWait end jobs by the clock."""

from math import inf

import pytest

from local.sagemaker.lifecycle import limited, parse


def ended(script: str, *, runtime: float, wait: float) -> list[tuple[str, float]]:
    fate = limited(parse(script), max_runtime=runtime, max_wait=wait)
    return [
        *((status, length.total_seconds()) for status, _, length in fate.periods),
        (fate.end, 0),
    ]


STOPPING, UPLOADING = ("Stopping", 0.3), ("Uploading", 0.3)
WAITED, RAN = ("MaxWaitTimeExceeded", 0), ("MaxRuntimeExceeded", 0)


@pytest.mark.parametrize(
    ("script", "runtime", "wait", "expected"),
    [
        ("Starting=90", 5, 8, [("Starting", 8), STOPPING, WAITED]),
        ("Starting=2 Training=90", 9, 10, [("Starting", 2), ("Training", 8), STOPPING, UPLOADING, WAITED]),
        ("Starting=2 Training=90", 3, 10, [("Starting", 2), ("Training", 3), STOPPING, UPLOADING, RAN]),
        ("Starting=2 Training=90", 3, inf, [("Starting", 2), ("Training", 3), STOPPING, UPLOADING, RAN]),
        (
            "Training=2 Interrupted=3 Training=90",
            4,
            20,
            [("Training", 2), ("Interrupted", 3), ("Training", 2), STOPPING, UPLOADING, RAN],
        ),
        ("Training=2 Interrupted=30", 4, 5, [("Training", 2), ("Interrupted", 3), STOPPING, WAITED]),
        ("Training=9", 5, 5, [("Training", 5), STOPPING, UPLOADING, WAITED]),
    ],
    ids=[
        "never launched",
        "waited and ran for MaxWait",
        "ran for MaxRuntime",
        "on demand there is no MaxWait",
        "MaxRuntime counts all phases on instances and no waiting",
        "interrupted and not taken up again",
        "both at once",
    ],
)
def test_a_limit_ends_a_job_with_any_script(
    script: str, runtime: float, wait: float, expected: list[tuple[str, float]]
) -> None:
    assert ended(script, runtime=runtime, wait=wait) == expected


@pytest.mark.parametrize(
    "script",
    ["Starting=1 Training=2 Completed", "Starting=1 Training=2 Uploading=50", "Starting=1 Stopping=50 Stopped"],
)
def test_a_job_that_keeps_its_limits_or_is_about_to_end_meets_its_own_fate(script: str) -> None:
    assert limited(parse(script), max_runtime=2, max_wait=3) == parse(script)


def test_only_messages_from_before_the_limit_are_shown() -> None:
    fate = limited(parse("Starting=1 Starting=1 Starting=8 Training=1"), max_runtime=99, max_wait=4)
    shown = [
        (each.message.split()[0], each.after.total_seconds()) for each in fate.moments if each.status == "Starting"
    ]
    assert shown == [("Starting", 0.0), ("Launching", 1.0), ("Insufficient", 2.0)]


def test_a_limit_between_two_phases_leaves_no_trace_of_the_second() -> None:
    assert ended("Starting=4 Training=9", runtime=9, wait=4) == [("Starting", 4), STOPPING, WAITED]


@pytest.mark.parametrize(
    ("script", "pending", "expected"),
    [
        ("Starting=1 Pending=90", 5, [("Starting", 1), ("Pending", 5), STOPPING, ("MaxPendingTimeExceeded", 0)]),
        (
            "Pending=3 Training=1 Pending=90",
            5,
            [("Pending", 3), ("Training", 1), ("Pending", 2), STOPPING, ("MaxPendingTimeExceeded", 0)],
        ),
        ("Starting=90", 5, [("Starting", 90), ("Completed", 0)]),
        ("Pending=4 Training=9", 5, [("Pending", 4), ("Training", 9), ("Completed", 0)]),
        ("Pending=90", inf, [("Pending", 90), ("Completed", 0)]),
    ],
    ids=["never launched", "all of Pending together", "Starting is not Pending", "launched in time", "no limit"],
)
def test_a_job_is_pending_no_longer_than_it_may_be(
    script: str, pending: float, expected: list[tuple[str, float]]
) -> None:
    fate = limited(parse(script), max_runtime=99, max_pending=pending)
    assert [
        *((status, length.total_seconds()) for status, _, length in fate.periods),
        (fate.end, 0),
    ] == expected
