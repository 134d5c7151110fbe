"""What one check found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Whether somebody has to do something."""

    FINE = "fine"
    NOTE = "note"
    """Nothing is known to be wrong, and there is something to know."""
    WARNING = "warning"
    """It works, and may not be what you want."""
    FIX = "fix"
    """Something does not work, or will not."""
    UNKNOWN = "unknown"
    """It could not be checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        verdict: how it is.
        said: what was found.
        fix: what to do; empty if there is nothing to do, or nothing is known.
    """

    verdict: Verdict
    said: str
    fix: str = ""


def fine(said: str) -> Finding:
    """Nothing to do."""
    return Finding(verdict=Verdict.FINE, said=said)


def note(said: str, fix: str) -> Finding:
    """Something that somebody may want to do."""
    return Finding(verdict=Verdict.NOTE, said=said, fix=fix)


def warning(said: str, fix: str) -> Finding:
    """Something that somebody may have wanted."""
    return Finding(verdict=Verdict.WARNING, said=said, fix=fix)


def broken(said: str, fix: str) -> Finding:
    """Something that somebody has to do something about."""
    return Finding(verdict=Verdict.FIX, said=said, fix=fix)


def unknown(why: str, fix: str = "") -> Finding:
    """A check that could not be made."""
    return Finding(verdict=Verdict.UNKNOWN, said=f"not checked: {why}", fix=fix)
