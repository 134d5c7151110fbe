"""What Respot alerts on: one kind of alert for each secondary status that a person should hear of."""

from enum import StrEnum
from typing import Final


class AlertKind(StrEnum):
    """The closed list of alert kinds; the values are what settings, topics and machine subscribers say."""

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
    ADVICE = "advice"
    DIGEST = "digest"


class Severity(StrEnum):
    """How urgent: an information asks for nothing, a warning heals by itself or can wait, an error does not."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


KIND_BY_STATUS: Final = {
    "Interrupted": AlertKind.INTERRUPTED,
    "MaxWaitTimeExceeded": AlertKind.MAX_WAIT_TIME_EXCEEDED,
    "MaxRuntimeExceeded": AlertKind.MAX_RUNTIME_EXCEEDED,
    "Failed": AlertKind.FAILED,
}
"""SageMaker's SecondaryStatus to the kind of alert it calls for."""


OF_ANY_TYPE: Final = frozenset({AlertKind.POLICY_INVALID, AlertKind.POSTPONED})
"""Kinds that have nothing to do with instances: policy and kill switch belong to the account."""


def severity_of(kind: AlertKind) -> Severity:
    """An interruption is SageMaker's to mend, a resubmission was Respot's; what has stopped for good is an error."""
    match kind:
        case AlertKind.RESUBMITTED | AlertKind.WOULD_RESUBMIT:
            return Severity.INFO
        case AlertKind.INTERRUPTED | AlertKind.ADVICE | AlertKind.DIGEST | AlertKind.POSTPONED:
            return Severity.WARNING
        case _:
            return Severity.ERROR


def moment_of(kind: AlertKind) -> str:
    """What a job did at the moment that an alert is about: what Respot did about an end is told under that end."""
    match kind:
        case AlertKind.ADVICE:
            return "Created"
        case (
            AlertKind.RESUBMITTED
            | AlertKind.NOT_RESUBMITTED
            | AlertKind.WOULD_RESUBMIT
            | AlertKind.POLICY_INVALID
            | AlertKind.POSTPONED
        ):
            return "Ended"
        case _:
            return "Happened"
