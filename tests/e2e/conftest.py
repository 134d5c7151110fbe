"""Fixtures for tests in local AWS accounts, and the order of these tests."""

import pytest

from tests.support.deployed import deployed, two_regions
from tests.support.local_account import local_account, training_ground

__all__ = ["deployed", "local_account", "training_ground", "two_regions"]

_LAST = ("test_chaos", "test_burst")
"""They change the account that they share with others, and leave jobs in its ledger that SageMaker does not know."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have those come last."""
    items.sort(key=lambda item: _LAST.index(item.path.stem) if item.path.stem in _LAST else -1)
