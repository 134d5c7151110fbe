"""The local AWS account without Respot in it, started once for all tests that use it."""

from collections.abc import Iterator

import pytest

from local import training
from local.account import LocalAccount
from local.training import TrainingGround


@pytest.fixture(scope="session")
def local_account() -> Iterator[LocalAccount]:
    with LocalAccount() as account:
        yield account


@pytest.fixture(scope="session")
def training_ground(local_account: LocalAccount) -> TrainingGround:
    return training.prepare(local_account)
