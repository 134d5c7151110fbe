"""Respot at work on what has come to its queues and its stream, and what becomes of a call that dies."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar, cast

from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind
from respot.aws.dynamodb.changes import read_change
from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    LedgerUnavailableError,
    MalformedMessageError,
    PolicyInvalidError,
    Postponement,
    QueueUnavailableError,
    RespotError,
    ScheduleUnavailableError,
    StopFailedError,
    StopRefusedError,
    TopicUnavailableError,
    UnreadableItemError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId
from respot.jobs.message import write_message
from respot.queueing import RetrySchedule
from respot.recording.consumer import ObservationConsumer
from respot.recording.recorder import Recorder
from respot.recovery.checked_clone import CreationLimits
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.ports import Checkpoints
from respot.recovery.recover import build_recovery
from respot.runs.summary import RunSummaries
from tests.support.fake_sagemaker import clone
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_world.world import Message, World, delivery_of
from tests.support.with_hooks import ProcessCrashError, with_hooks

P = TypeVar("P")


class Trouble:
    """Fails calls as badly as this world has it, until it is calm."""

    def __init__(self, world: World) -> None:
        self.world = world

    def gate(self, service: str, method: str, done: bool) -> None:  # noqa: FBT001 - see Gate
        """Stands around every call to a port."""
        world = self.world
        if world.calm:
            return
        if not done:
            world.calls[service, method] = None
            if (service, method) == world.denied:
                world.seen["calls denied"] += 1
                raise self._refusal(service, method)
        if (service, done) == ("s3", True) and world.random.random() < 0.05:
            world.kill_switch.is_on = True  # somebody turns it on while Respot is at work
        if world.forbidden and (method, done) == ("stop", False):
            world.seen["stops refused"] += 1
            raise StopRefusedError("AccessDeniedException: no sagemaker:StopTrainingJob")
        drawn = world.random.random()
        if (method, done) == ("create", True):
            drawn /= 5  # the moment on which most depends
        if drawn < world.deadly:
            world.seen["deaths"] += 1
            raise ProcessCrashError
        if (service in world.down and not done) or drawn < world.deadly + world.faulty:
            world.seen["faults"] += 1
            raise self._error(service, method, done=done)

    def _refusal(self, service: str, method: str) -> Exception:
        """A definite no: the call had no effect, and will have none until somebody adds the permission."""
        words = f"AccessDeniedException: no permission for {method}"
        match service, method:
            case "sagemaker", "create":
                return CreateRefusedError(words, permission="sagemaker:CreateTrainingJob")
            case "sagemaker", "stop":
                return StopRefusedError(words)
            case _:
                return _UNAVAILABLE.get(service, UpstreamUnavailableError)(words)

    def _error(self, service: str, method: str, *, done: bool) -> Exception:
        world = self.world
        match service:
            case "sagemaker" if method == "create":
                if done or service in world.down:
                    if done:
                        world.seen["created without an answer"] += 1
                    return CreateLaterError("no answer", reason=Postponement.UNANSWERED)
                if world.random.random() < 0.1:
                    return CreateRefusedError("AccessDeniedException: no", permission="iam:PassRole")
                return CreateLaterError("ThrottlingException", reason=Postponement.THROTTLED)
            case "sagemaker" if method == "stop":
                return StopFailedError("no answer")
            case "ssm" if world.random.random() < 0.3:
                return PolicyInvalidError("settings: no such member")
            case _:
                return _UNAVAILABLE.get(service, UpstreamUnavailableError)(f"{service} did not answer")


_UNAVAILABLE: Final[Mapping[str, type[RespotError]]] = {
    "ledger": LedgerUnavailableError,
    "sns": TopicUnavailableError,
    "scheduler": ScheduleUnavailableError,
    "sqs": QueueUnavailableError,
}
PLENTY: Final = timedelta(minutes=15)


class Readable:
    """A store as this version reads it: what a newer version wrote about some jobs cannot be read."""

    def __init__(self, store: object, world: World) -> None:
        self._store = store
        self._world = world

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401
        world, do = self._world, getattr(self._store, method)
        if not world.poison:
            return do
        if method == "live":
            return lambda region: tuple(
                (job, None if world.poison.get(job) == "load" else uri) for job, uri in do(region)
            )

        def read(*args: Any, **named: Any) -> Any:  # noqa: ANN401
            if args and isinstance(args[0], JobId) and world.poison.get(args[0]) == method:
                world.seen["poison items met"] += 1
                raise UnreadableItemError(str(args[0]), method, "a word of a newer version")
            return do(*args, **named)

        return read


def readable(store: P, world: World) -> P:
    """The store as `Readable` reads it."""
    return cast("P", Readable(store, world))


class Controller:
    """Respot's shells, composed on the twins of a world, with trouble around each call."""

    def __init__(self, world: World, trouble: Trouble) -> None:
        self.world = world
        jobs = with_hooks(world.sagemaker, partial(trouble.gate, "sagemaker"))
        ledger = with_hooks(readable(world.ledger, world), partial(trouble.gate, "ledger"))
        runs = with_hooks(readable(world.runs, world), partial(trouble.gate, "ledger"))
        listing: Checkpoints = with_hooks(world.checkpoints, partial(trouble.gate, "s3"))
        retry_schedule = RetrySchedule(
            queue=MemoryDelayQueue(), first=timedelta(seconds=30), longest=timedelta(minutes=30), clock=world.host_clock
        )
        summaries = with_hooks(world.summaries, partial(trouble.gate, "ledger"))
        self.summaries = RunSummaries(ledger=ledger, runs=runs, store=summaries)
        recorder = Recorder(jobs=jobs, ledger=ledger)
        self.consumer = ObservationConsumer(
            recorder=recorder, retry_schedule=retry_schedule, on_recorded=self.refresh_summary
        )
        self.alerter = Alerter(
            ledger=ledger,
            runs=runs,
            topic=with_hooks(world.topic, partial(trouble.gate, "sns")),
            clock=world.host_clock,
            kinds=frozenset(AlertKind),
            max_age=timedelta(days=30),
            lease=timedelta(minutes=2),
        )
        recovery = build_recovery(
            jobs=jobs,
            lists=jobs,
            ledger=ledger,
            runs=runs,
            refusals=with_hooks(world.refusals, partial(trouble.gate, "ledger")),
            starts=with_hooks(world.starts, partial(trouble.gate, "ledger")),
            schedules=with_hooks(world.schedules, partial(trouble.gate, "scheduler")),
            checkpoints=listing,
            policies=with_hooks(world.policies, partial(trouble.gate, "ssm")),
            kill_switch=with_hooks(world.kill_switch, partial(trouble.gate, "ssm")),
            clone=clone,
            limits=CreationLimits(roles=("*",), instance_types=("*",)),
            clock=world.host_clock,
            note=self._note,
            on_schedule_failure=lambda *_: None,
            pause=lambda seconds: world.clock.pass_by(timedelta(seconds=seconds)),
        )
        self.recovery = RecoveryConsumer(recovery=recovery, retry_schedule=retry_schedule, on_step=self.refresh_summary)
        self.send = with_hooks(self, partial(trouble.gate, "sqs")).enqueue

    def refresh_summary(self, job: JobId) -> None:
        """As the functions do: an item that cannot be read stops nothing else."""
        with suppress(UnreadableItemError):
            self.summaries.refresh(job)

    def _note(self, job: JobId, words: str) -> None:
        """The log is nobody's to check."""

    def record(self) -> None:
        """The recorder takes a batch of observations."""
        world = self.world
        batch = [
            self._pick(world.observations) for _ in range(min(len(world.observations), world.random.choice((1, 2, 5))))
        ]
        left = {str(number): each for number, each in enumerate(batch)}
        try:
            outcome = self.consumer.consume(
                [delivery_of(identifier, each) for identifier, each in left.items()], time_left=lambda: PLENTY
            )
        except ProcessCrashError:
            world.observations += batch
            return
        world.observations += [
            left[retry.message.id]
            for retry in outcome.retries
            if not isinstance(retry.error, MalformedMessageError | UnreadableItemError)  # dead letters, in the end
        ]

    def alert(self) -> None:
        """The stream's first reader."""
        self._read("alert", self._alert_one)

    def _alert_one(self, item: Mapping[str, Any]) -> None:
        if "alert" in item and (change := read_change({"dynamodb": {"NewImage": item["alert"]}})):
            self.alerter.on(change)

    def catch_up(self, job: JobId) -> None:
        """The alerts of a job whose stream was lost, as the sweep asks for them."""
        with suppress(RespotError):
            self.alerter.catch_up(job)

    def recover(self) -> None:
        """The stream's second reader."""
        self._read("recover", self._recover_one)

    def _recover_one(self, item: Mapping[str, Any]) -> None:
        if "recover" in item:
            self.send(write_message(item["recover"]))

    def enqueue(self, body: str) -> None:
        """The recovery queue takes a message, sometimes twice."""
        world = self.world
        world.endings.append(Message(body))
        if world.random.random() < world.doubling:
            world.endings.append(Message(body))

    def _read(self, reader: str, consume: Callable[[Mapping[str, Any]], None]) -> None:
        """A batch of the stream: what fails is repeated with all that comes after it."""
        world = self.world
        start = world.positions[reader]
        batch = world.stream[start : start + (10 if world.calm else world.random.choice((1, 3, 10)))]
        failed: list[int] = []
        for position, item in enumerate(batch):
            try:
                consume(item)
            except UnreadableItemError:
                world.seen["poison items given up"] += 1  # a dead letter: the stream goes on at once
            except RespotError:
                failed.append(position)
            except ProcessCrashError:
                return
        world.positions[reader] = start + (failed[0] if failed else len(batch))

    def resubmit(self) -> None:
        """Recovery takes a message of its queue."""
        world = self.world
        if not world.endings:
            return
        each = self._pick(world.endings)
        try:
            postponed = self.recovery.consume([delivery_of("m", each)], time_left=lambda: PLENTY)
        except ProcessCrashError:
            world.endings.append(each)
            return
        if postponed:
            world.seen["postponed"] += 1
            world.endings.append(each)

    def _pick(self, queue: list[Message]) -> Message:
        picked = queue.pop(self.world.random.randrange(len(queue)))
        picked.received += 1
        return picked
