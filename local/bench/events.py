"""Events that a measurement sends, and what becomes of them in the ledger."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.demo.deployed import DeployedAccount

FATE: Final = "Starting=1 Downloading=0.5 Training=1 Interrupted=1 Starting=0.5 Downloading=0.5 Training=1"
"""The lifecycle of the jobs that are measured."""


class LoadError(Exception):
    """The measurement did not end in time; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Percentiles in seconds."""

    p50: float
    p95: float
    p99: float


def spread(seconds: Sequence[float]) -> Spread:
    """The percentiles of these seconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return Spread(p50=cuts[49], p95=cuts[94], p99=cuts[98])


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
    deployed: DeployedAccount,
    names: Sequence[str],
    wanted: int,
    *,
    seconds: float,
    say: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """The jobs' transitions and sent alerts on interruptions, as soon as there are as many as wanted.

    Raises LoadError if that takes longer than `seconds`.
    """
    prefixes = {f"job#{deployed.account.region}#{name}#" for name in names}
    scan = deployed.client("dynamodb").get_paginator("scan")
    deadline = time.monotonic() + seconds
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


def age(item: dict[str, Any], at: str) -> float:
    """Seconds from a transition's start to the time in another attribute of an item."""
    ended, started = (datetime.fromisoformat(item[name]["S"]) for name in (at, "started"))
    return (ended - started).total_seconds()
