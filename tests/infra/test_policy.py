"""The policy file of the settings, and the command that prints it as the parameter's text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.config import Config
from respot.errors import SettingsError
from respot.recovery.policy.document import read_policy
from respot.recovery.policy.policy import AccountPolicy
from respot_cli.policy_file import policy_text


def test_the_policy_that_the_settings_name_by_default_is_there(root: Path) -> None:
    assert read_policy(policy_text(Config().policy_file, root)) == AccountPolicy()


@pytest.mark.parametrize("value", ["", "policy", "policy.toml", None, 1])
def test_a_policy_file_is_a_path_of_a_yaml_file(value: object) -> None:
    with pytest.raises(SettingsError, match=r"respot\.policy_file in the CDK context must be the path of a YAML file"):
        Config.from_context({"respot": {"policy_file": value}})


@pytest.mark.parametrize(
    ("words", "stdout", "code", "said"),
    [
        ("policy.yaml", "", 0, ""),
        ("Makefile", "", 1, "Makefile cannot be read as YAML"),
        ("", "", 2, "usage: python -m infra.policy [-h] file\n"),
        ("policy.yaml", "> /dev/full", 74, "python -m infra.policy: the output could not be written (No space left"),
        ("--help", ">&-", 74, "python -m infra.policy: nothing was done, since standard output is closed"),
        ("policy.yaml", "| true", 141, ""),
    ],
)
def test_the_command_prints_the_text_or_a_word_and_an_exit_code(
    root: Path, words: str, stdout: str, code: int, said: str
) -> None:
    script = f"(sleep 0.5; exec {sys.executable} -m infra.policy {words}) {stdout}; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(  # noqa: S603
        ["/bin/bash", "-c", script], cwd=root, env=os.environ, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr[: len(said)]) == (code, said)
    assert bool(result.stderr) is bool(said)
    assert "Traceback" not in result.stderr
    assert result.stdout == ("" if code else f"{policy_text('policy.yaml', root)}\n")
