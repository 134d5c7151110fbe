"""CloudWatch, as its documentation says that it evaluates an alarm.

Sources, read in November 2026:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_MORE_RETRIEVED: Final = 2
"""Data points that CloudWatch retrieves beyond the evaluation periods, in the documentation's tables: five for three.

It says that the number depends on the period, and not how.
"""
STATISTICS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "SampleCount": len,
}
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric."""

    at: datetime
    value: float


def is_alarm(points: Sequence[bool | None], *, periods: int, datapoints: int, missing: str) -> bool:
    """Whether an alarm with these data points (whether each breaches; `None` is missing), oldest first, is in ALARM.

    While enough data points exist in the evaluation range, the most recent ones decide, and missing ones are passed
    over: only when there are fewer are they filled in as the alarm says.
    """
    existing = [point for point in points if point is not None][-periods:]
    filled = periods - len(existing)
    breaching = sum(existing) + (filled if missing == "breaching" else 0)
    return breaching >= datapoints


def fires(alarm: Mapping[str, Any], samples: Sequence[Sample], *, now: datetime) -> bool:
    """Whether the alarm, of a template or as DescribeAlarms shows it, is in ALARM, by the periods that are over."""
    period = alarm["Period"]
    retrieved = alarm["EvaluationPeriods"] + _MORE_RETRIEVED
    last = int(now.timestamp() // period)
    points: list[bool | None] = []
    for number in range(last - retrieved, last):
        values = [each.value for each in samples if int(each.at.timestamp() // period) == number]
        points.append(
            COMPARISONS[alarm["ComparisonOperator"]](STATISTICS[alarm["Statistic"]](values), alarm["Threshold"])
            if values
            else None
        )
    return is_alarm(
        points,
        periods=alarm["EvaluationPeriods"],
        datapoints=alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        missing=alarm["TreatMissingData"],
    )
