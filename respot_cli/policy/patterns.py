"""Compares the patterns of rules: whether one matches all that another matches, and whether one can match at all.

A pattern is that of `fnmatch`. It is compared as an automaton, on one character of each kind that the patterns
distinguish. Where that takes too long, the answer is that nothing is certain.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

_MOST_STEPS: Final = 2_000
"""Pairs of states that are compared; patterns that people write take some dozens."""
_States = frozenset[int]

_LONGEST_NAME: Final = 63
_NAME_SAMPLES: Final = "-0Aa"
"""Where the ranges of characters begin that a job's name may have: `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}`."""
_INSTANCE_TYPES: Final = ("ml.*",)
_ROLES: Final = (f"arn:aws*:iam::{'[0-9]' * 12}:role*",)
_REGIONS: Final = ("[a-z][a-z]*-[a-z]*-[0-9]", "[a-z][a-z]*-[a-z]*-[0-9][0-9]")
_IN_TAGS: Final = frozenset("_.:/=+-@")
"""With letters, separators and digits, what a tag may have: `[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*` (service model)."""


def takes_all(earlier: str, later: str) -> bool:
    """Whether the earlier pattern is certain to match all that the later one matches."""
    if earlier == later or (earlier and not earlier.strip("*")):
        return True
    return not any(
        _accepts(later, states) and not _accepts(earlier, other)
        for states, other in _walk(later, earlier, lambda states, _: bool(states), uncertain=(_end(later), frozenset()))
    )


def why_no_name(pattern: str) -> str | None:
    """Why no training job can have such a name; `None` if one may."""
    elements = _elements(pattern)
    if strange := _strangers(elements, _in_names):
        return f"the name of a training job has no {strange}"
    if sum(each != "*" for each in elements) > _LONGEST_NAME:
        return f"the name of a training job has {_LONGEST_NAME} characters at most"
    if elements[0] == "-" or elements[-1] == "-":
        return "the name of a training job begins and ends with a letter or a digit"
    return None


def why_no_instance_type(pattern: str) -> str | None:
    """Why no instance type is like that; `None` if one may be."""
    return None if _may_be(pattern, _INSTANCE_TYPES) else "instance types of SageMaker begin with ml."


def why_no_role(pattern: str) -> str | None:
    """Why no role has such an ARN; `None` if one may."""
    return None if _may_be(pattern, _ROLES) else "it is compared with the ARN, as arn:aws:iam::111122223333:role/vision"


def why_no_region(pattern: str) -> str | None:
    """Why no region is called that; `None` if one may be."""
    return None if _may_be(pattern, _REGIONS) else "regions are called like eu-west-1"


def why_no_tag(pattern: str) -> str | None:
    """Why nobody can write such a value of a tag; `None` if somebody can."""
    strange = _strangers(_elements(pattern), in_a_tag)
    return f"AWS accepts no {strange} in a tag" if strange else None


def in_a_tag(character: str) -> bool:
    """Whether AWS accepts the character in a tag."""
    return character in _IN_TAGS or unicodedata.category(character)[0] in "LZN"


def _in_names(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "-")


def _strangers(elements: Sequence[str], allowed: Callable[[str], bool]) -> str:
    """The characters of a pattern that what it is compared with never has, in quotes."""
    single = (each for each in elements if len(each) == 1 and each not in "*?")
    return " or ".join(dict.fromkeys(repr(each) for each in single if not allowed(each)))


def _may_be(pattern: str, shapes: Sequence[str]) -> bool:
    return any(
        _accepts(pattern, states) and _accepts(shape, other)
        for shape in shapes
        for states, other in _walk(
            pattern, shape, lambda states, other: bool(states and other), uncertain=(_end(pattern), _end(shape))
        )
    )


def _walk(
    one: str, other: str, leads_on: Callable[[_States, _States], bool], *, uncertain: tuple[_States, _States]
) -> Iterator[tuple[_States, _States]]:
    """The pairs of states that some text leads both patterns to; `uncertain` at the end if there are too many."""
    begin = (_closed(_elements(one), {0}), _closed(_elements(other), {0}))
    seen, left = {begin}, [begin]
    samples = _samples(one + other)
    for states, beside in iter(lambda: left.pop(0) if left else None, None):
        yield states, beside
        if len(seen) > _MOST_STEPS:
            yield uncertain
            return
        for character in samples:
            pair = _step(one, states, character), _step(other, beside, character)
            if pair not in seen and leads_on(*pair):
                seen.add(pair)
                left.append(pair)


def _samples(patterns: str) -> Sequence[str]:
    """One character at least of each kind that the patterns distinguish: kinds begin at a character that they name."""
    points = {0, *(ord(each) + more for each in (*patterns, *_NAME_SAMPLES) for more in (0, 1))}
    return [chr(point) for point in sorted(points) if point <= 0x10FFFF]


@cache
def _elements(pattern: str) -> tuple[str, ...]:
    """The pattern in parts: `*`, or a pattern for one character. A bracket that nothing closes is a character."""
    found: list[str] = []
    place = 0
    while place < len(pattern):
        end = _bracket_end(pattern, place) if pattern[place] == "[" else None
        part = pattern[place : place + 1 if end is None else end]
        place += len(part)
        if not (part == "*" and found and found[-1] == "*"):
            found.append(part)
    return tuple(found)


def _bracket_end(pattern: str, place: int) -> int | None:
    """Where a bracket expression ends, as `fnmatch` reads it."""
    first = place + 1
    if pattern[first : first + 1] == "!":
        first += 1
    closing = pattern.find("]", first + 1 if pattern[first : first + 1] == "]" else first)
    return None if closing < 0 else closing + 1


@cache
def _fits(element: str, character: str) -> bool:
    return fnmatchcase(character, element)


def _step(pattern: str, states: _States, character: str) -> _States:
    elements = _elements(pattern)
    reached = set[int]()
    for state in states:
        if state < len(elements):
            if elements[state] == "*":
                reached.add(state)
            elif _fits(elements[state], character):
                reached.add(state + 1)
    return _closed(elements, reached)


def _closed(elements: Sequence[str], states: set[int]) -> _States:
    """With the states that are reached by no character."""
    return frozenset(states | {state + 1 for state in states if state < len(elements) and elements[state] == "*"})


def _accepts(pattern: str, states: _States) -> bool:
    return len(_elements(pattern)) in states


def _end(pattern: str) -> _States:
    return frozenset({len(_elements(pattern))})
