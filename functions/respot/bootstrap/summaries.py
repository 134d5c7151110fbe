"""The summaries of runs, for the functions that write about jobs."""

from functools import cache

from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.observability import logger, report_unreadable
from respot.bootstrap.stores import ledger, runs
from respot.errors import UnreadableItemError
from respot.jobs.job import JobId
from respot.log_events import SUMMARY_REBUILT
from respot.runs.summary import RunSummaries
from respot.settings import LEDGER_TABLE


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
