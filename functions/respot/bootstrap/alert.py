"""Composes `alert`."""

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from respot.adapters.cached_text import CachedText
from respot.adapters.digest_timers import SqsDigestTimers
from respot.adapters.storms import DynamoDbDigestStore
from respot.adapters.topic import SnsTopic
from respot.alerter import Alerter
from respot.bootstrap.clients import CALL_LIMITS, ONCE_SSM, RESERVE, client, now, once_ssm_client, required, settings
from respot.bootstrap.ledger import ledger, runs
from respot.digest_collector import DigestCollector
from respot.domain.alert_kinds import AlertKind
from respot.domain.job import JobState, Transition
from respot.domain.outlook import Outlook
from respot.settings import ALERTS_TOPIC_ARN, DUE_ALERTS_QUEUE_URL, LEDGER_TABLE, POLICY_PARAMETER

if TYPE_CHECKING:
    from respot.adapters.foresight import PolicyForesight

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
"""As long as `resubmit` keeps it."""


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
    from respot.adapters.foresight import PolicyForesight  # noqa: PLC0415 - as `_Foresight` says
    from respot.adapters.policies import ParameterPolicies, read_parameter  # noqa: PLC0415

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
