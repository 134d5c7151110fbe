"""A person asks why: `respot why` and `respot show` about runs in a local AWS account."""

import json
from typing import Any, Final

import pytest

from local.demo.deployed import DeployedAccount
from tests.support.deployed import respot
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

ON: Final = {"respot:resume": "on"}
_LOSES: Final = "Starting=0.2 Downloading=0.2 Training=1 Interrupted=0.2 Downloading=0.2 Training=1 Stopping=0.1"
LOSES: Final = f"{_LOSES} MaxWaitTimeExceeded"


@pytest.fixture(scope="module", autouse=True)
def jobs(deployed: DeployedAccount) -> None:
    """A run that spends its attempts, a job that waits, one that nobody opted in, and one that completes."""
    create = deployed.ground.create
    create("why-spent", lifecycle=f"{LOSES} / {LOSES}", tags={**ON, "respot:max-attempts": "2"})
    waits = {**ON, "respot:give-up-waiting-after": "2 h", "respot:ladder": "spot:1 on-demand:1"}
    create("why-waits", lifecycle="Starting=0.1 Pending=600", tags=waits)
    create("why-unasked", lifecycle="Starting=0.1 Stopping=0.1 MaxWaitTimeExceeded")
    create("why-done", lifecycle="Starting=0.1 Training=0.3")


def asked(at: DeployedAccount, command: str, name: str) -> dict[str, Any]:
    found = respot(at, command, name, "--json")
    document: dict[str, Any] = json.loads(found.stdout or "{}")
    return document | {"code": found.returncode}


def becomes(at: DeployedAccount, name: str, state: str) -> dict[str, Any]:
    """What `why` answers, once the run is in that state."""
    eventually(lambda: asked(at, "why", name).get("state") == state)
    found = asked(at, "why", name)
    assert (found["code"], found["state"], found["unread"]) == (0, state, {})
    return found


def test_a_run_that_was_refused_says_what_to_raise_and_from_where_to_go_on(deployed: DeployedAccount) -> None:
    found = becomes(deployed, "why-spent", "refused")
    assert (found["cause"], found["decision"]["reason"]) == ("attempts-spent", "all 2 attempts are spent")
    raises, goes_on = found["what_would_change_it"]
    assert raises == "Raise `attempts.total` (now 2), or set the tag respot:max-attempts."
    assert f"s3://{deployed.ground.bucket}/checkpoints/why-spent/; checkpoint-" in goes_on
    assert found["next_step"] is None
    of_the_first_job = asked(deployed, "why", found["run_id"])
    assert of_the_first_job["what_would_change_it"] == found["what_would_change_it"]
    shown = respot(deployed, "show", "why-spent").stdout
    assert "Attempts from " in shown
    assert "Checkpoints when each attempt had ended" in shown
    assert "  respot why why-spent" in shown


def test_a_run_that_waits_says_since_when_and_what_happens_when(deployed: DeployedAccount) -> None:
    found = becomes(deployed, "why-waits", "waiting")
    assert (found["wait"]["limit_seconds"], found["decision"]) == (2 * 3600, None)
    assert found["policy"]["resume"] is True
    assert found["next_step"]["at"] == found["wait"]["limit_at"]
    assert respot(deployed, "show", "why-waits").returncode == 0


def test_a_job_that_nobody_opted_in_and_one_that_is_done_are_explained_too(deployed: DeployedAccount) -> None:
    unasked = becomes(deployed, "why-unasked", "stopped")
    assert unasked["cause"] == "not-asked"
    assert unasked["note"].startswith("Nobody has asked Respot to resume this job.")
    done = becomes(deployed, "why-done", "completed")
    assert done["what_would_change_it"] == ["Nothing: the work is done."]
    assert "completed: why-done completed" in respot(deployed, "why", "why-done").stdout
