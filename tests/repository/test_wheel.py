"""What `pip install .`, `pipx install .` and `uv tool install .` install."""

import ast
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from tests.support import wheel

PROJECT: Final = tomllib.loads((wheel.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULE_OF: Final = {"pyyaml": "yaml", "vl-convert-python": "vl_convert"}
"""Where a package and its module differ in name."""

TEMPLATE: Final = "respot_cli/report/templates/report.html.j2"
IMPORT_ALL: Final = """
import importlib, pkgutil, sys
import respot, respot_cli
for package in (respot, respot_cli):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        print(importlib.import_module(module.name).__file__)
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def content(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("content")
    zipfile.ZipFile(archive).extractall(directory)
    return directory


@pytest.fixture
def metadata(content: Path) -> Distribution:
    return Distribution.at(next(content.glob("*.dist-info")))


@pytest.fixture(scope="module")
def programs(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.install(archive, tmp_path_factory.mktemp("installed") / "environment")


def test_the_wheel_holds_the_command_and_what_it_shares_with_the_functions(content: Path) -> None:
    assert {path.name for path in content.iterdir()} == {
        "respot",
        "respot_cli",
        f"respot-{PROJECT['version']}.dist-info",
    }
    for name in (
        "respot/recovery/policy/policy.schema.json",
        "respot/aws/dynamodb/jobs.py",
        "respot_cli/main.py",
        TEMPLATE,
    ):
        assert (content / name).read_bytes()


def test_the_wheel_holds_nothing_that_only_a_function_runs(content: Path) -> None:
    assert not [name for name in ("handlers", "bootstrap") if (content / "respot" / name).exists()]


def test_the_wheel_says_what_it_is_under_which_licence_and_for_which_python(metadata: Distribution) -> None:
    said = metadata.metadata
    assert (said["Name"], said["Version"], said["Summary"]) == ("respot", PROJECT["version"], PROJECT["description"])
    assert (said["License-Expression"], said.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])
    assert said["Requires-Python"] == ">=3.11"
    assert said["Description-Content-Type"] == "text/markdown"
    assert said["Description"].startswith("# Respot")
    assert "Environment :: Console" in said.get_all("Classifier", [])
    assert [(each.name, each.value) for each in metadata.entry_points] == [("respot", "respot_cli.main:main")]


def test_what_the_wheel_declares_is_what_its_modules_import(content: Path, metadata: Distribution) -> None:
    imported = {name for path in content.rglob("*.py") for name in imports(path.read_text(encoding="utf-8"))}
    declared = {MODULE_OF.get(name, name) for name in (Requirement(each).name for each in metadata.requires or ())}
    assert imported - sys.stdlib_module_names - {"respot", "respot_cli"} == declared


def imports(source: str) -> set[str]:
    """The packages that a module imports when it runs."""
    tree, names = ast.parse(source), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=module):
                names.add(module or "")
    return {name.split(".")[0] for name in names}


def test_every_module_can_be_imported_where_only_the_wheel_and_what_it_declares_are_installed(programs: Path) -> None:
    loaded = wheel.run(programs / "python", "-I", "-c", IMPORT_ALL).split()
    assert len(loaded) > 80
    assert all(Path(path).is_relative_to(programs.parent) for path in loaded)


def test_the_pinned_versions_are_within_the_ranges_that_the_wheel_declares(programs: Path) -> None:
    wheel.run(wheel.UV, "pip", "check", f"--python={programs / 'python'}")


def test_the_installed_command_knows_its_version(programs: Path) -> None:
    assert wheel.run(programs / "respot", "--version") == f"respot {PROJECT['version']}\n"
