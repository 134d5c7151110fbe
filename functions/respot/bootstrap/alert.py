"""Composes `alert`."""

from functools import cache

from respot.adapters.topic import SnsTopic
from respot.alerter import Alerter
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.ledger import ledger, runs
from respot.settings import ALERTS_TOPIC_ARN


@cache
def alerter() -> Alerter:
    """What `alert` hands its transitions to."""
    return Alerter(
        ledger=ledger(),
        runs=runs(),
        topic=SnsTopic(client("sns"), required(settings().alerts_topic_arn, ALERTS_TOPIC_ARN)),
        clock=now,
        kinds=settings().alert_kinds,
        max_age=settings().alert_max_age,
    )
