"""The answers of DescribeTrainingJob and ListTrainingJobs for a simulated job."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from botocore.model import StructureShape

from local.sagemaker.job import Job, State, Transition
from local.sagemaker.validation import service_model


def with_defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """Add what SageMaker fills in, without the tags, which it keeps apart."""
    job = _filled(
        {name: value for name, value in request.items() if name not in {"Tags", "SessionChainingConfig"}},
        EnableManagedSpotTraining=False,
        EnableNetworkIsolation=False,
        EnableInterContainerTrafficEncryption=False,
    )
    job["OutputDataConfig"] = _filled({"KmsKeyId": "", **job["OutputDataConfig"]}, CompressionType="GZIP")
    job["StoppingCondition"] = _filled(job.get("StoppingCondition", {}), MaxRuntimeInSeconds=86400)
    defaults: dict[str, dict[str, object]] = {
        "AlgorithmSpecification": {"EnableSageMakerMetricsTimeSeries": False},
        "CheckpointConfig": {"LocalPath": "/opt/ml/checkpoints"},
        # Seen in the answer for a job that had not asked for any: a requested `[]` cannot be distinguished.
        "DebugHookConfig": {"CollectionConfigurations": []},
    }
    job |= {name: _filled(job[name], **filled) for name, filled in defaults.items() if name in job}
    if "InputDataConfig" in job:
        job["InputDataConfig"] = [
            _filled(channel, CompressionType="None", RecordWrapperType="None") for channel in job["InputDataConfig"]
        ]
    profiler = {
        "S3OutputPath": job["OutputDataConfig"]["S3OutputPath"],
        "ProfilingIntervalInMilliseconds": 500,
        "DisableProfiler": False,
    }
    return _filled(job, ProfilerConfig=profiler)


def artifacts(job: Job, state: State) -> dict[str, str] | None:
    """Where the model was uploaded; None if there is none."""
    if not state.has_artifacts:
        return None
    prefix = str(job.request["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
    return {"S3ModelArtifacts": f"{prefix}/{job.name}/output/model.tar.gz"}


def describe(job: Job, now: datetime) -> dict[str, Any]:
    """Answer DescribeTrainingJob: members in the model's order; those without a value are left out."""
    state = job.at(now)
    values = {
        **job.request,
        **_summary(job, state),
        "TuningJobArn": job.tuning_job_arn,
        "ModelArtifacts": artifacts(job, state),
        "FailureReason": state.failure_reason,
        "TrainingStartTime": _epoch(state.training_start),
        "SecondaryStatusTransitions": [_transition(transition) for transition in state.transitions],
        "TrainingTimeInSeconds": state.training_seconds,
        "BillableTimeInSeconds": state.billable_seconds,
        "ProfilingStatus": "Disabled" if job.request["ProfilerConfig"].get("DisableProfiler") else "Enabled",
    }
    shape = service_model().operation_model("DescribeTrainingJob").output_shape
    members: Iterable[str] = shape.members if isinstance(shape, StructureShape) else ()
    return {name: values[name] for name in members if values.get(name) is not None}


def summary(job: Job, now: datetime) -> dict[str, Any]:
    """Describe a job as one line of ListTrainingJobs."""
    return {name: value for name, value in _summary(job, job.at(now)).items() if value is not None}


def _summary(job: Job, state: State) -> dict[str, Any]:
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": _epoch(job.created),
        "TrainingEndTime": _epoch(state.training_end),
        "LastModifiedTime": _epoch(state.last_modified),
        "TrainingJobStatus": state.primary,
        "SecondaryStatus": state.secondary,
    }


def _filled(given: Mapping[str, Any], **defaults: object) -> dict[str, Any]:
    return {**given, **{name: value for name, value in defaults.items() if name not in given}}


def _transition(transition: Transition) -> dict[str, Any]:
    entry = {
        "Status": transition.status,
        "StartTime": _epoch(transition.start),
        "EndTime": _epoch(transition.end),
        "StatusMessage": transition.message,
    }
    return {name: value for name, value in entry.items() if value is not None}


def _epoch(time: datetime | None) -> float | None:
    """Seconds since 1970 with milliseconds, the way AWS's JSON protocol writes times."""
    return None if time is None else round(time.timestamp(), 3)
