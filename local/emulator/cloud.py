"""The account around the simulated SageMaker, and SageMaker in it."""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import responses, router, tls  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs, eventbridge, sts  # type: ignore[import-untyped]

from local.emulator import iam
from local.sagemaker.cloud import Call, Scope
from local.sagemaker.faults import DeliveryFaults
from local.sagemaker.runner import LOG_GROUP
from local.sagemaker.service import SageMaker

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class _MinistackCloud:
    """`local.sagemaker.cloud.Cloud`, as ministack has it."""

    def __init__(self, port: int) -> None:
        self._endpoint = f"https://127.0.0.1:{port}"
        self._s3_clients = cache(self._s3_of_role)
        self._s3_lock = threading.Lock()

    def scope(self) -> Scope:
        return Scope(account=responses.get_account_id(), region=responses.get_region())

    def denial(self, call: Call, action: str, resource: str, context: Mapping[str, Any]) -> str | None:
        key = router.extract_access_key_id(call.headers, call.query)
        return iam.denial(key, action, resource, context)

    def trusts_sagemaker(self, scope: Scope, role_arn: str) -> bool:
        return iam.trusts(scope.account, role_arn, "sagemaker.amazonaws.com")

    def publish(self, scope: Scope, entry: Mapping[str, Any]) -> None:
        with responses.request_scope(scope.account, scope.region):
            # The public PutEvents refuses sources that begin with `aws.`, as AWS does.
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)

    def log(self, scope: Scope, role_arn: str, *, stream: str, messages: Sequence[str]) -> None:
        arn = f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{LOG_GROUP}:log-stream:{stream}"
        if iam.role_decision(iam.role_context(scope, role_arn, "logs:PutLogEvents", arn)).decision != "Allow":
            return
        names = {"logGroupName": LOG_GROUP, "logStreamName": stream}
        milliseconds = round(time.time() * 1000)
        events = [{"timestamp": milliseconds, "message": message} for message in messages]
        with responses.request_scope(scope.account, scope.region):
            # The first two change nothing if group and stream exist.
            cloudwatch_logs._create_log_group(names)
            cloudwatch_logs._create_log_stream(names)
            cloudwatch_logs._put_log_events({**names, "logEvents": events})

    def s3(self, scope: Scope, role_arn: str) -> "S3Client":
        with self._s3_lock:
            return self._s3_clients(scope, role_arn)

    def _s3_of_role(self, scope: Scope, role_arn: str) -> "S3Client":
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
            endpoint_url=self._endpoint,
            verify=tls.resolve_tls_material()[0],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, max_pool_connections=32),
        )


def add_sagemaker(port: int, delivery: DeliveryFaults, lifecycle: str) -> None:
    """Make ministack answer SageMaker requests."""
    sagemaker = SageMaker(_MinistackCloud(port), default_delivery=delivery, default_lifecycle=lifecycle)
    ministack.SERVICE_HANDLERS["sagemaker"] = sagemaker.handle
    # Without this ministack still finds the service, after it has read the models of all services of AWS.
    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}
