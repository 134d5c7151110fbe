"""Spaces calls, and repeats those that were refused for being too many."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from respot.errors import UpstreamUnavailableError
from respot_cli.transient import may_pass

T = TypeVar("T")

LIST_EVERY: Final = timedelta(seconds=1)
"""Between two calls of ListTrainingJobs: half of the 2 a second that an account may make, and that cannot be raised.

The other half is for the account's own tools; see `respot.sweep.region_sweep.PACE`.
"""
DESCRIBE_EVERY: Final = timedelta(milliseconds=200)
"""Between two calls of DescribeTrainingJob. AWS publishes no number for it. Five a second is an assumption, and a
throttle slows it down."""
_MOST_TRIES: Final = 8
_LONGEST_PAUSE: Final = timedelta(minutes=1)


@dataclass(slots=True, kw_only=True)
class Pace:
    """At most one call in each interval; after a throttle, calls come half as often.

    Attributes:
        every: the interval.
        monotonic: seconds of a clock that only moves forward.
        sleep: waits that many seconds.
        calls: how many calls were made.
    """

    every: timedelta
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    calls: int = 0
    _next: float = field(default=0.0, init=False)
    _slowed: timedelta = field(default=timedelta(), init=False)

    def call(self, ask: Callable[[], T]) -> T:
        """What the call answers, once its turn has come.

        Raises:
            UpstreamUnavailableError: AWS refused it for another reason, or has refused it eight times.
        """
        for tries in range(1, _MOST_TRIES + 1):
            self._wait()
            self.calls += 1
            try:
                return ask()
            except UpstreamUnavailableError as error:
                if not may_pass(error) or tries == _MOST_TRIES:
                    raise
                self._slowed = min(max(self._slowed, self.every) * 2, _LONGEST_PAUSE)
                self.sleep(min(2.0**tries, _LONGEST_PAUSE.total_seconds()))
        message = "unreachable: the last try returns or raises"
        raise AssertionError(message)

    def _wait(self) -> None:
        now = self.monotonic()
        if now < self._next:
            self.sleep(self._next - now)
            now = self._next
        self._next = now + max(self.every, self._slowed).total_seconds()
