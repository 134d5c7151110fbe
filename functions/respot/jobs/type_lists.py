"""Lists of instance types as one text, the way a ladder in a tag writes them: `ml.g5.4xlarge/ml.g6.4xlarge`."""

from collections.abc import Iterable
from typing import Final

MOST_TYPES: Final = 5
"""The most that SageMaker accepts in InstancePreferences (service model, InstancePreferenceList)."""
_SEPARATOR: Final = "/"
"""No instance type contains it, and a tag may."""


def join_types(types: Iterable[str]) -> str:
    """The types as one text; a list of one is a plain type."""
    return _SEPARATOR.join(types)


def split_types(name: str | None) -> tuple[str, ...]:
    """The types in a text, in order; none in an empty one."""
    return tuple(name.split(_SEPARATOR)) if name else ()
