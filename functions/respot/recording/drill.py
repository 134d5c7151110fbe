"""Drills: the transitions that lead to each alert, and the event that `respot drill` puts on the default bus."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from respot.alerting.kinds import AlertKind
from respot.errors import MalformedMessageError
from respot.jobs.description import moment
from respot.jobs.drill_names import DRILL_PREFIX, ID
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobSnapshot, JobState, Transition
from respot.jobs.partitions import job_arn

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


SOURCE: Final = "respot.drill"
DETAIL_TYPE: Final = "Respot Drill"

_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
_KINDS: Final = {kind.value: kind for kind in STAYS}


def write_detail(drill: Drill) -> str:
    """The event's detail; EventBridge adds region and account."""
    return json.dumps({"id": drill.id, "kind": drill.kind.value, "sent_at": iso(drill.sent_at)})


def read_drill(envelope: Mapping[str, Any], *, region: str) -> Drill:
    """The drill of an event that names `SOURCE`.

    Raises:
        MalformedMessageError: it says something else than a drill does.
    """
    detail, account = envelope.get("detail"), envelope.get("account")
    said: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
    drill, word, sent_at = said.get("id"), said.get("kind"), moment(said.get("sent_at"))
    kind: AlertKind | None = _KINDS.get(word) if isinstance(word, str) else None
    if not (isinstance(drill, str) and ID.fullmatch(drill)) or kind is None or sent_at is None:
        message = f"a drill that names no id, no kind or no time: {str(detail)[:200]}"
        raise MalformedMessageError(message)
    if envelope.get("detail-type") != DETAIL_TYPE or not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
        message = f"a drill {drill} of no account, or of a form that Respot does not send"
        raise MalformedMessageError(message)
    return Drill(id=drill, kind=kind, region=region, account=account, sent_at=sent_at)
