"""AWS as moto plays it, and SageMaker behind botocore's stub, which holds all against SageMaker's model."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.stub import Stubber

from tests.support.builders import REGION
from tests.support.moto_aws import aws, clock, dynamodb, dynamodb_ledger

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

__all__ = ["aws", "clock", "dynamodb", "dynamodb_ledger"]


@pytest.fixture
def sagemaker(aws: None) -> "SageMakerClient":  # noqa: ARG001 - comes first
    return boto3.client("sagemaker", region_name=REGION)


@pytest.fixture
def stub(sagemaker: "SageMakerClient") -> Iterator[Stubber]:
    with Stubber(sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def arrives(sagemaker: "SageMakerClient") -> Callable[..., None]:
    """From a call of this on, its argument is what arrives, well-formed or not."""

    def over_the_wire(body: bytes, status: int = 200) -> None:
        def send(**_: object) -> AWSResponse:
            raw = BytesIO(body)
            raw.stream = lambda **_: iter([body])  # type: ignore[attr-defined] # what botocore reads urllib3's answers by
            return AWSResponse("https://sagemaker", status, HTTPHeaders(), raw)

        sagemaker.meta.events.register("before-send.sagemaker", send)  # type: ignore[arg-type] # an answer is taken

    return over_the_wire
