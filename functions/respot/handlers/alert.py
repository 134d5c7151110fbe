"""Alerts on what the ledger's stream and the queue of due alerts deliver."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.digest.collector import DigestCollector
from respot.alerting.digest.digest import DigestRecord
from respot.alerting.digest.timer import read_timer
from respot.alerting.kinds import AlertKind
from respot.aws.dynamodb.changes import read_change
from respot.aws.dynamodb.digests import DynamoDbDigestStore
from respot.aws.dynamodb.stream import key_of
from respot.aws.sns import SnsTopic
from respot.aws.sqs.digest_timers import SqsDigestTimers
from respot.bootstrap.clients import client, now, once_ssm_client, required, settings
from respot.bootstrap.dead_letters import bury, give_up
from respot.bootstrap.observability import count, gauge, logger, report_unreadable
from respot.bootstrap.stores import ledger, runs
from respot.bootstrap.time_budget import CALL_LIMITS, ONCE_SSM, RESERVE, begin
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.handlers.lambda_events import BatchResponse, Context, failed, moment, time_left
from respot.jobs.message import read_message
from respot.log_events import ALERT_COMPLETED, ALERT_DEFERRED, ALERT_FAILED, POLICY_READ_FAILED
from respot.metrics import ALERTS_FAILED, ALERTS_SENT, FAILED_DUE_ALERT_AGE, POLICY_READS_FAILED
from respot.settings import ALERTS_TOPIC_ARN, DUE_ALERTS_QUEUE_URL, LEDGER_TABLE, POLICY_PARAMETER
from respot.sweep.heartbeat import HEARTBEAT

if TYPE_CHECKING:
    from respot.aws.ssm import ParameterPolicies
    from respot.recovery.foresight import PolicyForesight


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Alert on new items of the ledger, on jobs with overdue alerts, and on digest windows that are over.

    Of the stream, Lambda repeats everything from the first failed item on; of the queue, only what failed. An item of
    the stream that cannot succeed is therefore made a dead letter here: those behind it go on at once.
    """
    left = time_left(context)
    begin(left)
    failures, sent, failed_count = [], 0, 0
    for record in event["Records"]:
        if record.get("body") == HEARTBEAT:
            check_policy()
            continue
        identifier, item = _identify(record)
        if left() < LONGEST_ALERT:
            # An unfinished alert keeps its lease, which would delay the next attempt.
            logger().warning(ALERT_DEFERRED, item=item)
            failures.append(identifier)
            failed_count += 1
            continue
        try:
            completed = _alert_on(record)
        except Exception as error:  # noqa: BLE001 - the others of the batch must not wait for this one
            logger().exception(ALERT_FAILED, message_id=identifier, item=item, reason=str(error))
            report_unreadable(error)
            if not _given_up(record, error):
                failures.append(identifier)
            failed_count += 1
            continue
        for each in completed:
            logger().info(ALERT_COMPLETED, outcome=each.outcome, reason=each.reason, **_about(each))
        sent += sum(map(_counts, completed))
    count({ALERTS_SENT: sent, ALERTS_FAILED: failed_count})
    due = [record for record in event["Records"] if record.get("messageId") in failures]
    if due:
        gauge(FAILED_DUE_ALERT_AGE, max(now() - moment(each, "ApproximateFirstReceiveTimestamp") for each in due))
    return failed(failures)


def _given_up(record: Mapping[str, Any], error: Exception) -> bool:
    """Whether the record is a dead letter now; otherwise it is delivered again."""
    if "dynamodb" in record:
        return give_up(record, error)
    return bury(record, error, settings().dead_letters_queue_url)


def _identify(record: Mapping[str, Any]) -> tuple[str, str]:
    """How the response names a record, and how the log does: by its key in the ledger, or by the message."""
    if "dynamodb" not in record:  # it is the queue's
        return record["messageId"], record["body"]
    return record["dynamodb"]["SequenceNumber"], " ".join(key_of(record))


def _alert_on(record: Mapping[str, Any]) -> tuple[AlertRecord | DigestRecord, ...]:
    completed: AlertRecord | DigestRecord | None
    if "dynamodb" in record:
        change = read_change(record)
        completed = None if change is None else alerter().on(change)
    elif window := read_timer(record["body"]):
        completed = digest_collector().close(window)
    else:
        return alerter().catch_up(read_message(record["body"]))
    return () if completed is None else (completed,)


def _about(completed: AlertRecord | DigestRecord) -> dict[str, Any]:
    if isinstance(completed, DigestRecord):
        return {"kind": AlertKind.DIGEST, "digest": completed.digest}
    return {"kind": completed.kind, "job": str(completed.job), "digest": completed.digest}


def _counts(completed: AlertRecord | DigestRecord) -> bool:
    """Whether the metric counts it: a message was sent, and for no drill."""
    is_drill = isinstance(completed, AlertRecord) and completed.job.is_drill
    return completed.outcome is AlertOutcome.SENT and not is_drill


_GROUPED: Final = ("dynamodb", "dynamodb", "sqs", "dynamodb", "dynamodb")
"""Calls for an alert that joins a window: the window, the entry, the timer, the record of it, the window again."""
CALLS: Final = ("dynamodb", "dynamodb", "dynamodb", "ssm", *_GROUPED, "sns", "dynamodb")
"""Calls for the alert of an end: job, lease, decision, policy, digest, publication, record or release. All others make
fewer.

Once a process, before its first lease, one more call reads since when the region has been watched.
"""
LONGEST_ALERT: Final = sum(((CALL_LIMITS | {"ssm": ONCE_SSM})[service].longest_call for service in CALLS), RESERVE)
"""An alert begun with less time left might keep its lease, which delays the next attempt until it expires."""


@cache
def alerter() -> Alerter:
    """The alerter that `alert` calls."""
    policy = required(settings().policy_parameter, POLICY_PARAMETER)
    has_digests = settings().digest_window and AlertKind.DIGEST in settings().alert_kinds
    return Alerter(
        ledger=ledger(),
        runs=runs(),
        topic=_topic(),
        clock=now,
        kinds=settings().alert_kinds,
        max_age=settings().alert_max_age,
        lease=settings().alert_lease,
        digests=digest_collector() if has_digests else None,
        foresight=lambda state, transitions: _foresight(policy)(state, transitions),  # noqa: PLW0108 - loads it late
    )


@cache
def _foresight(parameter: str) -> "PolicyForesight":
    from respot.recovery.foresight import PolicyForesight  # noqa: PLC0415 - like the policies

    return PolicyForesight(_policies(parameter))


@cache
def _policies(parameter: str) -> "ParameterPolicies":
    """Imported by the first heartbeat or alert of an end: no cold start of another pays for reading policies."""
    from respot.bootstrap.policies import policies  # noqa: PLC0415

    return policies(once_ssm_client, parameter)


def check_policy() -> None:
    """Read the policy with each heartbeat: a failure is counted, whereas alerts are sent without the policy."""
    try:
        _policies(required(settings().policy_parameter, POLICY_PARAMETER)).load()
    except (PolicyInvalidError, UpstreamUnavailableError) as error:
        logger().error(POLICY_READ_FAILED, reason=str(error))
        count({POLICY_READS_FAILED: 1})


@cache
def digest_collector() -> DigestCollector:
    """The collector that `alert` calls; it closes windows even when digests are switched off."""
    queue = required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL)
    table = required(settings().ledger_table, LEDGER_TABLE)
    return DigestCollector(
        store=DynamoDbDigestStore(
            client("dynamodb"), table, clock=now, retention=settings().retention, on_unreadable=report_unreadable
        ),
        timers=SqsDigestTimers(client("sqs"), queue),
        topic=_topic(),
        clock=now,
        length=settings().digest_window,
        lease=settings().alert_lease,
        on_unreadable=report_unreadable,
    )


@cache
def _topic() -> SnsTopic:
    return SnsTopic(client("sns"), required(settings().alerts_topic_arn, ALERTS_TOPIC_ARN))
