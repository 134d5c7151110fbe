"""The local AWS account with Respot deployed into it, once for all end-to-end tests of a run."""

from collections.abc import Iterator

import pytest

from local.demo.deployed import DeployedAccount, deployed_account


@pytest.fixture(scope="session")
def deployed() -> Iterator[DeployedAccount]:
    with deployed_account() as account:
        yield account
