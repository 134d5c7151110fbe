"""What a schedule runs on: SageMaker, the stores, the queues, and what is true of each job."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from respot.jobs.job import JobId, Market
from respot.recovery.policy.policy import Rung
from tests.support.builders import CREATED
from tests.support.clock import FakeClock
from tests.support.fake_sagemaker import FakeJob, FakeSageMaker
from tests.support.faulty import ProcessCrashError
from tests.support.memory import MemoryCheckpoints, MemoryKillSwitch, MemoryPolicies, MemoryTopic
from tests.support.recovery_world.messages import Message
from tests.support.recovery_world.policies import any_policy
from tests.support.recovery_world.stores import StreamedLedger, StreamedRuns


@dataclass(slots=True)
class Stop:
    """Who truly stopped a job.

    Attributes:
        at: when.
        ladder: of Respot's stop, the ladder it went by.
        by_deadline: of Respot's stop, whether a deadline had a say in what follows it.
        too_late: instances came just before the stop.
    """

    by_respot: bool
    at: datetime
    ladder: tuple[Rung, ...] = ()
    by_deadline: bool = False
    too_late: bool = False


@dataclass(slots=True)
class Origin:
    """What a job truly is: the number-th attempt of the run that `root` began."""

    root: JobId
    number: int


class World:
    """Everything that the parts of one schedule share.

    Attributes:
        seen: how often what happened.
        calm: nothing goes wrong any more.
        faulty: the chance that a call fails.
        deadly: the chance, at each call, that the process dies.
        lossy: the chance that an event never comes.
        doubling: the chance that a message comes twice.
        starved: there is little capacity: jobs wait long.
        forbidden: Respot may not stop jobs.
        tampering: the chance, at each step, that somebody changes lineage tags.
        without_quota: SageMaker creates nothing on this market.
        down: services that are down.
        origins: what each job truly is.
        attempts: the numbers of the attempts that Respot created of a run, by its first job.
        lied: jobs that SageMaker denied while they were there.
        stopped: who truly stopped a job, last.
        observations: the queue of events.
        endings: the recovery queue.
        stream: the ledger's stream.
        positions: how far each reader of the stream has come.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - a repeatable schedule, not a secret
        self.seen: Counter[str] = Counter()
        self.calm = False
        self.faulty = self.random.choice((0, 0.02, 0.1, 0.3))
        self.deadly = self.random.choice((0, 0.01, 0.05))
        self.lossy = self.random.choice((0, 0.1, 0.5, 0.9))
        self.doubling = self.random.choice((0, 0.1, 0.5))
        self.starved = self.random.random() < 0.4
        self.forbidden = self.random.random() < 0.2
        self.tampering = self.random.choice((0, 0, 0.1, 0.5))
        # A draw of its own: the schedules of old seeds do not change.
        self.without_quota = Random(f"{seed} quota").choice((None, None, None, None, *Market))  # noqa: S311 - as above
        self.down: set[str] = set()
        self.clock = FakeClock(CREATED)
        self.origins: dict[JobId, Origin] = {}
        self.attempts: dict[JobId, list[int]] = {}
        self.lied: set[JobId] = set()
        self.observations: list[Message] = []
        self.endings: list[Message] = []
        self.stream: list[dict[str, Any]] = []
        self.positions = {"alert": 0, "recover": 0}
        self.stopped: dict[JobId, Stop] = {}
        self.sagemaker = FakeSageMaker(clock=self.clock)
        self.policies = MemoryPolicies(policy=any_policy(self.random, starved=self.starved))
        self.kill_switch = MemoryKillSwitch(is_on=self.random.random() < 0.05)
        self.ledger = StreamedLedger(created=CREATED, clock=self.clock, stream=self.stream, pause=self._pause)
        self.runs = StreamedRuns(ledger=self.ledger, clock=self.clock, stream=self.stream)
        self.checkpoints = MemoryCheckpoints(buckets={"ml-bucket": []})
        self.topic = MemoryTopic()

    def existing(self, job: JobId) -> FakeJob | None:
        """This very job, unless it is gone."""
        fake = self.sagemaker.jobs.get(job.name)
        return fake if fake and fake.state.job == job else None

    def _pause(self) -> None:
        """The process may die between two writes."""
        if not self.calm and self.random.random() < self.deadly:
            raise ProcessCrashError
