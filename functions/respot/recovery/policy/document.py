"""Reads the account's policy from its published form (docs/reference/policy.md, policy.schema.json)."""

import difflib
import json
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import fastjsonschema

from respot.errors import PolicyInvalidError
from respot.jobs.formatting import in_words
from respot.jobs.job import Market
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.policy.policy import (
    AccountPolicy,
    BackOff,
    Policy,
    Rule,
    Rung,
    WhenMissed,
    check_ladder,
    listed_types,
    parse_deadline,
    parse_duration,
    parse_pause,
    parse_wait_limit,
    with_settings,
)

SCHEMA_FILE: Final = Path(__file__).with_name("policy.schema.json")

LONGEST_PAUSE: Final = timedelta(hours=11)
"""During a pause the message is hidden in its queue, and SQS hides a message for at most 12 hours."""

_KILL_SWITCH_MOVED: Final = (
    "kill_switch: is no setting of the policy, take it out. The kill switch is a parameter of its own, "
    "/Respot/kill-switch (the stack's output KillSwitchParameterName): "
    "aws ssm put-parameter --name /Respot/kill-switch --value on --overwrite"
)

_WORDS: Final = {
    "array": "a list",
    "boolean": "true or false (in YAML also on or off, without quotes)",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text (in YAML, numbers and words like on need quotes to be text)",
}
_BOUNDS: Final = {
    "exclusiveMinimum": "above {}",
    "minimum": "from {}",
    "maximum": "up to {}",
    "minLength": "of at least {} character",
    "maxLength": "of at most {} characters",
    "minItems": "of at least {} item",
    "maxItems": "of at most {} items",
    "uniqueItems": "without repetitions",
    "minProperties": "of at least {} member",
    "maxProperties": "of at most {} members",
    "propertyNames": "whose members' names are text of 1 to 128 characters",
}


def read_policy(text: str) -> AccountPolicy:
    """The policy in a JSON text, as the account's parameter holds it.

    Raises:
        PolicyInvalidError: it is no JSON, or no policy; the message names the place.
    """
    try:
        document = json.loads(text, object_pairs_hook=_without_repetitions, parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False).encode()  # half of a surrogate pair could not be written anywhere
    except (ValueError, RecursionError) as error:
        message = f"the policy is not valid JSON: {error}"
        raise PolicyInvalidError(message) from error
    return parse_policy(document)


def parse_policy(document: object) -> AccountPolicy:
    """The policy in a document, such as JSON or YAML gives it.

    Raises:
        PolicyInvalidError: it is no policy; the message names the place.
    """
    try:
        _validator()(document)
    except fastjsonschema.JsonSchemaValueException as error:
        if isinstance(document, Mapping) and "kill_switch" in document:
            raise PolicyInvalidError(_KILL_SWITCH_MOVED, place="kill_switch") from error
        raise _in_words(error) from error
    checked: Any = document
    return AccountPolicy(
        defaults=with_settings(Policy(), _settings(checked.get("defaults", {}), "defaults")),
        rules=_rules(checked.get("rules", [])),
    )


@cache
def _validator() -> Callable[[object], object]:
    """Compiled once, when the first policy is read: that takes longer than the rest of it."""
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    compiled: Callable[[object], object] = fastjsonschema.compile(schema, use_default=False)
    return compiled


def _rules(given: list[Mapping[str, Any]]) -> tuple[Rule, ...]:
    names = [rule["name"] for rule in given]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise _invalid(f"rules[{place}].name", f"there is another rule {name!r}")
    return tuple(
        Rule(name=rule["name"], **rule["match"], settings=_settings(rule["settings"], f"rules[{place}].settings"))
        for place, rule in enumerate(given)
    )


def _settings(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Members of `Policy`, for those that are given; `budgets` and `back_off` with the entries that are given."""
    settings: dict[str, Any] = {}
    for name, value in given.items():
        try:
            settings |= _read(name, value)
        except ValueError as error:
            raise _invalid(f"{path}.{name}", str(error)) from error
    return settings


def _read(name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - the schema has checked it
    """The members of `Policy` that a setting stands for.

    Raises:
        ValueError: the schema allows it, and it makes no sense.
    """
    match name:
        case "attempts":
            return _attempts(value)
        case "back_off":
            return {"back_off": {Budget(kind): _back_off(kind, entry) for kind, entry in value.items()}}
        case "triggers":
            return {"triggers": frozenset(map(Trigger, value))}
        case "ladder":
            return {"ladder": check_ladder(tuple(map(_rung, value)))}
        case "deadline":
            return {"deadline": None if value is None else parse_deadline(value)}
        case "work" | "restart_overhead" | "on_demand_wait":
            parse = parse_duration if name == "work" else parse_pause
            return {name: None if value is None else parse(value)}
        case "give_up_waiting_after":
            return {"give_up_waiting_after": None if value is None else parse_wait_limit(value)}
        case "max_billable_hours":
            return {"max_billable_hours": None if value is None else _hours(value)}
        case "when_deadline_missed":
            return {"when_deadline_missed": WhenMissed(value)}
        case _:
            return {name: value}


def _hours(value: float) -> float:
    if math.isnan(value):  # it passes every comparison that JSON Schema asks for
        message = "is not a number"
        raise ValueError(message)
    return float(value)


def _attempts(value: Mapping[str, Any]) -> dict[str, Any]:
    # In JSON Schema, 3.0 is a whole number.
    budgets = {Budget(kind): int(count) for kind, count in value.items() if kind != "total"}
    total = {"max_attempts": int(value["total"])} if "total" in value else {}
    return total | ({"budgets": budgets} if budgets else {})


def _back_off(kind: str, value: Mapping[str, str]) -> BackOff:
    pauses = {name: _pause(f"{kind}.{name}", words) for name, words in value.items()}
    back_off = BackOff(**pauses)
    if back_off.first > back_off.longest:
        message = f"{kind}: first ({in_words(back_off.first)}) is more than longest ({in_words(back_off.longest)})"
        raise ValueError(message)
    return back_off


def _pause(name: str, words: str) -> timedelta:
    try:
        pause = parse_pause(words)
    except ValueError as error:
        message = f"{name}: {error}"
        raise ValueError(message) from error
    if pause > LONGEST_PAUSE:
        message = f"{name}: {words!r} is more than {in_words(LONGEST_PAUSE)}"
        raise ValueError(message)
    return pause


def _rung(value: Mapping[str, Any]) -> Rung:
    attempts, market, types = value.get("attempts"), Market(value["market"]), value.get("instance_types")
    if types is not None and "instance_type" in value:
        message = "a rung names either instance_type or instance_types"
        raise ValueError(message)
    return Rung(
        market=market,
        instance_type=value.get("instance_type") if types is None else listed_types(market, types),
        attempts=None if attempts is None else int(attempts),
    )


def _without_repetitions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        message = f"{next(name for name in names if names.count(name) > 1)!r} is there twice in one object"
        raise ValueError(message)
    return members


def _no_number(word: str) -> float:
    message = f"{word} is no number"
    raise ValueError(message)


def _invalid(place: str, problem: str) -> PolicyInvalidError:
    return PolicyInvalidError(f"{place or 'the policy'}: {problem}", place=place)


def _in_words(error: fastjsonschema.JsonSchemaValueException) -> PolicyInvalidError:
    """Where the document breaks the schema, and what is expected there."""
    path = (error.name or "").removeprefix("data").removeprefix(".")
    match error.rule:
        case "additionalProperties":
            known = list(error.definition["properties"])
            stranger = next(name for name in error.value if name not in known)
            near = difflib.get_close_matches(str(stranger), known, n=1)
            suggestion = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            return _invalid(_joined(path, str(stranger)), f"there is no such setting; {suggestion}")
        case "required":
            missing = next(name for name in error.definition["required"] if name not in error.value)
            return _invalid(_joined(path, missing), "is missing")
        case _:
            return _invalid(path, f"is {_shown(error.value)} and must be {_must_be(error.definition)}")


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _must_be(definition: Mapping[str, Any]) -> str:
    """A definition of the schema as people would say it."""
    if "const" in definition:
        return str(definition["const"])
    if "enum" in definition:
        return f"one of {', '.join(definition['enum'])}"
    if "pattern" in definition:
        return f"like {definition['examples'][0]}"
    kind, *or_null = definition["type"] if isinstance(definition["type"], list) else [definition["type"]]
    bounds = [words.format(definition[bound]) for bound, words in _BOUNDS.items() if bound in definition]
    return " ".join([_WORDS[kind], *bounds, *(f"or {other}" for other in or_null)])


def _shown(value: object) -> str:
    """A value as JSON writes it; a non-empty list or object, which may be long, is only named."""
    if value and isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    words = json.dumps(value, default=str, ensure_ascii=False)
    return words if len(words) <= 60 else f"{words[:57]}..."
