"""What the simulated SageMaker says of a job: to those who ask, and in its events."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from local.sagemaker.job import Job
from local.sagemaker.validation import service_model

_SUMMARY: Final = (
    *("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime"),
    *("TrainingJobStatus", "SecondaryStatus"),
)
_EVENT: Final = (
    *("TrainingJobName", "TrainingJobArn", "TuningJobArn", "ModelArtifacts", "TrainingJobStatus", "SecondaryStatus"),
    *("FailureReason", "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig"),
    *("ResourceConfig", "VpcConfig", "StoppingCondition", "CreationTime", "TrainingStartTime", "TrainingEndTime"),
    *("LastModifiedTime", "SecondaryStatusTransitions", "EnableManagedSpotTraining", "CheckpointConfig"),
    *("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption"),
)
# Filled in at the top of a request, and in members of it that are given.
_DEFAULTS: Final = {
    "EnableManagedSpotTraining": False,
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "StoppingCondition": {},
}
_MEMBER_DEFAULTS: Final[Mapping[str, Mapping[str, object]]] = {
    "AlgorithmSpecification": {"EnableSageMakerMetricsTimeSeries": False},
    "CheckpointConfig": {"LocalPath": "/opt/ml/checkpoints"},
    # Seen in the answer for a job that had not asked for any: a requested `[]` cannot be distinguished.
    "DebugHookConfig": {"CollectionConfigurations": []},
    "OutputDataConfig": {"CompressionType": "GZIP"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
}


def with_defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """Add what SageMaker fills in, without the tags, which it keeps apart."""
    given = {name: value for name, value in request.items() if name not in {"Tags", "SessionChainingConfig"}}
    job = _filled(given, _DEFAULTS)
    job["OutputDataConfig"] = {"KmsKeyId": "", **job["OutputDataConfig"]}
    job |= {name: _filled(job[name], filled) for name, filled in _MEMBER_DEFAULTS.items() if name in job}
    if "InputDataConfig" in job:
        filled = {"CompressionType": "None", "RecordWrapperType": "None"}
        job["InputDataConfig"] = [_filled(channel, filled) for channel in job["InputDataConfig"]]
    output = job["OutputDataConfig"]["S3OutputPath"]
    profiler = {"S3OutputPath": output, "ProfilingIntervalInMilliseconds": 500, "DisableProfiler": False}
    return _filled(job, {"ProfilerConfig": profiler})


def describe(job: Job, now: datetime) -> dict[str, Any]:
    """Answer DescribeTrainingJob: members in the model's order; those without a value are left out."""
    shape: Any = service_model().operation_model("DescribeTrainingJob").output_shape
    return _present(job.at(now), shape.members)


def summary(job: Job, now: datetime) -> dict[str, Any]:
    """Describe a job as one line of ListTrainingJobs."""
    return _present(job.at(now), _SUMMARY)


def event(job: Job, position: int) -> dict[str, Any]:
    """The detail for the moment at that position: absent values are null, times are epoch milliseconds, tags are a map.

    Only the current transition is in it, without its end; what the event lacks, DescribeTrainingJob has.
    """
    state = {"HyperParameters": {}, "AlgorithmSpecification": {}, "InputDataConfig": [], **job.through(position)}
    state["AlgorithmSpecification"] = _without(state["AlgorithmSpecification"], "EnableSageMakerMetricsTimeSeries")
    state["OutputDataConfig"] = _without(state["OutputDataConfig"], "CompressionType")
    state["SecondaryStatusTransitions"] = [_without(state["SecondaryStatusTransitions"][-1], "EndTime")]
    detail = _with_times({name: state.get(name) for name in _EVENT}, _milliseconds)
    return {**detail, "Tags": dict(job.tags)}


def deletion(job: Job, now: datetime) -> dict[str, Any]:
    """The detail for the deletion of an ended job."""
    last = event(job, len(job.lifecycle.moments) - 1)
    return {**last, "TrainingJobStatus": "Deleting", "LastModifiedTime": _milliseconds(now)}


def _filled(given: Mapping[str, Any], defaults: Mapping[str, object]) -> dict[str, Any]:
    return {**given, **{name: value for name, value in defaults.items() if name not in given}}


def _without(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in given.items() if each != name}


def _present(state: Mapping[str, Any], members: Iterable[str]) -> dict[str, Any]:
    values = {name: state[name] for name in members if state.get(name) is not None}
    # Seconds since 1970 with milliseconds, the way AWS's JSON protocol writes times.
    return dict(_with_times(values, lambda time: round(time.timestamp(), 3)))


def _with_times(value: Any, convert: Callable[[datetime], float]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {name: _with_times(each, convert) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_times(each, convert) for each in value]
    return convert(value) if isinstance(value, datetime) else value


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
