"""Each test of recovery starts with an environment of its own."""

import pytest

from tests.support.recovery_environment import RecoveryEnvironment


@pytest.fixture
def env() -> RecoveryEnvironment:
    return RecoveryEnvironment()
