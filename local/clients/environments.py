"""An environment for each client, with the versions that `requirements/clients-*.txt` pins."""

import re
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
    """Install what is pinned for a client; what is installed already remains."""
    requirements, directory = PROJECT / "requirements" / f"clients-{client}.txt", _BUILD / client
    _uv("venv", "--allow-existing", "--python", sys.executable, str(directory))
    _uv("pip", "sync", "--python", str(directory / "bin" / "python"), "--require-hashes", str(requirements))
    package = PACKAGES[client]
    found = re.search(rf"^{package}==(\S+)", requirements.read_text(), re.MULTILINE)
    return Environment(client=client, version=f"{package} {found[1] if found else '?'}", programs=directory / "bin")


def _uv(*arguments: str) -> None:
    # uv stands beside the Python of the project's own environment.
    subprocess.run([Path(sys.executable).with_name("uv"), *arguments, "--quiet"], check=True)
