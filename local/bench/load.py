"""Load: many jobs at once, then the same events again; what is lost, how long it takes, and what it would cost."""

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.bench import price
from local.bench.latency import FATE
from local.demo.deployed import DeployedAccount
from local.sagemaker.lifecycle import parse

CREATORS: Final = 8
"""Threads that create jobs: about as many as the account answers at once."""
_NO_CHECKPOINTS: Final[Mapping[str, Any]] = {"CheckpointConfig": None}
"""Nobody but the simulated SageMaker reads them here, and the local S3 walks the whole bucket for each listing."""
_PATIENCE: Final = 3600
_QUEUES: Final = ("ObservationsDlqUrl", "AlertsDlqUrl", "DueAlertsDlqUrl", "EndingsDlqUrl", "RecoveryDlqUrl")
HOURS_PER_MONTH: Final = 730
VM_HOUR: Final = 0.0168
"""USD for an hour of a t4g.small (2 vCPU, 2 GiB), on demand, Linux, us-east-1.

Source: the price table that Karpenter generates from AWS's price API, as of 2026-01-19
(`pkg/providers/pricing/zz_generated.pricing_aws.go` in aws/karpenter-provider-aws).
"""


class LoadError(Exception):
    """The run did not come to its end: the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds: how long the middle, the slow and the slowest took."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Events that came together.

    Attributes:
        events: how many SageMaker sent, or were sent again.
        seconds: from the first until the queue was empty: an event leaves it when it is written down.
        backlog: the most that waited at once.
        drain_seconds: how long the backlog took after the last event had been sent.
        calls: AWS calls of all functions, by operation, what came of the events afterwards included.
    """

    events: int
    seconds: float
    backlog: int
    drain_seconds: float
    calls: Mapping[str, int]

    @property
    def events_per_second(self) -> float:
        """Events taken by the second."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one number of jobs made of it."""

    jobs: int
    transitions: int
    lost_transitions: int
    lost_alerts: int
    written_by_duplicates: int
    dead_letters: int
    fresh: Wave
    again: Wave
    to_ledger: Spread
    to_alert: Spread
    most_describes_in_flight: int
    most_describes_in_a_second: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, doubled or given up."""
        return not (self.lost_transitions or self.lost_alerts or self.written_by_duplicates or self.dead_letters)

    @property
    def calls_per_transition(self) -> float:
        """AWS calls of all functions for a new transition, alerts included."""
        return sum(self.fresh.calls.values()) / self.transitions

    @property
    def dollars_per_thousand_jobs(self) -> float:
        """List price, with an invocation for each event: a backlog folds up to ten, and is cheaper."""
        events = self.fresh.events
        each = Counter({name: count / events for name, count in self.fresh.calls.items()})
        seconds = self.fresh.seconds * _CONCURRENCY / events
        items = price.per_million_events(each, events=1, invocation_seconds=seconds)
        published = self.fresh.calls.get("sns", 0) * price.SNS_PUBLISH
        whole = sum(item.dollars for item in items) / price.MILLION * events + published
        return whole / self.jobs * 1000


_CONCURRENCY: Final = 2
"""Copies of `record`: the setting `record_concurrency` as shipped."""


def measure(deployed: DeployedAccount, *, jobs: int, say: Callable[[str], None]) -> Load:
    """Have SageMaker send the events of that many new jobs as fast as it can, then send all of them again."""
    fate = parse(FATE)
    names = [f"load-{jobs}-{number}" for number in range(jobs)]
    transitions, alerts = jobs * len(fate.statuses), jobs * fate.statuses.count("Interrupted")
    with _watched(deployed) as watch:
        say(f"creating {jobs:,} jobs")
        with ThreadPoolExecutor(max_workers=CREATORS) as pool:
            arns = list(pool.map(lambda name: deployed.ground.create(name, lifecycle=FATE, **_NO_CHECKPOINTS), names))
        watch.sent_until(time.monotonic() + fate.seconds)
        watch.drain(say)
        items = _await(deployed, names, transitions + alerts, say)
        fresh = watch.wave(transitions)
    bodies = [_body(arn, status) for status in fate.statuses for arn in arns]
    with _watched(deployed) as watch:
        say(f"sending {len(bodies):,} events again")
        _send(deployed, bodies)
        watch.sent_until(time.monotonic())
        watch.drain(say)
        again = watch.wave(len(bodies))
    after = _await(deployed, names, 0, say)
    calls = deployed.account.calls()
    return Load(
        jobs=jobs,
        transitions=transitions,
        lost_transitions=transitions - _count(items, "transition"),
        lost_alerts=alerts - _count(items, "alert"),
        written_by_duplicates=len(after) - len(items),
        dead_letters=sum(deployed.queue_depth(deployed.outputs[name]) for name in _QUEUES),
        fresh=fresh,
        again=again,
        to_ledger=_spread([_age(item, "recorded_at") for item in items if item["kind"]["S"] == "transition"]),
        to_alert=_spread([_age(item, "settled_at") for item in items if item["kind"]["S"] == "alert"]),
        most_describes_in_flight=calls["most_describes_in_flight"],
        most_describes_in_a_second=calls["most_describes_in_a_second"],
    )


class _Watch:
    """Looks at the backlog while a wave passes."""

    def __init__(self, deployed: DeployedAccount) -> None:
        self._deployed = deployed
        self._calls = Counter(deployed.account.calls()["calls"])
        self._began = time.monotonic()
        self._sent = self._ended = self._began
        self._most = 0
        self.over = threading.Event()

    def look(self) -> int:
        depth = self._deployed.queue_depth(self._deployed.outputs["ObservationsQueueUrl"])
        self._most = max(self._most, depth)
        return depth

    def run(self) -> None:
        pause = 1.0
        while not self.over.wait(pause):
            pause = _pause(self.look())

    def sent_until(self, moment: float) -> None:
        self._sent = moment

    def drain(self, say: Callable[[str], None]) -> None:
        """Wait until the last event has been sent and none waits or is being handled: all are written down then."""
        deadline = time.monotonic() + _PATIENCE
        while (depth := self.look()) or time.monotonic() < self._sent:
            if time.monotonic() > deadline:
                raise LoadError(f"{depth:,} events still waited after an hour")
            say(f"{depth:,} events wait")
            time.sleep(_pause(depth))
        self._ended = time.monotonic()

    def wave(self, events: int) -> Wave:
        """What has passed until the backlog was drained, and all calls until now."""
        return Wave(
            events=events,
            seconds=self._ended - self._began,
            backlog=self._most,
            drain_seconds=max(0.0, self._ended - self._sent),
            calls=Counter(self._deployed.account.calls()["calls"]) - self._calls,
        )


def _pause(depth: int) -> float:
    # Counting a queue is work for the account, and the more of it, the longer the queue.
    return max(0.5, depth / 5000)


@contextmanager
def _watched(deployed: DeployedAccount) -> Iterator[_Watch]:
    watch = _Watch(deployed)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.over.set()
        thread.join()


def _send(deployed: DeployedAccount, bodies: Sequence[str]) -> None:
    sqs, queue = deployed.client("sqs"), deployed.outputs["ObservationsQueueUrl"]
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    for start in range(0, len(entries), 10):
        sqs.send_message_batch(QueueUrl=queue, Entries=entries[start : start + 10])


def _await(
    deployed: DeployedAccount, names: Sequence[str], wanted: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The jobs' transitions and settled alerts on what SageMaker did, once there are as many as wanted."""
    prefixes = {f"job#{deployed.account.region}#{name}#" for name in names}
    scan = deployed.client("dynamodb").get_paginator("scan")
    deadline = time.monotonic() + _PATIENCE
    while True:
        pages = scan.paginate(TableName=deployed.outputs["LedgerTableName"])
        items = [
            item
            for page in pages
            for item in page["Items"]
            if item["pk"]["S"].rsplit("#", 1)[0] + "#" in prefixes
            and (item["kind"]["S"] == "transition" or item.get("alert_kind") == {"S": "interrupted"})
        ]
        if len(items) >= wanted:
            return items
        say(f"{len(items):,} of {wanted:,} transitions and alerts are in the ledger")
        if time.monotonic() > deadline:
            raise LoadError(f"the ledger has {len(items)} of {wanted} transitions and alerts")
        time.sleep(max(2.0, len(names) / 200))  # a scan is work for the account, too


def _count(items: Sequence[Mapping[str, Any]], kind: str) -> int:
    return sum(item["kind"]["S"] == kind for item in items)


def _age(item: Mapping[str, Any], at: str) -> float:
    ended, started = (datetime.fromisoformat(item[name]["S"]) for name in (at, "started"))
    return (ended - started).total_seconds()


def _spread(seconds: Sequence[float]) -> Spread:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return Spread(p50=cuts[49], p95=cuts[94], p99=cuts[98])


def _body(arn: str, status: str) -> str:
    name = arn.rsplit("/", 1)[-1]
    return json.dumps(
        {
            "id": f"{name} {status}",
            "source": "aws.sagemaker",
            "detail-type": "SageMaker Training Job State Change",
            "region": arn.split(":")[3],
            "detail": {"TrainingJobName": name, "TrainingJobArn": arn, "SecondaryStatus": status},
        }
    )
