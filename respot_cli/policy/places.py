"""Finds the line of a policy file that a place of its document stands in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from respot_cli.policy_yaml import PolicyLoader

Step = str | int
_MERGE: Final = "<<"


def steps_to(document: object, place: str) -> tuple[tuple[Step, ...], str]:
    """The way to a place such as `rules[0].match`, as far as the document has it, and the rest.

    Names may have any characters, dots and brackets included; the longest one that is there counts.
    """
    steps: list[Step] = []
    here, rest = document, place
    while rest:
        rest = rest.removeprefix(".")
        name = _member(here, rest)
        if name is None:
            break
        step, length = name
        steps.append(step)
        here, rest = _inside(here, step), rest[length:]
    return tuple(steps), rest


def line_of(root: yaml.Node | None, steps: Sequence[Step]) -> int | None:
    """The line, from 1, of the last of the steps that the file has; `None` without a file that can be read."""
    if root is None:
        return None
    node, line = root, root.start_mark.line
    for step in steps:
        found = _child(node, step)
        if found is None:
            break
        mark, node = found
        line = mark.line
    return int(line) + 1


def composed(text: str) -> yaml.Node | None:
    """The file's nodes, which know their lines; `None` if it is no YAML."""
    loader = PolicyLoader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    except (yaml.YAMLError, RecursionError):
        return None
    finally:
        loader.dispose()
    return node


def _member(here: object, rest: str) -> tuple[Step, int] | None:
    """The member that the rest begins with, and how long its name is there."""
    if isinstance(here, Mapping):
        named = (name for name in here if isinstance(name, str) and rest.startswith(name))
        whole = [name for name in named if rest[len(name) : len(name) + 1] in {"", ".", "["}]
        return max(((name, len(name)) for name in whole), key=lambda each: each[1], default=None)
    if isinstance(here, list) and rest.startswith("["):
        number = rest[1 : rest.index("]")]
        return (int(number), len(number) + 2) if int(number) < len(here) else None
    return None


def _inside(here: Any, step: Step) -> object:  # noqa: ANN401 - a document of any form
    return here[step]


def _child(node: yaml.Node, step: Step) -> tuple[yaml.Mark, yaml.Node] | None:
    """The mark and the node of a member, also of one that is merged."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return (node.value[step].start_mark, node.value[step]) if step < len(node.value) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    own = next(((key.start_mark, value) for key, value in node.value if key.value == step), None)
    merged = (found for each in _merged(node) if (found := _child(each, step)))
    return own or next(merged, None)


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    for key, value in node.value:
        if key.value == _MERGE:
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]
