"""Timers of digests on SQS: delayed messages to the queue of due alerts."""

import math
from datetime import timedelta
from typing import Final

from respot.alerting.digest.digest import DigestWindow
from respot.alerting.digest.timer import write_timer
from respot.aws.sqs.queue import SqsQueue

_LONGEST_DELAY: Final = timedelta(minutes=15)
"""SQS's limit; a timer that comes too early is sent again."""


class SqsDigestTimers(SqsQueue):
    """The port `DigestTimers`."""

    def send(self, window: DigestWindow, *, delay: timedelta) -> None:
        """See `DigestTimers.send`."""
        seconds = math.ceil(min(delay, _LONGEST_DELAY).total_seconds())
        what = f"{window.id}: SQS did not take its timer; try again later"
        self._send_message(write_timer(window), what, DelaySeconds=seconds)
