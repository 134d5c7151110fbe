"""The names of the metrics that alarms are made of, each said once."""

from typing import Final

NAMESPACE: Final = "Respot"
SERVICE: Final = "respot"
SERVICE_DIMENSION: Final = "service"

TRANSITIONS_FIRST_SEEN_BY_SWEEP: Final = "TransitionsFirstSeenBySweep"
"""Transitions of which no event told: events that were lost."""
SWEEP_AGE: Final = "SweepAge"
"""Seconds since the beginning of the last complete sweep, of the region where that was longest ago."""
