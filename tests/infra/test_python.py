"""A Python that is too old gets one line with the reason, before anything is installed or synthesized."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Not a Python of that age, which no test can expect to find: this one, which says that it is.
OLD = """#!{python}
import sys
sys.version_info, sys.argv = (3, 10, 12, "final", 0), sys.argv[1:]
sys.executable = {executable!r}
sys.path.insert(0, "")
if sys.argv[0] == "-c":
    exec(sys.argv[1])
elif sys.argv[0] == "-m":
    import runpy
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
else:
    import runpy
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
NAMED = "Respot needs Python 3.11 or newer, and {python} is 3.10: install a newer one, and name it: make setup PYTHON="


@pytest.fixture(name="old")
def old_python(tmp_path: Path) -> Path:
    python = tmp_path / "python3.10"
    python.write_text(OLD.format(python=sys.executable, executable=str(python)))
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("target", ["setup", "deploy"])
def test_make_refuses_before_it_makes_a_virtual_environment(root: Path, tmp_path: Path, old: Path, target: str) -> None:
    for folder in ("infra", "requirements"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Makefile", tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))}
    command = ["make", "--silent", target, f"PYTHON={old}"]
    result = subprocess.run(  # noqa: S603
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2  # make's own, of any failure
    first, *rest = result.stderr.splitlines()
    assert first.startswith(NAMED.format(python=old))
    assert all(line.startswith("make") for line in rest)
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("words", [["app.py"], ["-m", "infra.cdk", "deploy"], ["-m", "infra.policy"]], ids=" ".join)
def test_what_is_run_directly_refuses_before_it_imports_anything_else(root: Path, old: Path, words: list[str]) -> None:
    result = subprocess.run([str(old), *words], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    assert result.returncode == 1
    assert result.stderr.startswith(NAMED.format(python=old))
    assert len(result.stderr.splitlines()) == 1


def test_the_file_that_refuses_can_be_read_by_a_python_of_that_age(root: Path) -> None:
    ast.parse((root / "infra" / "__init__.py").read_text(), feature_version=(3, 6))
