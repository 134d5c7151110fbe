"""Publishes the weekly digest on a schedule."""

from datetime import timedelta
from functools import cache
from typing import Any, Final

from respot.alerting.weekly.reporter import WeeklyReporter
from respot.aws.dynamodb.histories import DynamoDbJobHistories
from respot.aws.dynamodb.weekly import DynamoDbWeeklyStore
from respot.aws.sns import SnsTopic
from respot.aws.sns_weekly import SnsWeeklyTopic
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.observability import logger, report_unreadable
from respot.bootstrap.stores import ledger, runs
from respot.bootstrap.summaries import summary_store
from respot.bootstrap.time_budget import CALL_LIMITS, RESERVE, begin
from respot.errors import UnreadableItemError
from respot.handlers.lambda_events import Context, time_left
from respot.log_events import RUN_READ_FAILED, WEEKLY_DIGEST_COMPLETED
from respot.runs.period import RunReader
from respot.settings import ALERTS_TOPIC_ARN, LEDGER_TABLE

PUBLISHING: Final = sum((CALL_LIMITS[each].longest_call for each in ("dynamodb", "sns", "dynamodb")), RESERVE)
"""The lease, the publication, the record of it."""
LEASE: Final = timedelta(seconds=45)
"""Longer than that, and shorter than the minute after which Lambda repeats a call that failed."""
ENOUGH: Final = PUBLISHING + timedelta(seconds=60)
"""A minute is more than the reads of one run take, unless DynamoDB is down: then the call fails, and is repeated."""


def handler(event: dict[str, Any], context: Context) -> None:  # noqa: ARG001 - Lambda's signature
    """Publish the digest of the week before, unless that is done. Lambda repeats a call that fails."""
    left = time_left(context)
    begin(left)
    record = reporter().report(left)
    if record:
        logger().info(WEEKLY_DIGEST_COMPLETED, week=record.week, outcome=record.outcome, reason=record.reason)


@cache
def reporter() -> WeeklyReporter:
    """The reporter of this deployment."""
    dynamodb, table = client("dynamodb"), required(settings().ledger_table, LEDGER_TABLE)
    topic_arn = required(settings().alerts_topic_arn, ALERTS_TOPIC_ARN)
    _, _, _, region, account, _ = topic_arn.split(":")
    retention = settings().retention
    return WeeklyReporter(
        index=summary_store(),
        reader=RunReader(
            histories=DynamoDbJobHistories(dynamodb, table, clock=now, retention=retention),
            ledger=ledger(),
            runs=runs(),
        ),
        store=DynamoDbWeeklyStore(dynamodb, table, clock=now, retention=retention),
        topic=SnsWeeklyTopic(SnsTopic(client("sns"), topic_arn)),
        clock=now,
        account=account,
        region=region,
        lease=LEASE,
        enough=ENOUGH,
        on_unread=_report_unread,
    )


def _report_unread(error: Exception) -> None:
    """Name what keeps a run out of the digest, and count it where it is an item."""
    if isinstance(error, UnreadableItemError):
        report_unreadable(error)
    else:
        logger().error(RUN_READ_FAILED, reason=str(error), exc_info=error)
