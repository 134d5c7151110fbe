"""Waiting for what comes in its own time."""

import time
from collections.abc import Callable


def eventually(is_true: Callable[[], bool], *, seconds: float = 120) -> bool:
    """Whether it becomes true within that time; asked a few times a second. Long: a busy machine is no fault."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.2)
    return is_true()
