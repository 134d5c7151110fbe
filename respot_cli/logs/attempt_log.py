"""Reads the log of one attempt from CloudWatch, page by page, and each line once."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from respot.aws.error_codes import Answer, answer_of
from respot.jobs.job import JobId
from respot_cli.logs.lines import STARTED, LogLine

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUP: Final = "/aws/sagemaker/TrainingJobs"
"""https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html, as are the names of its streams."""
LATE: Final = timedelta(minutes=2)
"""How much later than others a line may reach CloudWatch and still be read: each host sends its lines when it likes."""
_SKEW: Final = timedelta(minutes=1)
"""Between SageMaker's clock and an instance's."""


class AttemptLog:
    """The log of one attempt.

    A job of the same name may have been deleted before this one, and its log is still there: what was logged before
    this job's creation is another's. What a host logs comes late at times: each reading therefore begins some time
    before the last line, and leaves out what it has given.
    """

    def __init__(
        self,
        logs: "CloudWatchLogsClient",
        *,
        number: int,
        job: JobId,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        """`since` and `until` narrow what is read; `until` is not included."""
        self._logs, self._number, self._job = logs, number, job
        self._start = _milliseconds(max(job.created, since or job.created))
        self._until = _milliseconds(until) if until else None
        self._newest = self._start
        self._given: set[str] = set()
        self._recent: deque[tuple[int, str]] = deque()

    def read(self, *, now: datetime) -> Iterator[LogLine | None]:
        """The lines that were not given yet, in the order of their times.

        It begins with `None`, and asks CloudWatch only then. A page is asked for when the one before has been taken.

        Raises:
            ClientError, BotoCoreError: CloudWatch did not answer. The next reading gives what this one did not.
        """
        yield None
        request: dict[str, Any] = {"logStreamNamePrefix": f"{self._job.name}/", "startTime": self.begins(now)}
        if self._until is not None:
            request["endTime"] = self._until - 1
        while True:
            try:
                page = self._logs.filter_log_events(logGroupName=GROUP, **request)
            except ClientError as error:
                if answer_of(error) is Answer.ABSENT:
                    return  # the group appears with the account's first line
                raise
            for event in page.get("events", ()):
                stream = event["logStreamName"]
                if event["eventId"] in self._given or not self._is_ours(stream):
                    continue
                yield LogLine(
                    milliseconds=event["timestamp"],
                    attempt=self._number,
                    job=self._job.name,
                    stream=stream,
                    message=event.get("message", ""),
                )
                # Only now has it been taken: a merge of several logs asks for a line ahead.
                self._remember(event["timestamp"], event["eventId"], now)
            if not (token := page.get("nextToken")):  # a page without events may have one
                return
            request["nextToken"] = token

    def begins(self, now: datetime) -> int:
        """The time, in milliseconds since 1970, from which the next reading asks.

        A host whose clock is ahead must not hide the lines of others.
        """
        return max(self._start, min(self._newest, _milliseconds(now)) - LATE // timedelta(milliseconds=1))

    @property
    def remembered(self) -> int:
        """How many lines it remembers, to leave them out if they come again."""
        return len(self._recent)

    def _is_ours(self, stream: str) -> bool:
        """Whether a stream can be this job's: it has the time of its start at the end of its name."""
        epoch = STARTED.search(stream)
        return epoch is None or int(epoch[1]) >= (self._job.created - _SKEW).timestamp()

    def _remember(self, milliseconds: int, event: str, now: datetime) -> None:
        self._given.add(event)
        self._recent.append((milliseconds, event))
        self._newest = max(self._newest, milliseconds)
        begins = self.begins(now)
        while self._recent and self._recent[0][0] < begins:
            self._given.discard(self._recent.popleft()[1])


def in_order(logs: Iterable[AttemptLog], *, now: datetime) -> Iterator[LogLine]:
    """The lines of several attempts in the order of their times; of equal times the earlier attempt's come first.

    An attempt's log is asked for only when the lines before its creation have been taken.
    """
    readings = (_timed(log, now) for log in logs)
    for _, line in heapq.merge(*readings, key=lambda timed: timed[0]):
        if line:
            yield line


def _timed(log: AttemptLog, now: datetime) -> Iterator[tuple[int, LogLine | None]]:
    begins = log.begins(now)
    for line in log.read(now=now):
        yield line.milliseconds if line else begins, line


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, tz=UTC)) // timedelta(milliseconds=1)
