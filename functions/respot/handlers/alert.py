"""Alerts on what the ledger's stream delivers, and on what the queue of due alerts names: jobs and windows."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.digest.collector import DigestCollector
from respot.alerting.digest.digest import DigestRecord, DigestWindow
from respot.alerting.digest.digest import read_message as read_window
from respot.alerting.kinds import AlertKind
from respot.alerting.required import news_of_decision, news_of_notice, news_of_outcome
from respot.aws.cached_text import CachedText
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.digests import DynamoDbDigestStore
from respot.aws.dynamodb.job_items import read_transition
from respot.aws.dynamodb.keys import job_of
from respot.aws.dynamodb.run_items import read_decision, read_notice, read_outcome
from respot.aws.sns import SnsTopic
from respot.aws.sqs.digest_timers import SqsDigestTimers
from respot.bootstrap.clients import client, now, once_ssm_client, required, settings
from respot.bootstrap.observability import count, gauge, logger
from respot.bootstrap.stores import ledger, runs
from respot.bootstrap.time_budget import CALL_LIMITS, ONCE_SSM, RESERVE, begin
from respot.errors import RespotError
from respot.handlers.lambda_events import BatchResponse, Context, failed, moment, time_left
from respot.jobs.job import JobState, Transition
from respot.jobs.message import read_message
from respot.log_events import ALERT_COMPLETED, ALERT_DEFERRED, ALERT_FAILED
from respot.metrics import ALERTS_FAILED, ALERTS_SENT, FAILED_DUE_ALERT_AGE
from respot.recovery.planning.decision import Outlook
from respot.schema import KIND, PK, SK, ItemKind
from respot.settings import ALERTS_TOPIC_ARN, DUE_ALERTS_QUEUE_URL, LEDGER_TABLE, POLICY_PARAMETER
from respot.sweep.heartbeat import HEARTBEAT

if TYPE_CHECKING:
    from respot.recovery.foresight import PolicyForesight


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
            logger().warning(ALERT_DEFERRED, item=item)
            failures.append(identifier)
            continue
        try:
            alert_records = alert()
        except RespotError as error:
            # The others of the batch must not wait for this one.
            logger().exception(ALERT_FAILED, message_id=identifier, item=item, reason=str(error))
            failures.append(identifier)
            continue
        for alert_record in alert_records:
            logger().info(
                ALERT_COMPLETED, outcome=alert_record.outcome, reason=alert_record.reason, **_about(alert_record)
            )
            sent += alert_record.outcome is AlertOutcome.SENT and not _is_drill(alert_record)
    count({ALERTS_SENT: sent, ALERTS_FAILED: len(failures)})
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


_HELD_BACK: Final = ("dynamodb", "dynamodb", "sqs", "dynamodb", "dynamodb")
"""Of an alert that joins a window: the window, the membership, the timer, the note of it, the window again."""
CALLS: Final = ("dynamodb", "dynamodb", "dynamodb", "ssm", *_HELD_BACK, "sns", "dynamodb")
"""Of the alert of an end: the job, the claim, the decision, the policy, what a storm asks for, the publication, the
note of it or the claim's release. All others make fewer.

Since when the region has been watched is asked before the first claim of a process, and then known.
"""
LONGEST_ALERT: Final = sum(((CALL_LIMITS | {"ssm": ONCE_SSM})[service].longest_call for service in CALLS), RESERVE)
"""An alert begun with less time left might leave its claim behind, which delays it until the lease is over."""

POLICY_KEPT_FOR: Final = timedelta(seconds=60)
"""As long as `recover` keeps it."""


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
        watch=digest_collector() if gathers else None,
        foresight=_Foresight(required(settings().policy_parameter, POLICY_PARAMETER)),
    )


class _Foresight:
    """The port `Foresight`; few alerts are of an end: no cold start pays for what reads policies."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def __call__(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        """See `Foresight`."""
        return _foresight(self._parameter)(state, transitions)


@cache
def _foresight(parameter: str) -> "PolicyForesight":
    from respot.aws.ssm import ParameterPolicies, read_parameter  # noqa: PLC0415
    from respot.recovery.foresight import PolicyForesight  # noqa: PLC0415 - as `_Foresight` says

    text = CachedText(lambda: read_parameter(once_ssm_client(), parameter), kept_for=POLICY_KEPT_FOR, clock=now)
    return PolicyForesight(ParameterPolicies(text.read))


@cache
def digest_collector() -> DigestCollector:
    """What `alert` hands windows to that are over: also when no new ones are opened any more."""
    queue = required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL)
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DigestCollector(
        storms=DynamoDbDigestStore(client("dynamodb"), table, clock=now, retention=settings().retention),
        timers=SqsDigestTimers(client("sqs"), queue),
        topic=_topic(),
        clock=now,
        length=settings().digest_window,
        lease=settings().alert_lease,
    )


@cache
def _topic() -> SnsTopic:
    return SnsTopic(client("sns"), required(settings().alerts_topic_arn, ALERTS_TOPIC_ARN))
