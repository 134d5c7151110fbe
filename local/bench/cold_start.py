"""Cold start: each handler's imports and first clients, against a bare program that builds the same clients."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.packaging import compile_bytecode, prepare_bundle
from local.proof.figures import Report

ALLOWED: Final = 1.25
"""The most that a handler may take, in time and in memory, as a multiple of the bare one."""

HANDLERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "record": ("consumer", ("dynamodb", "sagemaker", "sqs")),
    "alert": ("alerter", ("dynamodb", "sns", "sqs")),
    "enqueue_ended": ("recovery_queue", ("sqs",)),
    "recover": ("recovery_consumer", ("dynamodb", "s3", "sagemaker", "sqs", "ssm")),
    "sweep": ("sweeper", ("dynamodb", "sagemaker", "sqs", "ssm")),
    "slack": ("slack_relay", ("secretsmanager", "sqs")),
    "weekly": ("reporter", ("dynamodb", "sns")),
}
"""Each handler's module: the function that composes it, and the AWS services that it uses."""
_OTHER_CLIENTS: Final = {
    "slack": "from slack_sdk.webhook import WebhookClient\nWebhookClient('https://hooks.slack.com/services/none')"
}

_REPORT: Final = """
import json, resource, time
print(json.dumps([time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
ENVIRONMENT: Final = {
    "PATH": os.defpath,
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
    "RESPOT_TRAINING_ROLES": "*",
    "RESPOT_TRAINING_INSTANCE_TYPES": "*",
    "RESPOT_SLACK_SECRET": "secret",
}
"""What a handler reads when it starts; no call is made."""


def report(*, runs: int, bytecode: bool) -> Report:
    """Imports and first clients of each handler and of a bare twin, in new processes, from the bundle.

    With `bytecode` as it is when Lambda's own Python version built it, otherwise as any other version builds it.
    """
    rows: list[list[str]] = []
    excess: list[str] = []
    with tempfile.TemporaryDirectory(prefix="respot-bundle-") as directory:
        bundle = Path(directory) / "bundle"
        shutil.copytree(prepare_bundle().path, bundle, ignore=shutil.ignore_patterns("__pycache__"))
        if bytecode:
            compile_bytecode(bundle)
        for name in HANDLERS:
            programs = sources(name)
            # In turns; the first round fills the disk cache.
            rounds = [[_start(bundle, program) for program in programs] for _ in range(runs + 1)][1:]
            cells = [name]
            for place, (what, unit, scale) in enumerate((("time", "ms", 1000), ("memory", "MiB", 1))):
                pairs = [(ours[place], bare[place]) for ours, bare in rounds]
                ours, bare = (statistics.median(each) for each in zip(*pairs, strict=True))
                # Of each pair: a machine's speed changes from minute to minute, and less within a pair.
                ratio = statistics.median(ours / bare for ours, bare in pairs)
                cells += [f"{ours * scale:.0f} {unit}", f"{bare * scale:.0f} {unit}", f"{ratio:.2f}"]
                if bytecode and ratio > ALLOWED:
                    excess.append(f"cold start of {name}, {what}: {ratio:.2f} of {ALLOWED}")
            rows.append(cells)
    built = "bundle built with Python 3.13" if bytecode else "bundle built with another Python: no bytecode"
    columns = ("Handler", "time", "bare", "ratio", "memory", "bare", "ratio")
    title = f"Cold start: imports and first clients, medians; {built}"
    return Report(title=title, columns=columns, rows=rows, excess=excess)


def sources(handler: str) -> tuple[str, str]:
    """Programs that do what a handler's first invocation does before its first call: with Respot, and without."""
    composed, services = HANDLERS[handler]
    clients = [f"client({service!r})" for service in services]
    imports = f"from respot.handlers.{handler} import {composed}\nfrom respot.bootstrap.clients import client"
    ours = [imports, f"{composed}()", *clients]
    return "\n".join(ours), "\n".join(["from boto3 import client", *clients, _OTHER_CLIENTS.get(handler, "")])


def _start(bundle: Path, source: str) -> list[float]:
    """Seconds and MiB of a new process."""
    # Nothing of this environment's packages, and no bytecode written: Lambda's disk is read-only.
    program = (
        "import sys, time; sys.dont_write_bytecode = True\n"
        f"sys.path.insert(0, {str(bundle)!r}); began = time.perf_counter()\n{source}\n{_REPORT}"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    result = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return list(json.loads(result.stdout.splitlines()[-1]))
