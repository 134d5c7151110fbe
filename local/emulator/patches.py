"""Everything that ministack needs to be an AWS account for Respot.

ministack has no interface for adding a service or changing one. These modules therefore replace its private names,
which is why `pyproject.toml` pins ministack exactly. Import this only in a process that `local.emulator.server` has
prepared: ministack reads its environment at import.
"""

from local.emulator import cloud, iam, logs, regions, s3, sqs, streams
from local.emulator.asgi import serve as serve
from local.sagemaker.delivery import DeliveryFaults


def apply(port: int, delivery: DeliveryFaults, lifecycle: str) -> None:
    """Change ministack; `delivery` and `lifecycle` are for jobs without tags of their own."""
    cloud.add_sagemaker(port, delivery, lifecycle)
    iam.authorize_batches()
    iam.add_leading_keys()
    regions.add_regions()
    streams.repeat_failed_stream_batches()
    streams.read_streams_side_by_side()
    sqs.hand_out_from_the_front()
    s3.encrypt_with_the_accounts_key()
    logs.filter_logs_by_prefix()
