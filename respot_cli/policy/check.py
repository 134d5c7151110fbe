"""Checks a policy file as a deployment does, and finds all that is wrong with it instead of the first mistake."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from respot.errors import PolicyInvalidError
from respot.jobs.formatting import clause
from respot.recovery.policy.document import parse_policy
from respot.recovery.policy.policy import AccountPolicy
from respot_cli.policy.places import Step, composed, line_of, steps_to
from respot_cli.policy.suspicions import suspicions
from respot_cli.policy_file import policy_text, read_file
from respot_cli.policy_yaml import read_yaml

_MOST: Final = 100
"""Mistakes that are listed; a file with more of them is no policy at all."""
_NO_LINES: Final = "the rest of the file was not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with a policy file, or suspicious.

    Attributes:
        line: where, from 1; `None` if it is about the whole file, or the line is not known.
        words: what, in words; they begin with the place in the document.
    """

    line: int | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A policy file that was checked.

    Attributes:
        policy: the policy; `None` if the file is invalid.
        errors: what a deployment refuses.
        warnings: what it accepts, although it is hardly meant.
    """

    policy: AccountPolicy | None
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def check(file: str, *, now: datetime) -> Checked:
    """The policy in a file, or all that is wrong with it. Valid is what a deployment accepts."""
    try:
        text = read_file(Path(file))
        document = read_yaml(text)
    except (OSError, UnicodeDecodeError, PolicyInvalidError) as error:
        return Checked(policy=None, errors=(Finding(line=None, words=f"cannot be read: {clause(str(error))}"),))
    except (yaml.YAMLError, RecursionError) as error:
        return Checked(policy=None, errors=(_unreadable(error),))
    root = composed(text)

    def at(place: str, words: str) -> Finding:
        return Finding(line=line_of(root, steps_to(document, place)[0]) if place else None, words=words)

    errors = sorted((at(*each) for each in _mistakes(document)), key=_by_line)
    if errors:
        return Checked(policy=None, errors=tuple(errors))
    try:
        policy_text(file)
    except PolicyInvalidError as error:  # its size, of which only the deployment's own form shows it
        words = str(error).removeprefix(f"{file}: ")
        return Checked(policy=None, errors=(Finding(line=None, words=words),))
    policy = parse_policy(document)
    found = suspicions(policy, now=now)
    warnings = sorted((at(place, f"{place}: {words}" if place else words) for place, words in found), key=_by_line)
    return Checked(policy=policy, warnings=tuple(warnings))


def _by_line(finding: Finding) -> tuple[int, str]:
    return finding.line or 0, finding.words


def _unreadable(error: yaml.YAMLError | RecursionError) -> Finding:
    """What is no YAML that a policy may have; nothing after it can be read."""
    line, problem = None, str(error)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        line = error.problem_mark.line + 1
        problem = ", ".join(filter(None, (error.context, error.problem)))
    return Finding(line=line, words=f"cannot be read as YAML: {clause(problem)}; {_NO_LINES}")


def _mistakes(document: object) -> list[tuple[str, str]]:
    """The places of all mistakes, with words: each is taken out of a copy, until the product's own reader accepts it.

    What only follows from a mistake that was taken out is none.
    """
    document = deepcopy(document)
    found: list[tuple[str, str]] = []
    emptied: set[tuple[Step, ...]] = set()
    for _ in range(10 * _MOST):
        try:
            parse_policy(document)
        except PolicyInvalidError as error:
            steps, missing = steps_to(document, error.place)
            if missing or steps not in emptied:
                found.append((error.place, str(error)))
            if len(found) == _MOST or not (missing.removeprefix(".") in _VALID if missing else steps):
                return found
            _take_out(document, steps, missing, emptied)
        else:
            return found
    return found


def _take_out(document: Any, steps: tuple[Step, ...], missing: str, emptied: set[tuple[Step, ...]]) -> None:  # noqa: ANN401
    """Remove the member there, or put something valid in its place; of a list, the whole list."""
    if missing:
        _at(document, steps)[missing.removeprefix(".")] = _VALID[missing.removeprefix(".")](len(emptied))
        emptied.add((*steps, missing))
        return
    *way, last = steps
    inside = _at(document, way)
    if isinstance(last, int) and way == ["rules"]:
        inside[last] = {name: _VALID[name](10_000 + len(emptied)) for name in ("name", "match", "settings")}
    elif isinstance(last, int) and way[-1] == "ladder":
        inside[last] = {"market": "spot", "attempts": 1}
    elif isinstance(last, int):
        _take_out(document, tuple(way), "", emptied)
        return
    elif last in _VALID and (way or last == "version"):
        inside[last] = _VALID[last](len(emptied))
    else:
        del inside[last]
    emptied.update({tuple(way), steps})


def _at(document: Any, steps: tuple[Step, ...] | list[Step]) -> Any:  # noqa: ANN401 - a document of any form
    for step in steps:
        document = document[step]
    return document


_VALID: Final[Mapping[str, Callable[[int], object]]] = {
    "version": lambda _: 1,
    "name": lambda number: f"\N{NO-BREAK SPACE}{number}",
    "match": lambda _: {"job_name": "*"},
    "settings": lambda _: {},
    "market": lambda _: "on-demand",
    "first": lambda _: "0 s",
    "longest": lambda _: "11 h",
}
"""What stands in for a required member that is missing or wrong, so that the rest can be checked; names differ."""
