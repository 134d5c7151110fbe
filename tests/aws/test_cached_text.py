from datetime import timedelta

import pytest

from respot.aws.cached_text import CachedText
from tests.support.builders import CREATED
from tests.support.clock import FakeClock


class Source:
    """A text that changes with every reading."""

    def __init__(self) -> None:
        self.readings = 0
        self.fault: Exception | None = None

    def __call__(self) -> str:
        if self.fault:
            raise self.fault
        self.readings += 1
        return f"reading {self.readings}"


def test_is_read_once_and_kept_for_its_time() -> None:
    source, clock = Source(), FakeClock(CREATED)
    text = CachedText(source, kept_for=timedelta(minutes=5), clock=clock)
    assert [text.read(), text.read()] == ["reading 1", "reading 1"]
    clock.pass_by(timedelta(minutes=5))
    assert text.read() == "reading 2"


def test_a_forgotten_text_is_read_again() -> None:
    text = CachedText(Source(), kept_for=timedelta(minutes=5), clock=FakeClock(CREATED))
    text.read()
    text.forget()
    assert text.read() == "reading 2"


def test_a_failure_is_not_kept() -> None:
    source = Source()
    source.fault = ValueError("down")
    text = CachedText(source, kept_for=timedelta(minutes=5), clock=FakeClock(CREATED))
    with pytest.raises(ValueError, match="down"):
        text.read()
    source.fault = None
    assert text.read() == "reading 1"
