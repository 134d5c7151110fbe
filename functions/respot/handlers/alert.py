"""Alerts on what the ledger's stream delivers."""

from typing import Any

from respot.adapters.ledger_items import read_transition
from respot.bootstrap.alert import alerter
from respot.domain.alert import AlertOutcome
from respot.errors import RespotError
from respot.handlers.batches import BatchResponse, Context, failed
from respot.observability import count, logger


def handler(event: dict[str, Any], context: Context) -> BatchResponse:  # noqa: ARG001 - Lambda's signature
    """Take new transitions; Lambda repeats from the first failed one, and what was settled is then passed over."""
    failures, sent = [], 0
    for record in event["Records"]:
        change = record["dynamodb"]
        job, transition = read_transition(change["NewImage"])
        try:
            receipt = alerter().alert(job, transition)
        except RespotError:
            # The others of the batch must not wait for this one.
            logger().exception("not alerted", job=str(job), status=transition.status)
            failures.append(change["SequenceNumber"])
            continue
        if receipt:
            logger().info("alert settled", job=str(job), outcome=receipt.outcome, reason=receipt.reason)
            sent += receipt.outcome is AlertOutcome.SENT
    count(AlertsSent=sent, AlertsFailed=len(failures))
    return failed(failures)
