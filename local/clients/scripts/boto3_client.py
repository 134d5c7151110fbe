"""Lists, errors and waiters, as boto3 sees them: `boto3_client.py NAME REQUEST`; prints a JSON document."""

import json
import sys

import boto3
from botocore.exceptions import ClientError, WaiterError

name, request = sys.argv[1], json.loads(sys.argv[2])
sagemaker, seen = boto3.client("sagemaker"), {}
for number in range(5):
    sagemaker.create_training_job(**request, TrainingJobName=f"{name}-{number}")
pages = sagemaker.get_paginator("list_training_jobs").paginate(NameContains=name, PaginationConfig={"PageSize": 2})
seen["listed"] = sorted(job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"])
try:
    sagemaker.create_training_job(**request, TrainingJobName=f"{name}-0")
except sagemaker.exceptions.ResourceInUse as error:
    seen["taken"] = error.response["Error"]["Code"]
try:
    sagemaker.describe_training_job(TrainingJobName=f"{name}-none")
except ClientError as error:
    seen["missing"] = str(error)
sagemaker.stop_training_job(TrainingJobName=f"{name}-1")
config = {"Delay": 1, "MaxAttempts": 60}
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=f"{name}-1", WaiterConfig=config)
seen["stopped"] = sagemaker.describe_training_job(TrainingJobName=f"{name}-1")["TrainingJobStatus"]
request["Tags"] = [{"Key": "local:lifecycle", "Value": "Starting=0.1 Training=0.1 Failed=AlgorithmError"}]
arn = sagemaker.create_training_job(**request, TrainingJobName=f"{name}-failing")["TrainingJobArn"]
try:
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=f"{name}-failing", WaiterConfig=config
    )
except WaiterError as error:
    seen["failed"] = error.last_response["FailureReason"].partition(":")[0]
pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
seen["tags"] = [tag["Key"] for page in pages for tag in page["Tags"]]
print(json.dumps(seen))
