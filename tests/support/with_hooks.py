"""Stands between a shell and a port: what happens just before and just after each call is the test's to say."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

P = TypeVar("P")
Gate = Callable[[str, bool], None]
"""Called with the method, and whether it has done its work; it may raise."""


class _Interposed:
    def __init__(self, port: object, gate: Gate) -> None:
        self._port = port
        self._gate = gate

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401
        do = getattr(self._port, method)

        def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401
            self._gate(method, False)  # noqa: FBT003
            answer = do(*args, **named)
            self._gate(method, True)  # noqa: FBT003
            return answer

        return call


def with_hooks(port: P, gate: Gate) -> P:
    """The port, with the gate around each of its methods."""
    return cast("P", _Interposed(port, gate))
