"""How long Respot takes for many jobs at once (`python -m local load`), and for one after the other (the benchmark)."""

import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from local.demo.deployed import DeployedAccount, deployed_account
from local.proof.figures import Report, conclude, table, write
from local.sagemaker.lifecycle import parse

_LIFECYCLE: Final = "Starting=1 Downloading=0.5 Training=1 Interrupted=1 Starting=0.5 Downloading=0.5 Training=1"
FATE: Final = parse(_LIFECYCLE)
"""Of the jobs that are measured."""
SIZES: Final = (500, 1000, 2500, 5000)
"""Numbers of jobs, each at least twice the one before: faster growth is visible."""
_CREATORS: Final = 8
"""Threads that create jobs: about as many as the account answers at once."""
_JOBS_ALONE: Final = 15  # whose latency is measured, one after the other
_WAIT_SECONDS: Final = 3600.0

Say = Callable[[str], None]
Items = Sequence[dict[str, Any]]
Spread = tuple[float, float, float]
"""Three percentiles in seconds: 50, 95, 99."""


class LoadError(Exception):
    """The measurement did not end in time; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one number of jobs made of it; all `losses` must be zero.

    The seconds are from the first event until the queue was empty: an event leaves it when it is recorded. `calls` are
    those of all functions for the new events, alerts included.
    """

    jobs: int
    transitions: int
    losses: dict[str, int]
    seconds: float
    seconds_again: float
    backlog: int
    calls: int
    to_ledger: Spread
    to_alert: Spread

    def cells(self) -> dict[str, str]:
        """The column of a table."""
        spreads = {
            f"event to {what} p50 / p95 / p99": " / ".join(f"{second:.1f}" for second in seconds) + " s"
            for what, seconds in (("ledger", self.to_ledger), ("alert", self.to_alert))
        }
        return {
            "events, then again": f"{self.transitions:,} + {self.transitions:,}",
            **{what: str(number) for what, number in self.losses.items()},
            "recorded in": f"{self.seconds:.0f} s",
            "events/s": f"{self.transitions / self.seconds:.0f}",
            "duplicates/s": f"{self.transitions / self.seconds_again:.0f}",
            "largest backlog": f"{self.backlog:,}",
            **spreads,
            "AWS calls": f"{self.calls:,}",
            "AWS calls per transition": f"{self.calls / self.transitions:.2f}",
        }


def run(*, jobs: Sequence[int] | None, figures: Path | None = None) -> int:
    """Measure each number of jobs in an account of its own; gives 1 if anything was lost or doubled."""
    console = Console(highlight=False, width=150)
    loads = []
    for size in jobs or SIZES:
        with (
            console.status(f"{size:,} jobs") as status,
            deployed_account(context={"respot:digest_seconds": "180"}) as deployed,
        ):
            loads.append(measure(deployed, jobs=size, say=status.update))
        console.print(f"{size:,} jobs measured")
    columns = [each.cells() for each in loads]
    rows = [[what, *(column[what] for column in columns)] for what in columns[0]]
    console.print(table(("jobs", *(f"{each.jobs:,}" for each in loads)), rows))
    write(figures, to_figures(loads))
    wrong = [f"{each.jobs:,} jobs, {what}: {n}" for each in loads for what, n in each.losses.items() if n]
    return conclude(console, "Nothing was lost or doubled.", wrong)


def to_figures(loads: Sequence[Load]) -> dict[str, float]:
    """What `make proof` judges: of all sizes the sum, and of times the worst."""
    growth = [(later.seconds / earlier.seconds) / (later.jobs / earlier.jobs) * 2 for earlier, later in pairwise(loads)]
    return {
        "jobs": sum(each.jobs for each in loads),
        **{what: sum(each.losses[what] for each in loads) for what in loads[0].losses},
        "events by the second": min(each.transitions / each.seconds for each in loads),
        "event to alert, p95": max(each.to_alert[1] for each in loads),
        "time for twice the jobs": max(growth, default=0.0),
    }


def measure(deployed: DeployedAccount, *, jobs: int, say: Say) -> Load:
    """Have SageMaker send the events of that many new jobs as fast as it can, then send all of them again."""
    names = [f"load-{jobs}-{number}" for number in range(jobs)]
    transitions, alerts = jobs * len(FATE.statuses), jobs * FATE.statuses.count("Interrupted")
    arns: list[str] = []

    def send_new() -> None:
        # Only the simulated SageMaker reads checkpoints here, and the local S3 walks the whole bucket each time.
        arns.extend(create(deployed, names, CheckpointConfig=None))
        time.sleep(FATE.seconds)

    before = deployed.account.calls()
    seconds, backlog = until_recorded(deployed, send_new, say)
    items = items_of(deployed, names, say=say)
    calls = deployed.account.calls() - before
    seconds_again, _ = until_recorded(deployed, lambda: send(deployed, bodies_of(arns)), say)
    counts = Counter(item["kind"]["S"] for item in items)
    return Load(
        jobs=jobs,
        transitions=transitions,
        losses={
            "transitions lost": transitions - counts["transition"],
            "alerts lost": alerts - counts["alert"],
            "written for duplicates": len(items_of(deployed, names, wanted=0)) - len(items),
            "dead letters": sum(deployed.dead_letters().values()),
        },
        seconds=seconds,
        seconds_again=seconds_again,
        backlog=backlog,
        calls=calls,
        to_ledger=spread(ages(items, "transition")),
        to_alert=spread(ages(items, "alert")),
    )


def latency_report(deployed: DeployedAccount, *, jobs: int) -> Report:
    """Latency of jobs that are alone, and the throughput of the events of that many jobs together."""
    names = [f"alone-{number}" for number in range(_JOBS_ALONE + 1)]
    for name in names:
        create(deployed, [name])
        time.sleep(FATE.seconds + 1)
    # The first job starts the functions, and is not counted.
    items = items_of(deployed, names[1:])
    rows = []
    for what, kind in (
        ("from the event to the ledger", "transition"),
        ("from the event to SNS (published and noted)", "alert"),
    ):
        seconds = ages(items, kind)
        p50, p95, _ = spread(seconds)
        rows.append((what, str(len(seconds)), f"{p50:.2f} s", f"{p95:.2f} s", f"{p95 / p50:.1f}", ""))
    # Every event of many jobs in the queue at once, none of them recorded before.
    bodies = bodies_of(create(deployed, [f"burst-{n}" for n in range(jobs)], tags={"local:delivery": "drop=all"}))
    time.sleep(FATE.seconds + 1)
    drained, _ = until_recorded(deployed, lambda: send(deployed, bodies))
    burst = (f"all events of {jobs} new jobs at once", str(len(bodies)), "", "", "", f"{len(bodies) / drained:.0f}")
    return Report(
        title=(
            f"Latency while nothing waits ({_JOBS_ALONE} jobs, one after the other), and throughput of a backlog;\n"
            f"in the local account, load of the machine {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}"
        ),
        columns=("", "events", "p50", "p95", "p95 / p50", "events/s"),
        rows=[*rows, burst],
    )


# --- what the benchmark uses, too


def spread(seconds: Sequence[float]) -> Spread:
    """The percentiles of these seconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def ages(items: Items, kind: str) -> list[float]:
    """Seconds from a transition's start until it was in the ledger, or until its alert was published and noted."""
    noted = "recorded_at" if kind == "transition" else "settled_at"
    chosen = (item for item in items if item["kind"]["S"] == kind)
    times = ([datetime.fromisoformat(item[at]["S"]) for at in (noted, "started")] for item in chosen)
    return [(end - started).total_seconds() for end, started in times]


def create(deployed: DeployedAccount, names: Sequence[str], **options: Any) -> list[str]:  # noqa: ANN401 - of `request`
    """Create jobs that meet FATE, as fast as the account can; gives their ARNs."""
    with ThreadPoolExecutor(max_workers=_CREATORS) as pool:
        return list(pool.map(lambda name: deployed.ground.create(name, lifecycle=_LIFECYCLE, **options), names))


def bodies_of(arns: Sequence[str]) -> list[str]:
    """A message for each status of these jobs, as the queue has them."""
    return [body_of(arn, status) for status in FATE.statuses for arn in arns]


def body_of(arn: str, status: str | None = None) -> str:
    """A queue message as EventBridge sends it for a job in this SecondaryStatus."""
    name = arn.rsplit("/", 1)[-1]
    detail = {"TrainingJobName": name, "TrainingJobArn": arn} | ({"SecondaryStatus": status} if status else {})
    return json.dumps(
        {
            "id": f"{name} {status}",
            "source": "aws.sagemaker",
            "detail-type": "SageMaker Training Job State Change",
            "region": arn.split(":")[3],
            "detail": detail,
        }
    )


def send(deployed: DeployedAccount, bodies: Sequence[str]) -> None:
    """Put messages into the queue that `record` reads."""
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    for start in range(0, len(entries), 10):
        queue = deployed.outputs["ObservationsQueueUrl"]
        deployed.client("sqs").send_message_batch(QueueUrl=queue, Entries=entries[start : start + 10])


def items_of(
    deployed: DeployedAccount, names: Sequence[str], *, wanted: int | None = None, say: Say = lambda _: None
) -> Items:
    """Transitions of jobs and sent alerts on interruptions, once there are as many as wanted or as FATE says."""
    if wanted is None:
        wanted = len(names) * (len(FATE.statuses) + FATE.statuses.count("Interrupted"))
    prefixes = {f"job#{deployed.account.region}#{name}#" for name in names}
    scan = deployed.client("dynamodb").get_paginator("scan")
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        items = [
            item
            for page in scan.paginate(TableName=deployed.outputs["LedgerTableName"])
            for item in page["Items"]
            if item["pk"]["S"].rsplit("#", 1)[0] + "#" in prefixes
            and (item["kind"]["S"] == "transition" or item.get("alert_kind") == {"S": "interrupted"})
        ]
        if len(items) >= wanted:
            return items
        say(f"{len(items):,} of {wanted:,} transitions and alerts are in the ledger")
        if time.monotonic() > deadline:
            raise LoadError(f"the ledger has {len(items)} of {wanted} transitions and alerts")
        time.sleep(max(1.0, len(names) / 200))  # a scan is work for the account, too


def until_recorded(deployed: DeployedAccount, sent: Callable[[], None], say: Say = lambda _: None) -> tuple[float, int]:
    """Send events, and wait until none is left in the queue; gives the seconds, and the most that waited."""
    began, backlog = time.monotonic(), 0
    with ThreadPoolExecutor(max_workers=1) as pool:
        sending = pool.submit(sent)
        while True:
            all_sent = sending.done()
            depth = deployed.queue_depth(deployed.outputs["ObservationsQueueUrl"])
            backlog = max(backlog, depth)
            if all_sent and not depth:
                sending.result()
                return time.monotonic() - began, backlog
            if time.monotonic() - began > _WAIT_SECONDS:
                raise LoadError(f"{depth:,} events still waited after an hour")
            say(f"{depth:,} events wait")
            # Counting a queue is work for the account, and the more of it, the longer the queue.
            time.sleep(max(0.5, depth / 5000))
