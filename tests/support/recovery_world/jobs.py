"""What happens to jobs, through SageMaker or their users, and the events that report it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from respot.jobs.job import JobId, Market
from respot.jobs.lifecycle import WAITING
from respot.recovery.checkpoints.location import StoredObject
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.planning.run import run_id
from tests.support.builders import milliseconds
from tests.support.fake_sagemaker import FakeJob
from tests.support.recovery_world.world import Message, Origin, Stop, World, event_of

PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "Starting": (
        *("Downloading", "Downloading", "Training", "MaxWaitTimeExceeded", "MaxWaitTimeExceeded", "Failed"),
        *("Pending", "Pending", "Stopping"),
    ),
    "Pending": ("Starting", "Starting", "Downloading", "MaxWaitTimeExceeded", "MaxPendingTimeExceeded", "Stopping"),
    "Downloading": ("Training",),
    "Training": ("Interrupted", "Interrupted", "Uploading", "Stopping", "MaxRuntimeExceeded", "Failed"),
    "Interrupted": ("Starting", "Starting", "MaxWaitTimeExceeded", "MaxWaitTimeExceeded", "Stopping"),
    "Uploading": ("Completed",),
    "Stopping": ("Stopped", "MaxWaitTimeExceeded"),
}
"""Where a job may go from each status; a job that starts to stop here is stopped by its user."""
REASONS: Final = ("AlgorithmError: boom", "CapacityError: no capacity", "InternalServerError: sorry", "ClientError: no")


class Jobs:
    """The jobs of a world: submitted, moved on, stopped, overtaken."""

    def __init__(self, world: World) -> None:
        self.world = world

    def submit(self, name: str) -> None:
        """A user creates a job, perhaps with tags of its own, or with the lineage of another run."""
        world = self.world
        chance = world.random
        own: dict[str, str] = {}
        if chance.random() < 0.1:
            own["respot:resume"] = chance.choice(("on", "off", "yes"))
        if chance.random() < 0.05:
            own["sagemaker:pipeline-execution-arn"] = "arn:of:pipeline"
        if chance.random() < 0.1:
            own |= self.any_lineage()
        where = chance.choice((name, name, name, name, "shared", None))
        job = world.sagemaker.submit(
            name,
            own,
            market=chance.choice((Market.SPOT, Market.SPOT, Market.SPOT, Market.ON_DEMAND)),
            checkpoint_uri=where and f"s3://ml-bucket/checkpoints/{where}/",
            image=f"image-of-{name}",
        )
        world.sagemaker.jobs[name].unclonable = chance.random() < 0.03
        world.origins[job] = Origin(root=job, number=1)
        self.emit(name)

    def submit_neighbour(self) -> None:
        """A user creates a job where another one has its checkpoints, and no event reports it."""
        world = self.world
        beside = world.random.choice(list(world.sagemaker.jobs.values())).state
        name = f"neighbour-{len(world.origins)}"
        if beside.checkpoint_uri is None or name in world.sagemaker.jobs:
            return
        below = world.random.choice(("", "deeper/"))
        job = world.sagemaker.submit(
            name, market=Market.ON_DEMAND, checkpoint_uri=f"{beside.checkpoint_uri}{below}", image=f"image-of-{name}"
        )
        world.origins[job] = Origin(root=job, number=1)
        world.seen["neighbours without an event"] += 1

    def any_lineage(self) -> dict[str, str]:
        """The lineage tags of an attempt that there is, or was, or is not."""
        chance, origins = self.world.random, list(self.world.origins.values())
        run = run_id(chance.choice(origins).root) if origins else "us-east-1/nobody/0"
        return {RUN_TAG: run, ATTEMPT_TAG: str(chance.choice((1, 2, 3))), PARENT_TAG: "job-0"}

    def move(self) -> None:
        """Some job goes on, having saved a checkpoint perhaps."""
        world = self.world
        live = [fake for fake in world.sagemaker.jobs.values() if fake.is_live]
        if not live:
            return
        fake = world.random.choice(live)
        name, now = fake.state.job.name, world.clock()
        if fake.state.secondary_status == "Training" and fake.state.checkpoint_uri and world.random.random() < 0.7:
            key = f"{fake.state.checkpoint_uri.removeprefix('s3://ml-bucket/')}checkpoint-{milliseconds(now)}.pt"
            world.checkpoints.buckets["ml-bucket"].append(StoredObject(key=key, size=1000, last_modified=now))
        world.clock.pass_by(timedelta(seconds=world.random.choice((1, 30, 600, 3600))))
        status = world.random.choice(PATHS[fake.state.secondary_status])
        if world.starved and not world.calm and fake.state.secondary_status in WAITING and world.random.random() < 0.7:
            status = "Starting" if fake.state.secondary_status == "Pending" else "Pending"
        if status == "Stopping":
            self.stop_by_user(fake)
            return
        world.sagemaker.move(name, status, world.random.choice(REASONS) if status == "Failed" else None)
        self.emit(name)

    def stop_by_user(self, fake: FakeJob) -> None:
        """Its user stops the job."""
        world = self.world
        job = fake.state.job
        world.stopped[job] = Stop(by_respot=False, at=world.clock())
        world.seen["users' stops"] += 1
        world.seen["users' stops after a stop intent"] += job in world.runs.stop_intents
        world.sagemaker.move(job.name, "Stopping")
        self.emit(job.name)

    def overtake(self, job: JobId) -> None:
        """Instances come, or its user stops it, before Respot does."""
        world = self.world
        fake = world.existing(job)
        if world.calm or fake is None or world.random.random() >= 0.1:
            return
        world.seen["overtaken"] += 1
        if world.random.random() < 0.5:
            self.stop_by_user(fake)
        else:
            world.sagemaker.move(job.name, "Downloading")

    def overtake_stop(self, name: str) -> None:
        """Instances come between Respot's last check and its stop."""
        world = self.world
        if not world.calm and world.random.random() < 0.1:
            world.sagemaker.move(name, "Downloading")
            world.stopped[world.sagemaker.jobs[name].state.job].too_late = True
            world.seen["instances came too late"] += 1

    def create_late(self, name: str | None = None, *, everything: bool = False) -> bool:
        """SageMaker creates what it was asked for and did not answer: what is due, and the job of that name."""
        world = self.world
        due = [each for each in world.late if everything or each.name == name or each.due <= world.clock()]
        for each in due:
            world.late.remove(each)
            if each.name in world.sagemaker.jobs:
                continue  # somebody else has taken the name
            world.origins[world.sagemaker.create_now(each.request)] = each.origin
            world.seen["created long after the call"] += 1
            self.emit(each.name)
        return any(each.name == name for each in due)

    def emit(self, name: str) -> None:
        """The event of a job's present transition, if it comes, as often as it comes."""
        world = self.world
        if not world.calm and world.random.random() < world.lossy:
            world.seen["events lost"] += 1
            return
        body = event_of(world.sagemaker.jobs[name])
        world.observations.append(Message(body))
        if world.random.random() < world.doubling:
            world.observations.append(Message(body))
