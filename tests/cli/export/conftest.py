"""AWS as moto plays it."""

from tests.support.moto_aws import aws, dynamodb

__all__ = ["aws", "dynamodb"]
