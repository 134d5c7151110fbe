"""Composes `alert`."""

from functools import cache

from respot.adapters.digest_timers import SqsDigestTimers
from respot.adapters.storms import DynamoDbStorms
from respot.adapters.topic import SnsTopic
from respot.alerter import LEASE, Alerter
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.ledger import ledger, runs
from respot.domain.alert_kinds import AlertKind
from respot.settings import ALERTS_TOPIC_ARN, DUE_ALERTS_QUEUE_URL, LEDGER_TABLE
from respot.storm_watch import StormWatch


@cache
def alerter() -> Alerter:
    """What `alert` hands its transitions to."""
    gathers = settings().digest_window and AlertKind.DIGEST in settings().alert_kinds
    return Alerter(
        ledger=ledger(),
        runs=runs(),
        topic=_topic(),
        clock=now,
        kinds=settings().alert_kinds,
        max_age=settings().alert_max_age,
        watch=storm_watch() if gathers else None,
    )


@cache
def storm_watch() -> StormWatch:
    """What `alert` hands windows to that are over: also when no new ones are opened any more."""
    queue = required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL)
    table = required(settings().ledger_table, LEDGER_TABLE)
    return StormWatch(
        storms=DynamoDbStorms(client("dynamodb"), table, clock=now, retention=settings().retention),
        timers=SqsDigestTimers(client("sqs"), queue),
        topic=_topic(),
        clock=now,
        length=settings().digest_window,
        lease=LEASE,
    )


@cache
def _topic() -> SnsTopic:
    return SnsTopic(client("sns"), required(settings().alerts_topic_arn, ALERTS_TOPIC_ARN))
