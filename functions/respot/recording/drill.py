"""Drills: events of `respot drill`, each about a job that does not exist."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from respot.errors import MalformedMessageError
from respot.jobs.aws_names import ACCOUNT, job_arn
from respot.jobs.description import moment
from respot.jobs.drill_names import DRILL_PREFIX, ID
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import IN_PROGRESS, INTERRUPTED, STOPPED

SOURCE: Final = "respot.drill"
DETAIL_TYPE: Final = "Respot Drill"

HISTORIES: Final = {
    INTERRUPTED: ("Starting", "Downloading", "Training", INTERRUPTED),
    "MaxWaitTimeExceeded": ("Starting", "Stopping", "MaxWaitTimeExceeded"),
}
"""The drills by final SecondaryStatus: the statuses that lead to its alert, and to no other alert."""

_KINDS: Final = {INTERRUPTED: "interrupted", "MaxWaitTimeExceeded": "max-wait-time-exceeded"}
"""The event's `kind` for each final status: the name of its alert."""
_STATUSES: Final = {kind: status for status, kind in _KINDS.items()}
_APART: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill.

    Attributes:
        id: twelve hexadecimal digits, different for each drill.
        status: the final SecondaryStatus, one of `HISTORIES`.
        region: where the event was sent.
        account: the AWS account it was sent in.
        sent_at: when, by the sender's clock.
    """

    id: str
    status: str
    region: str
    account: str
    sent_at: datetime

    @property
    def job(self) -> JobId:
        """The job that does not exist."""
        return JobId(region=self.region, name=f"{DRILL_PREFIX}{self.id}", created=self.sent_at)

    @property
    def alerted(self) -> Transition:
        """The transition that the alert is about."""
        return self.snapshot().history[-1]

    def snapshot(self) -> JobSnapshot:
        """What Describe would show of the job. Its market is unknown, so that no advice is sent to an owner."""
        transitions = tuple(
            Transition(status=status, started=self.sent_at + number * _APART)
            for number, status in enumerate(HISTORIES[self.status])
        )
        state = JobState(
            job=self.job,
            arn=job_arn(region=self.region, account=self.account, name=self.job.name),
            status=IN_PROGRESS if self.status == INTERRUPTED else STOPPED,
            secondary_status=self.status,
            last_modified=transitions[-1].started,
        )
        return JobSnapshot(state=state, history=transitions)


def write_detail(drill: Drill) -> str:
    """The event's detail; EventBridge adds region and account."""
    return json.dumps({"id": drill.id, "kind": _KINDS[drill.status], "sent_at": iso(drill.sent_at)})


def read_drill(envelope: Mapping[str, Any], *, region: str) -> Drill:
    """The drill of an event from `SOURCE`.

    Raises:
        MalformedMessageError: it is no event that `respot drill` sends.
    """
    detail, account = envelope.get("detail"), envelope.get("account")
    values: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
    drill, kind, sent_at = values.get("id"), values.get("kind"), moment(values.get("sent_at"))
    status = _STATUSES.get(kind) if isinstance(kind, str) else None
    if not (isinstance(drill, str) and ID.fullmatch(drill)) or status is None or sent_at is None:
        message = f"a drill without a valid id, kind or time: {str(detail)[:200]}"
        raise MalformedMessageError(message)
    if envelope.get("detail-type") != DETAIL_TYPE or not (isinstance(account, str) and ACCOUNT.fullmatch(account)):
        message = f"drill {drill} has no account, or a detail type that Respot does not send"
        raise MalformedMessageError(message)
    return Drill(id=drill, status=status, region=region, account=account, sent_at=sent_at)
