"""Latency and throughput in the local account: from SageMaker's event to ledger and topic, and events per second."""

import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.demo.deployed import DeployedAccount
from local.sagemaker.lifecycle import Lifecycle, parse

JOBS_PER_SECOND: Final = 5
"""Below what the local account takes: latency is to be measured here, and the backlog elsewhere."""
FATE: Final = "Starting=1 Downloading=0.5 Training=1 Interrupted=1 Starting=0.5 Downloading=0.5 Training=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds: how long the middle and the slow ones took."""

    count: int
    p50: float
    p95: float


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
    items = _await(deployed, names, parse(FATE))
    recorded = [_age(item, "recorded_at") for item in items if item["kind"]["S"] == "transition"]
    alerted = [_age(item, "settled_at") for item in items if item["kind"]["S"] == "alert"]
    return _spread(recorded), _spread(alerted)


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
    bodies = [_body(arn, status) for status in fate.statuses for arn in arns]
    began = time.time()
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    sqs, queue = deployed.client("sqs"), deployed.outputs["ObservationsQueueUrl"]
    for start in range(0, len(entries), 10):
        sqs.send_message_batch(QueueUrl=queue, Entries=entries[start : start + 10])
    _await(deployed, names, fate)
    while deployed.queue_depth(queue):
        time.sleep(0.1)
    return Throughput(events=len(bodies), seconds=time.time() - began)


def _await(deployed: DeployedAccount, names: Sequence[str], fate: Lifecycle) -> list[dict[str, Any]]:
    """All items of the jobs, once the ledger has every transition and alert of theirs."""
    wanted = len(names) * (len(fate.statuses) + fate.statuses.count("Interrupted"))
    prefixes = {f"job#{deployed.account.region}#{name}#" for name in names}
    deadline = time.monotonic() + fate.seconds + 120
    scan = deployed.client("dynamodb").get_paginator("scan")
    while True:
        pages = scan.paginate(TableName=deployed.outputs["LedgerTableName"])
        items = [
            item
            for page in pages
            for item in page["Items"]
            if item["pk"]["S"].rsplit("#", 1)[0] + "#" in prefixes
            and (item["kind"]["S"] == "transition" or "settled_at" in item)
        ]
        if len(items) >= wanted:
            return items
        if time.monotonic() > deadline:
            message = f"the ledger has {len(items)} of {wanted} transitions and alerts"
            raise TimeoutError(message)
        time.sleep(1)


def _age(item: dict[str, Any], at: str) -> float:
    ended, started = (datetime.fromisoformat(item[name]["S"]) for name in (at, "started"))
    return (ended - started).total_seconds()


def _spread(seconds: Sequence[float]) -> Spread:
    slow = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    return Spread(count=len(seconds), p50=statistics.median(seconds), p95=slow)


def _body(arn: str, status: str) -> str:
    name = arn.rsplit("/", 1)[-1]
    detail = {"TrainingJobName": name, "TrainingJobArn": arn, "SecondaryStatus": status}
    return json.dumps(
        {
            "id": f"{name} {status}",
            "source": "aws.sagemaker",
            "detail-type": "SageMaker Training Job State Change",
            "region": arn.split(":")[3],
            "detail": detail,
        }
    )
