"""Cold start: each handler's imports and first clients, against a bare handler that builds the same clients."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.packaging import prepare_bundle

ALLOWED: Final = 1.25
"""The most that a handler may take, in time and in memory, as a multiple of the bare one."""

_REPORT: Final = """
import json, resource, time
print(json.dumps([time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
_ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "RESPOT_LEDGER_TABLE": "ledger",
    "RESPOT_ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:alerts",
    "RESPOT_QUEUE_URL": "https://queue",
    "RESPOT_SLACK_SECRET": "secret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A handler, what composes its shell, and the services whose clients it builds."""

    name: str
    shell: str
    services: tuple[str, ...]

    def source(self) -> str:
        """A program that does what the handler's first invocation does before its first call."""
        clients = "\n".join(f"client({service!r}, 'us-east-1')" for service in self.services)
        return (
            f"import respot.handlers.{self.name}\n"
            f"from respot.bootstrap.{self.name} import {self.shell}\n"
            f"from respot.bootstrap.clients import client\n{self.shell}()\n{clients if self.name == 'record' else ''}"
        )

    def bare_source(self) -> str:
        """The same without Respot."""
        return "import boto3\n" + "\n".join(f"boto3.client({service!r})" for service in self.services)


HANDLERS: Final = (
    Handler(name="record", shell="intake", services=("dynamodb", "sagemaker", "sqs")),
    Handler(name="alert", shell="alerter", services=("dynamodb", "sns")),
    Handler(name="slack", shell="slack_relay", services=("secretsmanager", "sqs")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """One handler's figures: medians, in milliseconds and MiB."""

    handler: str
    milliseconds: float
    bare_milliseconds: float
    mebibytes: float
    bare_mebibytes: float

    @property
    def time_ratio(self) -> float:
        """Time as a multiple of the bare handler's."""
        return self.milliseconds / self.bare_milliseconds

    @property
    def memory_ratio(self) -> float:
        """Peak memory as a multiple of the bare handler's."""
        return self.mebibytes / self.bare_mebibytes


def measure(*, runs: int) -> Iterator[ColdStart]:
    """Each handler and its bare twin in turns, in new processes, from the bundle as it is deployed."""
    bundle = prepare_bundle().path
    for handler in HANDLERS:
        pairs = [
            (_start(bundle, handler.source()), _start(bundle, handler.bare_source()))
            for _ in range(runs + 1)  # the first pair fills the disk cache
        ][1:]
        (ours, bare) = ([pair[side] for pair in pairs] for side in (0, 1))
        yield ColdStart(
            handler=handler.name,
            milliseconds=_median(ours, 0) * 1000,
            bare_milliseconds=_median(bare, 0) * 1000,
            mebibytes=_median(ours, 1),
            bare_mebibytes=_median(bare, 1),
        )


def _median(figures: Sequence[tuple[float, float]], index: int) -> float:
    return statistics.median(figure[index] for figure in figures)


def _start(bundle: Path, source: str) -> tuple[float, float]:
    # Nothing of this environment's packages, and no bytecode: Lambda's disk is read-only, so it compiles each time.
    program = (
        "import sys, time; sys.dont_write_bytecode = True; sys.pycache_prefix = '/nonexistent'\n"
        f"sys.path.insert(0, {str(bundle)!r}); began = time.perf_counter()\n{source}\n{_REPORT}"
    )
    environment = {**_ENVIRONMENT, "PATH": os.defpath}
    result = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-I", "-S", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    seconds, mebibytes = json.loads(result.stdout.splitlines()[-1])
    return seconds, mebibytes
