"""A night in the local account, as its users see it: what runs, what happens next, why, and where the model is.

Each question is one command, of the wheel that users install.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from local import PROJECT
from local.demo.deployed import DeployedAccount
from tests.support.deployed import respot
from tests.support.waiting import eventually
from tests.support.wheel import installed_command

pytestmark = pytest.mark.xdist_group("deployed-account")

LEFT: Final = "Starting=0.5 Downloading=0.1 Training=6 Interrupted=0.1 Stopping=0.1 MaxWaitTimeExceeded"
"""A life that saves checkpoints, and runs out of waiting time."""
NIGHT: Final = f"{LEFT} / {LEFT} / Starting=0.5 Downloading=0.1 Training=6"
"""Two spot jobs that run out of waiting time, then one on demand that completes."""
TAGS: Final = {"respot:resume": "on", "respot:ladder": "spot:2 on-demand:1", "owner": "vision"}
NOTICED: Final = 10
"""Seconds in which a client knows of the run's end."""


OUT_OF_ATTEMPTS: Final = "story-out-of-attempts"
NOBODY_ASKED: Final = "story-nobody-asked"


@pytest.fixture(scope="module", autouse=True)
def other_jobs(deployed: DeployedAccount) -> None:
    """What else runs in that night."""
    deployed.ground.create(OUT_OF_ATTEMPTS, lifecycle=f"{LEFT} / {LEFT}", tags={**TAGS, "respot:ladder": "spot:2"})
    deployed.ground.create(NOBODY_ASKED, lifecycle=LEFT, tags={"owner": "vision"})


def answer(deployed: DeployedAccount, *command: str, code: int = 0) -> dict[str, Any]:
    """A command's document."""
    done = respot(deployed, *command, "--json")
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def rows_of(deployed: DeployedAccount, name: str) -> list[dict[str, Any]]:
    """The rows of the list that are about the run which a job of that name began."""
    rows = answer(deployed, "list", "--tag", "owner=vision", "--limit", "500")["runs"]
    return [row for row in rows if row["name"] == name]


def row_of(deployed: DeployedAccount, name: str) -> dict[str, Any]:
    """The run in the list, which has it once."""
    (row,) = rows_of(deployed, name)
    return row


def client(deployed: DeployedAccount, *words: str | Path) -> "tuple[subprocess.CompletedProcess[str], float]":
    """A client's process, once it has ended, and when that was."""
    programs = f"{Path(installed_command()).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**deployed.account.process_environment(), "PATH": programs}
    done = subprocess.run(  # noqa: S603 - our own examples
        words, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    return done, time.time()


def completed_at(deployed: DeployedAccount, name: str) -> float:
    """When SageMaker first says that the job has completed."""
    pages = deployed.client("sagemaker").get_paginator("list_training_jobs")
    listing = {"NameContains": name, "StatusEquals": "Completed"}
    assert eventually(lambda: any(page["TrainingJobSummaries"] for page in pages.paginate(**listing)))
    return time.time()


def test_a_night_with_three_jobs_is_one_run(deployed: DeployedAccount) -> None:
    name = "story-nightly"
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(completed_at, deployed, f"{name}-r3")
        deployed.ground.create(name, lifecycle=NIGHT, tags=TAGS)
        clients: list[Future[Any]] = [
            pool.submit(client, deployed, PROJECT / "examples" / "follow_run.sh", name),
            pool.submit(client, deployed, sys.executable, PROJECT / "examples" / "follow_run.py", name),
        ]

        # What is running or waiting? It goes on in other jobs, and is one run.
        seen: dict[tuple[int, str, str], set[str]] = {}
        waits: list[dict[str, Any]] = []
        while not all(each.done() for each in clients):
            for row in rows_of(deployed, name):
                seen.setdefault((row["attempt"], row["job"], row["run"]), set()).add(row["state"])
                waits += [row] if (row["state"], row["market"]) == ("waiting", "spot") else []
            time.sleep(1)  # an attempt lasts seven, and the account needs the processor
        (run,) = {run for _, _, run in seen}
        assert list(seen) == [(1, name, run), (2, f"{name}-r2", run), (3, f"{name}-r3", run)]
        assert {"waiting", "running"} & set().union(*seen.values())
        # What happens next, and when? A spot job waits for capacity until its MaxWait is over.
        assert all(row["next_step"] and row["next_at"] for row in waits), waits

        # Wait for it in CI, and get the model.
        results = [each.result() for each in clients]
    described = deployed.client("sagemaker").describe_training_job(TrainingJobName=f"{name}-r3")
    model = described["ModelArtifacts"]["S3ModelArtifacts"]
    for done, at in results:
        assert (done.returncode, done.stdout.strip()) == (0, model), done.stderr
        assert at - ended.result() <= NOTICED
    completed = row_of(deployed, name)
    assert (completed["state"], completed["end_id"], completed["market"]) == ("completed", f"{run}#3", "on-demand")


def test_what_happens_next_and_when_is_one_command(deployed: DeployedAccount) -> None:
    """After such a failure, half a minute or more passes before the next attempt."""
    name, tags = "story-unlucky", {**TAGS, "respot:require-checkpoint": "off"}
    life = "Starting=0.2 Failed=InternalServerError / Starting=0.2 Training=0.3"
    deployed.ground.create(name, lifecycle=life, tags=tags)
    paused: list[dict[str, Any]] = []

    def is_paused() -> bool:
        paused.extend(row for row in rows_of(deployed, name) if "after a pause" in (row["next_step"] or ""))
        return bool(paused)

    assert eventually(is_paused)
    row = paused[0]
    assert (row["state"], row["attempt"]) == ("recovering", 1)
    assert "attempt 2, spot ml.g5.2xlarge, is to start at " in row["next_step"]
    assert datetime.fromisoformat(row["next_at"]) > datetime.fromisoformat(row["since"])


def test_why_it_was_not_resumed_is_one_command(deployed: DeployedAccount) -> None:
    name = OUT_OF_ATTEMPTS
    waited = respot(deployed, "wait", name, "--timeout", "90 s")
    assert waited.returncode == 1
    assert f"respot why {name} " in waited.stdout
    assert row_of(deployed, name)["state"] == "refused"
    why = respot(deployed, "why", f"{name}-r2").stdout
    assert "the ladder has no rung left after 2 attempts" in " ".join(why.replace("│", " ").split())


def test_whether_a_policy_would_have_resumed_last_nights_job_is_one_command(
    deployed: DeployedAccount, tmp_path: Path
) -> None:
    name = NOBODY_ASKED
    assert respot(deployed, "wait", name, "--timeout", "90 s").returncode == 1
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nrules: [{name: nightly, match: {job_name: story-*}, settings: {resume: true}}]\n")
    tested = respot(deployed, "policy", "test", str(file), "--job", name)
    assert tested.returncode == 0, tested.stderr
    (row,) = (line for line in tested.stdout.splitlines() if line.startswith("With this file"))
    assert row.split()[3] == "resubmit"
    assert "rule 'nightly'" in " ".join(tested.stdout.split())


def test_whether_the_deployment_is_healthy_is_one_command(deployed: DeployedAccount) -> None:
    deployed.sweep()
    lines = respot(deployed, "doctor").stdout.splitlines()
    for check in ("stack", "version", "policy", "kill switch", "sweeps"):
        assert [line for line in lines if line.startswith(f"✓ {check} ")], lines
    # Other tests of this account may leave some.
    assert [line for line in lines if line[2:].startswith("dead letters ")], lines


def test_waiting_has_an_end(deployed: DeployedAccount) -> None:
    name = "story-patient"
    deployed.ground.create(name, lifecycle="Starting=600", tags={**TAGS, "respot:give-up-waiting-after": "2 h"})
    assert eventually(lambda: [row["state"] for row in rows_of(deployed, name)] == ["waiting"])
    waiting = row_of(deployed, name)
    assert waiting["next_step"] == "moves to the next pool if it still waits"
    waits = datetime.fromisoformat(waiting["next_at"]) - datetime.fromisoformat(waiting["since"])
    assert waits == timedelta(hours=2)
    waited = respot(deployed, "wait", name, "--timeout", "2 s")
    assert (waited.returncode, "has not ended after 2 s" in waited.stderr) == (6, True)
    deployed.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert respot(deployed, "wait", name).returncode == 1
    assert row_of(deployed, name)["state"] == "stopped"
    assert respot(deployed, "wait", "story-that-nobody-told", "--timeout", "1 s").returncode == 3
