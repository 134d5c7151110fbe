"""The lifecycles of managed spot training as data, with what the ledger must say of each.

The first four are those of "Managed Spot Training in Amazon SageMaker" (Developer Guide); the fifth is a real job's:
a long queue, then Uploading between Stopping and MaxWaitTimeExceeded, with no interruption at all.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.alerting.kinds import AlertKind
from tests.support.builders import payload_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One job's life.

    Attributes:
        name: what happens.
        job: TrainingJobName in the payloads.
        events: names of its payloads in tests/support/events, in order.
        described: name of the Describe answer at its end; `None` if there is none.
        transitions: its transitions, `Status=seconds after creation`.
        alerts: the alerts it calls for: kind and seconds after creation.
    """

    name: str
    job: str
    events: tuple[str, ...]
    described: str | None
    transitions: str
    status: str
    interruptions: int
    waited: timedelta
    trained: timedelta
    training_seconds: int | None
    billable_seconds: int | None
    savings_percent: float | None
    alerts: tuple[tuple[AlertKind, float], ...]

    def __str__(self) -> str:
        return self.name


SCENARIOS: Final = (
    Scenario(
        name="uninterrupted",
        job="demo-spot-uninterrupted",
        events=tuple(payload_names("s1_*")),
        described="describe_s1_final",
        transitions="Starting=0 Downloading=250.074 Training=390.111 Uploading=6000.148 Completed=6060.185",
        status="Completed",
        interruptions=0,
        waited=timedelta(milliseconds=250_074),
        trained=timedelta(milliseconds=5_610_037),
        training_seconds=5810,
        billable_seconds=1980,
        savings_percent=65.92,
        alerts=(),
    ),
    Scenario(
        name="interrupted-once",
        job="demo-spot-interrupted-once",
        events=tuple(payload_names("s2_*")),
        described="describe_s2_final",
        transitions="Starting=0 Downloading=250.074 Training=390.111 Interrupted=3720.148 Starting=3760.185 "
        "Downloading=5460.222 Training=5600.259 Uploading=8400.296 Completed=8460.333",
        status="Completed",
        interruptions=1,
        waited=timedelta(milliseconds=250_074 + 40_037 + 1_700_037),
        trained=timedelta(milliseconds=3_330_037 + 2_800_037),
        training_seconds=6940,
        billable_seconds=2500,
        savings_percent=63.98,
        alerts=((AlertKind.INTERRUPTED, 3720.148),),
    ),
    Scenario(
        name="interrupted-twice-max-wait",
        job="demo-spot-interrupted-twice-maxwait",
        events=tuple(payload_names("s3_*")),
        described="describe_s3_final",
        transitions="Starting=0 Downloading=250.074 Training=390.111 Interrupted=3720.148 Starting=3760.185 "
        "Downloading=9060.222 Training=9200.259 Interrupted=12000.296 Downloading=19260.333 Training=19380.370 "
        "Stopping=21605.407 MaxWaitTimeExceeded=21630.444",
        status="Stopped",
        interruptions=2,
        waited=timedelta(milliseconds=250_074 + 40_037 + 5_300_037 + 7_260_037),
        trained=timedelta(milliseconds=3_330_037 + 2_800_037 + 2_225_037),
        training_seconds=8500,
        billable_seconds=3100,
        savings_percent=63.53,
        alerts=(
            (AlertKind.INTERRUPTED, 3720.148),
            (AlertKind.INTERRUPTED, 12000.296),
            (AlertKind.MAX_WAIT_TIME_EXCEEDED, 21630.444),
        ),
    ),
    Scenario(
        name="never-launched",
        job="demo-spot-never-launched",
        events=tuple(payload_names("s4_*")),
        described="describe_s4_final",
        transitions="Starting=0 Stopping=21605.074 MaxWaitTimeExceeded=21620.111",
        status="Stopped",
        interruptions=0,
        waited=timedelta(milliseconds=21_605_074),
        trained=timedelta(),
        training_seconds=None,
        billable_seconds=None,
        savings_percent=None,
        alerts=((AlertKind.MAX_WAIT_TIME_EXCEEDED, 21620.111),),
    ),
    Scenario(
        name="long-queue-then-max-wait",
        job="demo-spot-capacity-retry",
        events=tuple(payload_names("v1_*")),
        described=None,
        transitions="Starting=0 Downloading=5767.185 Training=5943.222 Stopping=15281.259 Uploading=15286.296 "
        "MaxWaitTimeExceeded=15299.333",
        status="Stopped",
        interruptions=0,
        waited=timedelta(milliseconds=5_767_185),
        trained=timedelta(milliseconds=9_338_037),
        training_seconds=9527,
        billable_seconds=6386,
        savings_percent=32.97,
        alerts=((AlertKind.MAX_WAIT_TIME_EXCEEDED, 15299.333),),
    ),
)
