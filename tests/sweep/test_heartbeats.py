"""How heartbeats are sent; the tests of each function's batches show that it ignores them."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from respot.errors import QueueUnavailableError
from respot.handlers import sweep
from respot.sweep.heartbeat import beat
from tests.handlers.test_handlers import Context
from tests.handlers.test_sweep import FakeSweeper
from tests.support.printed import Printed, printed

__all__ = ["printed"]  # used by each test, asked for or not


@dataclass
class FakeQueue:
    """A queue that counts heartbeats, or refuses them."""

    refuses: bool = False
    beats: int = 0

    def beat(self) -> None:
        if self.refuses:
            message = "no permission"
            raise QueueUnavailableError(message)
        self.beats += 1


def test_a_refused_heartbeat_does_not_stop_the_others() -> None:
    queues = (FakeQueue(), FakeQueue(refuses=True), FakeQueue())
    assert [str(error) for error in beat(queues)] == ["no permission"]
    assert [queue.beats for queue in queues] == [1, 0, 1]


def test_each_sweep_sends_heartbeats_and_sweeps_even_if_they_are_refused(
    monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    taking, refusing, fake = FakeQueue(), FakeQueue(refuses=True), FakeSweeper()
    monkeypatch.setattr(sweep, "heartbeat_queues", lambda: (refusing, taking))
    monkeypatch.setattr(sweep, "sweeper", lambda: fake)
    for _ in range(2):
        sweep.handler({}, Context())
    assert taking.beats == 2
    assert fake.times_left == [timedelta(minutes=5)] * 2
    assert [line["message"] for line in printed()] == ["heartbeat_failed"] * 2
