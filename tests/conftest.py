"""What all tests share."""

from functools import cache
from typing import Any, Final

from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings

# A shared machine is slow at times: a slow example is no failure.
settings.register_profile("respot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("respot")

_LOAD: Final = JSONFileLoader.load_file


@cache
def _loaded(path: str) -> Any:  # noqa: ANN401 - JSON
    return _LOAD(JSONFileLoader(), path)


def _load_once(self: JSONFileLoader, file_path: str) -> Any:  # noqa: ANN401, ARG001 - as botocore's
    """Parse a model once for all sessions: that takes a quarter of the time of tests that begin with a new session.

    botocore itself shares what it has parsed among the clients of a session.
    """
    return _loaded(file_path)


JSONFileLoader.load_file = _load_once  # type: ignore[method-assign]
