"""What Respot costs on AWS: list prices times the calls that were counted and the time that was measured.

A million events, and a month in which nothing happens but the sweeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from local.bench.calls import Calls
from respot.sweep.progress import FULL_AFTER, LONGEST_LIFE
from respot.sweep.region_sweep import PACE

MILLION: Final = 1_000_000
KILOBYTES_OF_LOG_PER_INVOCATION: Final = 1.0
MEMORY_GIGABYTES: Final = 0.5
"""The functions' memory (infra/constructs/lambda_function.py); a test compares the two."""

# List prices of us-east-1 in USD, from the services' public pricing pages; no account's discounts, no free tier.
LAMBDA_REQUEST: Final = 0.20 / MILLION
LAMBDA_GIGABYTE_SECOND_ARM: Final = 0.0000133334
SQS_REQUEST: Final = 0.40 / MILLION
DYNAMODB_WRITE_UNIT: Final = 0.625 / MILLION
DYNAMODB_READ_UNIT: Final = 0.125 / MILLION
LOGS_GIGABYTE: Final = 0.50
SCHEDULER_INVOCATION: Final = 1.00 / MILLION
CUSTOM_METRIC_MONTH: Final = 0.30
"""Of a name with one set of dimensions; charged by the hour in which it is emitted."""
ALARM_MONTH: Final = 0.10
SECRET_MONTH: Final = 0.40
SNS_PUBLISH: Final = 0.50 / MILLION
"""Deliveries to SQS are free."""

SQS_REQUESTS_PER_INVOCATION: Final = 2
"""Receive and delete, for a batch of any size; EventBridge's delivery is one more for each event."""

MONTH: Final = timedelta(hours=730)
CUSTOM_METRICS: Final = 19
"""Names that functions/respot emits; a test counts them. All of them in each hour are the most expensive month:
`SweepAge` is emitted always, the others in the hours in which they are not zero."""
ALARMS: Final = 30
"""Of the hub, with Slack (a forwarder's region has one of its own); a test counts them."""
POLLED_QUEUES: Final = 4
"""Queues that Lambda reads, with Slack; a test counts them."""
POLLERS: Final = 5
"""Lambda long-polls an idle standard queue with five readers, and may go down to two where no maximum concurrency is
set: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html. Five is the higher estimate."""
LONG_POLL: Final = timedelta(seconds=20)
"""An estimate: the longest wait that SQS allows. AWS does not say which one Lambda asks for."""

SWEEP_INTERVAL: Final = timedelta(minutes=5)
"""As shipped (`sweep_minutes`)."""
PAGE: Final = 100
"""Jobs on a page of ListTrainingJobs."""
SWEEP_OVERHEAD: Final = timedelta(seconds=1)
"""An estimate: what a sweep takes in addition to the pauses between pages (start, checks, calls)."""
SWEEP_QUERIES: Final = 10
"""Of the indexes, by each sweep: nine windows of checks, some of them on two days, and the oldest job that is alive."""
SWEEP_READS: Final = 2
"""Consistent reads of each sweep: how far its two passes have come."""
SWEEP_WRITES: Final = 13
"""Of each sweep: both passes taken and let go, and nine windows of checks."""
CHECKS_OF_A_JOB: Final = 9
READS_OF_A_CHECK: Final = 3
SWEEP_KILOBYTES_OF_LOG: Final = 1.5
"""Lambda's own three lines, one for each scope, and the metrics."""

HEARTBEATS_THROUGH_QUEUES: Final = POLLED_QUEUES
"""Of each sweep: one through each queue; a test counts the queues."""
HEARTBEATS_OF_THE_STREAM: Final = 2
"""Of each sweep: its own item, shown to both readers of the stream."""
HEARTBEAT_SECONDS: Final = 0.1
"""An estimate, with a share of cold starts: a function that is called every five minutes is mostly still there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the bill: quantity times unit price."""

    what: str
    quantity: float
    unit_price: float

    @property
    def dollars(self) -> float:
        """USD."""
        return self.quantity * self.unit_price


def per_million_events(calls: Calls, *, events: int, invocation_seconds: float) -> Iterator[Item]:
    """The bill, if each `events` events arrive together, cost these calls, and take this long.

    EventBridge charges nothing for AWS's own events, DynamoDB nothing for reads of its stream by Lambda,
    SageMaker nothing for Describe and ListTags.
    """
    invocations = MILLION / events
    # An item of state is below 2 KB (two write units). Its index entries take at most four more: two each time for
    # by-activity, whose key moves.
    # A transition is below 1 KB; a query of one job's items reads below 8 KB, consistently (two read units).
    writes = invocations * calls["PutItem"]
    yield Item(what="Lambda requests", quantity=invocations, unit_price=LAMBDA_REQUEST)
    yield Item(
        what="Lambda GB-seconds",
        quantity=invocations * invocation_seconds * MEMORY_GIGABYTES,
        unit_price=LAMBDA_GIGABYTE_SECOND_ARM,
    )
    yield Item(
        what="SQS requests",
        quantity=MILLION + invocations * SQS_REQUESTS_PER_INVOCATION,
        unit_price=SQS_REQUEST,
    )
    yield Item(what="DynamoDB write units", quantity=writes / 2 * (6 + 1), unit_price=DYNAMODB_WRITE_UNIT)
    yield Item(what="DynamoDB read units", quantity=invocations * calls["Query"] * 2, unit_price=DYNAMODB_READ_UNIT)
    yield Item(
        what="CloudWatch Logs GB",
        quantity=invocations * KILOBYTES_OF_LOG_PER_INVOCATION / 1_000_000,
        unit_price=LOGS_GIGABYTE,
    )


def each_month(*, jobs: int, depth: timedelta) -> Iterator[Item]:
    """What does not grow with events: one region, this many jobs in 31 days, the oldest that is alive of that age."""
    sweeps = MONTH / SWEEP_INTERVAL
    whole = sum(item.dollars for item in sweeping(jobs=jobs, depth=depth))
    polls = POLLED_QUEUES * POLLERS * (MONTH / LONG_POLL)
    yield Item(what="custom metrics", quantity=CUSTOM_METRICS, unit_price=CUSTOM_METRIC_MONTH)
    yield Item(what="alarms", quantity=ALARMS, unit_price=ALARM_MONTH)
    yield Item(what="idle polling of queues, estimate", quantity=polls, unit_price=SQS_REQUEST)
    yield Item(what="sweeps", quantity=sweeps, unit_price=whole / sweeps)
    yield Item(what="heartbeats", quantity=sweeps, unit_price=sum(item.dollars for item in _heartbeats()))
    yield Item(what="Slack secret", quantity=1, unit_price=SECRET_MONTH)


def _heartbeats() -> Iterator[Item]:
    """Those of one sweep: each calls a function that has nothing to do."""
    calls = HEARTBEATS_THROUGH_QUEUES + HEARTBEATS_OF_THE_STREAM
    yield Item(
        what="SQS requests",
        quantity=HEARTBEATS_THROUGH_QUEUES * (1 + SQS_REQUESTS_PER_INVOCATION),
        unit_price=SQS_REQUEST,
    )
    yield Item(what="Lambda requests", quantity=calls, unit_price=LAMBDA_REQUEST)
    yield Item(
        what="Lambda GB-seconds",
        quantity=calls * HEARTBEAT_SECONDS * MEMORY_GIGABYTES,
        unit_price=LAMBDA_GIGABYTE_SECOND_ARM,
    )
    yield Item(
        what="CloudWatch Logs GB",
        quantity=calls * KILOBYTES_OF_LOG_PER_INVOCATION / 1_000_000,
        unit_price=LOGS_GIGABYTE,
    )


def sweeping(*, jobs: int, depth: timedelta) -> Iterator[Item]:
    """The sweeps of one region in a month, of whose last 31 days' jobs each full pass lists all.

    All other passes list as far back as `depth`: a day, or the age of the oldest job that is alive. The jobs are
    taken to be spread evenly. More than one call can list (19,000 jobs) take more time than there is, and cost less.
    """
    sweeps = MONTH / SWEEP_INTERVAL
    full = min(sweeps, MONTH / FULL_AFTER)
    within = jobs * min(1.0, depth / LONGEST_LIFE)
    listed = full * jobs + (sweeps - full) * within
    pages = full * _pages(jobs) + (sweeps - full) * _pages(within)
    seconds = sweeps * SWEEP_OVERHEAD.total_seconds() + (pages - sweeps) * PACE.total_seconds()
    # A consistent read below 4 KB is a unit; a query of an index, or a state read with others, is half a one.
    reads = sweeps * (SWEEP_READS + SWEEP_QUERIES / 2) + pages / 2 + listed / 2
    reads += jobs * (MONTH / LONGEST_LIFE) * CHECKS_OF_A_JOB * READS_OF_A_CHECK
    yield Item(what="Scheduler invocations", quantity=sweeps, unit_price=SCHEDULER_INVOCATION)
    yield Item(what="Lambda requests", quantity=sweeps, unit_price=LAMBDA_REQUEST)
    yield Item(what="Lambda GB-seconds", quantity=seconds * MEMORY_GIGABYTES, unit_price=LAMBDA_GIGABYTE_SECOND_ARM)
    yield Item(what="DynamoDB read units", quantity=reads, unit_price=DYNAMODB_READ_UNIT)
    yield Item(what="DynamoDB write units", quantity=sweeps * SWEEP_WRITES + pages, unit_price=DYNAMODB_WRITE_UNIT)
    yield Item(what="SQS requests", quantity=sweeps, unit_price=SQS_REQUEST)  # how many observations wait
    yield Item(
        what="CloudWatch Logs GB", quantity=sweeps * SWEEP_KILOBYTES_OF_LOG / 1_000_000, unit_price=LOGS_GIGABYTE
    )


def _pages(jobs: float) -> int:
    """Down to the one on which the stretch ends."""
    return int(jobs // PAGE) + 1
