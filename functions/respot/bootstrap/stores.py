"""The ledger's stores that several functions use."""

from functools import cache

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.refusals import DynamoDbRefusals
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.dynamodb.starts import DynamoDbStarts
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.observability import report_unreadable
from respot.settings import LEDGER_TABLE


@cache
def ledger() -> DynamoDbLedger:
    """The store of jobs and alerts."""
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DynamoDbLedger(
        client("dynamodb"), table, clock=now, retention=settings().retention, on_unreadable=report_unreadable
    )


@cache
def runs() -> DynamoDbRunStore:
    """The store of runs and their attempts."""
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DynamoDbRunStore(
        client("dynamodb"), table, clock=now, retention=settings().retention, on_unreadable=report_unreadable
    )


@cache
def refusals() -> DynamoDbRefusals:
    """The store of late refusals."""
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DynamoDbRefusals(client("dynamodb"), table, clock=now, retention=None, on_unreadable=report_unreadable)


@cache
def starts() -> DynamoDbStarts:
    """The store of what starting took earlier jobs."""
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DynamoDbStarts(
        client("dynamodb"), table, clock=now, retention=settings().retention, on_unreadable=report_unreadable
    )
