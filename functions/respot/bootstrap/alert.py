"""Composes `alert`."""

from functools import cache
from typing import Final

from respot.adapters.digest_timers import SqsDigestTimers
from respot.adapters.storms import DynamoDbStorms
from respot.adapters.topic import SnsTopic
from respot.alerter import Alerter
from respot.bootstrap.clients import CALL_LIMITS, RESERVE, client, now, required, settings
from respot.bootstrap.ledger import ledger, runs
from respot.domain.alert_kinds import AlertKind
from respot.settings import ALERTS_TOPIC_ARN, DUE_ALERTS_QUEUE_URL, LEDGER_TABLE
from respot.storm_watch import StormWatch

_HELD_BACK: Final = ("dynamodb", "dynamodb", "sqs", "dynamodb", "dynamodb")
"""Of an alert that joins a window: the window, the membership, the timer, the note of it, the window again."""
CALLS: Final = ("dynamodb", "dynamodb", *_HELD_BACK, "sns", "dynamodb")
"""Of one alert: the job, the claim, what a storm asks for, the publication, the note of it or the claim's release.

Since when the region has been watched is asked before the first claim of a process, and then known.
"""
LONGEST_ALERT: Final = sum((CALL_LIMITS[service].longest_call for service in CALLS), RESERVE)
"""An alert begun with less time left might leave its claim behind, which delays it until the lease is over."""


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
        lease=settings().alert_lease,
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
        lease=settings().alert_lease,
    )


@cache
def _topic() -> SnsTopic:
    return SnsTopic(client("sns"), required(settings().alerts_topic_arn, ALERTS_TOPIC_ARN))
