"""Kinds of alerts and their severities."""

from enum import StrEnum
from typing import Final


class AlertKind(StrEnum):
    """The closed list of alert kinds; settings, message attributes and documents have the values."""

    INTERRUPTED = "interrupted"
    MAX_WAIT_TIME_EXCEEDED = "max-wait-time-exceeded"
    MAX_RUNTIME_EXCEEDED = "max-runtime-exceeded"
    FAILED = "failed"
    ENDED = "ended"
    RESUBMITTED = "resubmitted"
    NOT_RESUBMITTED = "not-resubmitted"
    WOULD_RESUBMIT = "would-resubmit"
    POLICY_INVALID = "policy-invalid"
    POSTPONED = "postponed"
    WAIT_LIMIT_EXCEEDED = "wait-limit-exceeded"
    CREATION_POSTPONED = "creation-postponed"
    DEADLINE_AT_RISK = "deadline-at-risk"
    ADVICE = "advice"
    DIGEST = "digest"


class Severity(StrEnum):
    """How urgent: `info` needs no action, `warning` can wait or resolves automatically, `error` cannot wait."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


KIND_BY_STATUS: Final = {
    "Interrupted": AlertKind.INTERRUPTED,
    "MaxWaitTimeExceeded": AlertKind.MAX_WAIT_TIME_EXCEEDED,
    "MaxRuntimeExceeded": AlertKind.MAX_RUNTIME_EXCEEDED,
    "Failed": AlertKind.FAILED,
}
"""SageMaker's SecondaryStatus to the kind of alert that it requires."""


OF_RECOVERY: Final = frozenset(
    {
        AlertKind.RESUBMITTED,
        AlertKind.NOT_RESUBMITTED,
        AlertKind.WOULD_RESUBMIT,
        AlertKind.POLICY_INVALID,
        AlertKind.POSTPONED,
        AlertKind.WAIT_LIMIT_EXCEEDED,
        AlertKind.CREATION_POSTPONED,
        AlertKind.DEADLINE_AT_RISK,
    }
)
"""Kinds on what Respot did to end a job, or about its end: each job has one alert of each at most, but for two warnings
of its deadline: its work is not known, and it is late."""

OF_ANY_TYPE: Final = frozenset({AlertKind.POLICY_INVALID, AlertKind.POSTPONED})
"""Kinds that do not depend on instances: policy and kill switch belong to the account."""


def severity_of(kind: AlertKind) -> Severity:
    """SageMaker handles an interruption, Respot a resubmission. What nobody handles, an end for one, is an error."""
    match kind:
        case AlertKind.RESUBMITTED | AlertKind.WOULD_RESUBMIT | AlertKind.WAIT_LIMIT_EXCEEDED:
            return Severity.INFO
        case (
            AlertKind.INTERRUPTED
            | AlertKind.ADVICE
            | AlertKind.DIGEST
            | AlertKind.POSTPONED
            | AlertKind.CREATION_POSTPONED
            | AlertKind.DEADLINE_AT_RISK
        ):
            return Severity.WARNING
        case _:
            return Severity.ERROR


def moment_of(kind: AlertKind) -> str:
    """What happened to the job at `started`: alerts on what Respot did about its end have the time of the end."""
    match kind:
        case AlertKind.ADVICE:
            return "Created"
        case AlertKind.WAIT_LIMIT_EXCEEDED:
            return "Stopped"
        case AlertKind.DEADLINE_AT_RISK:
            return "Noticed"
        case _ if kind in OF_RECOVERY:
            return "Ended"
        case _:
            return "Happened"
