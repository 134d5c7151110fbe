"""Runs simulated jobs: sends each event when it is due, and writes checkpoints."""

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
class _Running:
    """The tasks of one job."""

    scope: Scope
    key: str
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    restoring: asyncio.Task[Progress | None] | None = None
    training: asyncio.Task[None] | None = None


class Runner:
    """One task per job, on the event loop that serves the account."""

    def __init__(self, cloud: Cloud, jobs: Jobs, *, clock: Callable[[], datetime]) -> None:
        """Run these jobs."""
        self._cloud = cloud
        self._jobs = jobs
        self._clock = clock
        self._running: dict[tuple[Scope, str], _Running] = {}
        # The loop keeps only weak references to its tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, scope: Scope, job: Job) -> None:
        """Run a new job."""
        running = _Running(scope=scope, key=job.name.lower())
        self._running[running.scope, running.key] = running
        self._spawn(self._run(running))

    def changed(self, scope: Scope, job: Job) -> None:
        """Apply a job's new lifecycle."""
        if running := self._running.get((scope, job.name.lower())):
            running.changed.set()

    def send(self, scope: Scope, job: Job, sequence: int, detail: dict[str, Any]) -> None:
        """Deliver an event as badly as the job asks for."""
        text = json.dumps(detail)
        for hold in job.delivery.holds(job.arn, sequence):
            self._spawn(self._deliver(scope, job.arn, text, hold))

    async def _run(self, running: _Running) -> None:
        position = 0
        while True:
            job = self._job(running)
            if job is None or position == len(job.lifecycle.moments):
                break
            moments, due = job.lifecycle.moments, job.due(position)
            wait = (due - self._clock()).total_seconds()
            if wait > 0:
                running.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(running.changed.wait(), wait)
                continue
            if moments[position].announced:
                self.send(running.scope, job, position, events.detail(job, position))
            if position == 0 or moments[position - 1].status != moments[position].status:
                self._enter(running, job, moments[position].status, due)
            position += 1
        if self._running.get((running.scope, running.key)) is running:
            del self._running[running.scope, running.key]

    def _job(self, running: _Running) -> Job | None:
        """The running job; None if it was deleted, even if another job has its name now."""
        if self._running.get((running.scope, running.key)) is not running:
            return None
        return self._jobs.find(running.scope, running.key)

    def _enter(self, running: _Running, job: Job, status: str, at: datetime) -> None:
        if status in lifecycle.DOWNLOADING:
            # The prefix is copied to the instance while a job downloads.
            running.restoring = asyncio.create_task(self._restore(running, job))
        elif status == "Training":
            restoring = running.restoring or asyncio.create_task(self._restore(running, job))
            running.training = asyncio.create_task(self._train(running, job, at, restoring))
        else:
            if running.training:
                running.training.cancel()
            # An instance that is gone forgets what it had, and a job that starts over does the same.
            running.restoring = running.training = None

    async def _restore(self, running: _Running, job: Job) -> Progress | None:
        try:
            return await asyncio.to_thread(self._restored, running.scope, job)
        except CheckpointError as error:
            self._fail(running, str(error))
            return None

    def _restored(self, scope: Scope, job: Job) -> Progress:
        if "CheckpointConfig" not in job.request:
            return Progress()
        s3 = self._cloud.s3(scope, job.request["RoleArn"])
        return checkpoints.restore(s3, job.request["CheckpointConfig"]["S3Uri"])

    async def _train(
        self, running: _Running, job: Job, began: datetime, restoring: asyncio.Task[Progress | None]
    ) -> None:
        moments = [(job.created + moment.after, moment.status) for moment in job.lifecycle.moments]
        ends = next((at for at, status in moments if at > began and status != "Training"), began)
        try:
            progress = await restoring
            if progress is None:
                return
            container = Container(self._cloud, running.scope, job, started=began)
            container.starts(progress)
            if "CheckpointConfig" not in job.request:
                return
            for seconds in checkpoints.times((ends - began).total_seconds(), job.speed):
                wait = began + timedelta(seconds=seconds) - self._clock()
                await asyncio.sleep(max(0.0, wait.total_seconds()))
                progress = progress.after(job.name)
                await asyncio.to_thread(self._written, running.scope, job, progress)
                container.saved(progress)
        except CheckpointError as error:
            self._fail(running, str(error))

    def _written(self, scope: Scope, job: Job, progress: Progress) -> None:
        s3 = self._cloud.s3(scope, job.request["RoleArn"])
        checkpoints.write(s3, job.request["CheckpointConfig"]["S3Uri"], job.name, progress)

    def _fail(self, running: _Running, reason: str) -> None:
        job = self._job(running)
        now = self._clock()
        if job and now < job.due(-1):
            self._jobs.replace(running.scope, job.failed(now, reason))
            running.changed.set()

    async def _deliver(self, scope: Scope, arn: str, detail: str, hold: float) -> None:
        if hold:
            await asyncio.sleep(hold)
        self._cloud.publish(scope, source=events.SOURCE, detail_type=events.DETAIL_TYPE, resource=arn, detail=detail)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            logger.error("the task of a job failed", exc_info=task.exception())


def utc_now() -> datetime:
    """The time in milliseconds, as SageMaker stores it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
