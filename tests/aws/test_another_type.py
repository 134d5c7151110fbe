"""An attempt on another instance type: members of the old type are left out, changed or refused."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from respot.aws.sagemaker.another_type import GOES, left_out
from respot.errors import CloneRefusedError, Reach
from respot.jobs.job import Market
from respot.recovery.planning.attempt import VOLUME_KEY_TAG
from tests.aws import cloning
from tests.aws.cloning import on_demand, spot, tags_of

KEY: Final = "arn:aws:kms:us-east-1:111122223333:key/abc"
DLC: Final = "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
EBS: Final = "ml.p3.16xlarge"
NVME: Final = "ml.g5.48xlarge"


def described(instance_type: str = EBS, *, image: str = "team/own:1", **resources: Any) -> dict[str, Any]:  # noqa: ANN401
    answered = {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 100} | resources
    return cloning.described(
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        ResourceConfig={name: value for name, value in answered.items() if value is not None},
    )


def clone(
    document: Mapping[str, Any], to: str, market: Market = Market.ON_DEMAND, tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return cloning.clone(document, spot(to) if market is Market.SPOT else on_demand(to), tags)


def refusal(document: Mapping[str, Any], to: str, **others: Any) -> CloneRefusedError:  # noqa: ANN401
    with pytest.raises(CloneRefusedError) as refused:
        clone(document, to, **others)
    return refused.value


# Storage.


@pytest.mark.parametrize("market", Market)
@pytest.mark.parametrize("to", [NVME, "ml.p4d.24xlarge", "ml.trn1.32xlarge", "ml.g6e.48xlarge", "ml.r5d.24xlarge"])
def test_a_volume_key_is_left_out_on_local_storage_with_a_note(to: str, market: Market) -> None:
    own = "ml.m5.large" if to.startswith("ml.r5d") else "ml.trn9.large" if to.startswith("ml.trn") else EBS
    document = described(own, VolumeKmsKeyId=KEY)
    request = clone(document, to, market)
    assert request["ResourceConfig"] == {"InstanceType": to, "InstanceCount": 1, "VolumeSizeInGB": 100}
    assert list(left_out(document, request)) == [
        f"VolumeKmsKeyId was left out: {to} encrypts its local storage in hardware, and SageMaker takes no key for it"
    ]


@pytest.mark.parametrize("to", ["ml.p3.8xlarge", "ml.p99.48xlarge"], ids=["EBS", "not known"])
def test_a_volume_key_is_kept_where_nothing_says_that_storage_is_local(to: str) -> None:
    document = described(VolumeKmsKeyId=KEY)
    request = clone(document, to)
    assert request["ResourceConfig"]["VolumeKmsKeyId"] == KEY
    assert list(left_out(document, request)) == []
    assert not any(tag["Key"] == VOLUME_KEY_TAG for tag in request["Tags"])


def test_a_run_that_went_without_its_volume_key_does_not_go_back_to_volumes() -> None:
    """From p3 by g5 to p3: the third attempt's volume would not be encrypted with the owner's key."""
    second = clone(described(VolumeKmsKeyId=KEY), NVME)
    tags = tags_of(second)
    del second["Tags"]
    assert tags[VOLUME_KEY_TAG] == KEY
    for to in (EBS, "ml.p99.48xlarge"):
        error = refusal(second, to, tags=tags)
        assert error.field == "ResourceConfig.VolumeKmsKeyId"
        assert KEY in str(error)
    third = clone(second, "ml.g6.48xlarge", tags=tags)
    assert {"Key": VOLUME_KEY_TAG, "Value": KEY} in third["Tags"]


def test_a_volume_that_local_storage_cannot_replace_is_refused() -> None:
    error = refusal(described("ml.p3.2xlarge", VolumeSizeInGB=500), "ml.g5.2xlarge")
    assert error.field == "ResourceConfig.VolumeSizeInGB"
    assert "500 GB and ml.g5.2xlarge has 450 GB" in str(error)
    assert clone(described("ml.p3.2xlarge", VolumeSizeInGB=450), "ml.g5.2xlarge")


@pytest.mark.parametrize("size", [None, 0])
def test_a_type_that_needs_a_volume_is_refused_to_a_job_without_its_size(size: int | None) -> None:
    error = refusal(described(NVME, VolumeSizeInGB=size), EBS)
    assert (error.field, error.reach) == ("ResourceConfig.VolumeSizeInGB", Reach.POOL)
    assert clone(described(NVME, VolumeSizeInGB=None), "ml.g6.48xlarge")


def test_the_jobs_own_type_keeps_everything() -> None:
    document = described(VolumeKmsKeyId=KEY, KeepAlivePeriodInSeconds=600)
    request = clone(document, EBS)
    assert request["ResourceConfig"] == document["ResourceConfig"]
    assert list(left_out(document, request)) == []


# Placement and warm pool.


def test_a_warm_pool_and_a_placement_in_ultraservers_are_left_out() -> None:
    placing = {"EnableMultipleJobs": True, "PlacementSpecifications": [{"UltraServerId": "us-1", "InstanceCount": 1}]}
    document = described("ml.p6-b200.48xlarge", InstancePlacementConfig=placing, KeepAlivePeriodInSeconds=600)
    request = clone(document, "ml.p5.48xlarge")
    assert request["ResourceConfig"] == {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100}
    assert [words.partition(" ")[0] for words in left_out(document, request)] == [
        "InstancePlacementConfig",
        "KeepAlivePeriodInSeconds",
    ]
    assert GOES.keys() <= {"VolumeKmsKeyId", "InstancePlacementConfig", "KeepAlivePeriodInSeconds"}


# Hyperparameters and environment.


@pytest.mark.parametrize(
    ("group", "name"), [("HyperParameters", "sagemaker_instance_type"), ("Environment", "SM_CURRENT_INSTANCE_TYPE")]
)
def test_what_names_the_instance_type_follows_it(group: str, name: str) -> None:
    for said, followed in ((EBS, NVME), (json.dumps(EBS), json.dumps(NVME)), ("ml.c5.xlarge", "ml.c5.xlarge")):
        document = described() | {group: {name: said, "endpoint_instance_type": EBS}}
        assert clone(document, NVME)[group] == {name: followed, "endpoint_instance_type": EBS}
        assert clone(document, EBS)[group] == document[group]


MPI: Final = "sagemaker_mpi_num_of_processes_per_host"


@pytest.mark.parametrize(("group", "name"), [("HyperParameters", MPI), ("Environment", "NPROC_PER_NODE")])
@pytest.mark.parametrize("said", ["8", '"8"'])
def test_processes_that_the_type_has_no_gpus_for_are_refused(group: str, name: str, said: str) -> None:
    document = described() | {group: {name: said}}
    error = refusal(document, "ml.g5.12xlarge")
    assert error.field == f"{group}.{name}"
    assert "8 processes" in str(error)
    assert "ml.g5.12xlarge has 4" in str(error)
    assert clone(document, NVME)[group] == document[group]


@pytest.mark.parametrize(
    ("own", "to", "said"),
    [
        pytest.param(EBS, "ml.g5.12xlarge", "4", id="that fit"),
        pytest.param(EBS, "ml.g5.12xlarge", "16", id="that are not one for each GPU"),
        pytest.param(EBS, "ml.g5.12xlarge", "auto", id="without a number"),
        pytest.param("ml.c5.9xlarge", "ml.c5.2xlarge", "8", id="on CPUs"),
        pytest.param(EBS, "ml.p99.48xlarge", "8", id="on a type that is not known"),
    ],
)
def test_other_processes_are_carried(own: str, to: str, said: str) -> None:
    document = described(own) | {"HyperParameters": {MPI: said}}
    assert clone(document, to)["HyperParameters"] == document["HyperParameters"]


def test_the_data_parallel_library_is_refused_where_it_does_not_run() -> None:
    enabled = {"HyperParameters": {"sagemaker_distributed_dataparallel_enabled": "true"}}
    assert "data parallel library" in str(refusal(described() | enabled, NVME))
    assert clone(described() | enabled, "ml.p4d.24xlarge")
    off = {"HyperParameters": {"sagemaker_distributed_dataparallel_enabled": "false"}}
    assert clone(described() | off, NVME)


# The image.


@pytest.mark.parametrize(
    ("own", "to", "image", "words"),
    [
        ("ml.p4d.24xlarge", "ml.trn1.32xlarge", "team/own:1", "an image for GPUs"),
        ("ml.trn1.32xlarge", "ml.p4d.24xlarge", f"{DLC}pytorch-training-neuronx:2.5.1-neuronx-py310", "Trainium"),
        ("ml.c5.xlarge", "ml.trn1.2xlarge", "team/own:1", "no accelerator"),
        ("ml.p5.48xlarge", "ml.p6e-gb200.36xlarge", "team/own:1", "x86_64"),
        ("ml.p6e-gb200.36xlarge", "ml.p5.48xlarge", "team/own:1", "arm64"),
        ("ml.g5.xlarge", "ml.c5.xlarge", f"{DLC}pytorch-training:2.5.1-gpu-py311-cu124", "built for GPUs"),
        ("ml.c5.xlarge", "ml.g5.xlarge", f"{DLC}pytorch-training:2.5.1-cpu-py311", "built for no accelerator"),
    ],
)
def test_an_image_for_another_machine_is_refused(own: str, to: str, image: str, words: str) -> None:
    error = refusal(described(own, image=image), to)
    assert error.field == "AlgorithmSpecification.TrainingImage"
    assert words in str(error)
    assert "name another instance type in the job's ladder" in str(error)


@pytest.mark.parametrize(
    ("own", "to", "image"),
    [
        ("ml.g5.xlarge", "ml.p3.2xlarge", f"{DLC}pytorch-training:2.5.1-gpu-py311-cu124"),
        ("ml.g5.xlarge", "ml.c5.xlarge", "team/own:1"),
        ("ml.trn1.32xlarge", "ml.trn2.48xlarge", f"{DLC}pytorch-training-neuronx:2.5.1-neuronx-py310"),
        ("ml.g5.xlarge", "ml.g99.xlarge", f"{DLC}pytorch-training:2.5.1-gpu-py311-cu124"),
    ],
)
def test_an_image_that_may_run_there_is_carried(own: str, to: str, image: str) -> None:
    assert clone(described(own, image=image), to)["AlgorithmSpecification"]["TrainingImage"] == image
