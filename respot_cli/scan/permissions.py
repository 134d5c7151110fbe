"""The least permissions of `respot scan`, as an IAM policy."""

from typing import Any

from respot.jobs.aws_names import aws_partition


def least_policy(region: str = "") -> dict[str, Any]:
    """The policy, in the partition of a region.

    Without the last statement, the scan shows hours only. The first and the last action have no resource type.
    """
    jobs = f"arn:{aws_partition(region).name}:sagemaker:*:*:training-job/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("ListTrainingJobs", "sagemaker:ListTrainingJobs", "*"),
            _allow("DescribeTrainingJobs", "sagemaker:DescribeTrainingJob", jobs),
            _allow("ReadPrices", "pricing:GetProducts", "*"),
        ],
    }


def _allow(name: str, action: str, resource: str) -> dict[str, str]:
    return {"Sid": name, "Effect": "Allow", "Action": action, "Resource": resource}
