"""The console blocks of the pages run as pasted: in a shell in the checkout, with the deployed local account as AWS."""

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest

from local.demo.deployed import DeployedAccount
from tests.e2e.test_drill import dead_lettering_at_once
from tests.support import console
from tests.support.console import BLOCKS
from tests.support.waiting import eventually
from tests.support.wheel import installed_command

pytestmark = pytest.mark.xdist_group("deployed-account")

NOT_RUN: Final = {
    # These need an AWS account.
    "make deploy": "deploys to AWS; the local account is deployed by the same CDK command",
    ".venv/bin/python -m infra.cdk": "bootstraps, deploys or destroys on AWS",
    # These take too long, or do not end.
    "make demo": "takes minutes, and deploys an account of its own",
    "make local": "runs until Ctrl-C; its account is that of these tests",
    ".venv/bin/python -m local up": "runs until Ctrl-C",
    "make bench": "takes minutes",
    "make chaos": "takes minutes",
    "make load": "takes half an hour",
    "make proof": "takes over an hour",
    "make clients": "takes minutes, and downloads the clients",
    "make check": "takes minutes",
    "make synth": "takes half a minute; the local account is deployed from the same templates",
    # What these print depends on the jobs that there are; other tests run them.
    "respot list": "tests/e2e/test_following_a_run.py",
    "respot wait": "tests/e2e/test_following_a_run.py",
    "respot policy": "tests/e2e/test_policy.py",
    "respot doctor": "tests/e2e/test_reader.py",
    ".venv/bin/respot doctor": "tests/e2e/test_reader.py",
    # These are a part of a run of the tests, or change the checkout under it.
    "make test": "runs this test",
    ".venv/bin/pytest": "runs tests that this run has",
    "make setup": "runs before `make test`",
    "PYTHON=python3.13 make setup": "replaces the environment of this run",
    "git pull": "changes the checkout",
    ".venv/bin/python -m tests.support.pictures": "writes pictures; tests/repository/test_pictures.py draws them",
}
"""Commands that are not run, as the beginning of their lines, and why."""

JOB: Final = "boto3-job-1795849512"
"""The job whose timeline is shown."""
LOCAL_TAGS: Final = {"local:lifecycle": "interrupted-twice-max-wait / uninterrupted", "local:speed": "2"}
DRILLS: Final = ("respot drill", ".venv/bin/respot drill", "respot drill --region us-east-1")
DEAD_LETTERS: Final = ("respot dlq", "respot dlq --queue slack", "respot dlq redrive --queue slack")
SHOWN: Final = (f".venv/bin/respot show {JOB}", ".venv/bin/respot show JOB")
EXAMPLE: Final = ".venv/bin/python examples/boto3_job.py"
SETTINGS: Final = (
    "export SAGEMAKER_ROLE=arn:aws:iam::111122223333:role/SageMakerTrainingRole SAGEMAKER_BUCKET=ml-checkpoints"
)
RUN: Final = frozenset({*DRILLS, *DEAD_LETTERS, *SHOWN, EXAMPLE, SETTINGS})


def environment(deployed: DeployedAccount) -> dict[str, str]:
    """That of a user who has installed `respot`, and has the account's credentials."""
    path = f"{installed_command().parent}{os.pathsep}{os.environ['PATH']}"
    return {**deployed.account.process_environment(), "PATH": path, "TERM": "xterm"}


def shown_for(line: str) -> list[str]:
    return [each.shown for each in BLOCKS if each.line == line and each.shown.strip()]


@pytest.fixture(scope="module", autouse=True)
def jobs(deployed: DeployedAccount) -> Iterator[Future[tuple[int, str]]]:
    """The job of the timeline, and what the example prints: both take a while, in which the others run."""
    deployed.ground.create(JOB, tags={**LOCAL_TAGS, "respot:resume": "on"})
    own = {**environment(deployed), **deployed.ground.environment()}  # the page's role and bucket are to be replaced
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(console.run, EXAMPLE, own)


@pytest.fixture
def dead_letters(deployed: DeployedAccount) -> Iterator[None]:
    """An event that names no job, and a message that Slack refused, are the only dead letters."""
    sqs, dlqs = deployed.client("sqs"), [url for name, url in deployed.outputs.items() if name.endswith("DlqUrl")]
    event = {"source": "aws.sagemaker", "detail-type": "SageMaker Training Job State Change", "id": "7bf73129"}
    body = json.dumps({**event, "region": "us-east-1", "detail": {}})
    for url in dlqs:
        sqs.purge_queue(QueueUrl=url)
    with (
        dead_lettering_at_once(deployed, "ObservationsQueueUrl"),
        dead_lettering_at_once(deployed, "SlackQueueUrl"),
    ):
        deployed.slack.refuse(1, 404)
        sqs.send_message(QueueUrl=deployed.outputs["ObservationsQueueUrl"], MessageBody=body)
        code, _ = console.run("respot drill --timeout 2", environment(deployed))
        assert code == 1
        assert eventually(lambda: deployed.dead_letters() == {"SlackDlqUrl": 1, "ObservationsDlqUrl": 1})
    yield
    for url in dlqs:
        sqs.purge_queue(QueueUrl=url)


def test_every_command_is_run_or_named_with_a_reason() -> None:
    lines = {each.line for each in BLOCKS if not each.line.startswith("aws ")}
    named = {line for line in lines for start in NOT_RUN if line == start or line.startswith(f"{start} ")}
    assert sorted(lines - named - RUN) == []
    assert sorted(RUN - lines) == []
    assert [start for start in NOT_RUN if not any(f"{line} ".startswith(f"{start} ") for line in lines)] == []


@pytest.mark.parametrize("line", DRILLS)
def test_a_drill_prints_what_the_pages_show(deployed: DeployedAccount, line: str) -> None:
    code, printed = console.run(line, environment(deployed), width=112)
    assert code == 0
    assert [console.differs(each, printed) for each in shown_for(line)] == [""] * len(shown_for(line))


def test_the_timeline_of_a_resumed_job_is_what_the_page_shows(deployed: DeployedAccount) -> None:
    def differences() -> list[str]:
        code, printed = console.run(SHOWN[0], environment(deployed))
        printed = re.sub(r"local:\S+=.*?respot:resume", "respot:resume", printed, flags=re.DOTALL)
        # The last checkpoint is a moment older or younger than the stop.
        printed = re.sub(r"saved\W+as\W+the\W+job\W+stopped", "0 s old", printed)
        return [console.differs(each, printed) for each in shown_for(SHOWN[0])] if code == 0 else ["not recorded"]

    assert shown_for(SHOWN[0])
    eventually(lambda: differences() == [""])
    assert differences() == [""]


@pytest.mark.usefixtures("dead_letters")
def test_dead_letters_are_listed_and_sent_back_as_the_pages_show(deployed: DeployedAccount) -> None:
    for line in DEAD_LETTERS:
        code, printed = console.run(line, environment(deployed), answer="y")
        assert code == 0
        # Slack's word for a webhook that is not there is longer than the receiver's.
        printed = printed.replace("'refused'", "'no_service'")
        assert [console.differs(each, printed) for each in shown_for(line)] == [""] * len(shown_for(line))
    assert shown_for(DEAD_LETTERS[0])
    assert shown_for(DEAD_LETTERS[-1])


def test_the_example_starts_a_job_that_respot_records(deployed: DeployedAccount, jobs: Future[tuple[int, str]]) -> None:
    code, printed = jobs.result()
    name, status = printed.split()
    assert (code, status) == (0, "Completed")
    line = SHOWN[1].replace("JOB", name)
    assert eventually(lambda: "Completed: nothing to do." in console.run(line, environment(deployed))[1])
