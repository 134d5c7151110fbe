"""The version that is deployed: every stack says it, and so does everything in a stack."""

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]  # ships no types

from infra.config import Config
from infra.constructs.forwarding import stack_name
from infra.version import TAG, describe, version
from respot.recovery.planning.attempt import RUN_TAG
from respot.recovery.policy.policy import OPT_IN_TAG
from tests.infra.synthesis import Synthesized, synthesize_all

REGION: Final = "us-east-1"


@pytest.fixture(scope="module", name="stacks")
def all_stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesized]:
    everything = Config(
        regions=(REGION, "eu-west-1"),
        alert_emails=("ml@example.com",),
        slack_webhook_secret="respot/slack-webhook",  # noqa: S106 - a name
        stop_only_tagged=True,
        reader_policy=True,
    )
    return synthesize_all(tmp_path_factory.mktemp("version"), everything)


def tagging(kind: str) -> dict[str, Any]:
    """What the schema of a resource type says of its tags: CloudFormation's own, as cfn-lint ships it."""
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return {"taggable": schema.get("taggable", False), **schema.get("tagging", {})}


def test_the_version_is_said_once_and_everywhere_the_same(root: Path, stacks: dict[str, Synthesized]) -> None:
    said = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert version() == metadata.version("respot") == said
    assert stacks.keys() == {"Respot", stack_name("Respot", REGION, "eu-west-1")}
    for template in stacks.values():
        assert template.outputs["Version"] == said
        assert template.description.startswith(f"Respot {said}: ")
        assert {tag["Value"] for tags in template.tags.values() for tag in tags} == {said}


def test_everything_that_can_have_tags_says_the_version_but_what_people_set(stacks: dict[str, Synthesized]) -> None:
    for template in stacks.values():
        taggable = {name for name, body in template.resources.items() if tagging(body["Type"])["taggable"]}
        assert len(taggable) > 5
        parameters = template.of_type("SSM::Parameter").keys()
        assert template.tags.keys() == taggable - parameters
        assert all("Tags" not in template.properties(name) for name in parameters)


def test_another_version_changes_tags_in_place(stacks: dict[str, Synthesized]) -> None:
    """A type whose tags are fixed at its creation would be replaced by each upgrade, the ledger too."""
    kinds = {template.resources[name]["Type"] for template in stacks.values() for name in template.tags}
    assert {kind: tagging(kind)["tagUpdatable"] for kind in kinds} == dict.fromkeys(kinds, True)


def test_no_stack_has_tags_of_its_own(stacks: dict[str, Synthesized]) -> None:
    """CloudFormation would put them on the kill switch, too, and write `off` over an operator's `on`."""
    manifest = json.loads((stacks["Respot"].path.parent / "manifest.json").read_text())["artifacts"]
    assert [name for name, body in manifest.items() if "tags" in body.get("properties", {})] == []


def test_no_permission_depends_on_this_tag(stacks: dict[str, Synthesized]) -> None:
    """The tags that do are those of training jobs."""
    named = {
        key
        for template in stacks.values()
        for key in re.findall(r"aws:(?:Resource|Request|Principal)Tag/([^\"]+)", template.path.read_text())
    }
    assert named == {RUN_TAG, OPT_IN_TAG}


def test_it_is_text_that_tags_and_descriptions_may_hold() -> None:
    """Tagging Best Practices: letters, digits, spaces and these; CloudFormation's template anatomy: 1,024 bytes."""
    assert re.fullmatch(r"[\w .:/=+@-]{1,128}", TAG)
    assert re.fullmatch(r"[\w .:/=+@-]{1,256}", version())
    longest = f"forwards SageMaker's events to the stack {'R' * 128} in ap-southeast-1"
    assert len(describe(longest).encode()) <= 1024
