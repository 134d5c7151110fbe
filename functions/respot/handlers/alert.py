"""Alerts on what the ledger's stream delivers."""

from typing import Any

from respot.adapters.ledger_items import deserialize, read_transition
from respot.adapters.ledger_keys import job_of
from respot.adapters.run_items import read_decision, read_notice, read_outcome
from respot.alerter import Alerter, Told
from respot.bootstrap.alert import alerter
from respot.domain.alert import AlertOutcome, AlertReceipt
from respot.domain.alert_kinds import AlertKind
from respot.domain.decision import Action
from respot.domain.resubmission import OutcomeKind
from respot.errors import RespotError
from respot.handlers.batches import BatchResponse, Context, failed
from respot.observability import count, logger
from respot.schema import KIND, PK, SK, ItemKind


def handler(event: dict[str, Any], context: Context) -> BatchResponse:  # noqa: ARG001 - Lambda's signature
    """Take new items; Lambda repeats from the first failed one, and what was settled is then passed over."""
    failures, sent = [], 0
    for record in event["Records"]:
        change = record["dynamodb"]
        try:
            receipt = alert_on(alerter(), change["NewImage"])
        except RespotError:
            # The others of the batch must not wait for this one.
            values = deserialize(change["NewImage"])
            logger().exception("not alerted", item=f"{values[PK]} {values[SK]}")
            failures.append(change["SequenceNumber"])
            continue
        if receipt:
            logger().info(
                "alert settled",
                job=str(receipt.job),
                kind=receipt.kind,
                outcome=receipt.outcome,
                reason=receipt.reason,
            )
            sent += receipt.outcome is AlertOutcome.SENT
    count(AlertsSent=sent, AlertsFailed=len(failures))
    return failed(failures)


def alert_on(alerting: Alerter, image: dict[str, Any]) -> AlertReceipt | None:
    """What each kind of item means to people; the stream's filter passes no other."""
    match deserialize(image)[KIND]:
        case ItemKind.TRANSITION:
            return alerting.alert(*read_transition(image))
        case ItemKind.STATE:
            return alerting.advise(job_of(deserialize(image)[PK]))
        case ItemKind.DECISION:
            record = read_decision(image)
            decision, would = record.decision, record.decision.action is Action.RESUBMIT
            if not decision.notify or (would and not decision.dry_run):
                return None  # what becomes of a resubmission is told with its outcome
            kind = AlertKind.WOULD_RESUBMIT if would else AlertKind.NOT_RESUBMITTED
            story = decision.reason if would else f"not resubmitted: {decision.reason}"
            told = Told(kind=kind, story=story, at=record.decided_at, warning=decision.warning)
            return alerting.tell(record.job, told)
        case ItemKind.OUTCOME:
            outcome = read_outcome(image)
            created = outcome.kind is OutcomeKind.CREATED
            kind = AlertKind.RESUBMITTED if created else AlertKind.NOT_RESUBMITTED
            told = Told(kind=kind, story=outcome.story, at=outcome.settled_at, warning=outcome.warning)
            return alerting.tell(outcome.job, told)
        case ItemKind.NOTICE:
            notice = read_notice(image)
            return alerting.tell(notice.job, Told(kind=notice.kind, story=notice.story, at=notice.noticed_at))
        case _:
            return None
