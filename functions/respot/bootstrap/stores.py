"""The ledger's stores that several functions use."""

from functools import cache

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.refusals import DynamoDbRefusals
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.dynamodb.starts import DynamoDbStarts
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.observability import logger, report_unreadable
from respot.errors import UnreadableItemError
from respot.jobs.job import JobId
from respot.log_events import SUMMARY_REBUILT
from respot.runs.summary import RunSummaries
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
def summary_store() -> DynamoDbRunSummaries:
    """The store of the runs' summaries."""
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DynamoDbRunSummaries(
        client("dynamodb"), table, clock=now, retention=settings().retention, on_unreadable=report_unreadable
    )


@cache
def summaries() -> RunSummaries:
    """The keeper of the runs' summaries."""
    return RunSummaries(ledger=ledger(), runs=runs(), store=summary_store(), on_rebuilt=_log_rebuilt)


def _log_rebuilt(error: UnreadableItemError) -> None:
    logger().warning(SUMMARY_REBUILT, partition=error.partition, reason=error.why)


def refresh_summary(job: JobId) -> None:
    """Refresh the summary of the job's run; an item that cannot be read is reported, and stops nothing else."""
    try:
        summaries().refresh(job)
    except UnreadableItemError as error:
        report_unreadable(error)


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
