"""A job without logs whose fate is given: `sdk_v3.py NAME FATE`."""

import os
import sys

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import TrainingJob
from sagemaker.core.training.configs import CheckpointConfig, Compute, StoppingCondition, Tag
from sagemaker.train import ModelTrainer

name, fate = sys.argv[1:]
trainer = ModelTrainer(
    training_image="763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1-gpu-py311",
    role=os.environ["SAGEMAKER_ROLE"],
    compute=Compute(instance_type="ml.g5.2xlarge", instance_count=1, enable_managed_spot_training=True),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=4 * 3600, max_wait_time_in_seconds=6 * 3600),
    checkpoint_config=CheckpointConfig(),
    tags=[Tag(key="local:lifecycle", value=fate)],
    base_job_name=name,
    sagemaker_session=Session(default_bucket=os.environ["SAGEMAKER_BUCKET"]),
)
trainer.train(logs=False)
job = TrainingJob.get(next(TrainingJob.get_all(name_contains=name)).training_job_name)
print(job.secondary_status, job.model_artifacts.s3_model_artifacts)
