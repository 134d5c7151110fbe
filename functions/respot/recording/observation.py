"""Observations: the messages that make Respot describe a job. Nothing in them is trusted unchecked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, TypeAlias

from respot.errors import MalformedMessageError
from respot.jobs.aws_names import ACCOUNT, JOB_NAME, REGION, job_arn
from respot.jobs.description import Document, moment, read_history, read_state, status_snapshot, storable, text
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobSnapshot, Market, at_milliseconds
from respot.recording.drill import SOURCE as DRILL_SOURCE
from respot.recording.drill import read_drill

SOURCE: Final = "aws.sagemaker"
SWEEP_SOURCE: Final = "respot.sweep"
DETAIL_TYPE: Final = "SageMaker Training Job State Change"

_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sagemaker:(?P<region>[a-z0-9-]{1,32}):(?P<account>\d{12}):training-job/(?P<name>.+)"
)
_MOST_TAGS: Final = 50
_LONGEST_KEY: Final = 128
_LONGEST_VALUE: Final = 256
"""AWS's limits on tags. Longer ones are no tags, and might not fit into an item of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventObservation:
    """An event of SageMaker's about a job.

    Attributes:
        region: where the job runs.
        name: its TrainingJobName.
        reported: what the event says of the job; `None` if that does not identify it.
    """

    origin: ClassVar = "event"
    region: str
    name: str
    reported: JobSnapshot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepObservation:
    """The sweep's request to describe a job again.

    Attributes:
        region: where the job runs.
        name: its TrainingJobName.
        watched_since: since when Respot watches the region. No event reports what began before.
        event_due_by: an event should have reported what began until then.
        unlisted: the creation time of the job that is alive in the ledger and absent from SageMaker's list, or has
            ended; `None` if the list has the job.
    """

    origin: ClassVar = "sweep"
    region: str
    name: str
    watched_since: datetime
    event_due_by: datetime
    unlisted: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillObservation:
    """A drill, with the snapshot to record without asking SageMaker."""

    origin: ClassVar = "drill"
    region: str
    name: str
    reported: JobSnapshot


Observation: TypeAlias = EventObservation | SweepObservation | DrillObservation


def parse(body: str) -> Observation:
    """Read one message of the observations queue.

    Raises:
        MalformedMessageError: it is none of these, or names no job.
    """
    envelope = _object(body)
    source = envelope.get("source")
    if source == SWEEP_SOURCE:
        return _read_recheck(envelope)
    if source == DRILL_SOURCE:
        drill = read_drill(envelope, region=_region(envelope, None))
        return DrillObservation(region=drill.region, name=drill.job.name, reported=drill.snapshot())
    if source == SOURCE and envelope.get("detail-type") == DETAIL_TYPE:
        return _read_event(envelope)
    message = f"not a training job event, but {_quoted(envelope, 'detail-type')} of {_quoted(envelope, 'source')}"
    raise MalformedMessageError(message)


def _read_event(envelope: Document) -> EventObservation:
    detail = envelope.get("detail")
    if not isinstance(detail, Mapping):
        message = f"event {_quoted(envelope, 'id')} has no detail object"
        raise MalformedMessageError(message)
    arn = _arn(envelope, detail)
    region, name = _region(envelope, arn), _name(envelope, detail, arn)
    return EventObservation(
        region=region, name=name, reported=_reported(envelope, detail, region=region, name=name, arn=arn)
    )


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
    if not isinstance(region, str) or not REGION.fullmatch(region):
        message = f"event {_quoted(envelope, 'id')} names no region"
        raise MalformedMessageError(message)
    return region


def _name(envelope: Document, detail: Document, arn: re.Match[str] | None) -> str:
    name = detail.get("TrainingJobName") or (arn["name"] if arn else None)
    if not isinstance(name, str) or not JOB_NAME.fullmatch(name):
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
    if not arn and not (isinstance(account, str) and ACCOUNT.fullmatch(account)):
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
    # The list most likely has the current transition alone; any others come from Describe.
    current = tuple(transition for transition in history[-1:] if transition.status == state.secondary_status)
    return JobSnapshot(state=state, history=current) if current else status_snapshot(state)


def _tags(value: object) -> dict[str, str] | None:
    """Real events have a map, EventBridge's schema registry promises a list: both are accepted."""
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


def write_recheck(observation: SweepObservation) -> str:
    """The message of a sweep's observation."""
    detail = {
        "region": observation.region,
        "name": observation.name,
        "watched_since": iso(observation.watched_since),
        "overdue": iso(observation.event_due_by),
    }
    if observation.unlisted:
        detail["missed"] = iso(observation.unlisted)
    return json.dumps({"source": SWEEP_SOURCE, "detail": detail})


def _read_recheck(envelope: Document) -> SweepObservation:
    try:
        detail = envelope["detail"]
        missed = detail.get("missed")
        observation = SweepObservation(
            region=str(detail["region"]),
            name=str(detail["name"]),
            watched_since=_moment(detail["watched_since"]),
            event_due_by=_moment(detail["overdue"]),
            unlisted=None if missed is None else _moment(missed),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        message = f"a message of the sweep that names no job: {error!r}"
        raise MalformedMessageError(message) from error
    if not REGION.fullmatch(observation.region) or not JOB_NAME.fullmatch(observation.name):
        message = f"a message of the sweep that names no job: {observation.region[:80]!r}, {observation.name[:80]!r}"
        raise MalformedMessageError(message)
    return observation


def _moment(written: str) -> datetime:
    return at_milliseconds(datetime.fromisoformat(written))
