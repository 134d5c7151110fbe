"""Local AWS accounts with Respot deployed into them, once for all their tests of a run, and ways to use them."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from local.demo.deployed import DeployedAccount, deployed_account, policy
from local.demo.verification import receive_alerts
from tests.support.wheel import installed_command

FAR: Final = "eu-west-1"
"""The region that the second account also watches."""
RETRY_SECONDS: Final = 2
BY_POLICY_ALONE: Final = {"resumed-by": "policy"}
"""The tags of jobs that the policy resumes and limits, and their owners do not."""
POLICY: Final = {
    "version": 1,
    # As shipped, a next attempt waits minutes for capacity.
    "defaults": {"back_off": {"capacity": {"first": "0 s", "longest": "0 s"}}},
    "rules": [
        {
            "name": "by policy alone",
            "match": {"tags": BY_POLICY_ALONE},
            "settings": {
                "resume": True,
                "give_up_waiting_after": "2 s",
                "ladder": [{"market": "spot", "attempts": 3}, {"market": "on-demand", "attempts": 1}],
            },
        }
    ],
}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedAccount]:
    """Respot in one region, for tests of single jobs."""
    with deployed_account(context=_context(tmp_path_factory)) as account:
        yield account


@pytest.fixture(scope="session")
def two_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedAccount]:
    """Respot in two regions, also for tests that need the account to themselves. They run one after another."""
    context = {**_context(tmp_path_factory), "respot:weekly_digest": "true"}
    with deployed_account(watched=[FAR], context=context) as account:
        yield account


def _context(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    policy = tmp_path_factory.mktemp("policy") / "policy.json"
    policy.write_text(json.dumps(POLICY))
    return {
        "respot:policy_file": str(policy),
        "respot:observation_retry_seconds": str(RETRY_SECONDS),
        # Narrower than as shipped, so that there are jobs that may not be stopped.
        "respot:stop_only_tagged": "true",
        "respot:reader_policy": "true",
    }


def respot(at: DeployedAccount, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as users have it: from the wheel, in an environment of its own."""
    return subprocess.run(  # noqa: S603 - our own command
        [installed_command(), *arguments],
        env=at.account.process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def function_of(at: DeployedAccount, handler: str) -> dict[str, Any]:
    """The configuration of the function with this handler."""
    functions: list[dict[str, Any]] = at.client("lambda").list_functions()["Functions"]
    (function,) = (each for each in functions if each["Handler"] == f"respot.handlers.{handler}.handler")
    return function


@contextmanager
def denied(at: DeployedAccount, handler: str, action: str) -> Iterator[None]:
    """For a while, the function with this handler may not do this."""
    iam, role = at.client("iam"), function_of(at, handler)["Role"].rpartition("/")[2]
    denial = policy(Effect="Deny", Action=action, Resource="*")
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=denial)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")


def restart(at: DeployedAccount, handler: str, **variables: str) -> dict[str, str]:
    """Replace a function's processes, with these environment variables changed; gives those before."""
    functions, function = at.client("lambda"), function_of(at, handler)
    name, present = function["FunctionName"], function["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {**present, **variables}})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    return dict(present)


@dataclass(slots=True)
class ReceivedAlerts:
    """All alerts that the machine subscriber receives from now on."""

    at: DeployedAccount
    documents: list[dict[str, Any]] = field(default_factory=list)

    def received(self, name: str = "", kind: str = "") -> list[dict[str, Any]]:
        """Those of that kind on a job that have arrived by now."""
        self.documents += receive_alerts(self.at)
        return [each for each in self.documents if (each["job"]["name"], each["kind"]) == (name, kind)]
