"""`respot logs` in a local AWS account: one stream for a run of two jobs, followed to the run's end."""

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import pytest

from local.demo.deployed import DeployedAccount, policy
from local.sagemaker.runner import LOG_GROUP
from tests.support.deployed import respot
from tests.support.wheel import installed_command

pytestmark = pytest.mark.xdist_group("deployed-account")

FATE: Final = (
    "Starting=0.3 Downloading=0.2 Training=1.2 Stopping=0.2 Uploading=0.2 MaxWaitTimeExceeded / "
    "Starting=0.3 Downloading=0.2 Training=1.2 Uploading=0.3"
)


def printed(at: DeployedAccount, job: str) -> list[str]:
    """What a job printed, as anybody else reads it."""
    answer = at.client("logs").filter_log_events(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")
    return [event["message"] for event in answer["events"]]


@pytest.fixture
def stranger(deployed: DeployedAccount) -> Iterator[dict[str, str]]:
    """The environment of somebody who may read the ledger, and no log."""
    iam, name = deployed.client("iam"), f"stranger-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    actions = ["cloudformation:DescribeStacks", "dynamodb:Query", "dynamodb:GetItem"]
    iam.put_user_policy(UserName=name, PolicyName="Read", PolicyDocument=policy(Action=actions, Resource="*"))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    yield {**deployed.account.process_environment(), **keys}
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="Read")
    iam.delete_user(UserName=name)


def test_a_run_is_followed_through_its_jobs_to_its_end(deployed: DeployedAccount, stranger: dict[str, str]) -> None:
    name = f"logs-{uuid4().hex[:8]}"
    # Its log is nobody's business here, and its name begins like the run's.
    deployed.ground.create(f"{name}-r", lifecycle="Starting=0.1 Training=0.3", spot=False)
    deployed.ground.create(name, lifecycle=FATE, tags={"respot:resume": "on"})

    followed = respot(deployed, "logs", name, "--follow")
    assert followed.returncode == 0, followed.stderr
    lines = followed.stdout.splitlines()
    assert {line.split()[2] for line in lines} == {"#1", "#2"}
    first, second = ([line.split("  ", 1)[1] for line in lines if f" #{number} " in line] for number in (1, 2))
    assert first == printed(deployed, name)
    assert second == printed(deployed, f"{name}-r2")
    assert first[0] == "Training from the beginning"
    assert second[0].startswith("Resuming from checkpoint-")
    assert second[-1].endswith("Reporting training SUCCESS")
    assert f"completed: {name}-r2 completed" in followed.stderr
    assert f"respot wait {name} --output model" in followed.stderr

    again = respot(deployed, "logs", f"{name}-r2", "--json")
    assert again.returncode == 0, again.stderr
    events: list[dict[str, Any]] = [json.loads(line) for line in again.stdout.splitlines()]
    assert [event["message"] for event in events] == first + second
    moments = [datetime.fromisoformat(event["time"]) for event in events]
    assert moments == sorted(moments)
    assert {(event["attempt"], event["job"]) for event in events} == {(1, name), (2, f"{name}-r2")}

    denied = subprocess.run(  # noqa: S603 - our own command
        [installed_command(), "logs", name], env=stranger, capture_output=True, text=True, check=False
    )
    assert denied.returncode == 4, denied.stderr
    assert "logs:FilterLogEvents" in denied.stderr
    assert denied.stdout == ""


def test_a_run_without_a_log_is_followed_to_its_end_too(deployed: DeployedAccount) -> None:
    name = f"unlogged-{uuid4().hex[:8]}"
    deployed.ground.create(name, lifecycle="Starting=0.2 Failed=ClientError", spot=False)
    followed = respot(deployed, "logs", name, "--follow")
    assert followed.returncode == 1, followed.stderr
    assert followed.stdout == ""
    assert f"{name} has no log" in followed.stderr
