"""Which directories of a listing are checkpoints, by their names and by what is in them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from respot.recovery.checkpoints.names import counter, last_part, parent_of, series_of
from respot.recovery.checkpoints.objects import DEEPEST, LONGEST, Role

_LONGEST_NAME: Final = 10
"""Digits of a directory that is a bare number; a longer one is a time."""
_NUMBERED: Final = re.compile(
    r"(?:global[-_]?)?(?:checkpoint|ckpt|chkpt|step|iter(?:ation)?|epoch|ep|update)[-_=.]?[0-9]+"
    r"|ep[0-9]+-ba[0-9]+(?:-.*)?|epoch[-_]?[0-9]+[-_]step[-_]?[0-9]+"
    r"|0[0-9]{2,17}|(?!20[0-9]{6}$)[1-9][0-9]{2,8}|checkpoint[-_][0-9]{4}-[0-9]{2}-[0-9]{2}[-_T][0-9].*",
    re.IGNORECASE,
)
KEYED: Final = re.compile(r"(?:^|[-_])(?:global_)?(?:step|epoch|iter)=[0-9]+(?:[-_.]|$)", re.IGNORECASE)
_OF_A_FRAMEWORK: Final = re.compile(r"CKPT\+.+|.+\.ckpt|.+_partial|.+-state", re.IGNORECASE)
_TAG: Final = re.compile(r"global_step[0-9]+")
"""DeepSpeed's own directory within a checkpoint of another framework. So are bare numbers: prefixes, or ranks."""
WRITTEN_OVER: Final = re.compile(
    r"(?:^|[-_.])(?:last|latest|best|final|current|previous|prev|training_state)$"
    r"|^(?:last|latest|best|final|current|previous|prev)[-_.]checkpoint$",
    re.IGNORECASE,
)
"""Directories whose files are written over in place."""
_SIGNS: Final = frozenset((".metadata", "trainer_state.json", "random_states_0.pkl"))
"""Files that make the directory they are in a checkpoint under any name."""


class Directories:
    """The directories of a listing that are checkpoints, each decided once."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        """`roles` are those of all objects, by their paths below the prefix."""
        self._strong: dict[str, str | None] = {"": None}
        self._content: set[str] = {
            parent_of(path) for path in roles if last_part(path) in _SIGNS or path.endswith(".distcp")
        }
        self._holding_several = _holding_several(roles)
        self.stems = {path.partition(".data-")[0] for path in roles if ".data-" in last_part(path)}

    def strong(self, directory: str) -> str | None:
        """The innermost directory there that is named as a checkpoint."""
        for each in _upwards(directory):
            if self._is_checkpoint(each):
                outer = parent_of(each)
                inner = last_part(each)
                if self._is_checkpoint(outer) and (
                    _TAG.fullmatch(inner) or (inner.isdigit() and not last_part(outer).isdigit())
                ):
                    return outer
                return each
        return None

    def weak(self, directory: str) -> str | None:
        """A directory there whose name may be that of a checkpoint: it ends like one, or is a bare number.

        Of several bare numbers, the highest: others are ranks or layers.
        """
        bare: list[str] = []
        named: list[str] = []
        for each in _upwards(directory):
            part = last_part(each)
            if len(part) > LONGEST or each in self._holding_several:
                continue
            if part.isdecimal() and part.isascii() and (len(part) < _LONGEST_NAME or part[0] == "0"):
                bare.append(each)
            elif WRITTEN_OVER.search(part) or ((found := counter(part)) and found.has_word):
                named.append(each)
        return named[0] if named else max(bare, key=lambda path: int(last_part(path)[:18]), default=None)

    def by_content(self, directory: str) -> str | None:
        """That directory, if a file in it shows that it is a checkpoint; `.` for the prefix itself."""
        return (directory or ".") if directory in self._content else None

    def _is_checkpoint(self, directory: str) -> bool:
        known = self._strong.get(directory)
        if known is None:
            known = directory if directory not in self._holding_several and is_strong(directory) else ""
            self._strong[directory] = known
        return bool(known)


def is_strong(directory: str) -> bool:
    """Whether the directory's name alone is that of a checkpoint."""
    return _is_strong_name(last_part(directory))


@lru_cache(maxsize=8_192)
def _is_strong_name(part: str) -> bool:
    return len(part) <= LONGEST and bool(
        _NUMBERED.fullmatch(part) or KEYED.search(part) or _OF_A_FRAMEWORK.fullmatch(part)
    )


def _upwards(directory: str) -> Iterable[str]:
    for _ in range(DEEPEST):
        if not directory:
            return
        yield directory
        directory = parent_of(directory)


def _holding_several(roles: Mapping[str, Role]) -> set[str]:
    """Directories whose own entries count: two or more of one series, such as `step_100` and `step_200`."""
    counted: dict[tuple[str, str], set[int]] = defaultdict(set)
    seen: set[str] = set()
    for path, role in roles.items():
        if role is not Role.EVIDENCE:
            continue
        for entry in (path, *_upwards(parent_of(path))):
            if entry in seen:
                break
            seen.add(entry)
            name = last_part(entry)
            if len(name) <= LONGEST and (found := counter(name)) and found.has_word:
                counted[parent_of(entry), series_of(name)].add(found.number)
    return {directory for (directory, _), numbers in counted.items() if len(numbers) > 1}
