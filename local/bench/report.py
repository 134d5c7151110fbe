"""What a benchmark found: a table, and what in it is beyond what is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One table of `make bench`; `excess` is empty if all is within its limits."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    excess: Sequence[str] = ()
