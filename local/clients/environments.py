"""An environment for each client, with the versions that `requirements/clients-*.txt` pins."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import PROJECT

PACKAGES: Final[Mapping[str, str]] = {
    "boto3": "boto3",
    "cli": "awscli",
    "sdk-v2": "sagemaker",
    "sdk-v3": "sagemaker-train",
}
"""The clients, and the package whose version names each."""

_BUILD: Final = PROJECT / "build" / "clients"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment with one client, its package and version, and the directory of its programs."""

    client: str
    version: str
    programs: Path


def prepare(client: str) -> Environment:
    """Install a client, unless what is pinned is installed already."""
    requirements = PROJECT / "requirements" / f"clients-{client}.txt"
    pinned = requirements.read_text()
    directory = _BUILD / client
    stamp, digest = directory / "installed", hashlib.sha256(pinned.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(directory, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(directory))
        _uv("pip", "sync", "--python", str(directory / "bin" / "python"), "--require-hashes", str(requirements))
        stamp.write_text(digest)
    package = PACKAGES[client]
    found = re.search(rf"^{package}==(\S+)", pinned, re.MULTILINE)
    return Environment(client=client, version=f"{package} {found[1] if found else '?'}", programs=directory / "bin")


def _uv(*arguments: str) -> None:
    # uv stands beside the Python of the project's own environment.
    subprocess.run([Path(sys.executable).with_name("uv"), *arguments, "--quiet"], check=True)
