"""A run of several jobs, followed to its end: `sdk_v2_run.py NAME FATE`."""

import os
import sys
from pathlib import Path

from sagemaker import Session
from sagemaker.estimator import Estimator

sys.path.append(str(Path(__file__).parents[3] / "examples"))
from follow_run import follow

name, fate = sys.argv[1:]
session = Session(default_bucket=os.environ["SAGEMAKER_BUCKET"])
estimator = Estimator(
    image_uri="763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1-gpu-py311",
    role=os.environ["SAGEMAKER_ROLE"],
    instance_type="ml.g5.2xlarge",
    instance_count=1,
    use_spot_instances=True,
    max_run=4 * 3600,
    max_wait=6 * 3600,
    checkpoint_s3_uri=f"s3://{session.default_bucket()}/checkpoints/{name}/",
    tags={"local:lifecycle": fate, "respot:resume": "on", "respot:ladder": "spot:2 on-demand:1"},
    sagemaker_session=session,
)
estimator.fit(job_name=name, wait=False)
ended = follow(name)
last = Estimator.attach(ended["job"].split("#")[2], sagemaker_session=session)
print(ended["state"], ended["number"], last.latest_training_job.name, last.model_data)
