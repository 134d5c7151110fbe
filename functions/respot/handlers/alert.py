"""Alerts on what the ledger's stream delivers, and on what the queue of due alerts names: jobs and windows."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from respot.adapters.attribute_values import deserialize
from respot.adapters.ledger_items import read_transition
from respot.adapters.ledger_keys import job_of
from respot.adapters.run_items import read_decision, read_notice, read_outcome
from respot.alerter import Alerter
from respot.bootstrap.alert import LONGEST_ALERT, alerter, digest_collector
from respot.bootstrap.clients import begin, now
from respot.domain.alert import AlertOutcome, AlertRecord
from respot.domain.alert_kinds import AlertKind
from respot.domain.storm import DigestRecord, DigestWindow
from respot.domain.telling import news_of_decision, news_of_notice, news_of_outcome
from respot.errors import RespotError
from respot.handlers.batches import BatchResponse, Context, failed, moment, time_left
from respot.heartbeat import HEARTBEAT
from respot.job_message import read_message
from respot.metric_names import FAILED_DUE_ALERT_AGE
from respot.observability import count, gauge, logger
from respot.schema import KIND, PK, SK, ItemKind
from respot.window_message import read_message as read_window


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Take new items, jobs whose alerts are due, or windows that are over; what was settled before is passed over.

    Of the stream, Lambda repeats everything from the first failed item on; of the queue, what failed.
    """
    left = time_left(context)
    begin(left)
    failures, sent = [], 0
    for record in event["Records"]:
        if record.get("body") == HEARTBEAT:
            continue
        identifier, item, alert = _read(record)
        if left() < LONGEST_ALERT:
            # The claim of an alert that is not finished would hold back its next attempt.
            logger().warning("no time left", item=item)
            failures.append(identifier)
            continue
        try:
            alert_records = alert()
        except RespotError as error:
            # The others of the batch must not wait for this one.
            logger().exception("not alerted", message_id=identifier, item=item, reason=str(error))
            failures.append(identifier)
            continue
        for alert_record in alert_records:
            logger().info(
                "alert settled", outcome=alert_record.outcome, reason=alert_record.reason, **_about(alert_record)
            )
            sent += alert_record.outcome is AlertOutcome.SENT and not _is_drill(alert_record)
    count(AlertsSent=sent, AlertsFailed=len(failures))
    due = [record for record in event["Records"] if record.get("messageId") in failures]
    if due:
        gauge(FAILED_DUE_ALERT_AGE, max(now() - moment(each, "ApproximateFirstReceiveTimestamp") for each in due))
    return failed(failures)


def _is_drill(alert_record: AlertRecord | DigestRecord) -> bool:
    return isinstance(alert_record, AlertRecord) and alert_record.job.is_drill


Settled = tuple[AlertRecord | DigestRecord, ...]


def _about(alert_record: AlertRecord | DigestRecord) -> dict[str, Any]:
    if isinstance(alert_record, DigestRecord):
        return {"kind": AlertKind.DIGEST, "digest": alert_record.digest}
    return {"kind": alert_record.kind, "job": str(alert_record.job), "digest": alert_record.digest}


def _read(record: Mapping[str, Any]) -> tuple[str, str, Callable[[], Settled]]:
    """How a record is told apart, what it is about, and what is to be done about it."""
    if "dynamodb" not in record:  # it is the queue's
        body = record["body"]
        return record["messageId"], body, partial(_due, body)
    change = record["dynamodb"]
    values = deserialize(change["NewImage"])
    return change["SequenceNumber"], f"{values[PK]} {values[SK]}", lambda: alert_on(alerter(), change["NewImage"])


def _due(body: str) -> Settled:
    window = read_window(body)
    return alerter().catch_up(read_message(body)) if window is None else _close(window)


def _close(window: DigestWindow) -> Settled:
    alert_record = digest_collector().close(window)
    return () if alert_record is None else (alert_record,)


def alert_on(alerting: Alerter, image: dict[str, Any]) -> tuple[AlertRecord, ...]:
    """What each kind of item means to people; the stream's filter passes no other."""
    alert_record = _alert_on(alerting, image)
    return () if alert_record is None else (alert_record,)


def _alert_on(alerting: Alerter, image: dict[str, Any]) -> AlertRecord | None:
    match deserialize(image)[KIND]:
        case ItemKind.TRANSITION | ItemKind.DRILL_TRANSITION:
            return alerting.alert(*read_transition(image))
        case ItemKind.STATE:
            return alerting.advise(job_of(deserialize(image)[PK]))
        case ItemKind.DECISION:
            decision = read_decision(image)
            told = news_of_decision(decision)
            return None if told is None else alerting.tell(decision.job, told)
        case ItemKind.OUTCOME:
            outcome = read_outcome(image)
            return alerting.tell(outcome.job, news_of_outcome(outcome))
        case ItemKind.NOTICE:
            notice = read_notice(image)
            return alerting.tell(notice.job, news_of_notice(notice))
        case _:
            return None
