"""The detail of a "SageMaker Training Job State Change" event."""

from datetime import datetime
from typing import Any, Final

from local.sagemaker.answers import artifacts
from local.sagemaker.job import Job

SOURCE: Final = "aws.sagemaker"
DETAIL_TYPE: Final = "SageMaker Training Job State Change"


def detail(job: Job, position: int) -> dict[str, Any]:
    """The detail for the moment at that position: absent values are null, times are epoch milliseconds, tags are a map.

    Only the current transition is in it, without its end; what the event lacks, DescribeTrainingJob has.
    """
    state = job.through(position)
    request = job.request
    algorithm = request.get("AlgorithmSpecification", {})
    output = request["OutputDataConfig"]
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TuningJobArn": job.tuning_job_arn,
        "ModelArtifacts": artifacts(job, state),
        "TrainingJobStatus": state.primary,
        "SecondaryStatus": state.secondary,
        "FailureReason": state.failure_reason,
        "HyperParameters": request.get("HyperParameters", {}),
        "AlgorithmSpecification": {
            name: value for name, value in algorithm.items() if name != "EnableSageMakerMetricsTimeSeries"
        },
        "RoleArn": request["RoleArn"],
        "InputDataConfig": request.get("InputDataConfig", []),
        "OutputDataConfig": {name: value for name, value in output.items() if name != "CompressionType"},
        "ResourceConfig": request.get("ResourceConfig"),
        "VpcConfig": request.get("VpcConfig"),
        "StoppingCondition": request["StoppingCondition"],
        "CreationTime": _milliseconds(job.created),
        "TrainingStartTime": _milliseconds(state.training_start),
        "TrainingEndTime": _milliseconds(state.training_end),
        "LastModifiedTime": _milliseconds(state.last_modified),
        "SecondaryStatusTransitions": [
            {
                "Status": state.transitions[-1].status,
                "StartTime": _milliseconds(state.transitions[-1].start),
                "StatusMessage": state.transitions[-1].message,
            }
        ],
        "EnableManagedSpotTraining": request["EnableManagedSpotTraining"],
        "CheckpointConfig": request.get("CheckpointConfig"),
        "EnableNetworkIsolation": request["EnableNetworkIsolation"],
        "EnableInterContainerTrafficEncryption": request["EnableInterContainerTrafficEncryption"],
        "Tags": dict(job.tags),
    }


def deleting(job: Job, now: datetime) -> dict[str, Any]:
    """The detail for the deletion of an ended job."""
    last = detail(job, len(job.lifecycle.moments) - 1)
    return {**last, "TrainingJobStatus": "Deleting", "LastModifiedTime": _milliseconds(now)}


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)
