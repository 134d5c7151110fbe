"""Follow a run through all of its jobs to its end, with boto3 alone: python examples/follow_run.py JOB."""

import sys
import time
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key


def follow(job: str, *, stack: str = "Respot", seconds: float = 5) -> dict[str, Any]:
    """The summary of the run that this job began, once the run has ended."""
    stacks = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}
    table = boto3.resource("dynamodb").Table(outputs["LedgerTableName"])
    name = Key("region_and_name").eq(f"{table.meta.client.meta.region_name}#{job}")
    while True:
        newest = table.query(IndexName="by-name", KeyConditionExpression=name, ScanIndexForward=False, Limit=1)["Items"]
        if newest:
            run = newest[0]["pk"].removeprefix("job#").replace("#", "/")
            key = {"pk": f"run-summary#{run}", "sk": "summary"}
            summary = table.get_item(Key=key, ConsistentRead=True).get("Item", {})
            if "end_id" in summary:
                return summary
        time.sleep(seconds)


if __name__ == "__main__":
    ended = follow(sys.argv[1])
    print(f"{ended['state']}: {ended['reason']}", file=sys.stderr)
    if ended["state"] != "completed":
        sys.exit(1)
    last = ended["job"].split("#")[2]
    described = boto3.client("sagemaker").describe_training_job(TrainingJobName=last)
    print(described["ModelArtifacts"]["S3ModelArtifacts"])
