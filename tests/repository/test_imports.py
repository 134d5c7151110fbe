"""Nothing happens at import: no environment is read, no network is touched."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import respot

FUNCTIONS: Final = str(Path(__file__).parents[2] / "functions")
MODULES: Final = sorted(module.name for module in pkgutil.walk_packages(respot.__path__, "respot."))
HANDLERS: Final = [
    name for name in MODULES if name.startswith("respot.handlers.") and not name.endswith(".lambda_events")
]

ALONE: Final = """
import sys

def watch(event, arguments):
    if event == "socket.bind" and arguments[1][0] == "::1":
        return  # urllib3 checks whether this machine has IPv6
    if event.startswith(("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "subprocess.")):
        raise SystemExit(f"{event} {arguments} at import")

sys.addaudithook(watch)
sys.path.insert(0, sys.argv[1])
import importlib
for name in sys.argv[2:]:
    module = importlib.import_module(name)
    assert not name.startswith("respot.handlers.") or name.endswith(".lambda_events") or callable(module.handler), name
print("\\n".join(sys.modules))
"""


def imported_alone(*modules: str) -> list[str]:
    """Import modules in a bare process; returns the names of all modules that came with them."""
    environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-I", "-W", "error", "-c", ALONE, FUNCTIONS, *modules],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_every_function_has_a_handler() -> None:
    assert {"respot.handlers.record", "respot.handlers.alert", "respot.handlers.slack"} <= set(HANDLERS)


@pytest.mark.parametrize("module", HANDLERS)
def test_a_handler_can_be_imported_with_an_empty_environment_and_no_network(module: str) -> None:
    imported_alone(module)


def test_every_module_can_be_imported_with_an_empty_environment_and_no_network() -> None:
    assert len(MODULES) > 30
    imported_alone(*MODULES)


def test_the_rules_need_the_standard_library_alone() -> None:
    pure = ("respot.jobs", "respot.recovery.planning", "respot.recovery.checkpoints", "respot.recovery.policy.policy")
    rules = [name for name in MODULES if name.startswith(pure)]
    strangers = {name.partition(".")[0] for name in imported_alone(*rules)} - sys.stdlib_module_names
    assert strangers <= {"__main__", "respot", "_distutils_hack", "_virtualenv"} | {
        name for name in strangers if name.startswith(("__editable__", "sitecustomize", "usercustomize"))
    }


def test_slack_loads_nothing_of_jobs_or_of_the_ledger() -> None:
    """Its cold start is the leanest there is: what a drill needs is loaded when one comes."""
    kept_out = ("respot.alerting.", "respot.jobs.", "respot.recording", "respot.recovery", "respot.aws.dynamodb")
    loaded = {name for name in imported_alone("respot.handlers.slack") if name.startswith(kept_out)}
    assert loaded == {"respot.alerting.contract", "respot.alerting.kinds", "respot.jobs.drill_names"}


def test_alerts_load_nothing_that_reads_or_applies_policies() -> None:
    """Compiling the policy's schema takes longer than all the rest: only the alert of an end pays for it."""
    loaded = imported_alone("respot.handlers.alert")
    assert {"fastjsonschema", "respot.recovery.policy", "respot.recovery.planning.planner"}.isdisjoint(loaded)


def test_no_function_pays_for_boto3() -> None:
    """Its resources and transfers are a tenth of a cold start: botocore has all that is called."""
    assert not {"boto3", "s3transfer"} & set(imported_alone(*MODULES))


def test_the_shells_know_no_aws() -> None:
    ours = [name for name in MODULES if not name.startswith(("respot.aws", "respot.bootstrap", "respot.handlers"))]
    assert not {"boto3", "botocore", "aws_lambda_powertools"} & set(imported_alone(*ours))
