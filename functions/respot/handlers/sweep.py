"""Sweeps whenever the schedule calls."""

from typing import Any, Final

from respot.bootstrap.clients import begin
from respot.bootstrap.sweep import heartbeat_queues, sweeper
from respot.handlers.batches import Context, time_left
from respot.heartbeat import beat
from respot.metric_names import SWEEP_AGE, UNKNOWN_STATUS_MESSAGES
from respot.observability import count, gauge, logger

_MOST_LOGGED: Final = 5
"""Different messages of a scope that one sweep logs: they are few, unless they hold names or numbers."""


def handler(event: dict[str, Any], context: Context) -> None:  # noqa: ARG001 - Lambda's signature
    """Go on with every pass; what stops one is logged, and the next call goes on from there."""
    begin(time_left(context))
    for error in beat(heartbeat_queues()):
        logger().error("heartbeat_not_sent", reason=str(error))
    swept = sweeper().sweep(time_left=time_left(context))
    for each in swept:
        details: dict[str, Any] = {
            "scope": each.scope,
            "complete": each.complete,
            "age_seconds": round(each.age.total_seconds()),
            "rechecks": each.rechecks,
            "recoveries": each.recoveries,
            "alerts": each.alerts,
            "held_back": each.held_back,
        }
        if each.error:
            logger().error("sweep stopped", **details, reason=str(each.error), exc_info=each.error)
        else:
            logger().info("swept", **details)
        if each.policy_error:
            logger().error("no job is given up", scope=each.scope, reason=str(each.policy_error))
        for words in sorted(set(each.unknown_messages))[:_MOST_LOGGED]:
            logger().warning("unknown status message", scope=each.scope, status_message=words)
    count(
        JobsSentToBeLookedAt=sum(each.rechecks for each in swept),
        JobsSentToRecovery=sum(each.recoveries for each in swept),
        JobsSentToBeAlertedOn=sum(each.alerts for each in swept),
        SweepsStopped=sum(each.error is not None for each in swept),
        **{UNKNOWN_STATUS_MESSAGES: sum(len(each.unknown_messages) for each in swept)},
    )
    if swept:
        gauge(SWEEP_AGE, max(each.age for each in swept))
