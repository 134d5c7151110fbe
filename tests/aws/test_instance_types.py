"""The tables of instance types, held against EC2's own answers and botocore's list of training types."""

import gzip
import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from botocore.loaders import Loader

from respot.aws.sagemaker.instance_types import Accelerator, accelerator, architecture, gpus, local_storage

NOT_IN_MOTO = {
    "ml.p2.xlarge", "ml.p2.8xlarge", "ml.p2.16xlarge",
    "ml.p3.2xlarge", "ml.p3.8xlarge", "ml.p3.16xlarge",
    "ml.p6e-gb200.36xlarge",
}  # fmt: skip
"""Types that EC2 no longer offers, or offers in blocks alone."""


def training_types() -> list[str]:
    model = Loader().load_service_model("sagemaker", "service-2")
    types: list[str] = model["shapes"]["TrainingInstanceType"]["enum"]
    return types


@cache
def described() -> dict[str, Any]:
    """What EC2's DescribeInstanceTypes answers, as moto ships it."""
    packed = files("moto.ec2.resources").joinpath("instance_types.json.gz").read_bytes()
    answers: dict[str, Any] = json.loads(gzip.decompress(packed))
    return answers


@pytest.mark.parametrize("instance_type", training_types())
def test_every_training_type_is_known_and_has_what_ec2_says(instance_type: str) -> None:
    storage, own_gpus = local_storage(instance_type), gpus(instance_type)
    own_accelerator, own_architecture = accelerator(instance_type), architecture(instance_type)
    assert None not in {storage, own_gpus, own_accelerator, own_architecture}
    if instance_type in NOT_IN_MOTO:
        return
    answered = described()[instance_type.removeprefix("ml.")]
    assert storage == answered.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0)
    assert own_gpus == sum(gpu["Count"] for gpu in answered.get("GpuInfo", {}).get("Gpus", []))
    assert (own_accelerator is Accelerator.TRAINIUM) == ("NeuronInfo" in answered)
    assert own_architecture == answered["ProcessorInfo"]["SupportedArchitectures"][0]


def test_local_storage_is_encrypted_in_hardware() -> None:
    """Why a volume key may go: what replaces the volume is always encrypted."""
    with_storage = [
        answered
        for name in training_types()
        if (answered := described().get(name.removeprefix("ml."), {})).get("InstanceStorageInfo")
    ]
    assert with_storage
    assert {answered["InstanceStorageInfo"].get("EncryptionSupport") for answered in with_storage} == {"required"}


@pytest.mark.parametrize("name", ["ml.g99.xlarge", "ml.g5.1024xlarge", ""])
def test_a_type_that_is_not_known_has_no_known_properties(name: str) -> None:
    assert local_storage(name) is None
    assert gpus(name) is None
    if not name.startswith("ml.g5."):  # of a family that is known
        assert accelerator(name) is None
        assert architecture(name) is None
