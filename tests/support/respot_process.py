"""`respot` as a process of its own, on the ledger of `example_run` instead of AWS.

`python -m tests.support.respot_process show nightly-resnet`; with SLOW set it waits, after `waiting` on stderr.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from respot.errors import UpstreamUnavailableError
from respot_cli import deployment
from respot_cli.deployment import OnUnreadable
from respot_cli.main import main
from tests.support.builders import ACCOUNT, REGION
from tests.support.example_run import example
from tests.support.memory import MemoryLedger, MemoryRunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDeployment:
    """What `respot show` needs of a deployment."""

    stored: tuple[MemoryLedger, MemoryRunStore]
    regions: tuple[str, ...] = (REGION,)
    account: str = ACCOUNT
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def session(self) -> NoReturn:
        """It has none: what it would read cannot be read."""
        message = "no parameters here"
        raise UpstreamUnavailableError(message)

    def ledger(self, _: OnUnreadable) -> MemoryLedger:
        return self.stored[0]

    def runs(self, _: OnUnreadable) -> MemoryRunStore:
        return self.stored[1]


def find(_: object) -> Any:  # noqa: ANN401 - it stands for a Deployment
    if "SLOW" in os.environ:
        sys.stderr.write("waiting\n")
        sys.stderr.flush()
        time.sleep(60)
    return FakeDeployment(stored=example())


if __name__ == "__main__":
    deployment.find = find  # type: ignore[assignment]  # a stand-in
    sys.exit(main())
