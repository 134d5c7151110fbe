"""Error answers of SageMaker that were met in public."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from respot import errors
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from tests.support.builders import ACCOUNT, NAME, REGION
from tests.support.public_cases import cases

REQUEST = {
    "TrainingJobName": NAME,
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Training",
    "OutputDataConfig": {"S3OutputPath": "s3://ml-bucket/output"},
    "AlgorithmSpecification": {"TrainingInputMode": "File"},
    "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1},
}


def answer_to(method: str, case: dict[str, Any], call: Callable[[SageMakerTrainingJobs], object]) -> object:
    """What the product makes of the case's error answer: what it returns, or the error it raises."""
    client = boto3.client("sagemaker", region_name=REGION)
    with Stubber(client) as stub:
        for _ in range(3):  # a throttled creation is called again
            stub.add_client_error(method, case["code"], case["message"], http_status_code=case.get("status", 400))
        try:
            return call(SageMakerTrainingJobs(lambda _: client, pause=lambda _: None))
        except errors.RespotError as error:
            return error


@pytest.mark.parametrize("case", cases("create_error"))
def test_a_refused_creation_means_what_it_says(case: dict[str, Any]) -> None:
    instance_type = case.get("instance_type", "ml.g5.2xlarge")
    request = REQUEST | {"ResourceConfig": {"InstanceType": instance_type, "InstanceCount": 1}}
    found = answer_to("create_training_job", case, lambda jobs: jobs.create(REGION, request))
    expected = dict(case["expect"])
    assert isinstance(found, getattr(errors, expected.pop("error")))
    assert {name: getattr(found, name) for name in expected} == expected
    assert case["message"] in str(found)


@pytest.mark.parametrize("case", cases("stop_error"))
def test_a_refused_stop_means_what_it_says(case: dict[str, Any]) -> None:
    found = answer_to("stop_training_job", case, lambda jobs: jobs.stop(REGION, NAME))
    expected = dict(case["expect"])
    if "error" in expected:
        assert isinstance(found, getattr(errors, expected["error"]))
    else:
        assert found is expected["stopped"]
