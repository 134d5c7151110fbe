"""Keeps calls of AWS within the time that the invocation has left."""

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
        read_seconds: for each read of the answer.
        attempts: including the first.
    """

    connect_seconds: float
    read_seconds: float
    attempts: int

    @property
    def longest_call(self) -> timedelta:
        """The time if every attempt times out and botocore chooses its longest pauses: 1 s, 2 s, 4 s."""
        pauses = sum(2**number for number in range(self.attempts - 1))
        return timedelta(seconds=self.attempts * (self.connect_seconds + self.read_seconds) + pauses)

    def to_config(self) -> Config:
        """The same for botocore."""
        return Config(
            connect_timeout=self.connect_seconds,
            read_timeout=self.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
        )


class NoTimeLeftError(BotoCoreError):
    """The call might outlast the function and was not started. Adapters treat it like a service that did not answer."""

    fmt = "{left:.1f} s of the function's time are left, and a call of {service} may take {longest:.1f} s"


CALL_LIMITS: Final = {
    # All services use botocore's `standard` retries. `adaptive` adds a rate limit to each process: it may sleep for any
    # time before a call: a function cannot plan for it. When SageMaker throttles, the queue waits.
    #
    # DynamoDB answers in milliseconds; after a longer wait the connection is dead. Its throttles end quickly: a
    # third attempt is useful. A repeated write fails its own condition, which the adapters expect.
    "dynamodb": CallLimits(connect_seconds=1, read_seconds=1.5, attempts=3),
    # One page of a listing. There are at most twenty, with a limit on their total time (aws/s3.py).
    "s3": CallLimits(connect_seconds=1, read_seconds=3, attempts=3),
    # Its throttles belong to the account and last: after a third attempt, waiting in the queue costs less. A repeated
    # creation is safe because of the job's name: it fails with ResourceInUse, and then the job itself is checked.
    "sagemaker": CallLimits(connect_seconds=1, read_seconds=4, attempts=3),
    # Nothing depends on it: a sweep does the same later.
    "scheduler": CallLimits(connect_seconds=1, read_seconds=2, attempts=2),
    # Read once in some minutes, then cached; the function cannot work without it.
    "secretsmanager": CallLimits(connect_seconds=1, read_seconds=3, attempts=3),
    "ssm": CallLimits(connect_seconds=1, read_seconds=3, attempts=3),
    # The stream repeats what was not published, and the next attempt waits for the alert's lease.
    "sns": CallLimits(connect_seconds=1, read_seconds=3, attempts=2),
    # The stream repeats what was not sent. If a delay cannot be set, the visibility timeout applies.
    "sqs": CallLimits(connect_seconds=1, read_seconds=3, attempts=2),
}
"""How long each service may keep a function waiting: all timeouts and retries."""

ONCE_SSM: Final = replace(CALL_LIMITS["ssm"], attempts=1)
"""For an alert, which is sent without the policy rather than late."""

RESERVE: Final = CALL_LIMITS["sqs"].longest_call + timedelta(seconds=1)
"""Kept at the end of an invocation to set the delay of a failed message, and to write the log."""


class _Invocation:
    """The present invocation: Lambda promises one at a time."""

    time_left: "Callable[[], timedelta] | None" = None


_INVOCATION: Final = _Invocation()


def begin(time_left: "Callable[[], timedelta]") -> None:
    """From now on, prevent calls that might outlast the invocation.

    Then the function always ends before Lambda's timeout. Messages that it did not handle are reported as failed and
    come back after their own delay, not after the visibility timeout.
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
