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
def test_every_training_type_is_known(instance_type: str) -> None:
    assert local_storage(instance_type) is not None
    assert gpus(instance_type) is not None
    assert accelerator(instance_type) is not None
    assert architecture(instance_type) is not None


@pytest.mark.parametrize("instance_type", sorted(set(training_types()) - NOT_IN_MOTO))
def test_a_training_type_has_what_ec2_says(instance_type: str) -> None:
    answered = described()[instance_type.removeprefix("ml.")]
    assert local_storage(instance_type) == answered.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0)
    assert gpus(instance_type) == sum(gpu["Count"] for gpu in answered.get("GpuInfo", {}).get("Gpus", []))
    assert (accelerator(instance_type) is Accelerator.TRAINIUM) == ("NeuronInfo" in answered)
    assert answered["ProcessorInfo"]["SupportedArchitectures"][0] == architecture(instance_type)


def test_local_storage_is_encrypted_in_hardware() -> None:
    """Why a volume key may go: what replaces the volume is always encrypted."""
    with_storage = [
        answered
        for name in training_types()
        if (answered := described().get(name.removeprefix("ml."), {})).get("InstanceStorageInfo")
    ]
    assert with_storage
    assert {answered["InstanceStorageInfo"].get("EncryptionSupport") for answered in with_storage} == {"required"}


def test_a_type_that_is_not_known_has_no_known_properties() -> None:
    for name in ("ml.g99.xlarge", "ml.g5.1024xlarge", ""):
        assert local_storage(name) is None
    assert gpus("ml.g99.xlarge") is None
    assert gpus("ml.g5.1024xlarge") is None
    assert accelerator("ml.g99.xlarge") is None
    assert architecture("ml.g99.xlarge") is None
