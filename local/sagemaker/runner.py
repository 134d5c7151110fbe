"""Lets simulated jobs live: sends each event when it is due and trains meanwhile."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from local.sagemaker import checkpoints, events, lifecycle
from local.sagemaker.checkpoints import CheckpointError, Progress
from local.sagemaker.cloud import Cloud, Scope
from local.sagemaker.container import Container
from local.sagemaker.job import Job
from local.sagemaker.jobs import Jobs

logger = logging.getLogger("sagemaker")


@dataclass(slots=True)
class _Life:
    """What goes on for one job at present."""

    scope: Scope
    key: str
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    restoring: asyncio.Task[Progress | None] | None = None
    training: asyncio.Task[None] | None = None


class Runner:
    """One task per job, on the event loop that serves the account."""

    def __init__(self, cloud: Cloud, jobs: Jobs, *, clock: Callable[[], datetime]) -> None:
        """Work for these jobs."""
        self._cloud = cloud
        self._jobs = jobs
        self._clock = clock
        self._lives: dict[tuple[Scope, str], _Life] = {}
        # The loop keeps only weak references to its tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, scope: Scope, job: Job) -> None:
        """Let a new job live."""
        life = _Life(scope=scope, key=job.name.lower())
        self._lives[life.scope, life.key] = life
        self._spawn(self._live(life))

    def changed(self, scope: Scope, job: Job) -> None:
        """Tell a job that its fate is another one now."""
        if life := self._lives.get((scope, job.name.lower())):
            life.changed.set()

    def send(self, scope: Scope, job: Job, sequence: int, detail: dict[str, Any]) -> None:
        """Deliver an event as badly as the job asks for."""
        text = json.dumps(detail)
        for hold in job.delivery.holds(job.arn, sequence):
            self._spawn(self._deliver(scope, job.arn, text, hold))

    async def _live(self, life: _Life) -> None:
        position = 0
        while True:
            job = self._job(life)
            if job is None or position == len(job.moments):
                break
            moment = job.moments[position]
            wait = (moment.at - self._clock()).total_seconds()
            if wait > 0:
                life.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(life.changed.wait(), wait)
                continue
            if moment.announced:
                self.send(life.scope, job, position, events.detail(job, position))
            if position == 0 or job.moments[position - 1].status != moment.status:
                self._enter(life, job, moment.status, moment.at)
            position += 1
        if self._lives.get((life.scope, life.key)) is life:
            del self._lives[life.scope, life.key]

    def _job(self, life: _Life) -> Job | None:
        """Look up whose life it is; None if it was deleted, even if another job has its name by now."""
        if self._lives.get((life.scope, life.key)) is not life:
            return None
        return self._jobs.find(life.scope, life.key)

    def _enter(self, life: _Life, job: Job, status: str, at: datetime) -> None:
        if status in lifecycle.DOWNLOADING:
            # The prefix is copied to the instance while a job downloads.
            life.restoring = asyncio.create_task(self._restore(life, job))
        elif status == "Training":
            restoring = life.restoring or asyncio.create_task(self._restore(life, job))
            life.training = asyncio.create_task(self._train(life, job, at, restoring))
        else:
            if life.training:
                life.training.cancel()
            # An instance that is gone forgets what it had; so does a job that starts over.
            life.restoring = life.training = None

    async def _restore(self, life: _Life, job: Job) -> Progress | None:
        try:
            return await asyncio.to_thread(self._restored, life.scope, job)
        except CheckpointError as error:
            self._fail(life, str(error))
            return None

    def _restored(self, scope: Scope, job: Job) -> Progress:
        if "CheckpointConfig" not in job.request:
            return Progress()
        s3 = self._cloud.s3(scope, job.request["RoleArn"])
        return checkpoints.restore(s3, job.request["CheckpointConfig"]["S3Uri"])

    async def _train(self, life: _Life, job: Job, began: datetime, restoring: asyncio.Task[Progress | None]) -> None:
        ends = next((m.at for m in job.moments if m.at > began and m.status != "Training"), began)
        try:
            progress = await restoring
            if progress is None:
                return
            container = Container(self._cloud, life.scope, job, started=began)
            container.starts(progress)
            if "CheckpointConfig" not in job.request:
                return
            for seconds in checkpoints.times((ends - began).total_seconds(), job.speed):
                wait = began + timedelta(seconds=seconds) - self._clock()
                await asyncio.sleep(max(0.0, wait.total_seconds()))
                progress = progress.after(job.name)
                await asyncio.to_thread(self._written, life.scope, job, progress)
                container.saved(progress)
        except CheckpointError as error:
            self._fail(life, str(error))

    def _written(self, scope: Scope, job: Job, progress: Progress) -> None:
        s3 = self._cloud.s3(scope, job.request["RoleArn"])
        checkpoints.write(s3, job.request["CheckpointConfig"]["S3Uri"], job.name, progress)

    def _fail(self, life: _Life, reason: str) -> None:
        job = self._job(life)
        now = self._clock()
        if job and now < job.moments[-1].at:
            self._jobs.replace(life.scope, job.failed(now, reason))
            life.changed.set()

    async def _deliver(self, scope: Scope, arn: str, detail: str, hold: float) -> None:
        if hold:
            await asyncio.sleep(hold)
        self._cloud.publish(
            scope,
            source=events.SOURCE,
            detail_type=events.DETAIL_TYPE,
            resource=arn,
            detail=detail,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            logger.error("a job's life broke off", exc_info=task.exception())


def utc_now() -> datetime:
    """Tell the time with the milliseconds that SageMaker keeps."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
