"""Drills: rehearsals that go the whole way of an alert, and that nobody and nothing can take for a real job."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.domain.alert_kinds import AlertKind
from respot.domain.drill_names import DRILL_PREFIX
from respot.domain.job import JobId, JobSnapshot, JobState, Transition
from respot.domain.partitions import job_arn

_APART: Final = timedelta(milliseconds=1)

STAYS: Final = {
    AlertKind.INTERRUPTED: ("Starting", "Downloading", "Training", "Interrupted"),
    AlertKind.MAX_WAIT_TIME_EXCEEDED: ("Starting", "Stopping", "MaxWaitTimeExceeded"),
}
"""What can be rehearsed: the transitions that lead to each alert, and to no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One rehearsal.

    Attributes:
        id: twelve hexadecimal digits; tells drills apart.
        kind: what is rehearsed: one of `STAYS`.
        region: where it was sent.
        account: in which account.
        sent_at: when, by the sender's clock.
    """

    id: str
    kind: AlertKind
    region: str
    account: str
    sent_at: datetime

    @property
    def job(self) -> JobId:
        """The job that never was."""
        return JobId(region=self.region, name=f"{DRILL_PREFIX}{self.id}", created=self.sent_at)

    @property
    def alerted(self) -> Transition:
        """The transition that people are told of."""
        return self.snapshot().history[-1]

    def snapshot(self) -> JobSnapshot:
        """What would be seen of the job. Its market is left open, so that nobody advises its owner."""
        transitions = tuple(
            Transition(status=status, started=self.sent_at + number * _APART)
            for number, status in enumerate(STAYS[self.kind])
        )
        state = JobState(
            job=self.job,
            arn=job_arn(region=self.region, account=self.account, name=self.job.name),
            status="InProgress" if self.kind is AlertKind.INTERRUPTED else "Stopped",
            secondary_status=transitions[-1].status,
            last_modified=transitions[-1].started,
        )
        return JobSnapshot(state=state, history=transitions)
