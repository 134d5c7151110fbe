"""Runs simulated jobs: sends each event when it is due, writes checkpoints, and prints what the containers print."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from local.sagemaker import answers, checkpoints, lifecycle
from local.sagemaker.checkpoints import CheckpointError, Progress
from local.sagemaker.cloud import Cloud, Scope
from local.sagemaker.job import Job
from local.sagemaker.jobs import Jobs

logger = logging.getLogger("sagemaker")

LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_TOOLKIT: Final = "sagemaker-training-toolkit"
_LOSS_AT_FIRST: Final = 50.0


@dataclass(slots=True)
class _Running:
    scope: Scope
    key: str
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    restoring: asyncio.Task[Progress | None] | None = None
    training: asyncio.Task[None] | None = None
    training_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """One task per job, on the event loop that serves the account."""

    _cloud: Cloud
    _jobs: Jobs
    _clock: Callable[[], datetime]
    _running: dict[tuple[Scope, str], _Running] = field(default_factory=dict)
    # The loop keeps only weak references to its tasks.
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

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
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": "SageMaker Training Job State Change",
            "Resources": [job.arn],
            "Detail": json.dumps(detail),
        }
        for hold in job.delivery.holds(job.arn, sequence):
            self._spawn(self._deliver(scope, entry, hold))

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
                self.send(running.scope, job, position, answers.event(job, position))
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
            running.training_since = at
        else:
            if running.training:
                running.training.cancel()
            if running.training_since and (last := _last_lines(job, status)):
                self._print(running, job, running.training_since, *last)
            # An instance that is gone forgets what it had, and a job that starts over does the same.
            running.restoring = running.training = running.training_since = None

    async def _restore(self, running: _Running, job: Job) -> Progress | None:
        if "CheckpointConfig" not in job.request:
            return Progress()
        return await self._with_s3(running, job, checkpoints.restore)

    async def _train(
        self, running: _Running, job: Job, began: datetime, restoring: asyncio.Task[Progress | None]
    ) -> None:
        moments = [(job.created + moment.after, moment.status) for moment in job.lifecycle.moments]
        ends = next((at for at, status in moments if at > began and status != "Training"), began)
        progress = await restoring
        if progress is None:
            return
        step = progress.step
        self._print(running, job, began, f"Resuming from checkpoint-{step}" if step else "Training from the beginning")
        if "CheckpointConfig" not in job.request:
            return
        for seconds in checkpoints.times((ends - began).total_seconds(), job.speed):
            wait = began + timedelta(seconds=seconds) - self._clock()
            await asyncio.sleep(max(0.0, wait.total_seconds()))
            progress = await self._with_s3(running, job, checkpoints.write, job.name, progress.after(job.name))
            if progress is None:
                return
            loss = f"step {progress.step}: loss {_LOSS_AT_FIRST / progress.step:.3f}"
            self._print(running, job, began, loss, f"Saved checkpoint-{progress.step}")

    def _print(self, running: _Running, job: Job, started: datetime, *messages: str) -> None:
        for stream in log_streams(job, started):
            self._cloud.log(running.scope, job.request["RoleArn"], stream=stream, messages=messages)

    async def _with_s3(
        self, running: _Running, job: Job, use: Callable[..., Progress], *arguments: object
    ) -> Progress | None:
        """Read or write checkpoints. If that fails, the job fails, and there is no progress."""
        role_arn, uri = job.request["RoleArn"], job.request["CheckpointConfig"]["S3Uri"]
        try:
            return await asyncio.to_thread(lambda: use(self._cloud.s3(running.scope, role_arn), uri, *arguments))
        except CheckpointError as error:
            current, now = self._job(running), self._clock()
            if current and now < current.due(-1):
                self._jobs.replace(running.scope, current.failed(now, str(error)))
                running.changed.set()
            return None

    async def _deliver(self, scope: Scope, entry: dict[str, Any], hold: float) -> None:
        if hold:
            await asyncio.sleep(hold)
        self._cloud.publish(scope, entry)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            logger.error("the task of a job failed", exc_info=task.exception())


def _last_lines(job: Job, status: str) -> tuple[str, ...]:
    """What SageMaker's training toolkit prints when the user's script ends: this status follows its training."""
    if status in {"Uploading", "Completed"}:
        return (f"{_TOOLKIT} INFO     Reporting training SUCCESS",)
    reason = job.lifecycle.failure_reason or ""
    if status == "Failed" and reason.startswith("AlgorithmError"):
        return f"{_TOOLKIT} ERROR    Reporting training FAILURE", f"{_TOOLKIT} ERROR    {reason.splitlines()[0]}"
    return ()


def log_streams(job: Job, started: datetime) -> list[str]:
    """The log streams of one start of a job, one for each instance; all of them print the same.

    docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html names them
    `[training-job-name]/algo-[instance-number-in-cluster]-[epoch_timestamp]`. A job that is interrupted starts on new
    instances later, and then has another stream.
    """
    resources = job.request.get("ResourceConfig", {})
    groups = sum(group["InstanceCount"] for group in resources.get("InstanceGroups", ()))
    instances = groups or int(resources.get("InstanceCount", 1))
    return [f"{job.name}/algo-{number}-{int(started.timestamp())}" for number in range(1, instances + 1)]


def utc_now() -> datetime:
    """The time in milliseconds, as SageMaker stores it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
