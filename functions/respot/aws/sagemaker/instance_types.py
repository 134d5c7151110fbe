"""What differs between the instance types on which SageMaker trains: storage, GPUs, processor architecture.

Neither botocore nor SageMaker's API has it.
Source: "Amazon EC2 Instance Types" (the instance type is the part after `ml.`). A test compares the tables with the
answers of EC2's DescribeInstanceTypes in moto, and with the list of training types in botocore's model.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

_LOCAL_STORAGE: Final[Mapping[str, Mapping[str, int]]] = {
    "g4dn": {"xlarge": 125, "2xlarge": 225, "4xlarge": 225, "8xlarge": 900, "12xlarge": 900, "16xlarge": 900},
    "g5": {
        "xlarge": 250, "2xlarge": 450, "4xlarge": 600, "8xlarge": 900,
        "12xlarge": 3800, "16xlarge": 1900, "24xlarge": 3800, "48xlarge": 7600,
    },
    "g6": {
        "xlarge": 250, "2xlarge": 450, "4xlarge": 600, "8xlarge": 900,
        "12xlarge": 3760, "16xlarge": 1880, "24xlarge": 3760, "48xlarge": 7520,
    },
    "g6e": {
        "xlarge": 250, "2xlarge": 450, "4xlarge": 600, "8xlarge": 900,
        "12xlarge": 3800, "16xlarge": 1900, "24xlarge": 3800, "48xlarge": 7600,
    },
    "g7": {"2xlarge": 440, "4xlarge": 875, "8xlarge": 930, "12xlarge": 1900, "24xlarge": 3800, "48xlarge": 7600},
    "g7e": {"2xlarge": 1900, "4xlarge": 1900, "8xlarge": 1900, "12xlarge": 3800, "24xlarge": 7600, "48xlarge": 15200},
    "p3dn": {"24xlarge": 1800},
    "p4d": {"24xlarge": 8000},
    "p4de": {"24xlarge": 8000},
    "p5": {"4xlarge": 3800, "48xlarge": 30400},
    "p5e": {"48xlarge": 30400},
    "p5en": {"48xlarge": 30400},
    "p6-b200": {"48xlarge": 30400},
    "p6-b300": {"48xlarge": 30400},
    "p6e-gb200": {"36xlarge": 22500},
    "r5d": {
        "large": 75, "xlarge": 150, "2xlarge": 300, "4xlarge": 600,
        "8xlarge": 1200, "12xlarge": 1800, "16xlarge": 2400, "24xlarge": 3600,
    },
    "trn1": {"2xlarge": 474, "32xlarge": 7600},
    "trn1n": {"32xlarge": 7600},
    "trn2": {"48xlarge": 7600},
}  # fmt: skip
"""GB of NVMe storage in the instance, by family and size."""

_WITHOUT_LOCAL_STORAGE: Final = frozenset(
    {
        "c4", "c5", "c5n", "c6i", "c7i", "c7i-flex", "c8i", "c8i-flex",
        "m4", "m5", "m6i", "m7i", "m7i-flex", "m8i", "m8i-flex",
        "p2", "p3",
        "r5", "r6i", "r7i", "r8i", "r8i-flex",
        "t3",
    }
)  # fmt: skip
"""Families whose storage is an EBS volume."""

_GPUS: Final[Mapping[str, Mapping[str, int]]] = {
    "g4dn": {"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 4, "16xlarge": 1},
    "g5": {
        "xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1,
        "12xlarge": 4, "16xlarge": 1, "24xlarge": 4, "48xlarge": 8,
    },
    "g6": {
        "xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1,
        "12xlarge": 4, "16xlarge": 1, "24xlarge": 4, "48xlarge": 8,
    },
    "g6e": {
        "xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1,
        "12xlarge": 4, "16xlarge": 1, "24xlarge": 4, "48xlarge": 8,
    },
    "g7": {"2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
    "g7e": {"2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p3dn": {"24xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "p6-b300": {"48xlarge": 8},
    "p6e-gb200": {"36xlarge": 4},
}  # fmt: skip
"""GPUs of an instance, by family and size."""

_TRAINIUM: Final = frozenset({"trn1", "trn1n", "trn2"})
_ARM: Final = frozenset({"p6e-gb200"})
"""Families with ARM processors (NVIDIA Grace)."""


class Accelerator(StrEnum):
    """What a type trains on."""

    GPU = "GPUs"
    TRAINIUM = "Trainium"
    NONE = "no accelerator"


def local_storage(instance_type: str) -> int | None:
    """GB of storage in the instance itself, 0 for a type with an EBS volume; `None` for an unknown type."""
    family, size = _parts(instance_type)
    return 0 if family in _WITHOUT_LOCAL_STORAGE else _LOCAL_STORAGE.get(family, {}).get(size)


def gpus(instance_type: str) -> int | None:
    """How many GPUs an instance has; `None` for an unknown type."""
    family, size = _parts(instance_type)
    if family in _GPUS:
        return _GPUS[family].get(size)
    return 0 if _is_known(family) else None


def accelerator(instance_type: str) -> Accelerator | None:
    """What the type trains on; `None` for an unknown type."""
    family, _ = _parts(instance_type)
    if not _is_known(family):
        return None
    if family in _TRAINIUM:
        return Accelerator.TRAINIUM
    return Accelerator.GPU if family in _GPUS else Accelerator.NONE


def architecture(instance_type: str) -> str | None:
    """The processors' architecture, in the words of container images; `None` for an unknown type."""
    family, _ = _parts(instance_type)
    if not _is_known(family):
        return None
    return "arm64" if family in _ARM else "x86_64"


def _parts(instance_type: str) -> tuple[str, str]:
    family, _, size = instance_type.removeprefix("ml.").partition(".")
    return family, size


def _is_known(family: str) -> bool:
    return family in _WITHOUT_LOCAL_STORAGE or family in _LOCAL_STORAGE
