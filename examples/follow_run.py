"""Follow a run through all of its jobs to its end, with boto3 alone: python examples/follow_run.py JOB [REGION].

Exits with 0 if the run completed, with 1 if it failed, was stopped or refused, and with 3 if it cannot be followed.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import BotoCoreError, ClientError


def follow(
    job: str, *, region: str | None = None, stack: str = "Respot", seconds: float = 5, known_within: float = 600
) -> dict[str, Any]:
    """The summary of the run that this job began, once the run has ended; `region` is that of the job.

    Raises:
        LookupError: SageMaker does not show such a job in that region.
        TimeoutError: Respot has no summary of its run after `known_within` seconds.
    """
    sagemaker = boto3.client("sagemaker", region_name=region)
    region = sagemaker.meta.region_name
    try:
        # An earlier job may have had the name. Events may round the time to seconds.
        created: datetime = sagemaker.describe_training_job(TrainingJobName=job)["CreationTime"]
    except ClientError as error:
        raise LookupError(f"SageMaker in {region} does not show it: {error}") from error
    since = created.astimezone(UTC) - timedelta(seconds=1)
    stacks = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}
    table = boto3.resource("dynamodb").Table(outputs["LedgerTableName"])
    of_name = Key("region_and_name").eq(f"{region}#{job}") & Key("created").gte(f"{since:%Y-%m-%dT%H:%M:%S}")
    until = time.monotonic() + known_within
    while True:
        summary: dict[str, Any] = {}
        found = table.query(IndexName="by-name", KeyConditionExpression=of_name, Limit=1)["Items"]
        if found:
            run = found[0]["pk"].removeprefix("job#").replace("#", "/")
            key = {"pk": f"run-summary#{run}", "sk": "summary"}
            summary = table.get_item(Key=key, ConsistentRead=True).get("Item", {})
            if "end_id" in summary:
                return summary
        if not summary and time.monotonic() >= until:
            # A job that ended before an upgrade to summaries never gets one, and a later attempt has none of its own.
            advice = "name the run's first job, or use `respot wait`" if found else f"does it watch {region}?"
            problem = "has no summary of its run after" if found else "did not learn of it in"
            raise TimeoutError(f"Respot {problem} {known_within:g} s: {advice}")
        time.sleep(seconds)


def model_of(ended: dict[str, Any]) -> str:
    """Where the model of the run's last job is.

    Raises:
        LookupError: that job was deleted; its name may belong to another job now.
    """
    _, region, name, created = ended["job"].split("#")
    described = boto3.client("sagemaker", region_name=region).describe_training_job(TrainingJobName=name)
    if abs(described["CreationTime"].timestamp() - int(created) / 1000) > 1:  # events may round it to seconds
        raise LookupError(f"{name} was deleted, and SageMaker has another job of that name: search its S3OutputPath")
    path: str = described["ModelArtifacts"]["S3ModelArtifacts"]
    return path


def main(job: str, region: str | None = None) -> int:
    """Print where the model of the run is."""
    try:
        ended = follow(job, region=region)
        print(f"{ended['state']}: {ended['reason']}", file=sys.stderr)
        if ended["state"] != "completed":
            return 1
        print(model_of(ended))
    except (BotoCoreError, ClientError, LookupError, TimeoutError) as error:
        print(f"{job} cannot be followed: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
