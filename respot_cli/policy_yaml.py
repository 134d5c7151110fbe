"""Reads YAML as people write policies: decimal numbers of YAML 1.2, no tags, no member twice."""

import math
import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"
_LONGEST_NUMBER: Final = 30
"""Characters. Python refuses to read an integer of more than 4,300 digits, and no setting needs so many."""

_MOST_MERGED: Final = 100
"""Members of one mapping after `<<`. Each level of merges can multiply them; no mapping of a policy has so many."""

_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
"""Numbers of YAML 1.2 (its core schema). YAML 1.1 also reads 2:30 as 150, and 1_000 as 1000: these are text here."""
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
"""010 is 8 to some readers and 10 to others: it is refused, and so are other bases."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class PolicyLoader(yaml.SafeLoader):
    """YAML without surprises: anything else is a `yaml.YAMLError`."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - overrides a class attribute
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in {f"{_TAG}timestamp", f"{_TAG}int", f"{_TAG}float"}
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {
        f"{_TAG}{name}": yaml.SafeLoader.yaml_constructors[f"{_TAG}{name}"] for name in ("seq", "map")
    } | {None: yaml.SafeLoader.yaml_constructors[None]}

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - its stub is wrong
        """A mapping as it is written, before merges: no member twice, each with a value."""
        node = super().compose_mapping_node(anchor)
        names: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # no name: refused later
            if key.value in names:
                raise _refusal(key, f"{key.value!r} is there twice")
            names.add(key.value)
            if isinstance(value, yaml.ScalarNode) and value.tag == f"{_TAG}null" and not value.value:
                raise _refusal(key, f"{key.value!r} has no value: write null if none is meant")
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what is merged into the mapping, within bounds."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_MERGED:
            raise _refusal(node, f"more than {_MOST_MERGED} members, with those that << merges")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the loader's own signature
        """A mapping whose members' names are text."""
        if not isinstance(node, yaml.MappingNode):  # after an explicit tag
            raise _refusal(node, "a mapping is expected")
        mapping = super().construct_mapping(node, deep=deep)
        for name in mapping:
            if not isinstance(name, str):
                raise _refusal(node, f"the name {name!r} is no text: put it in quotes")
        return mapping

    def text(self, node: yaml.Node) -> str:
        """Text that can be written as UTF-8."""
        value = self._scalar(node)
        if _SURROGATE.search(value):
            raise _refusal(node, "half of a character (a surrogate) is no text")
        return value

    def integer(self, node: yaml.Node) -> int:
        """A whole number in decimal digits."""
        value = self._number(node)
        if not _DECIMAL.fullmatch(value):
            raise _refusal(node, f"{value!r} is no decimal number without leading zeros; text needs quotes")
        return int(value)

    def float(self, node: yaml.Node) -> float:
        """A finite number."""
        value = self._number(node)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and _FLOAT.fullmatch(value)):
            raise _refusal(node, f"{value!r} is no finite decimal number; text needs quotes")
        return number

    def null(self, node: yaml.Node) -> None:
        """No value, in one of YAML's words. Nothing at all may be a value that was forgotten: a limit, for example."""
        if self._scalar(node) not in {"~", "null", "Null", "NULL"}:
            raise _refusal(node, "only null or ~ is null: write it if no value is meant")

    def boolean(self, node: yaml.Node) -> bool:
        """True or false, in one of YAML's words."""
        value = self._scalar(node)
        known = self.bool_values
        if value.lower() not in known:
            raise _refusal(node, f"{value[:_LONGEST_NUMBER]!r} is neither true nor false")
        return known[value.lower()]

    def _number(self, node: yaml.Node) -> str:
        value = self._scalar(node)
        if len(value) > _LONGEST_NUMBER:
            raise _refusal(node, f"{value[:_LONGEST_NUMBER]!r}... is longer than a number may be")
        return value

    def _scalar(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise _refusal(node, "a single value is expected")
        return str(node.value)


def _refusal(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


for _name, _construct in (
    ("str", PolicyLoader.text),
    ("int", PolicyLoader.integer),
    ("float", PolicyLoader.float),
    ("bool", PolicyLoader.boolean),
    ("null", PolicyLoader.null),
):
    PolicyLoader.add_constructor(f"{_TAG}{_name}", _construct)
for _kind, _pattern in (("int", _INTEGER), ("float", _FLOAT)):
    PolicyLoader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"(?:{_pattern.pattern})$"), list("-+.0123456789"))


def read_yaml(text: str) -> object:
    """The document in a text.

    Raises:
        yaml.YAMLError: it is none, or has what a policy must not have; the message names the place.
        RecursionError: it is nested too deeply.
    """
    return yaml.load(text, Loader=PolicyLoader)  # noqa: S506 - it is a SafeLoader
