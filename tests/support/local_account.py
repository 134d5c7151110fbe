"""The local AWS account without Respot in it, started once for all tests that use it, and ministack without either."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import PROJECT
from local.demo import deployed as training
from local.demo.deployed import TrainingGround
from local.emulator.account import LocalAccount
from local.emulator.server import environment


@pytest.fixture(scope="session")
def local_account() -> Iterator[LocalAccount]:
    with LocalAccount() as account:
        yield account


@pytest.fixture(scope="session")
def training_ground(local_account: LocalAccount) -> TrainingGround:
    return training.prepare(local_account)


def printed_beside_ministack(program: str, directory: Path) -> dict[str, Any]:
    """Run a program that imports ministack, in a process and an environment of its own; gives the JSON it prints."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        env=environment(os.environ, port=1, directory=directory),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
