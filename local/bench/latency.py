"""Latency and throughput in the local account: two measurements, since a backlog makes every event wait."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from local.bench.events import FATE, age, body_of, items_of, send, spread
from local.demo.deployed import DeployedAccount
from local.proof.figures import Report
from local.sagemaker.lifecycle import parse

JOBS_ALONE: Final = 15
"""Jobs whose latency is measured, one after the other."""
_LIMIT_SECONDS: Final = 120.0


def report(deployed: DeployedAccount, *, jobs: int) -> Report:
    """Latency of jobs that are alone, and the throughput of the events of that many jobs together."""
    recorded, alerted = unloaded(deployed)
    events, seconds = drain(deployed, jobs=jobs)
    spreads = {"from the event to the ledger": recorded, "from the event to SNS (published and noted)": alerted}
    return Report(
        title=(
            f"Latency while nothing waits ({JOBS_ALONE} jobs, one after the other), and throughput of a backlog;\n"
            f"in the local account, load of the machine {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}"
        ),
        columns=("", "events", "p50", "p95", "p95 / p50", "events/s"),
        rows=[
            *(
                (what, str(len(ages)), f"{each.p50:.2f} s", f"{each.p95:.2f} s", f"{each.p95 / each.p50:.1f}", "")
                for what, ages in spreads.items()
                for each in [spread(ages)]
            ),
            (f"all events of {jobs} new jobs at once", str(events), "", "", "", f"{events / seconds:.0f}"),
        ],
    )


def unloaded(deployed: DeployedAccount) -> tuple[list[float], list[float]]:
    """Seconds from each transition's start, which is when the event is sent, to ledger and to SNS.

    There is one job at a time, and the account does nothing else. The first job starts the functions, and is not
    counted.
    """
    names = [f"alone-{number}" for number in range(JOBS_ALONE + 1)]
    for name in names:
        deployed.ground.create(name, lifecycle=FATE)
        time.sleep(parse(FATE).seconds + 1)
    items = _items(deployed, names[1:])
    recorded = [age(item, "recorded_at") for item in items if item["kind"]["S"] == "transition"]
    return recorded, [age(item, "settled_at") for item in items if item["kind"]["S"] == "alert"]


def drain(deployed: DeployedAccount, *, jobs: int) -> tuple[int, float]:
    """Every event of many jobs in the queue at once, none of them recorded before: how many, and for how long."""
    fate, names = parse(FATE), [f"burst-{number}" for number in range(jobs)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        tags = {"local:delivery": "drop=all"}
        arns = list(pool.map(lambda name: deployed.ground.create(name, lifecycle=FATE, tags=tags), names))
    time.sleep(fate.seconds + 1)
    bodies = [body_of(arn, status) for status in fate.statuses for arn in arns]
    began = time.time()
    send(deployed, bodies)
    _items(deployed, names)
    while deployed.queue_depth(deployed.outputs["ObservationsQueueUrl"]):
        time.sleep(0.1)
    return len(bodies), time.time() - began


def _items(deployed: DeployedAccount, names: list[str]) -> list[dict[str, Any]]:
    fate = parse(FATE)
    wanted = len(names) * (len(fate.statuses) + fate.statuses.count("Interrupted"))
    return items_of(deployed, names, wanted, seconds=fate.seconds + _LIMIT_SECONDS)
