"""A job without logs whose fate is given: `sdk_v2.py NAME FATE`."""

import os
import sys

from sagemaker import Session
from sagemaker.estimator import Estimator

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
    tags={"local:lifecycle": fate},
    sagemaker_session=session,
)
estimator.fit(job_name=name, logs=False)
print(estimator.latest_training_job.describe()["SecondaryStatus"], estimator.model_data)
