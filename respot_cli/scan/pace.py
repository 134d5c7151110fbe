"""Spaces calls, and repeats those that were refused for being too many."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from respot.aws.error_codes import Answer, answer_of
from respot.errors import UpstreamUnavailableError
from respot.jobs.formatting import clause
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
_FEW_TRIES: Final = 3
"""Where no call was ever answered, a wrong region or endpoint is more likely than an outage; and nonsense repeats."""
_LONGEST_PAUSE: Final = timedelta(minutes=1)
_FASTER: Final = 0.95
"""After each answer: fourteen answers make up for a throttle."""


def words_of(error: UpstreamUnavailableError) -> str:
    """Why a call failed: in AWS's own words, or in those of its client, if there are any."""
    cause = error.__cause__
    return clause(str(cause if isinstance(cause, BotoCoreError | ClientError) else error)).rstrip(": ")


@dataclass(slots=True, kw_only=True)
class Pace:
    """At most one call in each interval; a throttle halves the pace, and each answer makes it a little faster again.

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
    _answered: bool = field(default=False, init=False)

    def call(self, ask: Callable[[], T], report: Callable[[str], None] = lambda _: None) -> T:
        """What the call answers, once its turn has come; `report` takes what it waits for.

        Raises:
            UpstreamUnavailableError: AWS refused it for another reason, or has refused it too often.
        """
        tries = 0
        while True:
            self._wait()
            self.calls += 1
            tries += 1
            try:
                answer = ask()
            except UpstreamUnavailableError as error:
                if not may_pass(error) or tries >= self._most_tries(error):
                    raise
                self._slowed = min(max(self._slowed, self.every) * 2, _LONGEST_PAUSE)
                pause = min(2.0**tries, _LONGEST_PAUSE.total_seconds())
                report(f"{words_of(error)}; trying again in {pause:.0f} s")
                self.sleep(pause)
            else:
                self._answered = True
                self._slowed *= _FASTER
                return answer

    def _most_tries(self, error: UpstreamUnavailableError) -> int:
        cause = error.__cause__
        if isinstance(cause, ClientError) and answer_of(cause) is Answer.THROTTLED:
            return _MOST_TRIES
        return _MOST_TRIES if self._answered and isinstance(cause, ClientError | BotoCoreError) else _FEW_TRIES

    def _wait(self) -> None:
        now = self.monotonic()
        if now < self._next:
            self.sleep(self._next - now)
            now = self._next
        self._next = now + max(self.every, self._slowed).total_seconds()
