"""What Respot alerts on: one kind of alert for each secondary status that a person should hear of."""

from enum import StrEnum
from typing import Final


class AlertKind(StrEnum):
    """The closed list of alert kinds; the values are what settings, topics and machine subscribers say."""

    INTERRUPTED = "interrupted"
    MAX_WAIT_TIME_EXCEEDED = "max-wait-time-exceeded"
    MAX_RUNTIME_EXCEEDED = "max-runtime-exceeded"
    FAILED = "failed"


class Severity(StrEnum):
    """How urgent: a warning heals by itself, an error does not."""

    WARNING = "warning"
    ERROR = "error"


KIND_BY_STATUS: Final = {
    "Interrupted": AlertKind.INTERRUPTED,
    "MaxWaitTimeExceeded": AlertKind.MAX_WAIT_TIME_EXCEEDED,
    "MaxRuntimeExceeded": AlertKind.MAX_RUNTIME_EXCEEDED,
    "Failed": AlertKind.FAILED,
}
"""SageMaker's SecondaryStatus to the kind of alert it calls for."""


def severity_of(kind: AlertKind) -> Severity:
    """An interruption is SageMaker's to mend; everything else has stopped for good."""
    return Severity.WARNING if kind is AlertKind.INTERRUPTED else Severity.ERROR
