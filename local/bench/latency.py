"""Latency and throughput in the local account: from SageMaker's event to ledger and topic, and events per second."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from local.bench.events import FATE, Spread, age, body_of, items_of, send, spread
from local.demo.deployed import DeployedAccount
from local.sagemaker.lifecycle import parse

JOBS_PER_SECOND: Final = 5
"""Below what the local account takes: latency is to be measured here, and the backlog elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How fast a backlog drains."""

    events: int
    seconds: float

    @property
    def events_per_second(self) -> float:
        """Events that `record` took, by the second."""
        return self.events / self.seconds


def measure(deployed: DeployedAccount, *, jobs: int) -> tuple[Spread, Spread]:
    """From a transition's start, which is when the event is sent, to ledger and to SNS, over many jobs."""
    names = [f"latency-{number}" for number in range(jobs)]
    for name in names:
        deployed.ground.create(name, lifecycle=FATE)
        time.sleep(1 / JOBS_PER_SECOND)
    items = _all_items(deployed, names)
    recorded = [age(item, "recorded_at") for item in items if item["kind"]["S"] == "transition"]
    alerted = [age(item, "settled_at") for item in items if item["kind"]["S"] == "alert"]
    return spread(recorded), spread(alerted)


def drain(deployed: DeployedAccount, *, jobs: int) -> Throughput:
    """Every event of many jobs in the queue at once, none of them recorded before."""
    fate = parse(FATE)
    names = [f"burst-{number}" for number in range(jobs)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        arns = list(
            pool.map(
                lambda name: deployed.ground.create(name, lifecycle=FATE, tags={"local:delivery": "drop=all"}), names
            )
        )
    time.sleep(fate.seconds + 1)
    bodies = [body_of(arn, status) for status in fate.statuses for arn in arns]
    began = time.time()
    send(deployed, bodies)
    _all_items(deployed, names)
    while deployed.queue_depth(deployed.outputs["ObservationsQueueUrl"]):
        time.sleep(0.1)
    return Throughput(events=len(bodies), seconds=time.time() - began)


def _all_items(deployed: DeployedAccount, names: Sequence[str]) -> list[dict[str, Any]]:
    fate = parse(FATE)
    wanted = len(names) * (len(fate.statuses) + fate.statuses.count("Interrupted"))
    return items_of(deployed, names, wanted, seconds=fate.seconds + 120)
