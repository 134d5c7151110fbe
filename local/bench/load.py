"""`python -m local load`: many jobs at once, then the same events again; what is lost, and how long it takes."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from local.bench.events import FATE, LoadError, Spread, age, body_of, items_of, send, spread
from local.demo.deployed import DeployedAccount, deployed_account
from local.proof.figures import conclude, table, write
from local.sagemaker.lifecycle import parse

SIZES: Final = (500, 1000, 2500, 5000)
"""Numbers of jobs, each at least twice the one before: faster growth is visible."""
CREATORS: Final = 8
"""Threads that create jobs: about as many as the account answers at once."""
_WAIT_SECONDS: Final = 3600.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one number of jobs made of it.

    Attributes:
        seconds: from the first event until the queue was empty: an event leaves it when it is recorded.
        seconds_again: the same of the duplicates.
        backlog: the most events in the queue.
        calls: AWS calls of all functions for the new events, alerts included.
    """

    jobs: int
    transitions: int
    lost_transitions: int
    lost_alerts: int
    written_by_duplicates: int
    dead_letters: int
    seconds: float
    seconds_again: float
    backlog: int
    calls: int
    to_ledger: Spread
    to_alert: Spread

    @property
    def losses(self) -> dict[str, int]:
        """What must be zero."""
        return {
            "transitions lost": self.lost_transitions,
            "alerts lost": self.lost_alerts,
            "written for duplicates": self.written_by_duplicates,
            "dead letters": self.dead_letters,
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
    rows = zip(*(_cells(each).items() for each in loads), strict=True)
    console.print(
        table(
            ("jobs", *(f"{each.jobs:,}" for each in loads)), ([row[0][0], *(cell for _, cell in row)] for row in rows)
        )
    )
    write(figures, to_figures(loads))
    wrong = [f"{each.jobs:,} jobs, {what}: {n}" for each in loads for what, n in each.losses.items() if n]
    return conclude(console, "Nothing was lost or doubled.", wrong)


def to_figures(loads: Sequence[Load]) -> dict[str, float]:
    """What `make proof` judges: of all sizes the sum, and of times the worst."""
    growth = [(later.seconds / earlier.seconds) / (later.jobs / earlier.jobs) * 2 for earlier, later in pairwise(loads)]
    losses = sum((Counter(each.losses) for each in loads), Counter())
    return {
        "jobs": sum(each.jobs for each in loads),
        **{what: losses[what] for what in loads[0].losses},
        "events by the second": min(each.transitions / each.seconds for each in loads),
        "event to alert, p95": max(each.to_alert.p95 for each in loads),
        "time for twice the jobs": max(growth, default=0.0),
    }


def _cells(load: Load) -> dict[str, str]:
    spreads = {"event to ledger": load.to_ledger, "event to alert": load.to_alert}
    return {
        "events, then again": f"{load.transitions:,} + {load.transitions:,}",
        **{what: str(number) for what, number in load.losses.items()},
        "recorded in": f"{load.seconds:.0f} s",
        "events/s": f"{load.transitions / load.seconds:.0f}",
        "duplicates/s": f"{load.transitions / load.seconds_again:.0f}",
        "largest backlog": f"{load.backlog:,}",
        **{f"{what} p50 / p95 / p99": f"{s.p50:.1f} / {s.p95:.1f} / {s.p99:.1f} s" for what, s in spreads.items()},
        "AWS calls": f"{load.calls:,}",
        "AWS calls per transition": f"{load.calls / load.transitions:.2f}",
    }


def measure(deployed: DeployedAccount, *, jobs: int, say: Say) -> Load:
    """Have SageMaker send the events of that many new jobs as fast as it can, then send all of them again."""
    fate = parse(FATE)
    names = [f"load-{jobs}-{number}" for number in range(jobs)]
    transitions, alerts = jobs * len(fate.statuses), jobs * fate.statuses.count("Interrupted")
    arns: list[str] = []

    def create() -> None:
        with ThreadPoolExecutor(max_workers=CREATORS) as pool:
            # Only the simulated SageMaker reads checkpoints here, and the local S3 walks the whole bucket for each
            # listing.
            created = pool.map(lambda name: deployed.ground.create(name, lifecycle=FATE, CheckpointConfig=None), names)
            arns.extend(created)
        time.sleep(fate.seconds)

    def send_again() -> None:
        send(deployed, [body_of(arn, status) for status in fate.statuses for arn in arns])

    before = deployed.account.calls()
    seconds, backlog = _until_recorded(deployed, create, say)
    items = items_of(deployed, names, transitions + alerts, seconds=_WAIT_SECONDS, say=say)
    calls = deployed.account.calls() - before
    seconds_again, _ = _until_recorded(deployed, send_again, say)
    after = items_of(deployed, names, 0, seconds=_WAIT_SECONDS, say=say)
    kinds = _by_kind(items)
    return Load(
        jobs=jobs,
        transitions=transitions,
        lost_transitions=transitions - len(kinds["transition"]),
        lost_alerts=alerts - len(kinds["alert"]),
        written_by_duplicates=len(after) - len(items),
        dead_letters=sum(deployed.dead_letters().values()),
        seconds=seconds,
        seconds_again=seconds_again,
        backlog=backlog,
        calls=calls.total(),
        to_ledger=spread([age(item, "recorded_at") for item in kinds["transition"]]),
        to_alert=spread([age(item, "settled_at") for item in kinds["alert"]]),
    )


def _by_kind(items: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {kind: [item for item in items if item["kind"]["S"] == kind] for kind in ("transition", "alert")}


def _until_recorded(deployed: DeployedAccount, sent: Callable[[], None], say: Say) -> tuple[float, int]:
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
