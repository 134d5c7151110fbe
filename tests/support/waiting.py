"""Waiting for what comes in its own time."""

import time
from collections.abc import Callable


def eventually(is_true: Callable[[], bool], *, seconds: float = 120) -> bool:
    """Whether it becomes true within that time. Long: a busy machine is no fault.

    It is asked a few times a second, and less often if it takes long to say: what is waited for needs the processor.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        asked = time.monotonic()
        if is_true():
            return True
        time.sleep(max(0.2, time.monotonic() - asked))
    return is_true()
