"""The partition of a region's name, compared with botocore's data."""

import json
import re
from typing import Any

import pytest
from botocore.session import Session

from respot.jobs.aws_names import aws_partition, console_host, job_arn


def partitions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Session().get_component("data_loader").load_data("partitions")["partitions"]
    return found


REGIONS = [
    (region, partition["id"])
    for partition in partitions()
    for region in partition["regions"]
    if not region.endswith("-global")
]


@pytest.mark.parametrize(("region", "partition"), REGIONS)
def test_each_region_of_botocore_is_in_its_partition(region: str, partition: str) -> None:
    assert aws_partition(region).name == partition


def test_each_partition_of_botocore_has_regions_to_test() -> None:
    assert {partition for _, partition in REGIONS} == {partition["id"] for partition in partitions()}


@pytest.mark.parametrize("partition", partitions(), ids=lambda partition: str(partition["id"]))
def test_a_new_region_is_in_the_partition_of_its_prefix(partition: dict[str, Any]) -> None:
    pattern = re.sub(r"\\w\+|\\d\+", lambda part: {r"\w+": "up", r"\d+": "9"}[part[0]], partition["regionRegex"])
    region = re.sub(r"\(([a-z]+)[a-z|]*\)", r"\1", pattern.strip("^$").replace("\\", ""))
    assert re.fullmatch(partition["regionRegex"], region)
    assert aws_partition(region).name == partition["id"]


def test_an_unknown_region_is_a_commercial_one() -> None:
    assert aws_partition("mars-north-1").name == "aws"


@pytest.mark.parametrize(("region", "partition"), REGIONS)
def test_the_console_has_the_domain_of_botocores_sign_in(region: str, partition: str) -> None:
    rules = Session().get_component("data_loader").load_service_model("signin", "endpoint-rule-set-1")
    domains = set(re.findall(r"https://\{Region\}\.signin\.([a-z0-9.-]+)\"", json.dumps(rules)))
    assert aws_partition(region).console.removeprefix("console.") in domains, partition


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
        ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ("us-isob-east-1", "us-isob-east-1.console.sc2shome.sgov.gov"),
    ],
)
def test_console_hosts_match_public_sources(region: str, host: str) -> None:
    assert console_host(region) == host


def test_an_arn_has_the_partition_of_its_region() -> None:
    arn = job_arn(region="us-iso-east-1", account="111122223333", name="a")
    assert arn == "arn:aws-iso:sagemaker:us-iso-east-1:111122223333:training-job/a"
