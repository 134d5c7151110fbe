"""How a drill is told from a real job; apart from `drill`, so that `slack` loads little."""

import re
from datetime import timedelta
from typing import Final

DRILL_PREFIX: Final = "DRILL."
"""How a drill's job name begins. SageMaker takes no dot in a name: no real job is ever taken for a drill's."""
ID: Final = re.compile(r"[0-9a-f]{12}")
KEPT_FOR: Final = timedelta(days=1)
"""How long the ledger keeps what a drill leaves, counted from its writing: a drill's own time is only a claim."""

_NAME: Final = re.compile(re.escape(DRILL_PREFIX) + f"({ID.pattern})")


def drill_id(name: str) -> str | None:
    """The id in a drill's job name; `None` of any other name."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None
