"""Fixtures for tests in the local AWS account."""

from tests.support.deployed import deployed
from tests.support.local_account import local_account, training_ground

__all__ = ["deployed", "local_account", "training_ground"]
