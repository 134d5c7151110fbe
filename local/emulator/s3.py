"""S3: encryption with the account's own key, and clients with the permissions of a job's role."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import boto3
from botocore.config import Config
from ministack.core import responses, tls  # type: ignore[import-untyped]
from ministack.services import s3, sts  # type: ignore[import-untyped]

from local.sagemaker.cloud import Scope

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def encrypt_with_the_accounts_key() -> None:
    """Encrypt with the account's own key when a writer asks for KMS without naming one, as AWS does.

    API_PutObject: for `aws:kms` without the key's header, Amazon S3 uses the AWS managed key (aws/s3). The SageMaker
    SDKs upload sources in this way; ministack has no such key and refuses.
    """
    resolve = s3._resolve_sse_write_headers  # puts, copies and multipart uploads call it by this name

    def resolved(headers: Mapping[str, str], bucket: str) -> Any:
        if headers.get("x-amz-server-side-encryption") == "aws:kms" and not headers.get(_KEY_HEADER):
            account, region = responses.get_account_id(), responses.get_region()
            key = uuid5(NAMESPACE_URL, f"alias/aws/s3 {account} {region}")
            headers = {**headers, _KEY_HEADER: f"arn:aws:kms:{region}:{account}:key/{key}"}
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = resolved


def client_of_role(endpoint: str, scope: Scope, role_arn: str) -> "S3Client":
    """An S3 client with the role's permissions."""
    role = role_arn.rpartition("/")[2]
    key = f"ASIA{hashlib.sha256(f'{scope}/{role_arn}'.encode()).hexdigest()[:16].upper()}"
    # SageMaker assumes the job's role; ministack's own services register such sessions in this way.
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{scope.account}:assumed-role/{role}/SageMaker",
            "UserId": f"{role}:SageMaker",
            "SecretAccessKey": "local",
            "SessionToken": "local",
        },
    )
    return boto3.Session(key, "local", "local", scope.region).client(
        "s3",
        endpoint_url=endpoint,
        verify=tls.resolve_tls_material()[0],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, max_pool_connections=32),
    )
