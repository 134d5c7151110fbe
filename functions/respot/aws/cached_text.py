"""A remote text that is cached for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta


class CachedText:
    """One text, for example a secret or a parameter.

    Powertools' parameters utility does the same, but its package imports the providers of five services:
    a tenth of the `slack` function's cold start.
    """

    def __init__(self, fetch: Callable[[], str], *, kept_for: timedelta, clock: Callable[[], datetime]) -> None:
        """`fetch` reads the text; errors are not cached."""
        self._fetch = fetch
        self._kept_for = kept_for
        self._clock = clock
        self._kept: tuple[str, datetime] | None = None

    def read(self) -> str:
        """The text, no older than `kept_for`."""
        now = self._clock()
        if self._kept is None or now - self._kept[1] >= self._kept_for:
            self._kept = self._fetch(), now
        return self._kept[0]

    def forget(self) -> None:
        """Read it again next time."""
        self._kept = None
