"""The names of attempts."""

import hashlib
from typing import Final

LONGEST_NAME: Final = 63
"""SageMaker's names match `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`."""
_DIGEST_LENGTH: Final = 8


def attempt_name(stem: str, attempt: int, *, run: str) -> str:
    """The job name of a run's attempt, `<stem>-r<attempt>`: the same for the same run and attempt, ever.

    SageMaker refuses a name that exists, so two creators of one attempt cannot both succeed.

    Args:
        stem: a valid job name: that of the run's first job. Too long a one is cut, and a hash of the run then
            keeps apart the runs whose stems begin alike.
        attempt: the attempt's number.
        run: the run's identity.
    """
    suffix = f"-r{attempt}"
    if len(stem) + len(suffix) <= LONGEST_NAME:
        return stem + suffix
    tail = f"-{hashlib.sha256(run.encode()).hexdigest()[:_DIGEST_LENGTH]}{suffix}"
    # A cut may fall behind a hyphen, and `a--1f…` would read as a slip.
    return stem[: LONGEST_NAME - len(tail)].rstrip("-") + tail
