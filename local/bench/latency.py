"""Latency and throughput in the local account: two measurements, since a backlog makes every event wait."""

import os
import time
from typing import Final

from local.bench.load import FATE, ages, bodies_of, create, items_of, send, spread, until_recorded
from local.demo.deployed import DeployedAccount
from local.proof.figures import Report

JOBS_ALONE: Final = 15
"""Jobs whose latency is measured, one after the other."""


def report(deployed: DeployedAccount, *, jobs: int) -> Report:
    """Latency of jobs that are alone, and the throughput of the events of that many jobs together."""
    names = [f"alone-{number}" for number in range(JOBS_ALONE + 1)]
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
            f"Latency while nothing waits ({JOBS_ALONE} jobs, one after the other), and throughput of a backlog;\n"
            f"in the local account, load of the machine {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}"
        ),
        columns=("", "events", "p50", "p95", "p95 / p50", "events/s"),
        rows=[*rows, burst],
    )
