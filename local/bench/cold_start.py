"""Cold start: each handler's imports and first clients, against a bare handler that builds the same clients."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.packaging import compile_bytecode, prepare_bundle

ALLOWED: Final = 1.25
"""The most that a handler may take, in time and in memory, as a multiple of the bare one."""

_REPORT: Final = """
import json, resource, time
print(json.dumps([time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
_ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "RESPOT_LEDGER_TABLE": "ledger",
    "RESPOT_ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:alerts",
    "RESPOT_RECOVERY_QUEUE_URL": "https://queue",
    "RESPOT_OBSERVATIONS_QUEUE_URL": "https://queue",
    "RESPOT_DUE_ALERTS_QUEUE_URL": "https://queue",
    "RESPOT_POLICY_PARAMETER": "/Respot/policy",
    "RESPOT_KILL_SWITCH_PARAMETER": "/Respot/kill-switch",
    "RESPOT_QUEUE_URL": "https://queue",
    "RESPOT_SLACK_SECRET": "secret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A handler's module, the function that composes it, the AWS services and other clients that it uses."""

    name: str
    composed: str
    services: tuple[str, ...]
    other: str = ""

    def source(self) -> str:
        """A program that does what the handler's first invocation does before its first call."""
        clients = "\n".join(f"client({service!r})" for service in self.services)
        return (
            f"from respot.handlers.{self.name} import {self.composed}\n"
            f"from respot.bootstrap.clients import client\n{self.composed}()\n{clients}"
        )

    def bare_source(self) -> str:
        """The same without Respot."""
        clients = "\n".join(f"boto3.client({service!r})" for service in self.services)
        return f"import boto3\n{clients}\n{self.other}"


HANDLERS: Final = (
    Handler(name="record", composed="consumer", services=("dynamodb", "sagemaker", "sqs")),
    Handler(name="alert", composed="alerter", services=("dynamodb", "sns", "sqs")),
    Handler(name="enqueue_ended", composed="recovery_queue", services=("sqs",)),
    Handler(name="recover", composed="recovery_consumer", services=("dynamodb", "s3", "sagemaker", "sqs", "ssm")),
    Handler(name="sweep", composed="sweeper", services=("dynamodb", "sagemaker", "sqs", "ssm")),
    Handler(
        name="slack",
        composed="slack_relay",
        services=("secretsmanager", "sqs"),
        other="from slack_sdk.webhook import WebhookClient\nWebhookClient('https://hooks.slack.com/services/none')",
    ),
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


def measure(*, runs: int, bytecode: bool) -> Iterator[ColdStart]:
    """Each handler and its bare twin in turns, in new processes, from the bundle.

    With `bytecode` as it is when Lambda's own Python version built it, otherwise as any other version builds it.
    """
    with tempfile.TemporaryDirectory(prefix="respot-bundle-") as directory:
        bundle = Path(directory) / "bundle"
        shutil.copytree(prepare_bundle().path, bundle, ignore=shutil.ignore_patterns("__pycache__"))
        if bytecode:
            compile_bytecode(bundle)
        yield from _measure(bundle, runs=runs)


def _measure(bundle: Path, *, runs: int) -> Iterator[ColdStart]:
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
    # Nothing of this environment's packages, and no bytecode written: Lambda's disk is read-only.
    program = (
        "import sys, time; sys.dont_write_bytecode = True\n"
        f"sys.path.insert(0, {str(bundle)!r}); began = time.perf_counter()\n{source}\n{_REPORT}"
    )
    environment = {**_ENVIRONMENT, "PATH": os.defpath}
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    seconds, mebibytes = json.loads(result.stdout.splitlines()[-1])
    return seconds, mebibytes
