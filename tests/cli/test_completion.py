"""`respot --print-completion`: what a shell reads to complete commands; bash itself says what that gives."""

import subprocess
import sys
from pathlib import Path

import pytest

from respot_cli.completion import SHELLS
from respot_cli.main import COMMANDS, main
from tests.cli.test_process import ROOT, ended


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("completion") / "respot.bash"
    code, printed, said = ended([sys.executable, "-m", "respot_cli.main", "--print-completion", "bash"])
    assert (code, said) == (0, "")
    file.write_text(printed)
    return file


def completed(script: Path, *words: str) -> set[str]:
    """What bash offers in place of the last word."""
    program = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_respot; echo "${COMPREPLY[*]}"'
    arguments = ["/bin/bash", "-c", program, "bash", str(script), "respot", *words]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_every_command(script: Path) -> None:
    assert completed(script, "") == {*COMMANDS}
    assert completed(script, "do") == {"doctor"}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("dlq", "re"), {"redrive"}),
        (("doctor", "--form"), {"--format"}),
        (("doctor", "--format", ""), {"text", "json"}),
        (("policy", "ch"), {"check"}),
        (("policy", "check", "pypro"), {"pyproject.toml"}),
    ],
    ids=["a choice", "an option", "an option's value", "an inner command", "a file"],
)
def test_bash_completes_what_may_follow(script: Path, words: tuple[str, ...], offered: set[str]) -> None:
    assert completed(script, *words) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script_with_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", shell]) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)


def test_another_shell_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ending:
        main(["--print-completion", "fish"])
    assert ending.value.code == 2


def test_what_writes_scripts_is_loaded_for_nothing_else() -> None:
    program = "import sys\nfrom respot_cli.main import main\nmain(['--version'])\nprint(*sys.modules)"
    code, loaded, _ = ended([sys.executable, "-c", program])
    assert code == 0
    assert "respot_cli.completion" in loaded.split()
    assert "shtab" not in loaded.split()
