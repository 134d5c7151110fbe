"""What the bundle is made of, and what is known against it: `python -m infra.audit`.

Writes a CycloneDX bill of materials of the bundle, holds the bundle against the lock, and asks PyPI's database of
vulnerabilities about it, where that can be reached.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from infra.packaging import ROOT, prepare_dependencies
from respot.errors import RespotError

SBOM: Final = Path("build") / "sbom.json"
_REQUIREMENTS: Final = Path("requirements") / "lambda.txt"
_PIN: Final = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+) \\$", re.MULTILINE)
_SECONDS: Final = 120


class AuditError(RespotError):
    """The bundle is not what the lock says, or something is known against it: the message says what."""


def pins(requirements: str) -> dict[str, str]:
    """The versions that a requirements file pins with hashes, by normalized name."""
    return {normalized(name): version for name, version in _PIN.findall(requirements)}


def installed(directory: Path) -> dict[str, str]:
    """The versions of the distributions in a directory, by normalized name."""
    return {normalized(each.name): each.version for each in distributions(path=[str(directory)])}


def normalized(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def compare(pinned: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Hold the bundle against the lock.

    Raises:
        AuditError: something is in one and not in the other.
    """
    wrong = sorted(set(pinned.items()) ^ set(found.items()))
    if wrong:
        named = ", ".join(f"{name} {version}" for name, version in wrong)
        raise AuditError(f"the bundle and {_REQUIREMENTS} differ in: {named}")


def write_sbom(root: Path = ROOT) -> dict[str, str]:
    """Write the bill of materials; gives the versions that it names, by normalized name."""
    target = root / SBOM
    target.parent.mkdir(exist_ok=True)
    _run("cyclonedx_py", "requirements", str(root / _REQUIREMENTS), "--output-reproducible", "-o", str(target))
    components = json.loads(target.read_text())["components"]
    return {normalized(each["name"]): each["version"] for each in components}


def ask_database(root: Path = ROOT) -> str:
    """Ask about each pinned version; what the answer was, in a sentence.

    Raises:
        AuditError: something is known against one of them.
    """
    question = ("--requirement", str(root / _REQUIREMENTS), "--disable-pip", "--require-hashes")
    try:
        asked = _run("pip_audit", *question, "--format", "json", "--progress-spinner", "off", check=False)
        told = json.loads(asked.stdout)["dependencies"]
    except (ValueError, LookupError, subprocess.TimeoutExpired):
        told = []
    known = {each["name"]: each["vulns"] for each in told if each.get("vulns")}
    if known:
        named = "; ".join(f"{name}: {', '.join(v['id'] for v in found)}" for name, found in known.items())
        raise AuditError(f"known vulnerabilities: {named}; raise the version with `make lock UPGRADE=--upgrade`")
    answered = [each for each in told if "skip_reason" not in each]
    if len(answered) < len(pins((root / _REQUIREMENTS).read_text())):
        return (
            f"The database of vulnerabilities answered for {len(answered)} of them: it cannot be reached from here. "
            "What is sure is that the bundle is what the lock's hashes say."
        )
    return "Nothing is known against any of them."


def _run(module: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    try:
        return subprocess.run(  # noqa: S603 - tools of this virtual environment
            command, check=check, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise AuditError(f"{module} failed:\n{error.stderr}") from error


def main() -> None:
    """Audit, and say what was found."""
    pinned = pins((ROOT / _REQUIREMENTS).read_text())
    compare(pinned, installed(prepare_dependencies()))
    compare(pinned, write_sbom())
    sys.stdout.write(f"{SBOM} names the {len(pinned)} packages of the bundle. {ask_database()}\n")


if __name__ == "__main__":
    try:
        main()
    except RespotError as failure:
        sys.exit(str(failure))
