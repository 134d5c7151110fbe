"""Jobs whose every moment is known, for tests of what they answer and send."""

from datetime import UTC, datetime, timedelta
from typing import Any

from local.sagemaker import answers, lifecycle
from local.sagemaker.job import Job

CREATED = datetime(2026, 9, 16, 9, 0, 0, tzinfo=UTC)


def request(**members: object) -> dict[str, Any]:
    """Build a valid CreateTrainingJob request; a member given as None is left out."""
    given = {
        "TrainingJobName": "job-1",
        "RoleArn": "arn:aws:iam::111122223333:role/Training",
        "AlgorithmSpecification": {
            "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1-gpu-py311",
            "TrainingInputMode": "File",
        },
        "OutputDataConfig": {"S3OutputPath": "s3://ml-bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        "EnableManagedSpotTraining": True,
        **members,
    }
    return {name: value for name, value in given.items() if value is not None}


def job(script: str, *, tags: dict[str, str] | None = None, **members: object) -> Job:
    """Build a job that follows a script from 09:00 on."""
    asked = request(**members)
    return Job(
        arn=f"arn:aws:sagemaker:us-east-1:111122223333:training-job/{str(asked['TrainingJobName']).lower()}",
        request=answers.with_defaults(asked),
        tags=tags or {},
        created=CREATED,
        lifecycle=lifecycle.parse(script),
    )


def after(seconds: float) -> datetime:
    """The time this many seconds after the job's creation."""
    return CREATED + timedelta(seconds=seconds)
