"""The runbook has each deployed alarm, with what it means, what to check and how to fix it."""

import re
from pathlib import Path

import pytest

from infra.config import Config
from tests.infra.synthesis import Synthesized, synthesize_all


@pytest.fixture
def runbook(root: Path) -> str:
    return (root / "docs" / "runbook.md").read_text()


@pytest.fixture(scope="module", name="stacks")
def all_stacks(tmp_path_factory: pytest.TempPathFactory) -> list[Synthesized]:
    """Everything that can be deployed: Slack, weekly digests, and a second region."""
    slack = "respot/slack-webhook"
    config = Config(regions=("us-east-1", "eu-west-1"), slack_webhook_secret=slack, weekly_digest=True)
    return list(synthesize_all(tmp_path_factory.mktemp("all"), config).values())


def rows(runbook: str) -> list[tuple[set[str], str, str]]:
    """Of each row of the table of alarms: the alarms, what they mean, and the section that it leads to."""
    table = runbook[runbook.index("| alarm |") :].split("\n\n", 1)[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return [(set(re.findall(r"`(\w+)`", names)), meaning, link) for names, meaning, link in cells]


def test_the_runbook_names_every_alarm_and_no_other(stacks: list[Synthesized], runbook: str) -> None:
    deployed = {re.sub("^Alarms?", "", name) for stack in stacks for name in stack.of_type("CloudWatch::Alarm")}
    named = [name for names, _, _ in rows(runbook) for name in names]
    assert sorted(named) == sorted(deployed)


def test_each_alarm_leads_to_a_section_with_checks_and_a_fix(runbook: str) -> None:
    sections = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-"): text
        for title, text in re.findall(r"^### (.+?)\n(.*?)(?=^##)", runbook, re.MULTILINE | re.DOTALL)
    }
    for names, meaning, link in rows(runbook):
        anchor = re.fullmatch(r"\[\d+\]\(#(.+)\)", link)
        assert anchor, names
        section = sections[anchor[1]]
        assert meaning
        assert "\n*Check:*" in section
        assert "\n*Fix:*" in section


def test_every_output_that_the_runbook_names_is_there(stacks: list[Synthesized], runbook: str) -> None:
    named = set(re.findall(r"output `(\w+)`", runbook))
    assert named
    assert named <= {name for stack in stacks for name in stack.outputs}
