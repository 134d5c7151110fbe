"""AWS clients, configured from the function's settings."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from botocore.session import Session, get_session

from respot.bootstrap.time_budget import CALL_LIMITS, ONCE_SSM, CallLimits, allow
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


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


@cache
def settings() -> Settings:
    """The function's settings."""
    return Settings.from_environment(os.environ)


def required(value: str | None, name: str) -> str:
    """A setting that this function requires.

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
def client(service: Literal["scheduler"], region: str | None = None) -> Any: ...  # noqa: ANN401 - it has no types
@overload
def client(service: Literal["secretsmanager"], region: str | None = None) -> "SecretsManagerClient": ...
@overload
def client(service: Literal["sns"], region: str | None = None) -> "SNSClient": ...
@overload
def client(service: Literal["sqs"], region: str | None = None) -> "SQSClient": ...
@overload
def client(service: Literal["ssm"], region: str | None = None) -> "SSMClient": ...
def client(service: str, region: str | None = None) -> Any:
    """The client of a service in a region, by default the function's own."""
    return _client(service, region)


@cache
def _client(service: str, region: str | None) -> object:
    return _made(service, region, CALL_LIMITS[service])


def _made(service: str, region: str | None, limits: CallLimits) -> object:
    made: Any = _session().create_client(service, region_name=region, config=limits.to_config())
    made.meta.events.register("before-call", lambda **_: allow(service))
    return made


@cache
def once_client(region: str) -> "SageMakerClient":
    """SageMaker's client for ListTrainingJobs. It never repeats a call, because an account may make few of them."""
    return cast("SageMakerClient", _made("sagemaker", region, replace(CALL_LIMITS["sagemaker"], attempts=1)))


@cache
def once_ssm_client() -> "SSMClient":
    """Systems Manager's client for readers that do not need the answer. It never repeats a call."""
    return cast("SSMClient", _made("ssm", None, ONCE_SSM))


@cache
def _session() -> Session:
    # boto3 would add resources and transfers, which are not used here, and a tenth of a cold start.
    return get_session()
