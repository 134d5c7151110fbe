"""Each test of recovery begins with a env of its own."""

import pytest

from tests.support.recovery_environment import RecoveryEnvironment


@pytest.fixture
def env() -> RecoveryEnvironment:
    return RecoveryEnvironment()
