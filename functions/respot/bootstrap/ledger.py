"""The ledger, as the functions use it."""

from functools import cache

from respot.adapters.ledger import DynamoDbLedger
from respot.adapters.runs import DynamoDbRunStore
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
