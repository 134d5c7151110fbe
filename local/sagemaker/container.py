"""What the containers of a simulated job print, and where SageMaker keeps it."""

from datetime import datetime
from typing import Final

from local.sagemaker.checkpoints import Progress
from local.sagemaker.cloud import Cloud, Scope
from local.sagemaker.job import Job

LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"


class Container:
    """The containers of one start of a job, one on each instance. All print the same.

    The names of group and streams are those of docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html:
    `[training-job-name]/algo-[instance-number-in-cluster]-[epoch_timestamp]`. A job that is interrupted starts on new
    instances later, and then has another stream.
    """

    def __init__(self, cloud: Cloud, scope: Scope, job: Job, *, started: datetime) -> None:
        """Start the containers of a job."""
        self._cloud = cloud
        self._scope = scope
        self._role_arn = str(job.request["RoleArn"])
        epoch = int(started.timestamp())
        instances = range(1, _instances(job) + 1)
        self._streams = [f"{job.name}/algo-{number}-{epoch}" for number in instances]

    def starts(self, progress: Progress) -> None:
        """Print from which step training starts."""
        self._print(f"Resuming from checkpoint-{progress.step}" if progress.step else "Training from the beginning")

    def saved(self, progress: Progress) -> None:
        """Print that a checkpoint is complete."""
        self._print(f"Saved checkpoint-{progress.step}")

    def _print(self, message: str) -> None:
        for stream in self._streams:
            self._cloud.log(self._scope, self._role_arn, stream=stream, message=message)


def _instances(job: Job) -> int:
    resources = job.request.get("ResourceConfig", {})
    return sum(group["InstanceCount"] for group in resources.get("InstanceGroups", ())) or int(
        resources.get("InstanceCount", 1)
    )
