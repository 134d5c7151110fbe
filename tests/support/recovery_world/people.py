"""What owners, operators and strangers do."""

from dataclasses import replace
from datetime import timedelta

from respot.jobs.lifecycle import DELETING, WAITING, is_end, is_terminal
from respot.jobs.message import write_message
from respot.recovery.planning.attempt import LINEAGE_TAGS
from tests.support.fake_sagemaker import FakeJob
from tests.support.recovery_world.controller import Controller
from tests.support.recovery_world.jobs import Jobs
from tests.support.recovery_world.policies import any_policy
from tests.support.recovery_world.world import Message, World, event_of


class People:
    """Everybody but Respot: they change their minds, take services down, delete, forge and lie."""

    def __init__(self, world: World, jobs: Jobs, controller: Controller) -> None:
        self.world = world
        self.jobs = jobs
        self.controller = controller

    def meddle(self) -> None:  # noqa: C901, PLR0912 - a list of what people do
        """Somebody does something."""
        world = self.world
        chance = world.random
        jobs = list(world.sagemaker.jobs.values())
        fake = chance.choice(jobs) if jobs else None
        match chance.randrange(12):
            case 0 | 1:
                world.policies.policy = any_policy(chance, starved=world.starved)
            case 2:
                world.kill_switch.is_on = not world.kill_switch.is_on
            case 3 | 4:
                service = chance.choice(("sagemaker", "ledger", "s3", "ssm", "sns", "sqs"))
                world.down ^= {service}
            case 5 if fake and not fake.is_live and self._may_go(fake):
                name = fake.state.job.name
                if fake.state.status != DELETING and chance.random() < 0.7:
                    world.sagemaker.move(name, DELETING)
                    self.jobs.emit(name)
                    return
                del world.sagemaker.jobs[name]
                world.seen["deleted"] += 1
                if chance.random() < 0.5:  # and submits another one under the same name
                    self.jobs.submit(name)
            case 6 if fake:
                fake.tags["respot:resume"] = chance.choice(("on", "off", "maybe"))
            case 7 if fake:  # a stranger takes the name that the next attempt would have
                name = f"{world.origins[fake.state.job].root.name}-r{chance.choice((2, 3))}"
                if name not in world.sagemaker.jobs and name not in world.sagemaker.created:
                    self.jobs.submit(name)
                    world.seen["names taken"] += 1
                    world.clock.pass_by(timedelta(minutes=10))
            case 8 if fake:  # somebody asks for the recovery of a job that may not have ended
                world.endings.append(Message(write_message(fake.state.job)))
            case 9 if fake and fake.is_live:
                self._lie(fake)
            case 10 if fake and fake.state.secondary_status in WAITING:  # its user has waited long enough, too
                world.clock.pass_by(timedelta(minutes=chance.choice((1, 10, 120))))
                self.jobs.stop_by_user(fake)
            case _:
                world.clock.pass_by(timedelta(minutes=chance.choice((1, 10, 120))))

    def tamper(self) -> None:
        """Somebody removes, changes or forges the lineage tags of a job."""
        world = self.world
        jobs = list(world.sagemaker.jobs.values())
        if not jobs:
            return
        tags = world.random.choice(jobs).tags
        if world.random.random() < 0.5:
            for key in LINEAGE_TAGS:
                tags.pop(key, None)
        else:
            tags.update(self.jobs.any_lineage())
        world.seen["lineage tags changed"] += 1

    def _may_go(self, fake: FakeJob) -> bool:
        """Whether it may be deleted: nothing could report a job that vanishes before anybody saw it."""
        world = self.world
        record = world.ledger.load(fake.state.job)
        if record.state and is_terminal(record.state.status) and not any(is_end(each) for each in record.transitions):
            return False
        planned = [
            each
            for each in world.runs.planned.values()
            if each.name == fake.state.job.name and world.origins[fake.state.job].number == each.number
        ]
        return all(
            each.parent in world.runs.outcomes or (each.run, each.number + 1) in world.runs.planned for each in planned
        )

    def _lie(self, fake: FakeJob) -> None:
        """SageMaker denies a job that exists, and an event reports its end."""
        world = self.world
        name = fake.state.job.name
        forged = replace(fake, state=replace(fake.state, status="Stopped", secondary_status="MaxWaitTimeExceeded"))
        del world.sagemaker.jobs[name]
        world.observations.append(Message(event_of(forged)))
        world.lied.add(fake.state.job)
        for _ in range(3):
            self.controller.record() if world.observations else None
        world.sagemaker.jobs[name] = fake
        world.seen["lies"] += 1
