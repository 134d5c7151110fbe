import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from infra.config import Config
from infra.constructs.policy import PolicyParameter
from respot.errors import SettingsError
from respot.recovery.policy.document import read_policy
from respot.recovery.policy.policy import AccountPolicy
from respot_cli.policy_file import policy_text
from tests.infra.synthesis import render, statements


def test_the_policy_that_the_settings_name_by_default_is_there(root: Path) -> None:
    assert read_policy(policy_text(Config().policy_file, root)) == AccountPolicy()


@pytest.mark.parametrize("value", ["", "policy", "policy.toml", None, 1])
def test_a_policy_file_is_a_path_of_a_yaml_file(value: object) -> None:
    with pytest.raises(SettingsError, match=r"respot\.policy_file in the CDK context must be the path of a YAML file"):
        Config.from_context({"respot": {"policy_file": value}})


def test_the_text_can_be_had_for_the_command_line(root: Path) -> None:
    command = [sys.executable, "-m", "infra.policy"]
    good = subprocess.run([*command, "policy.yaml"], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    assert (good.returncode, good.stdout) == (0, f"{policy_text('policy.yaml', root)}\n")
    bad = subprocess.run([*command, "Makefile"], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("Makefile cannot be read as YAML")


def test_without_a_file_the_command_prints_its_usage(root: Path) -> None:
    command = [sys.executable, "-m", "infra.policy"]
    result = subprocess.run(  # noqa: S603
        command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: python -m infra.policy [-h] file\n")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", ["policy.yaml", "--help"])
@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        (
            "> /dev/full",
            74,
            "python -m infra.policy: the output could not be written (No space left on device): free some space",
        ),
        ("| true", 141, ""),
        (">&-", 74, "python -m infra.policy: nothing was done, since standard output is closed"),
    ],
)
def test_a_lost_output_is_an_exit_code_without_a_traceback(
    root: Path, words: str, where: str, code: int, said: str
) -> None:
    script = f'(sleep 0.5; exec "$@") {where}; exit ${{PIPESTATUS[0]}}'
    command = ["/bin/bash", "-c", script, "bash", sys.executable, "-m", "infra.policy", words]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    assert (result.returncode, result.stderr[: len(said)], result.stdout) == (code, said, "")
    assert result.stderr.count("\n") == bool(said)


def test_without_standard_error_nothing_but_data_is_written(root: Path) -> None:
    command = ["/bin/bash", "-c", 'exec "$@" 2>&-', "bash", sys.executable, "-m", "infra.policy"]
    result = subprocess.run(command, cwd=root, capture_output=True, check=False)  # noqa: S603
    assert (result.returncode, result.stdout) == (2, b"")


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A stack with the parameter and a role that may read it; a finding of cdk-nag fails its synthesis."""
    app = App(outdir=str(tmp_path_factory.mktemp("policy") / "out"))
    stack = Stack(app, "Team-Respot")
    parameter = PolicyParameter(stack, "Policy", text='{"version":1}')
    parameter.grant_read(iam.Role(stack, "Recover", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    template: dict[str, Any] = json.loads(
        (Path(app.synth().directory) / "Team-Respot.template.json").read_text(encoding="utf-8")
    )
    return {body["Type"]: body["Properties"] for body in template["Resources"].values()}


def test_the_parameter_is_named_after_its_stack_and_holds_the_text(resources: dict[str, Any]) -> None:
    parameter = resources["AWS::SSM::Parameter"]
    assert {name: parameter[name] for name in ("Name", "Type", "Tier", "Value")} == {
        "Name": "/Team-Respot/policy",
        "Type": "String",
        "Tier": "Standard",
        "Value": '{"version":1}',
    }


def test_who_may_read_the_policy_may_do_that_and_no_more(resources: dict[str, Any]) -> None:
    ((effect, actions, resource, condition),) = statements(resources["AWS::IAM::Policy"])
    assert (effect, actions, condition) == ("Allow", ("ssm:GetParameter",), None)
    assert resource == ("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${PolicyParameter}"), (
        render(resource)
    )
