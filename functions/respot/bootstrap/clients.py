"""The clients of AWS, configured once, and the parts that several functions are composed of."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

from botocore.config import Config
from botocore.session import Session, get_session

from respot.errors import SettingsError
from respot.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

CLIENT_CONFIG: Final = Config(
    # A call takes at most 3 x (1 + 3) s and two short pauses. The queues and the stream are the patient retry:
    # a function that waits costs money and holds up its batch.
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@cache
def settings() -> Settings:
    """The function's settings."""
    return Settings.from_environment(os.environ)


def required(value: str | None, name: str) -> str:
    """A setting that this function cannot do without.

    Raises:
        SettingsError: it is not set.
    """
    if not value:
        message = f"{name} is not set: correct the deployment"
        raise SettingsError(message)
    return value


@overload
def client(service: Literal["dynamodb"], region: str | None = None) -> "DynamoDBClient": ...
@overload
def client(service: Literal["s3"], region: str | None = None) -> "S3Client": ...
@overload
def client(service: Literal["sagemaker"], region: str | None = None) -> "SageMakerClient": ...
@overload
def client(service: Literal["secretsmanager"], region: str | None = None) -> "SecretsManagerClient": ...
@overload
def client(service: Literal["sns"], region: str | None = None) -> "SNSClient": ...
@overload
def client(service: Literal["sqs"], region: str | None = None) -> "SQSClient": ...
@overload
def client(service: Literal["ssm"], region: str | None = None) -> "SSMClient": ...
def client(service: str, region: str | None = None) -> Any:
    """The one client of a service in a region; without one, in the function's own."""
    return _client(service, region)


@cache
def _client(service: str, region: str | None) -> object:
    return _session().create_client(service, region_name=region, config=CLIENT_CONFIG)


@cache
def once_client(region: str) -> "SageMakerClient":
    """SageMaker's client for ListTrainingJobs: it never repeats a call, of which an account may make few."""
    once = CLIENT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    made: Any = _session().create_client("sagemaker", region_name=region, config=once)
    return cast("SageMakerClient", made)


@cache
def _session() -> Session:
    # botocore's own: boto3 adds resources and transfers, which nobody here uses, and a tenth of a cold start.
    return get_session()
