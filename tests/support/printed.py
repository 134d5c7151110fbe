"""What a handler prints: the lines of its log and of its metrics."""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from respot.bootstrap.observability import logger

Printed = Callable[[], list[dict[str, Any]]]


class Stdout:
    """The standard output of the moment: the logger lives longer than a test's."""

    def write(self, words: str) -> None:
        sys.stdout.write(words)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture(autouse=True)
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The lines of the log and of the metrics; each is one JSON object."""
    handler = logger().registered_handler
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = Stdout()
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
