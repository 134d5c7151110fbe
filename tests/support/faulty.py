"""Twins that fail, die or are overtaken at the moment a test says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from respot.alerting.alert import AlertRecord
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken, Ledger
from respot.jobs.job import JobId, JobRecord, JobSnapshot, Transition
from respot.jobs.merge import Change
from tests.support.memory import MemoryTrainingJobs


class ProcessCrashError(BaseException):
    """The process is gone: no `except Exception` sees this."""


@dataclass(slots=True, kw_only=True)
class FaultyJobs(MemoryTrainingJobs):
    """SageMaker that fails for some jobs, and counts what it is asked."""

    faults: dict[str, Exception] = field(default_factory=dict)
    tag_faults: dict[str, Exception] = field(default_factory=dict)
    tags_asked: int = 0
    deleted_arns: set[str] = field(default_factory=set)

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        if name in self.faults:
            self.describes += 1
            raise self.faults[name]
        return MemoryTrainingJobs.describe(self, region, name)

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:
        self.tags_asked += 1
        if arn in self.tag_faults:
            raise self.tag_faults[arn]
        if arn in self.deleted_arns:
            return None
        return MemoryTrainingJobs.tags(self, region, arn)


@dataclass(slots=True, kw_only=True)
class FaultyLedger:
    """A ledger with methods that can be made to fail, once or for good, or to let somebody else go first.

    Attributes:
        ledger: the real one.
        faults: what a method raises, by its name.
        first: what happens before a method does its work, once, by its name.
        dies_after: how many transitions `save` still inserts before the process dies; `None` for none of that.
    """

    ledger: Ledger
    faults: dict[str, BaseException] = field(default_factory=dict)
    first: dict[str, Callable[[], object]] = field(default_factory=dict)
    dies_after: int | None = None
    saves: int = 0

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        self._enter("find")
        return self.ledger.find(region, name)

    def load(self, job: JobId) -> JobRecord:
        self._enter("load")
        return self.ledger.load(job)

    def save(self, change: Change) -> bool:
        self._enter("save")
        self.saves += 1
        if self.dies_after is not None:
            self.ledger.save(replace(change, inserted=change.inserted[: self.dies_after]))
            raise ProcessCrashError
        return self.ledger.save(change)

    def created_at(self) -> datetime:
        self._enter("created_at")
        return self.ledger.created_at()

    def watched_since(self, region: str) -> datetime:
        self._enter("watched_since")
        return self.ledger.watched_since(region)

    def lease_alert(
        self, job: JobId, kind: AlertKind, transition: Transition, *, now: datetime, lease: timedelta
    ) -> LeaseToken | None:
        self._enter("lease_alert")
        return self.ledger.lease_alert(job, kind, transition, now=now, lease=lease)

    def release_alert(self, job: JobId, kind: AlertKind, transition: Transition, claim: LeaseToken) -> None:
        self._enter("release_alert")
        self.ledger.release_alert(job, kind, transition, claim)

    def complete_alert(self, alert_record: AlertRecord) -> None:
        self._enter("complete_alert")
        self.ledger.complete_alert(alert_record)

    def alert_began(self, job: JobId, kind: AlertKind) -> datetime | None:
        return self.ledger.alert_began(job, kind)

    def alerts(self, job: JobId) -> tuple[AlertRecord, ...]:
        self._enter("alerts")
        return self.ledger.alerts(job)

    def _enter(self, method: str) -> None:
        go_first = self.first.pop(method, None)
        if go_first:
            go_first()
        if method in self.faults:
            raise self.faults[method]
