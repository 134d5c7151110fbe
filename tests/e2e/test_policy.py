"""A person tests a policy on last night's jobs in a local AWS account, before it is deployed."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from local.demo.deployed import DeployedAccount
from tests.support.deployed import POLICY, respot
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

LOST: Final = "Training=1 Interrupted=0.2 Downloading=0.2 Training=1"
TRAINS: Final = f"Starting=0.2 Downloading=0.2 {LOST} Stopping=0.1 MaxWaitTimeExceeded"
NEVER: Final = "Starting=0.3 Stopping=0.1 MaxWaitTimeExceeded"
DONE: Final = "Starting=0.1 Downloading=0.1 Training=0.3 Uploading=0.1"


@pytest.fixture(scope="module")
def night(deployed: DeployedAccount) -> DeployedAccount:
    """Two jobs that nobody wanted resumed, and one that Respot resumed."""
    create = deployed.ground.create
    create("night-trained", lifecycle=TRAINS)
    create("night-waited", lifecycle=NEVER)
    create("night-wanted", lifecycle=f"{TRAINS} / {DONE}", tags={"respot:resume": "on"})
    for name in ("night-trained", "night-waited", "night-wanted"):
        assert eventually(lambda name=name: is_decided(deployed, name))  # type: ignore[misc]  # the name of this round
    return deployed


def is_decided(at: DeployedAccount, name: str) -> bool:
    jobs = at.ledger().find(at.account.region, name)
    return bool(jobs) and at.runs().decision(jobs[0]) is not None


def decided_by(policy: object, at: DeployedAccount, name: str, folder: Path) -> dict[str, Any]:
    file = folder / "policy.json"
    file.write_text(json.dumps(policy))
    done = respot(at, "policy", "test", str(file), "--job", name, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (job,) = json.loads(done.stdout)["jobs"]
    return dict(job)


def test_a_policy_says_what_it_would_have_done_last_night(night: DeployedAccount, tmp_path: Path) -> None:
    resume = {**POLICY, "defaults": {"resume": True}}
    for name, assumed in (("night-trained", 1), ("night-waited", 0)):
        job = decided_by(resume, night, name, tmp_path)
        assert (job["then"]["action"], job["today"]["action"], job["difference"]) == ("nothing", "nothing", None)
        assert (job["with_this_file"]["action"], job["with_this_file"]["market"]) == ("resubmit", "spot")
        assert len(job["with_this_file"]["assumptions"]) == assumed
    file = tmp_path / "policy.json"
    shown = respot(night, "policy", "test", str(file), "--since", "1 h", "--changed").stdout
    assert "night-waited" in shown
    assert "night-wanted" not in shown
    assert "This file would have resumed " in shown


def test_the_deployed_policy_decides_again_what_it_decided(night: DeployedAccount, tmp_path: Path) -> None:
    actions = {"night-trained": "nothing", "night-waited": "nothing", "night-wanted": "resubmit"}
    for name, action in actions.items():
        job = decided_by(POLICY, night, name, tmp_path)
        assert {job[each]["action"] for each in ("then", "today", "with_this_file")} == {action}
        assert (job["difference"], job["changed"]) == (None, False)
        assert job["with_this_file"]["assumptions"] == []
