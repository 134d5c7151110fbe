"""Load: many jobs at once, then the same events again; what is lost, how long it takes, and what it would cost."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Self

from local.bench import price
from local.bench.events import FATE, LoadError, Spread, age, body_of, items_of, send, spread
from local.demo.deployed import DeployedAccount
from local.sagemaker.lifecycle import parse

CREATORS: Final = 8
"""Threads that create jobs: about as many as the account answers at once."""
_NO_CHECKPOINTS: Final[Mapping[str, Any]] = {"CheckpointConfig": None}
"""Only the simulated SageMaker reads checkpoints here, and the local S3 walks the whole bucket for each listing."""
_WAIT_SECONDS: Final = 3600
HOURS_PER_MONTH: Final = 730
VM_HOUR: Final = 0.0168
"""USD for an hour of a t4g.small (2 vCPU, 2 GiB), on demand, Linux, us-east-1.

Source: the price table that Karpenter generates from AWS's price API, as of 2026-01-19
(`pkg/providers/pricing/zz_generated.pricing_aws.go` in aws/karpenter-provider-aws).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Events that were sent together.

    Attributes:
        seconds: from the first until the queue was empty: an event leaves it when it is recorded.
        backlog: the most events in the queue.
        drain_seconds: from the last event until the queue was empty.
        calls: AWS calls of all functions, by operation.
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
        """Whether nothing was lost or doubled."""
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
    with _Watch(deployed) as watch:
        say(f"creating {jobs:,} jobs")
        with ThreadPoolExecutor(max_workers=CREATORS) as pool:
            arns = list(pool.map(lambda name: deployed.ground.create(name, lifecycle=FATE, **_NO_CHECKPOINTS), names))
        watch.sent_until = time.monotonic() + fate.seconds
        watch.drain(say)
        items = items_of(deployed, names, transitions + alerts, seconds=_WAIT_SECONDS, say=say)
        fresh = watch.wave(transitions)
    bodies = [body_of(arn, status) for status in fate.statuses for arn in arns]
    with _Watch(deployed) as watch:
        say(f"sending {len(bodies):,} events again")
        send(deployed, bodies)
        watch.sent_until = time.monotonic()
        watch.drain(say)
        again = watch.wave(len(bodies))
    after = items_of(deployed, names, 0, seconds=_WAIT_SECONDS, say=say)
    calls = deployed.account.calls()
    return Load(
        jobs=jobs,
        transitions=transitions,
        lost_transitions=transitions - sum(each["kind"]["S"] == "transition" for each in items),
        lost_alerts=alerts - sum(each["kind"]["S"] == "alert" for each in items),
        written_by_duplicates=len(after) - len(items),
        dead_letters=sum(deployed.dead_letters().values()),
        fresh=fresh,
        again=again,
        to_ledger=spread([age(item, "recorded_at") for item in items if item["kind"]["S"] == "transition"]),
        to_alert=spread([age(item, "settled_at") for item in items if item["kind"]["S"] == "alert"]),
        most_describes_in_flight=calls["most_describes_in_flight"],
        most_describes_in_a_second=calls["most_describes_in_a_second"],
    )


class _Watch:
    """Measures the backlog while events are handled, in a thread of its own."""

    def __init__(self, deployed: DeployedAccount) -> None:
        self._deployed = deployed
        self._calls = Counter(deployed.account.calls()["calls"])
        self._began = self._ended = self.sent_until = time.monotonic()
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def drain(self, say: Callable[[str], None]) -> None:
        """Wait until the last event has been sent, and all are recorded."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while (depth := self._depth()) or time.monotonic() < self.sent_until:
            if time.monotonic() > deadline:
                raise LoadError(f"{depth:,} events still waited after an hour")
            say(f"{depth:,} events wait")
            time.sleep(_pause(depth))
        self._ended = time.monotonic()

    def wave(self, events: int) -> Wave:
        """The figures until the queue was empty, and all calls until now."""
        return Wave(
            events=events,
            seconds=self._ended - self._began,
            backlog=self._most,
            drain_seconds=max(0.0, self._ended - self.sent_until),
            calls=Counter(self._deployed.account.calls()["calls"]) - self._calls,
        )

    def _run(self) -> None:
        pause = 1.0
        while not self._over.wait(pause):
            pause = _pause(self._depth())

    def _depth(self) -> int:
        depth = self._deployed.queue_depth(self._deployed.outputs["ObservationsQueueUrl"])
        self._most = max(self._most, depth)
        return depth


def _pause(depth: int) -> float:
    # Counting a queue is work for the account, and the more of it, the longer the queue.
    return max(0.5, depth / 5000)
