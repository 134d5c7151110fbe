"""The local AWS account without Respot in it, started once for all tests that use it."""

from collections.abc import Iterator

import pytest

from local.demo import training
from local.demo.training import TrainingGround
from local.emulator.account import LocalAccount


@pytest.fixture(scope="session")
def local_account() -> Iterator[LocalAccount]:
    with LocalAccount() as account:
        yield account


@pytest.fixture(scope="session")
def training_ground(local_account: LocalAccount) -> TrainingGround:
    return training.prepare(local_account)
