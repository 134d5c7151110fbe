"""What makes Respot describe a job: an event, a recheck of the sweep, a drill. Each is read with suspicion."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from respot.errors import MalformedMessageError
from respot.jobs.description import Document, moment, read_history, read_state, sighting, storable, text
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobSnapshot, Market, at_milliseconds
from respot.jobs.partitions import job_arn
from respot.recording.drill import SOURCE as DRILL_SOURCE
from respot.recording.drill import read_drill

SOURCE: Final = "aws.sagemaker"
DETAIL_TYPE: Final = "SageMaker Training Job State Change"

_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sagemaker:(?P<region>[a-z0-9-]{1,32}):(?P<account>\d{12}):training-job/(?P<name>.+)"
)
_NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
"""CreateTrainingJob's own pattern for TrainingJobName."""
_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
_MOST_TAGS: Final = 50
_LONGEST_KEY: Final = 128
_LONGEST_VALUE: Final = 256
"""AWS's limits on tags; what exceeds them is no tag, and could exceed what the ledger's items may hold."""
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")


class Origin(StrEnum):
    """Who asks for a look."""

    EVENT = "event"
    SWEEP = "sweep"
    DRILL = "drill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A reason to look at a job.

    Attributes:
        region: where the job runs.
        name: its TrainingJobName.
        claim: what the event itself says of the job; `None` if it does not say enough to identify it.
        origin: who asks.
        watched_since: since when events of the region are watched (SWEEP only).
        overdue: of what began until then, an event should have told (SWEEP only).
        missed: the job that the ledger holds to be alive although SageMaker's list lacks it (SWEEP only).
    """

    region: str
    name: str
    reported: JobSnapshot | None
    origin: Origin = Origin.EVENT
    watched_since: datetime | None = None
    overdue: datetime | None = None
    missed: JobId | None = None


def parse(body: str) -> Observation:
    """Read one message of the observations queue.

    Raises:
        MalformedMessageError: the message is no training job event, or names no job.
    """
    envelope = _object(body)
    if envelope.get("source") == SWEEP_SOURCE:
        return _of_sweep(envelope)
    if envelope.get("source") == DRILL_SOURCE:
        return _of_drill(envelope)
    if envelope.get("source") != SOURCE or envelope.get("detail-type") != DETAIL_TYPE:
        message = f"not a training job event, but {_quoted(envelope, 'detail-type')} of {_quoted(envelope, 'source')}"
        raise MalformedMessageError(message)
    detail = envelope.get("detail")
    if not isinstance(detail, Mapping):
        message = f"event {_quoted(envelope, 'id')} has no detail object"
        raise MalformedMessageError(message)
    arn = _arn(envelope, detail)
    region, name = _region(envelope, arn), _name(envelope, detail, arn)
    return Observation(
        region=region, name=name, reported=_reported(envelope, detail, region=region, name=name, arn=arn)
    )


def _of_sweep(envelope: Document) -> Observation:
    look = read_recheck(envelope)
    if not _REGION.fullmatch(look.region) or not _NAME.fullmatch(look.name):
        message = f"a message of the sweep that names no job, but {look.region[:80]!r} and {look.name[:80]!r}"
        raise MalformedMessageError(message)
    return Observation(
        region=look.region,
        name=look.name,
        reported=None,
        origin=Origin.SWEEP,
        watched_since=look.watched_since,
        overdue=look.overdue,
        missed=None if look.missed is None else JobId(region=look.region, name=look.name, created=look.missed),
    )


def _of_drill(envelope: Document) -> Observation:
    drill = read_drill(envelope, region=_region(envelope, None))
    return Observation(region=drill.region, name=drill.job.name, reported=drill.snapshot(), origin=Origin.DRILL)


def _object(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        raise MalformedMessageError(message) from error
    if not isinstance(value, dict):
        message = f"a JSON object was expected, not {type(value).__name__}"
        raise MalformedMessageError(message)
    return value


def _quoted(envelope: Document, member: str) -> str:
    return repr(envelope.get(member))[:80]


def _arn(envelope: Document, detail: Document) -> re.Match[str] | None:
    resources = envelope.get("resources")
    listed = [detail.get("TrainingJobArn"), *(resources if isinstance(resources, list) else [])]
    return next((found for arn in listed if isinstance(arn, str) and (found := _ARN.fullmatch(arn))), None)


def _region(envelope: Document, arn: re.Match[str] | None) -> str:
    region = arn["region"] if arn else envelope.get("region")
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        message = f"event {_quoted(envelope, 'id')} names no region"
        raise MalformedMessageError(message)
    return region


def _name(envelope: Document, detail: Document, arn: re.Match[str] | None) -> str:
    name = detail.get("TrainingJobName") or (arn["name"] if arn else None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"event {_quoted(envelope, 'id')} names no training job: {_quoted(detail, 'TrainingJobName')}"
        raise MalformedMessageError(message)
    return name


def _reported(
    envelope: Document, detail: Document, *, region: str, name: str, arn: re.Match[str] | None
) -> JobSnapshot | None:
    created = moment(detail.get("CreationTime"))
    at = moment(detail.get("LastModifiedTime")) or moment(envelope.get("time"))
    if not created or not at or not text(detail, "TrainingJobStatus") or not text(detail, "SecondaryStatus"):
        return None
    account = envelope.get("account")
    if not arn and not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
        return None
    spot = detail.get("EnableManagedSpotTraining")
    state = read_state(
        detail,
        job=JobId(region=region, name=name, created=created),
        arn=arn[0] if arn else job_arn(region=region, account=str(account), name=name),
        last_modified=at,
        market=(Market.SPOT if spot else Market.ON_DEMAND) if isinstance(spot, bool) else None,
        tags=_tags(detail.get("Tags")),
    )
    history = read_history(detail, provisional=True)
    # The list most likely carries the current transition alone; anything else in it is Describe's to tell.
    current = tuple(transition for transition in history[-1:] if transition.status == state.secondary_status)
    return JobSnapshot(state=state, history=current) if current else sighting(state)


def _tags(value: object) -> dict[str, str] | None:
    """Real events carry a map, EventBridge's schema registry promises a list: both are read."""
    match value:
        case Mapping():
            pairs = list(value.items())
        case list():
            pairs = [(entry.get("Key"), entry.get("Value")) for entry in value if isinstance(entry, Mapping)]
        case _:
            return None
    tags = {storable(key): storable(worth) for key, worth in pairs if isinstance(key, str) and isinstance(worth, str)}
    clamped = [tag for tag in tags.items() if 0 < len(tag[0]) <= _LONGEST_KEY and len(tag[1]) <= _LONGEST_VALUE]
    return dict(clamped[:_MOST_TAGS])


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
