"""The ledger: jobs with their alerts, on one table."""

from respot.aws.dynamodb.alerts import DynamoDbAlertStore
from respot.aws.dynamodb.jobs import DynamoDbJobStore


class DynamoDbLedger(DynamoDbJobStore, DynamoDbAlertStore):
    """The ports `Ledger` and `JobIndex`."""
