"""Stands between a shell and a port: what happens just before and just after each call is the test's to say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

P = TypeVar("P")
Gate = Callable[[str, bool], None]
"""Called with the method, and whether it has done its work; it may raise."""


class ProcessCrashError(BaseException):
    """The process is gone: no `except Exception` sees this."""


class _Interposed:
    def __init__(self, port: object, gate: Gate, prefix: str) -> None:
        self._port = port
        self._gate = gate
        self._prefix = prefix

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401
        do = getattr(self._port, method)

        def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401
            self._gate(f"{self._prefix}{method}", False)  # noqa: FBT003
            answer = do(*args, **named)
            self._gate(f"{self._prefix}{method}", True)  # noqa: FBT003
            return answer

        return call


def with_hooks(port: P, gate: Gate, prefix: str = "") -> P:
    """The port, with the gate around each of its methods."""
    return cast("P", _Interposed(port, gate, prefix))


@dataclass
class Hooks:
    """A gate that fails, crashes or lets somebody else go first, at the call that a test names.

    Attributes:
        calls: the calls, in order.
        faults: what a call raises before it does its work.
        afterwards: what it raises when it has done it.
        before: what somebody else does just before a call, once.
        after: the same, just after it.
    """

    calls: list[str] = field(default_factory=list)
    faults: dict[str, BaseException] = field(default_factory=dict)
    afterwards: dict[str, BaseException] = field(default_factory=dict)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    after: dict[str, Callable[[], object]] = field(default_factory=dict)

    def gate(self, call: str, done: bool) -> None:  # noqa: FBT001 - see Gate
        if not done:
            self.calls.append(call)
        if somebody := (self.after if done else self.before).pop(call, None):
            somebody()
        trouble = self.afterwards if done else self.faults
        if call in trouble:
            raise trouble[call]
