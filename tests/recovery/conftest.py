"""Each test of recovery begins with a bench of its own."""

import pytest

from tests.support.recovery_bench import RecoveryBench


@pytest.fixture
def bench() -> RecoveryBench:
    return RecoveryBench()
