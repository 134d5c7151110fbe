"""The least permissions of `respot scan`, as an IAM policy."""

from collections.abc import Mapping
from typing import Any, Final

LEAST: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ListTrainingJobs",
            "Effect": "Allow",
            "Action": "sagemaker:ListTrainingJobs",
            "Resource": "*",
        },
        {
            "Sid": "DescribeTrainingJobs",
            "Effect": "Allow",
            "Action": "sagemaker:DescribeTrainingJob",
            "Resource": "arn:aws:sagemaker:*:*:training-job/*",
        },
        {
            "Sid": "ReadPrices",
            "Effect": "Allow",
            "Action": "pricing:GetProducts",
            "Resource": "*",
        },
    ],
}
"""Without the last statement, the scan shows hours only. The first and the last action have no resource type."""
