"""How long a call of each service may take, and whether the invocation has time left for one."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long a call of one service may take.

    Attributes:
        connect_seconds: for a connection.
        read_seconds: for each piece of the answer.
        attempts: the first one included.
    """

    connect_seconds: float
    read_seconds: float
    attempts: int

    @property
    def longest_call(self) -> timedelta:
        """What a call takes if every attempt times out, and botocore draws its longest pauses: 1 s, 2 s, 4 s."""
        pauses = sum(2**number for number in range(self.attempts - 1))
        return timedelta(seconds=self.attempts * (self.connect_seconds + self.read_seconds) + pauses)

    def to_config(self) -> Config:
        """In botocore's words."""
        return Config(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
        )


class NoTimeLeftError(BotoCoreError):
    """The call might outlast the function: it was not begun. The adapters take it for a service that did not answer."""

    fmt = "{left:.1f} s of the function's time are left, and a call of {service} may take {longest:.1f} s"


CALL_LIMITS: Final = {
    # Retries are botocore's `standard` ones for every service. `adaptive` adds a rate limit of its own to each process:
    # it sleeps for as long as it likes before a call, which no function with a time limit can plan for, and with two
    # copies of a function it would learn half of the truth. Where SageMaker throttles, the queue is the patient one.
    #
    # It answers in milliseconds: who has waited longer waits for a connection that is gone. Its throttles are over in
    # moments, so that a third attempt pays. A repeated write meets its own condition, which the adapters expect.
    "dynamodb": CallLimits(connect_seconds=1, read_seconds=1.5, attempts=3),
    # One page of a listing; twenty are the most, and their time is bounded as a whole (adapters/checkpoints.py).
    "s3": CallLimits(connect_seconds=1, read_seconds=3, attempts=3),
    # Its throttles are the account's, and last: beyond a third attempt the queue waits them out for less money. A
    # repeated creation is safe by the job's name alone: it meets ResourceInUse, and then the job itself is looked at.
    "sagemaker": CallLimits(connect_seconds=1, read_seconds=4, attempts=3),
    # Read once in minutes, then kept: nothing else can be done without it.
    "secretsmanager": CallLimits(connect_seconds=1, read_seconds=3, attempts=3),
    "ssm": CallLimits(connect_seconds=1, read_seconds=3, attempts=3),
    # The stream repeats what was not published, and a claim that is held meanwhile keeps the alert's next attempt.
    "sns": CallLimits(connect_seconds=1, read_seconds=3, attempts=2),
    # The stream repeats what was not sent; instead of a delay that could not be set, the visibility timeout holds.
    "sqs": CallLimits(connect_seconds=1, read_seconds=3, attempts=2),
}
"""How long each service may keep a function waiting: the one place for timeouts and retries."""

ONCE_SSM: Final = replace(CALL_LIMITS["ssm"], attempts=1)
"""Of an alert, which is sent without the policy rather than late."""

RESERVE: Final = CALL_LIMITS["sqs"].longest_call + timedelta(seconds=1)
"""Left at the end of an invocation for the delay of a message that could not be handled, and for the log."""


class _Invocation:
    """What this process works at: one invocation at a time, as Lambda promises."""

    time_left: "Callable[[], timedelta] | None" = None


_INVOCATION: Final = _Invocation()


def begin(time_left: "Callable[[], timedelta]") -> None:
    """Let no call begin, from now on, that might outlast the invocation of which so much time is left.

    However many calls a piece of work takes, so the function ends by itself: what it could not do is reported as
    failed, and comes back after its own delay, not after the visibility timeout of a function that was cut off.
    """
    _INVOCATION.time_left = time_left


def allow(service: str) -> None:
    """Raise NoTimeLeftError if a call of this service might not end in time."""
    if _INVOCATION.time_left is None:
        return
    left, longest = _INVOCATION.time_left(), CALL_LIMITS[service].longest_call
    # The reserve is for a delay in a queue.
    if left < longest + (timedelta() if service == "sqs" else RESERVE):
        raise NoTimeLeftError(left=left.total_seconds(), service=service, longest=longest.total_seconds())
