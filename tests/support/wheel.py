"""The project's wheel, and an environment that holds it and what it declares: made without a network."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[2]
UV: Final = str(Path(sys.executable).with_name("uv"))


@cache
def installed_command() -> Path:
    """`respot` as users have it: from the wheel, in an environment that holds nothing else of this checkout."""
    directory = Path(tempfile.mkdtemp(prefix="respot-wheel-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return install(build(directory), directory / "environment") / "respot"


def build(target: Path) -> Path:
    """Build the wheel as installers do, with the build backend of this environment."""
    ours = ("--offline", "--no-build-isolation", f"--python={sys.executable}")
    run(UV, "build", "--wheel", *ours, f"--out-dir={target}", ROOT)
    (wheel,) = target.glob("*.whl")
    return wheel


def install(wheel: Path, target: Path) -> Path:
    """Install the wheel into a new environment; gives the environment's programs.

    What the wheel declares, and what that declares in turn, is borrowed from this environment, which has it pinned.
    Nothing else of this environment can be imported there.
    """
    run(UV, "venv", "--offline", "--no-project", f"--python={sys.executable}", target)
    programs = target / "bin"
    run(UV, "pip", "install", "--offline", "--no-deps", f"--python={programs / 'python'}", wheel)
    (packages,) = target.glob("lib/*/site-packages")
    (metadata,) = packages.glob("respot-*.dist-info")
    for needed in _needed(Distribution.at(metadata), set()):
        for name in {file.parts[0] for file in needed.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            source = Path(str(needed.locate_file(name))).resolve()
            if source.suffix == ".dist-info":
                shutil.copytree(source, packages / name)  # uv reads no linked ones
            else:
                (packages / name).symlink_to(source)
    return programs


def _needed(of: Distribution, known: set[str]) -> Iterator[Distribution]:
    for requirement in map(Requirement, of.requires or ()):
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name not in known:
            known.add(requirement.name)
            found = distribution(requirement.name)
            yield found
            yield from _needed(found, known)


def run(*command: str | Path) -> str:
    """What a program prints; it must exit with 0, and runs without Python's environment variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own programs
    assert done.returncode == 0, done.stderr
    return done.stdout
