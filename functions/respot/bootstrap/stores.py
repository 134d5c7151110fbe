"""The stores of the ledger, as the functions use them."""

from functools import cache

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.bootstrap.clients import client, now, required, settings
from respot.settings import LEDGER_TABLE


@cache
def ledger() -> DynamoDbLedger:
    """The ledger of this deployment."""
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DynamoDbLedger(client("dynamodb"), table, clock=now, retention=settings().retention)


@cache
def runs() -> DynamoDbRunStore:
    """The ledger's part on recovery."""
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DynamoDbRunStore(client("dynamodb"), table, clock=now, retention=settings().retention)
