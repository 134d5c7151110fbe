"""Reads SageMaker's description of a training job, as Describe and events contain it, into Respot's own values.

Both have the same members. An event may lack any of them, and it writes times in several formats (epoch milliseconds
as a number or as text, ISO 8601). Describe's are botocore's `datetime`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from respot.jobs.job import JobId, JobSnapshot, JobState, Market, Transition, at_milliseconds
from respot.jobs.lifecycle import in_order
from respot.jobs.owner import find_parent

Document = Mapping[str, Any]
_N = TypeVar("_N")

_LONGEST_TEXT: Final = 1024
"""Longer text is cut: FailureReason and S3 addresses have at most 1,024 characters, ARNs fewer."""
_LONGEST_STATUS: Final = 128
_LARGEST_NUMBER: Final = 1e9
"""No valid count or duration comes near it (as seconds it would be 31 years)."""
_YEARS: Final = range(2000, 2200)
"""SageMaker exists since 2017. A time far from that is invalid, and would break calculations."""
_SECONDS_UNTIL: Final = 1e11
"""Smaller numbers are epoch seconds (as milliseconds they would be before 1974)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """A training job's description, as far as creating it again needs it.

    Attributes:
        job: the job.
        status: its TrainingJobStatus.
        request_source: SageMaker's whole answer; only the builder of requests reads it.
    """

    job: JobId
    status: str
    request_source: Document


def moment(value: object) -> datetime | None:
    """A time in any format that SageMaker uses; `None` for null and for anything else."""
    match value:
        case datetime():
            return _sensible(value)
        case bool():
            return None
        case int() | float():
            return _from_epoch(value)
        case str():
            return _from_text(value.strip())
        case _:
            return None


def _from_epoch(number: float) -> datetime | None:
    try:
        return _sensible(datetime.fromtimestamp(number if number < _SECONDS_UNTIL else number / 1000, tz=UTC))
    except (OverflowError, OSError, ValueError):  # NaN, or outside the years of datetime
        return None


def _from_text(text: str) -> datetime | None:
    if re.fullmatch(r"\d{1,18}(\.\d{1,9})?", text):
        return _from_epoch(float(text))
    try:
        return _sensible(datetime.fromisoformat(text))
    except ValueError:
        return None


def _sensible(read: datetime) -> datetime | None:
    return at_milliseconds(read if read.tzinfo else read.replace(tzinfo=UTC)) if read.year in _YEARS else None


def read_state(
    document: Document,
    *,
    job: JobId,
    arn: str,
    last_modified: datetime,
    market: Market | None,
    tags: Mapping[str, str] | None,
    described: bool | None = None,
) -> JobState:
    """The state of the job; members that are absent, or of another type, are unknown."""
    resources = _part(document, "ResourceConfig")
    stopping = _part(document, "StoppingCondition")
    transitions = document.get("SecondaryStatusTransitions") or ()
    last_transition = transitions[-1] if isinstance(transitions, list | tuple) and transitions else {}
    return JobState(
        job=job,
        arn=arn,
        status=text(document, "TrainingJobStatus", longest=_LONGEST_STATUS) or "",
        secondary_status=text(document, "SecondaryStatus", longest=_LONGEST_STATUS) or "",
        last_modified=last_modified,
        status_message=text(last_transition, "StatusMessage") if isinstance(last_transition, Mapping) else None,
        failure_reason=text(document, "FailureReason"),
        training_started=moment(document.get("TrainingStartTime")),
        training_ended=moment(document.get("TrainingEndTime")),
        market=market,
        instance_type=_instance_type(resources),
        preferred_types=_preferred_types(resources),
        instance_count=_instance_count(resources),
        max_runtime=_number(stopping, "MaxRuntimeInSeconds", _seconds),
        max_wait=_number(stopping, "MaxWaitTimeInSeconds", _seconds),
        max_pending=_number(stopping, "MaxPendingTimeInSeconds", _seconds),
        checkpoint_uri=text(_part(document, "CheckpointConfig"), "S3Uri"),
        training_time=_number(document, "TrainingTimeInSeconds", _seconds),
        billable_time=_number(document, "BillableTimeInSeconds", _seconds),
        parent=find_parent(
            name=job.name,
            tags=tags or {},
            tuning_job_arn=text(document, "TuningJobArn"),
            automl_job_arn=text(document, "AutoMLJobArn"),
            labeling_job_arn=text(document, "LabelingJobArn"),
        ),
        tags=tags,
        role_arn=text(document, "RoleArn"),
        algorithm=text(_part(document, "AlgorithmSpecification"), "AlgorithmName"),
        image=text(_part(document, "AlgorithmSpecification"), "TrainingImage"),
        described=described,
    )


def read_history(document: Document, *, provisional: bool) -> tuple[Transition, ...]:
    """The transitions that the document lists and that have both a status and a start."""
    listed = document.get("SecondaryStatusTransitions")
    transitions = []
    for entry in listed if isinstance(listed, list | tuple) else ():
        if not isinstance(entry, Mapping):
            continue
        status, started = text(entry, "Status", longest=_LONGEST_STATUS), moment(entry.get("StartTime"))
        if status and started:
            transitions.append(Transition(status=status, started=started, provisional=provisional))
    return in_order(dict.fromkeys(transitions))


def status_snapshot(state: JobState) -> JobSnapshot:
    """A snapshot that shows the status at the last modification, but not since when."""
    transition = Transition(status=state.secondary_status, started=state.last_modified, provisional=True)
    return JobSnapshot(state=state, history=(transition,), start_known=False)


def text(document: Document, member: str, *, longest: int = _LONGEST_TEXT) -> str | None:
    """The member's text, cut to an acceptable length; `None` if it is absent, null, empty or no text."""
    value = document.get(member)
    return storable(value)[:longest] if isinstance(value, str) and value else None


def storable(words: str) -> str:
    """The text without lone surrogates, which JSON can contain and UTF-8 cannot."""
    return words.encode(errors="replace").decode()


def _part(document: Document, member: str) -> Document:
    value = document.get(member)
    return value if isinstance(value, Mapping) else {}


def _number(document: Document, member: str, make: Callable[[float], _N]) -> _N | None:
    value = document.get(member)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return make(value) if 0 <= value <= _LARGEST_NUMBER else None  # NaN is in no range


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def _instance_type(resources: Document) -> str | None:
    """The type that the job runs on, or requests. For a job with preferences it is unknown until SageMaker has chosen.

    "The job is billed for this instance type and count" (service model, `Selected…`).
    """
    return text(resources, "SelectedInstanceType") or text(resources, "InstanceType") or _group_types(resources)


def _preferred_types(resources: Document) -> tuple[str, ...] | None:
    return (
        tuple(filter(None, (text(each, "InstanceType") for each in _entries(resources, "InstancePreferences")))) or None
    )


def _instance_count(resources: Document) -> int | None:
    """How many instances. For a job with preferences it is their common count until SageMaker has chosen."""
    chosen = _number(resources, "SelectedInstanceCount", int) or _number(resources, "InstanceCount", int)
    return chosen or _group_total(resources)


def _groups(resources: Document) -> list[Document]:
    return _entries(resources, "InstanceGroups")


def _entries(resources: Document, member: str) -> list[Document]:
    listed = resources.get(member)
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _group_types(resources: Document) -> str | None:
    """A heterogeneous cluster's types: `ml.g5.xlarge+ml.c5.xlarge`."""
    return "+".join(filter(None, (text(group, "InstanceType") for group in _groups(resources))))[:_LONGEST_TEXT] or None


def _group_total(resources: Document) -> int | None:
    return sum(_number(group, "InstanceCount", int) or 0 for group in _groups(resources)) or None
