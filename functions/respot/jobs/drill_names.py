"""How a drill's job name differs from a real one. Not in `jobs.job`, so that `slack` loads little."""

import re
from datetime import timedelta
from typing import Final

DRILL_PREFIX: Final = "DRILL."
"""How a drill's job name begins. SageMaker allows no dot in a name: no real job has one like it."""
ID: Final = re.compile(r"[0-9a-f]{12}")
KEPT_FOR: Final = timedelta(days=1)
"""How long the ledger keeps a drill's items, counted from their writing: the drill's own time is not trusted."""

_NAME: Final = re.compile(re.escape(DRILL_PREFIX) + f"({ID.pattern})")


def drill_id(name: str) -> str | None:
    """The id in a drill's job name; `None` for any other name."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None
