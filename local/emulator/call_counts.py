"""Counts the AWS calls that functions make, as the local account sees them arrive."""

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.emulator.names import ROOT_KEY

DESCRIBE: Final = "DescribeTrainingJob"

_KEY: Final = re.compile(rb"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")


@dataclass(slots=True)
class CallCounts:
    """Calls of functions by operation, and how many Describe calls there were at once and in a second."""

    calls: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    by_second: Counter[int] = field(default_factory=Counter)

    def begin(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Count a request; gives the operation, for `end`, if it is a function's."""
        operation = operation_of(headers)
        if operation is None:
            return None
        self.calls[operation] += 1
        if operation == DESCRIBE:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.by_second[int(time.monotonic())] += 1
        return operation

    def end(self, operation: str | None) -> None:
        """Note that a request was answered."""
        self.in_flight -= operation == DESCRIBE

    def to_document(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "calls": dict(self.calls),
            "most_describes_in_flight": self.most_in_flight,
            "most_describes_in_a_second": max(self.by_second.values(), default=0),
        }


def operation_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The operation that a function asks for, or its service where the body alone names it; `None` of all others."""
    signed = _KEY.search(headers.get(b"authorization", b""))
    if signed is None or signed[1] == ROOT_KEY.encode():
        return None
    target = headers.get(b"x-amz-target", b"").rpartition(b".")[2]
    return (target or signed[2]).decode()
