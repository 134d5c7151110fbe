"""Everything that ministack needs to be an AWS account for Respot.

ministack has no interface for adding a service or changing one. These modules therefore replace its private names,
which is why `pyproject.toml` pins ministack exactly. Import this only in a process that `local.emulator.server` has
prepared: ministack reads its environment at import.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from ministack.core import responses  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs, s3  # type: ignore[import-untyped]

from local.emulator import cloud, iam, regions, sqs, streams
from local.emulator.asgi import serve as serve
from local.sagemaker.delivery import DeliveryFaults

_KEY_HEADER: Final = "x-amz-server-side-encryption-aws-kms-key-id"


def apply(port: int, delivery: DeliveryFaults, lifecycle: str) -> None:
    """Change ministack; `delivery` and `lifecycle` are for jobs without tags of their own."""
    cloud.add_sagemaker(port, delivery, lifecycle)
    iam.authorize_batches()
    iam.add_leading_keys()
    regions.add_regions()
    streams.repeat_failed_stream_batches()
    streams.read_streams_side_by_side()
    sqs.hand_out_from_the_front()
    encrypt_with_the_accounts_key()
    filter_logs_by_prefix()


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


def filter_logs_by_prefix() -> None:
    """Replace `logStreamNamePrefix`, which ministack does not read, by the names of the streams that have it.

    `aws logs filter-log-events --log-stream-name-prefix JOB/` is how the AWS CLI shows the logs of one job.
    """
    filter_all = cloudwatch_logs._filter_log_events  # the request handler calls it by this name

    def filtered(request: Mapping[str, Any]) -> Any:
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(request))
        if group and (prefix := request.get("logStreamNamePrefix")):
            names = [name for name in group["streams"] if name.startswith(prefix)]
            # An empty list would mean all of them; no stream has an empty name.
            request = {**request, "logStreamNames": names or [""]}
        return filter_all(request)

    cloudwatch_logs._filter_log_events = filtered
