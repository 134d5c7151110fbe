"""AWS's names and addresses: regions, accounts, jobs, ARNs, the console."""

import re
from dataclasses import dataclass
from typing import Final

REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
JOB_NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
"""CreateTrainingJob's own pattern for TrainingJobName."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A group of regions with its own ARNs and console.

    Attributes:
        name: the part of an ARN after `arn:`.
        console: the console's domain.
        by_region: whether the console's host name begins with the region.
    """

    name: str
    console: str
    by_region: bool = True


_COMMERCIAL: Final = Partition(name="aws", console="console.aws.amazon.com")
_BY_PREFIX: Final = {
    "cn-": Partition(name="aws-cn", console="console.amazonaws.cn", by_region=False),
    "us-gov-": Partition(name="aws-us-gov", console="console.amazonaws-us-gov.com", by_region=False),
    "us-iso-": Partition(name="aws-iso", console="console.c2shome.ic.gov"),
    "us-isob-": Partition(name="aws-iso-b", console="console.sc2shome.sgov.gov"),
    "eu-isoe-": Partition(name="aws-iso-e", console="console.csphome.adc-e.uk"),
    "us-isof-": Partition(name="aws-iso-f", console="console.csphome.hci.ic.gov"),
    "eusc-": Partition(name="aws-eusc", console="console.amazonaws-eusc.eu"),
}
"""Partitions by the prefixes of their regions' names, from botocore.

The console domains are those of botocore's endpoint rules for `signin`, with `console` instead of `signin`. That of
`aws-eusc` is in AWS's documentation, that of `aws-iso-b` in the console's own code. The others have no public source.
"""


def aws_partition(region: str) -> Partition:
    """The partition of a region; an unknown region belongs to the commercial one."""
    return next((found for prefix, found in _BY_PREFIX.items() if region.startswith(prefix)), _COMMERCIAL)


def job_arn(*, region: str, account: str, name: str) -> str:
    """The ARN of a training job."""
    return f"arn:{aws_partition(region).name}:sagemaker:{region}:{account}:training-job/{name}"


def console_host(region: str) -> str:
    """The host name of the AWS console for a region."""
    partition = aws_partition(region)
    return f"{region}.{partition.console}" if partition.by_region else partition.console
