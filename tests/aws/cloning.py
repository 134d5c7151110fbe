"""The next attempt's request for a described job, and botocore's own model of SageMaker."""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from respot.aws.sagemaker.cloning import (
    CHANGED,
    DESCRIBE_ONLY,
    OUTPUT_ONLY,
    UNRECOVERABLE,
    attempt_request,
    carried_members,
    members,
)
from respot.jobs.job import Market
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Placement
from tests.support.builders import ACCOUNT, NAME, arn_of

ATTEMPT: Final = f"{NAME}-r2"
LINEAGE: Final = Lineage(run="us-east-1/spot-job/1789549200000", attempt=2, parent=NAME)
HOUR: Final = timedelta(hours=1)


@cache
def raw_model() -> dict[str, Any]:
    model: dict[str, Any] = Loader().load_service_model("sagemaker", "service-2")
    return model


@cache
def model() -> ServiceModel:
    return ServiceModel(raw_model(), "sagemaker")


def create_shape(service_model: ServiceModel | None = None) -> StructureShape:
    shape = (service_model or model()).operation_model("CreateTrainingJob").input_shape
    assert isinstance(shape, StructureShape)
    return shape


def answer_shape(service_model: ServiceModel | None = None) -> StructureShape:
    shape = (service_model or model()).operation_model("DescribeTrainingJob").output_shape
    assert isinstance(shape, StructureShape)
    return shape


def spot(
    instance_type: str = "ml.g5.2xlarge", *, runtime: timedelta = HOUR, wait: timedelta | None = 2 * HOUR
) -> Placement:
    return Placement(market=Market.SPOT, instance_type=instance_type, max_runtime=runtime, max_wait=wait)


def on_demand(instance_type: str = "ml.g5.2xlarge") -> Placement:
    return Placement(market=Market.ON_DEMAND, instance_type=instance_type, max_runtime=HOUR, max_wait=None)


def described(**others: Any) -> dict[str, Any]:  # noqa: ANN401
    """What Describe answers of a stopped spot job; a member given as None is absent."""
    answered: dict[str, Any] = {
        "TrainingJobName": NAME,
        "TrainingJobArn": arn_of(),
        "TrainingJobStatus": "Stopped",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Training",
        "AlgorithmSpecification": {
            "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1-gpu-py311",
            "TrainingInputMode": "File",
        },
        "OutputDataConfig": {"S3OutputPath": "s3://ml-bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
        "StoppingCondition": {"MaxRuntimeInSeconds": 14400, "MaxWaitTimeInSeconds": 21600},
        "EnableManagedSpotTraining": True,
    }
    return {name: value for name, value in (answered | others).items() if value is not None}


def resources(**others: Any) -> dict[str, Any]:  # noqa: ANN401
    answered = {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1} | others
    return {"ResourceConfig": {name: value for name, value in answered.items() if value is not None}}


def clone(
    document: Mapping[str, Any] | None = None,
    placement: Placement | None = None,
    tags: Mapping[str, str] | None = None,
    service_model: ServiceModel | None = None,
) -> dict[str, Any]:
    return attempt_request(
        described() if document is None else document,
        name=ATTEMPT,
        tags=tags or {},
        lineage=LINEAGE,
        placement=placement or spot(),
        service_model=service_model or model(),
    )


def tags_of(request: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in request["Tags"]}


def unaccounted(service_model: ServiceModel) -> set[str]:
    apart = CHANGED.keys() | UNRECOVERABLE.keys() | OUTPUT_ONLY
    carried = carried_members(service_model)
    return {
        path
        for path in members(create_shape(service_model))
        if path not in carried and not any(path == one or path.startswith(f"{one}.") for one in apart)
    } | (answer_shape(service_model).members.keys() - create_shape(service_model).members.keys() - DESCRIBE_ONLY)


def read_only(shape: Shape, path: str = "") -> set[str]:
    """The members that the documentation calls read-only."""
    if isinstance(shape, ListShape):
        return read_only(shape.member, path)
    if not isinstance(shape, StructureShape):
        return set()
    found = set()
    for name, member in shape.members.items():
        below = f"{path}.{name}".lstrip(".")
        words = re.sub(r"<[^>]+>", "", member.documentation)
        if re.search(r"field is read-only|(isn't|is not) accepted in CreateTrainingJob|output[- ]only", words):
            found.add(below)
        found |= read_only(member, below)
    return found
