import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from infra.config import Config
from infra.constructs.policy import PolicyParameter
from infra.policy import LARGEST, policy_text
from respot.domain.policy import AccountPolicy, Policy
from respot.errors import PolicyInvalidError, SettingsError
from respot.policy_document import read_policy
from tests.infra.synthesis import render, statements


def text_of(directory: Path, words: str) -> str:
    (directory / "policy.yaml").write_text(words, encoding="utf-8")
    return policy_text("policy.yaml", directory)


def test_the_text_is_canonical_json(tmp_path: Path) -> None:
    one = text_of(tmp_path, "# mine\nversion: 1\ndefaults:\n  resume: on\n  dry_run: off\n")
    other = text_of(tmp_path, "{defaults: {dry_run: false, resume: true}, version: 1}")
    assert one == other == '{"defaults":{"dry_run":false,"resume":true},"version":1}'
    assert read_policy(one) == AccountPolicy(defaults=Policy(resume=True))


def test_a_time_without_quotes_is_read_as_it_stands(tmp_path: Path) -> None:
    text = text_of(tmp_path, "{version: 1, defaults: {deadline: 2026-09-16T18:00:00+02:00}}")
    assert '"deadline":"2026-09-16T18:00:00+02:00"' in text


def test_settings_that_are_said_once_can_be_used_twice(tmp_path: Path) -> None:
    text = text_of(
        tmp_path,
        """
        version: 1
        defaults: &usual {resume: on, dry_run: on}
        rules: [{name: in earnest, match: {job_name: a}, settings: {<<: *usual, dry_run: off}}]
        """,
    )
    assert read_policy(text).rules[0].settings == {"resume": True, "dry_run": False}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param("version: 1\ndefaults: {resum: on}", "policy.yaml: defaults.resum: there is no", id="misspelt"),
        pytest.param("", "policy.yaml: the policy: is null and must be an object", id="empty"),
        pytest.param("a: b: c", "policy.yaml cannot be read as YAML: mapping values", id="not YAML"),
        pytest.param("version: 1\nversion: 1", "policy.yaml cannot be read as YAML: 'version' is there", id="twice"),
        pytest.param("{? [1] : 2}", "policy.yaml cannot be read as YAML: while constructing", id="a list as a key"),
        pytest.param("!!python/name:os.system x", "policy.yaml cannot be read as YAML: could not det", id="code"),
        pytest.param("[" * 5000, "policy.yaml cannot be read as YAML: maximum recursion", id="too deep"),
        pytest.param("version: &a [*a]", "policy.yaml: version: is a list and must be 1", id="endless"),
    ],
)
def test_a_file_that_is_no_policy_is_named_with_the_place(tmp_path: Path, words: str, complaint: str) -> None:
    with pytest.raises(PolicyInvalidError) as error:
        text_of(tmp_path, words)
    assert str(error.value).startswith(complaint)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalidError, match=r"nowhere\.yaml cannot be read as YAML: .*No such file"):
        policy_text("nowhere.yaml", tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyInvalidError, match=r"policy\.yaml cannot be read"):
        policy_text("policy.yaml", tmp_path)


def of_size(size: int) -> str:
    """A policy whose JSON takes that many bytes, with letters of two bytes in it."""
    rules: list[dict[str, Any]] = [
        {"name": f"rule {place:02} é", "match": {"job_name": "a" * 40}, "settings": {"resume": True}}
        for place in range(35)
    ]
    document = {"rules": rules, "version": 1}

    def taken() -> int:
        return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())

    while size - taken() > 100:
        rules.append({"match": {"job_name": "x"}, "name": f"rule {len(rules):02}", "settings": {}})
    rules[0]["match"]["job_name"] += "a" * (size - taken())
    assert taken() == size
    return yaml.safe_dump(document, allow_unicode=True)


def test_a_policy_may_fill_the_parameter(tmp_path: Path) -> None:
    assert len(text_of(tmp_path, of_size(LARGEST)).encode()) == LARGEST == 4096


def test_a_policy_that_is_too_large_for_a_parameter_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalidError, match=r"policy\.yaml: the policy takes 4097 bytes of JSON, .* holds 4096"):
        text_of(tmp_path, of_size(LARGEST + 1))


def test_the_policy_that_the_settings_name_by_default_is_there(root: Path) -> None:
    assert read_policy(policy_text(Config().policy_file, root)) == AccountPolicy()


@pytest.mark.parametrize("value", ["", "policy", "policy.toml", None, 1])
def test_a_policy_file_is_a_path_of_a_yaml_file(value: object) -> None:
    with pytest.raises(SettingsError, match=r"respot\.policy_file in the CDK context must be the path of a YAML file"):
        Config.from_context({"respot": {"policy_file": value}})


def test_the_text_can_be_had_for_the_command_line(root: Path) -> None:
    command = [sys.executable, "-m", "infra.policy"]
    good = subprocess.run([*command, "policy.yaml"], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    assert (good.returncode, good.stdout) == (0, f"{policy_text('policy.yaml')}\n")
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
        ("> /dev/full", 74, "the output could not be written (No space left on device): free some space"),
        ("| true", 141, ""),
        (">&-", 74, "nothing was done, since standard output is closed"),
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
