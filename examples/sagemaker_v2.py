"""Start a spot training job that Respot resumes, with the SageMaker Python SDK v2: pip install 'sagemaker<3'."""

import os
import time

from sagemaker import Session
from sagemaker.pytorch import PyTorch

name, bucket = f"sdk-v2-job-{int(time.time())}", os.environ["SAGEMAKER_BUCKET"]
estimator = PyTorch(
    source_dir="examples/source",
    entry_point="train.py",
    framework_version="2.5.1",
    py_version="py311",
    role=os.environ["SAGEMAKER_ROLE"],
    instance_type="ml.g5.2xlarge",
    instance_count=1,
    use_spot_instances=True,
    max_run=4 * 3600,
    max_wait=6 * 3600,
    checkpoint_s3_uri=f"s3://{bucket}/checkpoints/{name}/",
    tags={"respot:resume": "on"},
    sagemaker_session=Session(default_bucket=bucket),
)
estimator.fit(job_name=name)
