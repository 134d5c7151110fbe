"""AWS as moto plays it."""

from tests.support.moto_aws import aws, clock, dynamodb, dynamodb_ledger

__all__ = ["aws", "clock", "dynamodb", "dynamodb_ledger"]
