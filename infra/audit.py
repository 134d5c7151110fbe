"""Audits the bundle and its tools: `python -m infra.audit`.

Writes a CycloneDX bill of materials of the bundle, compares the bundle with the lock, and asks PyPI's database of
vulnerabilities, if it can be reached, about the bundle and about the tools that build, deploy and test it. A known
vulnerability of the bundle fails the audit; that of a tool is only reported.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from infra.packaging import ROOT, prepare_dependencies
from respot.errors import RespotError
from respot_cli.output import shielded, write

SBOM: Final = Path("build") / "sbom.json"
_REQUIREMENTS: Final = Path("requirements") / "lambda.txt"
_TOOLS: Final = (Path("requirements") / "dev.txt", Path("requirements") / "uv.txt")
"""What builds, deploys and tests the bundle; the first of them has the bundle's own packages, too."""
_PIN: Final = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+) \\$", re.MULTILINE)
_SECONDS: Final = 120
_FIX: Final = "raise the version with `make lock UPGRADE=--upgrade`"


class AuditError(RespotError):
    """The bundle differs from the lock, or has a known vulnerability: the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the database of vulnerabilities says about some packages.

    Attributes:
        clean: the names of those without a known vulnerability.
        known: the vulnerabilities of the others by name, with the versions that fix them.
        silent: the names of those about which it has no answer.
    """

    clean: frozenset[str] = frozenset()
    known: Mapping[str, str] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()

    def without(self, names: Iterable[str]) -> "Answers":
        """What it says about the other packages."""
        others = frozenset(names)
        known = {name: found for name, found in self.known.items() if name not in others}
        return Answers(clean=self.clean - others, known=known, silent=self.silent - others)

    def named(self) -> str:
        """What is known against which, in a line."""
        return "; ".join(f"{name}: {found}" for name, found in sorted(self.known.items()))


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
    """Compare the bundle with the lock.

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


def ask_database(*requirements: Path, root: Path = ROOT) -> Answers:
    """Ask about each version that these files pin and that this machine's markers call for; none, if nobody answers."""
    files = [word for each in requirements for word in ("--requirement", str(root / each))]
    question = (*files, "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off")
    try:
        answers = json.loads(_run("pip_audit", *question, check=False).stdout)["dependencies"]
    except (ValueError, LookupError, subprocess.TimeoutExpired):
        answers = []
    answered = {normalized(each["name"]): each["vulns"] for each in answers if "skip_reason" not in each}
    return Answers(
        clean=frozenset(name for name, found in answered.items() if not found),
        known={name: ", ".join(map(_vulnerability, found)) for name, found in answered.items() if found},
        silent=frozenset(normalized(each["name"]) for each in answers if "skip_reason" in each),
    )


def _vulnerability(found: Mapping[str, Any]) -> str:
    fixed = " or ".join(found.get("fix_versions", []))
    return f"{found['id']} (fixed in {fixed})" if fixed else found["id"]


def of_bundle(answers: Answers, pinned: Mapping[str, str]) -> str:
    """What the answers say of the bundle, in a sentence.

    Raises:
        AuditError: something is known against it.
    """
    if answers.known:
        raise AuditError(f"known vulnerabilities: {answers.named()}; {_FIX}")
    if missing := pinned.keys() - answers.clean:
        return (
            f"The database of vulnerabilities answered for {len(pinned) - len(missing)} of them: it cannot be reached "
            "from here. What is sure is that the bundle is what the lock's hashes say."
        )
    return "Nothing is known against any of them."


def of_tools(answers: Answers) -> str:
    """What the answers say of the packages that are no part of the bundle: nothing of it fails the audit.

    None of them runs in the account, and one without a fixed version would block all other work.
    """
    answered = len(answers.clean) + len(answers.known)
    if answers.known:
        said = f"WARNING, known vulnerabilities of tools: {answers.named()}; {_FIX}."
    elif answered:
        said = f"Nothing is known against {answered} packages that only build, deploy and test it."
    else:
        return "About what only builds, deploys and tests it, the database answered nothing."
    return f"{said} Without an answer: {len(answers.silent)}." if answers.silent else said


def _run(module: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    try:
        return subprocess.run(  # noqa: S603 - tools of this virtual environment
            command, check=check, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise AuditError(f"{module} failed:\n{error.stderr}") from error


def main() -> int:
    """Audit, and say what was found; gives the exit code."""
    try:
        _audit()
    except RespotError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def _audit() -> None:
    pinned = pins((ROOT / _REQUIREMENTS).read_text())
    with ThreadPoolExecutor() as pool:  # most of it is waiting for the database
        answers = pool.submit(ask_database, _REQUIREMENTS)
        of_all = pool.submit(ask_database, *_TOOLS)
        compare(pinned, installed(prepare_dependencies()))
        compare(pinned, write_sbom())
        bundle, tools = answers.result(), of_all.result().without(pinned)
    write(f"{of_tools(tools)}\n")
    write(f"{SBOM} names the {len(pinned)} packages of the bundle. {of_bundle(bundle, pinned)}\n")


if __name__ == "__main__":
    sys.exit(shielded(main, name="python -m infra.audit"))
