"""What Respot costs on AWS: list prices times the calls that were counted and the time that was measured.

A million events, and a month in which nothing happens but the sweeps.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from local.bench.calls import Case
from local.proof.figures import Report
from respot.jobs.listing import LONGEST_LIFE
from respot.sweep.progress import FULL_AFTER, QUICK
from respot.sweep.region_sweep import PACE

MILLION: Final = 1_000_000
PRICES: Final = {
    "Lambda requests": 0.20 / MILLION,
    "Lambda GB-seconds": 0.0000133334,  # arm64
    "SQS requests": 0.40 / MILLION,
    "DynamoDB write units": 0.625 / MILLION,
    "DynamoDB read units": 0.125 / MILLION,
    "CloudWatch Logs GB": 0.50,
    "Scheduler invocations": 1.00 / MILLION,
    "custom metrics": 0.30,  # a name with one set of dimensions, by the hour in which it is emitted
    "alarms": 0.10,
    "Slack secret": 0.40,
}
"""USD each, of us-east-1, from the services' public pricing pages; no account's discounts, no free tier."""

MONTH: Final = timedelta(hours=730)
TYPICAL_JOBS: Final = 1_000  # of 31 days

# What is deployed; tests count it.
MEMORY_GIGABYTES: Final = 0.5
CUSTOM_METRICS: Final = 24  # in each hour, at the most expensive: only `SweepAge` is emitted when nothing happens
ALARMS: Final = 36  # of the hub, with Slack; a forwarder's region has one of its own
WEEKLY_ALARMS: Final = 2  # of the hub, where weekly digests are on
POLLED_QUEUES: Final = 5  # that Lambda reads, with Slack
SWEEP_INTERVAL: Final = timedelta(minutes=5)  # as shipped (`sweep_minutes`)
SWEEPS: Final = MONTH / SWEEP_INTERVAL
# Of each sweep. Of the indexes: nine windows of checks, some of them on two days, and the oldest job that is alive.
SWEEP_QUERIES: Final = 10
SWEEP_READS: Final = 2  # consistent ones: how far its two passes have come
SWEEP_WRITES: Final = 13  # both passes taken and let go, and nine windows of checks
# A message through each queue, and its own item, shown to both readers of the stream.
HEARTBEAT_QUEUES: Final = POLLED_QUEUES - 1  # all but that of drills
HEARTBEAT_CALLS: Final = HEARTBEAT_QUEUES + 2
READS_FOR_CHECKS: Final = 9 * 7  # of a job that has ended: nine checks, seven reads each
SQS_REQUESTS: Final = 3  # of a message that is alone: EventBridge's delivery, receive and delete
PAGE: Final = 100  # jobs of ListTrainingJobs
START_READS: Final = 16  # of a decision with a deadline: two queries of a hundred items of 300 bytes, consistently

# Estimates.
SWEEP_SECONDS: Final = 1.0  # in addition to the pauses between pages: start, checks, calls
CHECK_SECONDS: Final = 0.5  # of a waiting job at its latest on-demand start: a dozen calls
HEARTBEAT_SECONDS: Final = 0.1  # with a share of cold starts: every five minutes the function is mostly still there
# Lambda long-polls an idle standard queue with five readers, and may go down to two where no maximum concurrency is
# set: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html. AWS does not say how long it waits: this
# is the longest that SQS allows.
POLLERS: Final = 5
LONG_POLL: Final = timedelta(seconds=20)

WEEK: Final = timedelta(days=7)
# Of a run with one job: two queries, each consistent, of less than 8 and 4 KB, and its summary with others.
WEEKLY_RUN_READS: Final = 3.5
WEEKLY_RUN_SECONDS: Final = 0.05  # an estimate
WEEKLY_READS: Final = 8  # its own item, and the index for each day
WEEKLY_WRITES: Final = 2

Quantities = Mapping[str, float]


def dollars(quantities: Quantities) -> float:
    """What these quantities cost."""
    return sum(PRICES[what] * quantity for what, quantity in quantities.items())


def million_events(case: Case) -> Quantities:
    """Of a million events that arrive, cost and last as in the case that was measured.

    EventBridge charges nothing for AWS's own events, DynamoDB nothing for reads of its stream by Lambda,
    SageMaker nothing for Describe and ListTags.
    """
    invocations = MILLION / case.messages
    return {
        **_invocations(invocations, seconds=case.seconds, log_kilobytes=1),
        "SQS requests": MILLION + invocations * (SQS_REQUESTS - 1),
        # An item of state is below 2 KB (two write units). Its index entries take at most four more: two each time for
        # by-activity, whose key moves. The run's summary is below 2 KB, too, and moves in its index only when the run
        # begins or ends. A transition is below 1 KB.
        "DynamoDB write units": invocations * (6 + 2 + max(case.calls["PutItem"] - 2, 0)),
        # A query of one job's items reads below 8 KB, consistently.
        "DynamoDB read units": invocations * case.calls["Query"] * 2,
    }


def sweeping(*, jobs: int, depth: timedelta) -> Quantities:
    """Of the sweeps of one region in a month, of whose last 31 days' jobs each full pass lists all.

    All other passes list as far back as `depth`: a day, or the age of the oldest job that is alive. The jobs are
    taken to be spread evenly. More than one call can list (19,000 jobs) take more time than there is, and cost less.
    """
    full = min(SWEEPS, MONTH / FULL_AFTER)
    within = jobs * min(1.0, depth / LONGEST_LIFE)
    listed = full * jobs + (SWEEPS - full) * within
    # Down to the page on which the stretch ends.
    pages = full * (jobs // PAGE + 1) + (SWEEPS - full) * (within // PAGE + 1)
    seconds = SWEEPS * SWEEP_SECONDS + (pages - SWEEPS) * PACE.total_seconds()
    # A consistent read below 4 KB is a unit; a query of an index, or a state read with others, is half a one.
    reads = SWEEPS * (SWEEP_READS + SWEEP_QUERIES / 2) + pages / 2 + listed / 2
    # A full pass also queries the runs that go on, page by page, and reads the summary of each.
    reads += full * (jobs // PAGE + 1 + within) / 2
    return {
        **_invocations(SWEEPS, seconds=seconds / SWEEPS, log_kilobytes=1.5),
        "Scheduler invocations": SWEEPS,
        "DynamoDB read units": reads + jobs * (MONTH / LONGEST_LIFE) * READS_FOR_CHECKS,
        "DynamoDB write units": SWEEPS * SWEEP_WRITES + pages,
        "SQS requests": SWEEPS,  # how many observations wait
    }


def deadline_checks(jobs: float) -> Quantities:
    """Of jobs with a deadline that wait until their latest on-demand start, each sent to `recover` by its schedule.

    Scheduler charges for invocations alone: schedules are created, read, moved and deleted for nothing.
    """
    return {
        **_invocations(jobs, seconds=CHECK_SECONDS, log_kilobytes=1),
        "Scheduler invocations": jobs,
        "SQS requests": jobs * SQS_REQUESTS,
        "DynamoDB read units": jobs * START_READS,
    }


def weekly_digests(*, runs: int) -> Quantities:
    """Of the weekly digests in a month, of runs with one job each; without e-mails and other deliveries."""
    weeks = MONTH / WEEK
    return {
        **_invocations(weeks, seconds=1 + runs / weeks * WEEKLY_RUN_SECONDS, log_kilobytes=1),
        "Scheduler invocations": weeks,
        "DynamoDB read units": weeks * WEEKLY_READS + runs * WEEKLY_RUN_READS,
        "DynamoDB write units": weeks * WEEKLY_WRITES,
        "alarms": WEEKLY_ALARMS,
    }


def month(*, jobs: int, depth: timedelta) -> dict[str, tuple[float, float]]:
    """What does not grow with events, as quantity and USD each: one region, this many jobs in 31 days."""
    heartbeats = {
        **_invocations(HEARTBEAT_CALLS, seconds=HEARTBEAT_SECONDS, log_kilobytes=1),
        "SQS requests": HEARTBEAT_QUEUES * SQS_REQUESTS,
    }
    polls = POLLED_QUEUES * POLLERS * (MONTH / LONG_POLL)
    return {
        "custom metrics": (CUSTOM_METRICS, PRICES["custom metrics"]),
        "alarms": (ALARMS, PRICES["alarms"]),
        "idle polling of queues, estimate": (polls, PRICES["SQS requests"]),
        "sweeps": (SWEEPS, dollars(sweeping(jobs=jobs, depth=depth)) / SWEEPS),
        "heartbeats": (SWEEPS, dollars(heartbeats)),
        # At the most: all jobs have a deadline, and none gets spot instances.
        "checks of deadlines": (jobs * (MONTH / LONGEST_LIFE), dollars(deadline_checks(1))),
        "Slack secret": (1, PRICES["Slack secret"]),
    }


def reports(case: Case) -> Sequence[Report]:
    """The bills of docs/cost.md, for events as in this case."""
    depths, span = (QUICK, timedelta(days=7), LONGEST_LIFE), f"{LONGEST_LIFE.days} days"
    return [
        _bill(
            f"Price of a million events on AWS, list prices of us-east-1, each event like: {case.what}",
            {what: (quantity, PRICES[what]) for what, quantity in million_events(case).items()},
        ),
        _bill(
            f"What does not grow with events, each month: one region, {TYPICAL_JOBS:,} jobs in {span},"
            "\nnone alive for more than a day",
            month(jobs=TYPICAL_JOBS, depth=QUICK),
        ),
        Report(
            title="The sweeps alone, USD each month, by jobs and by the age of the oldest that is alive",
            columns=(f"jobs in {span}", *(f"{depth.days} d" for depth in depths)),
            rows=[
                (f"{jobs:,}", *(f"{dollars(sweeping(jobs=jobs, depth=depth)):.2f}" for depth in depths))
                for jobs in (0, TYPICAL_JOBS, 10 * TYPICAL_JOBS)
            ],
        ),
        Report(
            title="The weekly digests alone, where they are on, USD each month, by the runs that end in it",
            columns=("runs", "USD"),
            rows=[
                (f"{runs:,}", f"{dollars(weekly_digests(runs=runs)):.2f}")
                for runs in (0, TYPICAL_JOBS, 10 * TYPICAL_JOBS, 100 * TYPICAL_JOBS)
            ],
        ),
    ]


def _bill(title: str, lines: Mapping[str, tuple[float, float]]) -> Report:
    rows = [
        (what, f"{quantity:,.1f}", f"{each:.10f}".rstrip("0"), f"{quantity * each:.2f}")
        for what, (quantity, each) in lines.items()
    ]
    total = sum(quantity * each for quantity, each in lines.values())
    rows.append(("together", "", "", f"{total:.2f}"))
    return Report(title=title, columns=("", "quantity", "USD each", "USD"), rows=rows)


def _invocations(count: float, *, seconds: float, log_kilobytes: float) -> Quantities:
    return {
        "Lambda requests": count,
        "Lambda GB-seconds": count * seconds * MEMORY_GIGABYTES,
        "CloudWatch Logs GB": count * log_kilobytes / MILLION,
    }
