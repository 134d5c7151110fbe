"""Start a spot training job that Respot resumes, with boto3: pip install boto3."""

import os
import time

import boto3

sagemaker = boto3.client("sagemaker")
image = f"763104351884.dkr.ecr.{sagemaker.meta.region_name}.amazonaws.com/pytorch-training:2.5.1-gpu-py311"
name, bucket = f"boto3-job-{int(time.time())}", f"s3://{os.environ['SAGEMAKER_BUCKET']}"
sagemaker.create_training_job(
    TrainingJobName=name,
    RoleArn=os.environ["SAGEMAKER_ROLE"],
    AlgorithmSpecification={
        "TrainingImage": image,
        "TrainingInputMode": "File",
    },
    OutputDataConfig={"S3OutputPath": f"{bucket}/output"},
    ResourceConfig={"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50},
    EnableManagedSpotTraining=True,
    StoppingCondition={"MaxRuntimeInSeconds": 4 * 3600, "MaxWaitTimeInSeconds": 6 * 3600},
    CheckpointConfig={"S3Uri": f"{bucket}/checkpoints/{name}/"},
    Tags=[{"Key": "respot:resume", "Value": "on"}],
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name, WaiterConfig={"Delay": 10})
print(name, sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"])
