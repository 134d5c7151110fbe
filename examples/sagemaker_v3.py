"""Start a spot training job that Respot resumes, with the SageMaker Python SDK v3: pip install 'sagemaker>=3'."""

import logging
import os
import time

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import CheckpointConfig, Compute, SourceCode, StoppingCondition, Tag
from sagemaker.train import ModelTrainer

logging.basicConfig(level=logging.INFO, format="%(message)s")
bucket = os.environ["SAGEMAKER_BUCKET"]
session = Session(default_bucket=bucket)
image = f"763104351884.dkr.ecr.{session.boto_region_name}.amazonaws.com/pytorch-training:2.5.1-gpu-py311"
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir="examples/source", entry_script="train.py"),
    role=os.environ["SAGEMAKER_ROLE"],
    compute=Compute(instance_type="ml.g5.2xlarge", instance_count=1, enable_managed_spot_training=True),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=4 * 3600, max_wait_time_in_seconds=6 * 3600),
    checkpoint_config=CheckpointConfig(s3_uri=f"s3://{bucket}/checkpoints/sdk-v3-{int(time.time())}/"),
    tags=[Tag(key="respot:resume", value="on")],
    base_job_name="sdk-v3-job",
    sagemaker_session=session,
)
trainer.train()
