"""The functions' log and metrics: Powertools, made on first use."""

import os
from collections.abc import Mapping
from datetime import timedelta
from functools import cache

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from respot.errors import UnreadableItemError
from respot.log_events import ITEM_READ_FAILED
from respot.metrics import NAMESPACE, SERVICE_VARIABLE, UNDEPLOYED, UNREADABLE_ITEMS


@cache
def logger() -> Logger:
    """Structured JSON on stdout; the level comes from POWERTOOLS_LOG_LEVEL or AWS_LAMBDA_LOG_LEVEL."""
    return Logger(service=_deployment())


@cache
def metrics() -> Metrics:
    """Embedded metrics, written into the log: no call to CloudWatch."""
    return Metrics(namespace=NAMESPACE, service=_deployment())


def _deployment() -> str:
    return os.environ.get(SERVICE_VARIABLE, UNDEPLOYED)


def gauge(name: str, span: timedelta) -> None:
    """Emit a span of time as it is now."""
    metrics().add_metric(name=name, unit=MetricUnit.Seconds, value=span.total_seconds())
    metrics().flush_metrics()


def report_unreadable(error: Exception | None) -> None:
    """Name and count an item that could not be read; another error, or none, is not this function's concern."""
    if isinstance(error, UnreadableItemError):
        logger().error(
            ITEM_READ_FAILED, partition=error.partition, sort_key=error.sort_key, reason=error.why, exc_info=error
        )
        count({UNREADABLE_ITEMS: 1})


def count(counts: Mapping[str, int]) -> None:
    """Emit the counts that are not zero, by the names of their metrics."""
    counted = {name: value for name, value in counts.items() if value}
    for name, value in counted.items():
        metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)
    if counted:
        metrics().flush_metrics()
