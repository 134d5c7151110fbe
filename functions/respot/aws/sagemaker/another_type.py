"""Fits a request to another instance type than its job's: members of the old type are left out, changed or refused."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from respot.aws.sagemaker.instance_types import Accelerator, accelerator, architecture, gpus, local_storage
from respot.errors import CloneRefusedError, Reach
from respot.recovery.checked_clone import instance_types_of
from respot.recovery.planning.attempt import VOLUME_KEY_TAG

GOES: Final[Mapping[str, str]] = {
    "VolumeKmsKeyId": "{new} encrypts its local storage in hardware, and SageMaker takes no key for it",
    "InstancePlacementConfig": "it places instances of {old} within UltraServers",
    "KeepAlivePeriodInSeconds": "the warm pool would be one of {new}, which has a quota of its own",
}
"""Members of ResourceConfig that the clone of another type lacks, and why. Alerts say so.

VolumeKmsKeyId is left out if the type has local storage, otherwise carried. SageMaker API reference, ResourceConfig:
"You can't request a VolumeKmsKeyId when using an instance type with local storage", which is "encrypted using a
hardware module on the instance". The SageMaker Python SDK leaves it out as well (aws/sagemaker-python-sdk#3870). An
unknown type keeps the key: SageMaker accepts it or says why not, and no encryption is lost by a guess.
InstancePlacementConfig: "Only applicable for UltraServer capacity". Warm pools: quotas are by instance type, 0 by
default (SageMaker Developer Guide, "Train Using SageMaker Managed Warm Pools").
"""

NAMES_THE_TYPE: Final = frozenset(
    {
        "sagemaker_instance_type",
        "instance_type",
        "train_instance_type",
        "training_instance_type",
        "sm_current_instance_type",
    }
)
"""Hyperparameters and environment variables, in lower case, that change with the type if they name the old one.

The SageMaker Python SDK v2 sets sagemaker_instance_type (`EstimatorBase.INSTANCE_TYPE`), by which the training toolkit
chooses the number of processes and the network. The others are customary.
"""

PROCESSES_PER_HOST: Final = frozenset(
    {
        "sagemaker_mpi_num_of_processes_per_host",
        "processes_per_host",
        "nproc_per_node",
        "gpus_per_node",
        "num_gpus",
        "n_gpus",
        "sm_num_gpus",
    }
)
"""Hyperparameters and environment variables, in lower case, that count the processes on one instance, one per GPU.

The first is the SDK's (`EstimatorBase.MPI_NUM_PROCESSES_PER_HOST`). Another count would change the number of ranks, on
which checkpoints and batch sizes depend: a person must decide that.
"""

_SMDDP_ENABLED: Final = "sagemaker_distributed_dataparallel_enabled"
_SMDDP_TYPES: Final = frozenset({"ml.p3.16xlarge", "ml.p3dn.24xlarge", "ml.p4d.24xlarge", "ml.p4de.24xlarge"})
"""SM_DATAPARALLEL_SUPPORTED_INSTANCE_TYPES of the SageMaker Python SDK (2.257.0): the library runs on no other type."""

_FITTED: Final = ("HyperParameters", "Environment")
"""Groups of the request, beside ResourceConfig, in which `fit` changes something."""
_CHANGE_THE_LADDER: Final = "name another instance type in the job's ladder"
_IMAGE_FOR: Final = re.compile(r"(?:^|[-_.])(?P<kind>cpu|gpu)(?=$|[-_.])")
"""What an image was built for, in a tag of AWS's deep learning containers: `2.5.1-gpu-py311-cu124-ubuntu22.04`."""


def fit_all(
    request: dict[str, Any], *, own: Sequence[str], types: Sequence[str], tags: Mapping[str, str], job: str
) -> None:
    """Fit the request, made for any of the types `own`, to any of `types`: SageMaker chooses only after the creation.

    Raises:
        CloneRefusedError: the job cannot run on one of them, which the error names, or needs another request for each.
    """
    resources = request["ResourceConfig"]
    if set(types) <= set(own) and (len(own) > 1 or len(types) < 2):
        return
    fitted = []
    for new in types:
        one: dict[str, Any] = {name: dict(request[name]) for name in _FITTED if name in request}
        one = {**request, **one}
        one["ResourceConfig"] = {**resources, "InstanceType": new}
        if new not in own:
            try:
                fit(one, old=own[0], new=new, tags=tags, job=job)
            except CloneRefusedError as error:
                error.instance_types = (new,)
                raise
        if len(types) > 1:
            for member in ("InstancePlacementConfig", "KeepAlivePeriodInSeconds"):
                one["ResourceConfig"].pop(member, None)
            del one["ResourceConfig"]["InstanceType"]
        fitted.append(one)
    for name in (*_FITTED, "ResourceConfig"):
        differing = next((each[name] for each in fitted if name in each and each[name] != fitted[0][name]), None)
        if differing is not None:
            members = differing.keys() | fitted[0][name].keys()
            member = min(each for each in members if differing.get(each) != fitted[0][name].get(each))
            why = f"it differs between {' and '.join(types)}, and a list of types has one request: they are used singly"
            _refuse(why, f"{name}.{member}", job)
    request.update({name: fitted[0][name] for name in (*_FITTED, "ResourceConfig") if name in request})


def fit(request: dict[str, Any], *, old: str, new: str, tags: Mapping[str, str], job: str) -> None:
    """Change the request, which already names `new`, so that nothing in it belongs to `old`.

    Raises:
        CloneRefusedError: the job cannot run on that type, or its owner must decide.
    """
    _check_machine(request, old, new, job)
    _fit_storage(request["ResourceConfig"], new, tags, job)
    for member in ("InstancePlacementConfig", "KeepAlivePeriodInSeconds"):
        request["ResourceConfig"].pop(member, None)
    for group in ("HyperParameters", "Environment"):
        for name, value in request.get(group, {}).items():
            if name.lower() in NAMES_THE_TYPE and _plain(value) == old:
                request[group][name] = json.dumps(new) if value.startswith('"') else new
            elif name.lower() in PROCESSES_PER_HOST:
                _check_processes(_plain(value), old, new, f"{group}.{name}", job)
    enabled = request.get("HyperParameters", {}).get(_SMDDP_ENABLED, "")
    if _plain(enabled).lower() == "true" and new not in _SMDDP_TYPES:
        why = f"SageMaker's data parallel library does not run on {new}: {_CHANGE_THE_LADDER}"
        _refuse(why, f"HyperParameters.{_SMDDP_ENABLED}", job)


def left_out(described: Mapping[str, Any], request: Mapping[str, Any]) -> Iterator[str]:
    """What people should know about a clone: the members of ResourceConfig that were left out, and why."""
    before, after = described.get("ResourceConfig", {}), request.get("ResourceConfig", {})
    old, new = (" or ".join(instance_types_of(each)) for each in (described, request))
    for member, why in GOES.items():
        if before.get(member) and member not in after:
            yield f"{member} was left out: {why.format(old=old, new=new)}"


def _fit_storage(resources: dict[str, Any], new: str, tags: Mapping[str, str], job: str) -> None:
    storage, volume = local_storage(new), resources.get("VolumeSizeInGB")
    if storage:
        resources.pop("VolumeKmsKeyId", None)
        if volume is not None and volume > storage:
            # API reference, HyperParameterTuningResourceConfig: for types with local storage, "VolumeSizeInGB cannot
            # be greater than this total size"; and the data would not fit.
            why = f"the job asks for {volume} GB and {new} has {storage} GB of local storage: {_CHANGE_THE_LADDER}"
            _refuse(why, "ResourceConfig.VolumeSizeInGB", job)
        return
    if VOLUME_KEY_TAG in tags:
        why = (
            f"the run's first volumes were encrypted with the key {tags[VOLUME_KEY_TAG]}, which was left out on local "
            f"storage and is not known for certain any more: submit the job by hand to go on to {new}"
        )
        _refuse(why, "ResourceConfig.VolumeKmsKeyId", job)
    if storage == 0 and not volume:
        # API reference, ResourceConfig: with "the EBS-only storage option […], you must define the size".
        why = f"{new} has no local storage and the job names no size for a volume: {_CHANGE_THE_LADDER}"
        _refuse(why, "ResourceConfig.VolumeSizeInGB", job)


def _check_machine(request: Mapping[str, Any], old: str, new: str, job: str) -> None:
    """Refuse an image that cannot run there. Only its owner can judge a private image for both CPUs and GPUs."""
    field = "AlgorithmSpecification.TrainingImage"
    if _differ(architecture(old), architecture(new)):
        why = f"an image for the {architecture(old)} processors of {old} does not run on {new}: {_CHANGE_THE_LADDER}"
        _refuse(why, field, job)
    before, after = accelerator(old), accelerator(new)
    if _differ(before, after) and Accelerator.TRAINIUM in {before, after}:
        why = f"an image for {before} ({old}) does not train on {after} ({new}): {_CHANGE_THE_LADDER}"
        _refuse(why, field, job)
    tag = str(request.get("AlgorithmSpecification", {}).get("TrainingImage", "")).rpartition("/")[2].partition(":")[2]
    built = _IMAGE_FOR.search(tag)
    made_for = {"gpu": Accelerator.GPU, "cpu": Accelerator.NONE}[built["kind"]] if built else None
    if _differ(before, after) and _differ(made_for, after):
        _refuse(f"the image was built for {made_for} and {new} has {after}: {_CHANGE_THE_LADDER}", field, job)


def _check_processes(value: str, old: str, new: str, field: str, job: str) -> None:
    before, after = gpus(old), gpus(new)
    if before is None or after is None or not (value.isascii() and value.isdigit()):
        return
    if after < int(value) <= before:
        why = (
            f"it asks for {value} processes on each instance, which suits the {before} GPUs of {old}; {new} has "
            f"{after}: {_CHANGE_THE_LADDER}"
        )
        _refuse(why, field, job)


def _differ(one: object | None, other: object | None) -> bool:
    """Whether both are known and differ."""
    return one is not None and other is not None and one != other


def _plain(value: str) -> str:
    """A hyperparameter's value; the SageMaker Python SDK writes it as JSON, other tools as plain text."""
    return value.strip('"')


def _refuse(why: str, field: str, job: str) -> NoReturn:
    raise CloneRefusedError(why, job=job, field=field, reach=Reach.POOL)
