"""How many drills pass: people need few, and anyone who may send events can send thousands.

Each drill is an alert and a message to Slack. Without a limit, many would delay those of real jobs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

AT_ONCE: Final = 10
APART: Final = timedelta(seconds=6)


@dataclass(slots=True, kw_only=True)
class DrillLimit:
    """Lets `AT_ONCE` drills pass, and then one each `APART`; it counts for one process alone.

    Attributes:
        clock: the present moment.
    """

    clock: Callable[[], datetime]
    _due: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    def passes(self) -> bool:
        """Whether another drill may pass now; if so, it counts."""
        now = self.clock()
        due = max(self._due, now)
        if due - now > (AT_ONCE - 1) * APART:
            return False
        self._due = due + APART
        return True
