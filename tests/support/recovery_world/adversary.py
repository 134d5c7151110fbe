"""What the environment does beyond single failed calls: permissions go, clocks are wrong, the ledger is restored.

It draws from a source of its own: schedules without an adversary are those of the same seeds before there was one.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.run import run_id
from tests.support.builders import CREATED, REGION
from tests.support.recovery_world.jobs import Jobs
from tests.support.recovery_world.world import Origin, World

MOST_SKEW: Final = timedelta(minutes=5)
"""By how much the clock of a function's host may be wrong, in either direction."""
BACKUP_AGE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Backup:
    """The ledger's content at a moment, and how to bring it back.

    Attributes:
        taken: when.
        created: how many jobs Respot had created.
        restore: brings it back.
    """

    taken: datetime
    created: int
    restore: Callable[[], None]


class Adversary:
    """Denies calls, moves hosts' clocks, restores the ledger, and forges attempts, until it is calm."""

    def __init__(self, world: World, jobs: Jobs) -> None:
        self.world = world
        self.jobs = jobs
        self.random = chance = Random(f"{world.seed} adversary")  # noqa: S311 - a repeatable schedule, not a secret
        self.denies = chance.random() < 0.3
        self.moves_clocks = chance.random() < 0.3
        self.forges = chance.random() < 0.2
        self.poisons = chance.random() < 0.15
        self.may_restore = chance.random() < 0.25
        self.backups: deque[Backup] = deque()

    def act(self) -> None:
        """Perhaps do something between two steps."""
        if self.denies:
            self._deny()
        if self.moves_clocks and self.random.random() < 0.1:
            seconds = round(MOST_SKEW.total_seconds())
            self.world.host_clock.skew = timedelta(seconds=self.random.choice((-seconds, seconds, 0)))
        if self.forges and self.random.random() < 0.05:
            self._forge()
        if self.poisons and self.random.random() < 0.05:
            self._poison()
        self.restore()

    def retire(self) -> None:
        """Calm has come; a clock remains wrong, and the ledger may still be lost."""
        self.world.denied = None

    def restore(self) -> None:
        """Perhaps the ledger is lost, and its backup of an hour ago becomes a new table, with a stream of its own."""
        if not self.may_restore:
            return
        world, now = self.world, self.world.clock()
        while len(self.backups) > 1 and self.backups[1].taken <= now - BACKUP_AGE:
            self.backups.popleft()
        oldest = self.backups[0] if self.backups else None
        if oldest and oldest.taken <= now - BACKUP_AGE and self.random.random() < self._chance_to_restore(oldest):
            self.jobs.create_late(everything=True)  # a restore takes longer than that
            world.clock.pass_by(timedelta(seconds=self.random.choice((1, 1200))))
            oldest.restore()
            self.may_restore = False
            return
        self.backups.append(Backup(taken=now, created=len(world.sagemaker.created), restore=_copy_of(world)))

    def _deny(self) -> None:
        """A permission is removed, and comes back after some time: every such call is refused meanwhile."""
        world = self.world
        if world.denied is None and world.calls and self.random.random() < 0.05:
            world.denied = self.random.choice(list(world.calls))
        elif world.denied and self.random.random() < 0.1:
            world.denied = None

    def _poison(self) -> None:
        """A newer version writes an item about a job, and is rolled back: it stays."""
        world = self.world
        if world.poison or not world.ledger.states:
            return
        job = self.random.choice(list(world.ledger.states))
        world.poison[job] = self.random.choice(("load", "decision", "outcome", "recovery_records"))

    def _forge(self) -> None:
        """Somebody creates a job that looks like the next attempt, tags and all, but runs an image of its own."""
        world = self.world
        jobs = list(world.sagemaker.jobs.values())
        if not jobs:
            return
        fake = self.random.choice(jobs)
        origin = world.origins[fake.state.job]
        name = f"{origin.root.name}-r{origin.number + 1}"
        if name in world.sagemaker.jobs or name in world.sagemaker.created:
            return
        lineage = Lineage(run=run_id(origin.root), attempt=origin.number + 1, parent=fake.state.job.name)
        uri = self.random.choice((fake.state.checkpoint_uri, None))
        job = world.sagemaker.submit(
            name,
            {**fake.tags, **lineage.to_tags()},
            market=fake.state.market,
            checkpoint_uri=uri,
            image=f"forged-{name}",
        )
        world.origins[job] = Origin(root=job, number=1)
        world.seen["attempts forged"] += 1
        self.jobs.emit(name)

    def _chance_to_restore(self, backup: Backup) -> float:
        """A backup is most interesting if Respot has created a job since."""
        return 0.5 if len(self.world.sagemaker.created) > backup.created else 0.01


def _copy_of(world: World) -> Callable[[], None]:
    """Brings back what the ledger holds now; what it holds is never changed in place."""
    ledger, runs = world.ledger, world.runs
    stores = (
        *(ledger.states, ledger.alert_records, ledger.leases.held, runs.decisions, runs.planned, runs.outcomes),
        *(runs.notices, runs.writers, runs.stop_intents, runs.intents, runs.next_steps, world.summaries.stored),
    )
    copies = [dict(store) for store in stores]
    transitions = {job: dict(known) for job, known in ledger.transitions.items()}

    def restore() -> None:
        for store, copy in zip(stores, copies, strict=True):
            store.clear()  # type: ignore[attr-defined]
            store.update(copy)  # type: ignore[attr-defined]
        ledger.transitions.clear()
        ledger.transitions.update({job: dict(known) for job, known in transitions.items()})
        # The new table has the sweep's items of the old one.
        ledger.created, ledger.watched[REGION] = world.clock(), CREATED
        world.forget_stream()
        world.ended = {run for run, stored in world.summaries.stored.items() if stored.summary.has_ended}
        _forget_attempts(world)
        world.restored = world.clock()
        world.seen["ledgers restored"] += 1

    return restore


def _forget_attempts(world: World) -> None:
    """An attempt that the copy does not know is, from now on, the first job of a run of its own."""
    planned = {(each.run, each.number) for each in world.runs.planned.values()}
    for job, origin in list(world.origins.items()):
        if origin.number > 1 and (run_id(origin.root), origin.number) not in planned:
            world.origins[job] = Origin(root=job, number=1)
            world.forgotten.add(job)
            world.seen["attempts forgotten"] += 1
    # Of a decision without its outcome the copy can learn what SageMaker still has.
    world.unannounced = {
        each.name for each in world.runs.planned.values() if each.parent not in world.runs.outcomes
    } | {job.name for job in world.forgotten}
