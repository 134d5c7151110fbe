"""The sweep's messages to `record`: each names a job to look at, since no event may have told of its last change."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from respot.domain.durations import iso
from respot.domain.job import at_milliseconds
from respot.errors import MalformedMessageError

SWEEP_SOURCE: Final = "respot.sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckRequest:
    """A job to look at.

    Attributes:
        region: where the job runs.
        name: its TrainingJobName.
        watched_since: since when Respot watches the region: of what began before, no event could tell.
        overdue: of what began until then, an event should have told by the time of the look.
        missed: the creation of the job of that name that the ledger holds to be alive, although SageMaker's list
            lacks it; `None` if the list has the job.
    """

    region: str
    name: str
    watched_since: datetime
    overdue: datetime
    missed: datetime | None = None


def write_recheck(look: RecheckRequest) -> str:
    """The message."""
    detail = {
        "region": look.region,
        "name": look.name,
        "watched_since": iso(look.watched_since),
        "overdue": iso(look.overdue),
    }
    if look.missed:
        detail["missed"] = iso(look.missed)
    return json.dumps({"source": SWEEP_SOURCE, "detail": detail})


def read_recheck(envelope: Mapping[str, Any]) -> RecheckRequest:
    """The job of a message that names `SWEEP_SOURCE`.

    Raises:
        MalformedMessageError: it does not say which job.
    """
    try:
        detail = envelope["detail"]
        missed = detail.get("missed")
        return RecheckRequest(
            region=str(detail["region"]),
            name=str(detail["name"]),
            watched_since=_moment(detail["watched_since"]),
            overdue=_moment(detail["overdue"]),
            missed=None if missed is None else _moment(missed),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        message = f"a message of the sweep that names no job: {error!r}"
        raise MalformedMessageError(message) from error


def _moment(written: str) -> datetime:
    return at_milliseconds(datetime.fromisoformat(written))
