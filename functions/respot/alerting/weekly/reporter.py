"""Reads the runs of the week before, and publishes its digest once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.alerting.ports import LeaseToken
from respot.alerting.weekly.digest import Coverage, WeeklyDigest, WeeklyOutcome, WeeklyRecord, digest_of
from respot.alerting.weekly.ports import EndedRuns, WeeklyStore, WeeklyTopic
from respot.alerting.weekly.text import headline
from respot.alerting.weekly.week import Week, week_before
from respot.errors import ItemError, TopicUnavailableError
from respot.jobs.ports import Clock
from respot.runs.period import RunReader
from respot.runs.summary import RunSummary
from respot.savings.receipt import RunReceipt, receipt_of

_PAGE: Final = 100
"""Runs that are listed together: one BatchGetItem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyReporter:
    """Reports a week once, however often it is called.

    Attributes:
        index: lists the runs that ended.
        reader: reads each of them.
        store: keeps what became of the digest.
        topic: where it is published.
        clock: the present moment.
        account: whose runs these are.
        region: of the hub.
        lease: longer than publishing and recording may take. A retry that Lambda makes comes after it.
        enough: the time that a run's reading, and publishing after it, may take.
        on_unread: gets the reason why a run is left out.
    """

    index: EndedRuns
    reader: RunReader
    store: WeeklyStore
    topic: WeeklyTopic
    clock: Clock
    account: str
    region: str
    lease: timedelta
    enough: timedelta
    on_unread: Callable[[Exception], None]

    def report(self, time_left: Callable[[], timedelta]) -> WeeklyRecord | None:
        """Publish the digest of the week before; `None` if that is done already.

        The lease comes after the reading: it is short, and a repetition after a crash finds it expired. After a crash
        between publishing and recording, the repetition publishes again with the same id.

        Raises:
            AlertInProgressError: another invocation publishes it.
            LedgerUnavailableError: DynamoDB did not answer.
            TopicUnavailableError: SNS did not take the digest.
        """
        week = week_before(self.clock())
        if self.store.record(week):
            return None
        digest = self._digest(week, time_left)
        token = self.store.lease(week, now=self.clock(), lease=self.lease)
        if token is None:
            return None
        declined = digest.why_not_sent
        record = WeeklyRecord(
            week=week.id,
            outcome=WeeklyOutcome.DECLINED if declined else WeeklyOutcome.SENT,
            reason=declined or _reason(digest.coverage),
            headline=None if declined else headline(digest),
            message_id=None if declined else self._publish(digest, token),
            settled_at=self.clock(),
        )
        self.store.complete(week, record)
        return record

    def _digest(self, week: Week, time_left: Callable[[], timedelta]) -> WeeklyDigest:
        found = self.index.ended(week.days)
        receipts: list[RunReceipt] = []
        tried = 0
        now = self.clock()
        for first in range(0, len(found), _PAGE):
            page = found[first : first + _PAGE]
            if time_left() < self.enough:
                break
            summaries = {each.run: each for each in self.index.ended_summaries(page)}
            for run in page:
                if time_left() < self.enough:
                    break
                tried += 1
                receipt = self._receipt(summaries[run], now) if run in summaries else None
                receipts += [receipt] if receipt else []
        coverage = Coverage(found=len(found), tried=tried, unread=tried - len(receipts))
        return digest_of(week, receipts, coverage, account=self.account, region=self.region)

    def _receipt(self, summary: RunSummary, now: datetime) -> RunReceipt | None:
        """The run's receipt; `None` if it cannot be read, or has expired: the others are reported."""
        try:
            read = self.reader.read(summary)
            if isinstance(read, ItemError):
                self.on_unread(read)
                return None
            return None if read is None else receipt_of(read.run, read.attempts, now=now)
        except (ItemError, ValueError, ArithmeticError) as error:
            self.on_unread(error)
            return None

    def _publish(self, digest: WeeklyDigest, token: LeaseToken) -> str:
        try:
            return self.topic.publish_weekly(digest)
        except TopicUnavailableError:
            self.store.release(digest.week, token)
            raise


def _reason(coverage: Coverage) -> str:
    if coverage.is_complete:
        return f"all {coverage.found} runs that ended"
    return f"{coverage.tried - coverage.unread} of {coverage.found} runs that ended; {coverage.unread} cannot be read"
