"""What to expect of Respot about a job that has ended, before the decision is there."""

from enum import StrEnum


class Outlook(StrEnum):
    """Whether somebody may start the next job by hand without getting in Respot's way."""

    DECIDES = "decides"
    """Respot decides on this end, and reports what it does: a new job, or that there is none."""
    DECIDED = "decided"
    """Respot has decided on this end, and its report is written or on its way."""
    LEAVES = "leaves"
    """Respot leaves this end alone, and reports nothing."""
    UNKNOWN = "unknown"
    """Nobody can say: the policy cannot be read or is invalid, or the job's tags are not known."""
