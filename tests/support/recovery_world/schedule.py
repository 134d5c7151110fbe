"""One schedule: what happens next is drawn at random, then calm comes, which must settle everything."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from respot.errors import CreateLaterError, CreateRefusedError, JobNameTakenError, Postponement, Reach, RespotError
from respot.jobs.job import JobId
from respot.jobs.lifecycle import WAITING, is_terminal, lacks_its_end
from respot.jobs.message import read_message, write_message
from tests.support.recovery_world.adversary import Adversary
from tests.support.recovery_world.controller import Controller, Trouble
from tests.support.recovery_world.jobs import Jobs
from tests.support.recovery_world.judge import BrokenRuleError, Judge
from tests.support.recovery_world.people import People
from tests.support.recovery_world.world import TARDY, LateCreation, Message, World, recheck_of, recheck_of_missing
from tests.support.with_hooks import ProcessCrashError

MOST_ROUNDS: Final = 60
"""Rounds of calm after which everything must be settled: a chain of five attempts with pauses takes about twenty."""


class Schedule:
    """The schedule of a seed: `play()` raises BrokenRuleError if a rule does not hold."""

    def __init__(self, seed: int) -> None:
        self.world = world = World(seed)
        self.judge = Judge(world)
        self.jobs = Jobs(world)
        self.controller = Controller(world, Trouble(world))
        self.people = People(world, self.jobs, self.controller)
        self.adversary = Adversary(world, self.jobs)
        world.sagemaker.before_creation = self._before_creation
        world.sagemaker.before_stop = self._before_stop
        world.runs.check = self.judge.check_decision
        world.runs.check_words = self.judge.check_words
        world.summaries.check = self.judge.check_summary
        world.runs.after_note = self.jobs.overtake
        for number in range(world.random.choice((1, 1, 2, 3))):
            self.jobs.submit(f"job-{number}")

    def _before_creation(self, request: Mapping[str, Any]) -> None:
        world, placement = self.world, request["placement"]
        if placement.market is world.without_quota:
            world.seen["pools refused"] += 1
            message = f"ResourceLimitExceeded: the quota of {placement} is 0"
            reach = world.random.choice((Reach.POOL, Reach.MARKET))
            raise CreateRefusedError(message, reach=reach, why="its quota is 0")
        if self.jobs.create_late(str(request["TrainingJobName"])):
            message = f"{request['TrainingJobName']}: SageMaker has just created it, for the call before"
            raise JobNameTakenError(message)
        asked = self.judge.check_creation(request)
        world.seen["created where there is quota"] += world.without_quota is not None
        if world.tardy and not world.calm and world.random.random() < 0.3:
            origin = world.origins.pop(asked)
            world.late.append(LateCreation(name=asked.name, request=request, origin=origin, due=world.clock() + TARDY))
            raise CreateLaterError("no answer", reason=Postponement.UNANSWERED)

    def _before_stop(self, name: str) -> None:
        self.judge.check_stop(name)
        self.jobs.overtake_stop(name)

    def play(self) -> Counter[str]:
        """Trouble, then calm; the calm must settle everything."""
        world = self.world
        for _ in range(world.random.choice((40, 80, 120))):
            world.clock.pass_by(timedelta(seconds=world.random.choice((1, 60, 1800))))
            self.jobs.create_late()
            actions = self._possible()
            if world.down and world.random.random() < 0.1:
                world.down.clear()
            (action,) = world.random.choices([each for each, _ in actions], [weight for _, weight in actions])
            action()
            if world.random.random() < world.tampering:
                self.people.tamper()
            self.adversary.act()
            world.seen["steps"] += 1
        self._calm_down()
        self.judge.check_the_end()
        world.seen["schedules"] += 1
        return world.seen

    def _possible(self) -> list[tuple[Callable[[], None], int]]:
        """What can happen next, with how often it does."""
        world = self.world
        behind = len(world.stream)
        actions = [(self.people.meddle, 3)]
        if any(fake.is_live for fake in world.sagemaker.jobs.values()):
            actions.append((self.jobs.move, 20))
        if world.crowded and world.sagemaker.jobs:
            actions.append((self.jobs.submit_neighbour, 2))
        if world.observations:
            actions.append((self.controller.record, 20))
        if world.positions["alert"] < behind:
            actions.append((self.controller.alert, 8))
        if world.positions["recover"] < behind:
            actions.append((self.controller.recover, 15))
        if world.ledger.states:
            actions.append((self._sweep_ledger, 8))
        if any(at <= world.clock() for at in world.schedules.schedules.values()):
            actions.append((self._fire, 10))
        if world.endings:
            actions.append((self.controller.resubmit, 25))
        elif not world.observations and world.random.random() < 0.2:  # a sweep, with the same chance of being lost
            actions.append((self._sweep, 20))
        return actions

    def _sweep(self) -> None:
        world = self.world
        world.observations += [Message(recheck_of(name)) for name in world.sagemaker.jobs]
        # Of what was deleted since, no list shows that its end was half written down.
        world.observations += [
            Message(recheck_of_missing(job)) for job in world.ledger.states if lacks_its_end(world.ledger.load(job))
        ]

    def _sweep_ledger(self) -> None:
        """The sweep sends jobs that seem to wait or to lack a decision, by a ledger that may be behind."""
        world = self.world
        for job, (state, _) in world.ledger.states.items():
            undecided = is_terminal(state.status) and job not in world.runs.decisions
            if (state.secondary_status in WAITING or undecided) and world.random.random() < 0.7:
                with suppress(RespotError, ProcessCrashError):
                    self.controller.send(write_message(job))
                    world.seen["half-written ends sent"] += lacks_its_end(world.ledger.load(job))
        if world.random.random() < 0.5:
            world.clock.pass_by(timedelta(minutes=world.random.choice((1, 30, 120))))

    def _fire(self) -> None:
        """The schedules whose moment has come send their jobs, and are gone."""
        world = self.world
        for job, at in list(world.schedules.schedules.items()):
            if at <= world.clock():
                del world.schedules.schedules[job]
                world.seen["schedules that fired"] += 1
                self.controller.enqueue(write_message(job))

    def _check_ledger(self) -> None:
        """The sweep finds what a stream that was lost would have brought."""
        world = self.world
        for job, (state, _) in list(world.ledger.states.items()):
            decided = world.runs.decisions.get(job)
            unsettled = decided is not None and decided.decision.creates_attempt and job not in world.runs.outcomes
            if is_terminal(state.status) and (decided is None or unsettled):
                self.controller.send(write_message(job))
            self.controller.catch_up(job)
            self.controller.refresh_summary(job)

    def _check_summaries(self) -> None:
        """The sweep refreshes the summaries that were lost of jobs that are gone: no message is about them any more."""
        for job in list(self.world.ledger.states):
            if self.world.existing(job) is None:
                with suppress(RespotError):
                    self.controller.refresh_summary(job)

    def _is_hopeless(self, job: JobId) -> bool:
        """Whether the job's message ends among the dead letters.

        Of a job that went before anybody saw it, nothing will ever be known; what meets an item that cannot be read
        was tried often enough before the calm.
        """
        return job not in self.world.ledger.states or self.world.is_poisoned(job)

    def _calm_down(self) -> None:
        world = self.world
        world.calm = True
        self.jobs.create_late(everything=True)
        world.down.clear()
        self.adversary.retire()
        if world.random.random() < 0.5:  # else it remains on, and what waits for it is decided after three days
            world.kill_switch.is_on = False
        for _ in range(MOST_ROUNDS):
            quiet = len(world.stream), len(world.sagemaker.created), len(world.endings), world.restored
            while any(fake.is_live for fake in world.sagemaker.jobs.values()):
                self.jobs.move()
            self._sweep()
            while world.observations:
                self.controller.record()
            for reader in (self.controller.alert, self.controller.recover):
                for _ in range(len(world.stream) // 10 + 1):
                    reader()
            if world.restored:
                self._check_ledger()
            self._check_summaries()
            world.endings = [each for each in world.endings if not self._is_hopeless(read_message(each.body))]
            for _ in range(len(world.endings)):
                self.controller.resubmit()
            self.adversary.restore()
            world.clock.pass_by(timedelta(hours=3))
            settled = quiet == (len(world.stream), len(world.sagemaker.created), 0, world.restored)
            if settled and not world.endings and set(world.positions.values()) == {len(world.stream)}:
                return
        self.judge.broken(
            f"not settled: {[each.body for each in world.endings]} {world.positions} of {len(world.stream)}"
        )


@dataclass(slots=True)
class Report:
    """What became of many schedules."""

    seen: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def soak(seeds: range) -> Report:
    """Play a schedule for each seed."""
    report = Report()
    for seed in seeds:
        schedule = Schedule(seed)
        try:
            report.seen += schedule.play()
        except BrokenRuleError as error:
            report.broken.append(str(error))
    return report
