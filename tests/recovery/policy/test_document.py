import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from respot.errors import PolicyInvalidError
from respot.jobs.job import Market
from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget
from respot.recovery.policy.document import LONGEST_PAUSE, SCHEMA_FILE, parse_policy, read_policy
from respot.recovery.policy.policy import (
    MOST_ATTEMPTS,
    MOST_HOURS,
    AccountPolicy,
    BackOff,
    Policy,
    Rule,
    Rung,
    WhenMissed,
    with_settings,
)

SCHEMA: Final[dict[str, Any]] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
DEFINITIONS: Final = SCHEMA["definitions"]
SETTINGS: Final = DEFINITIONS["settings"]["properties"]


def with_defaults(**settings: object) -> dict[str, Any]:
    return {"version": 1, "defaults": settings}


def test_what_is_not_said_is_built_in() -> None:
    assert parse_policy({"version": 1}) == AccountPolicy()


def test_a_json_float_with_a_whole_value_counts_as_a_whole_number() -> None:
    policy = parse_policy(with_defaults(attempts={"total": 3.0}, ladder=[{"market": "spot", "attempts": 2.0}])).defaults
    assert isinstance(policy.max_attempts, int)
    assert isinstance(policy.ladder[0].attempts, int)


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "true", "false"])
def test_yaml_s_words_for_booleans_are_booleans(word: str) -> None:
    document = yaml.safe_load(f"{{version: 1, defaults: {{dry_run: {word}, resume: {word}}}}}")
    policy = parse_policy(document)
    assert policy.defaults.dry_run is policy.defaults.resume is (word in {"on", "yes", "true"})


INVALID: Final = r"""
null => the policy: is null and must be an object
[] => the policy: is [] and must be an object
{} => version: is missing
version: 2 => version: is 2 and must be 1
version: true => version: is true and must be 1
{version: 1, default: {}} => default: there is no such setting; did you mean defaults?
{version: 1, 7: 1} => 7: there is no such setting; there are version, defaults, rules
defaults: {resum: on} => defaults.resum: there is no such setting; did you mean resume?
defaults: {colour: 1} => defaults.colour: there is no such setting; there are resume, triggers, attempts
defaults: {resume: "yes"} => defaults.resume: is "yes" and must be true or false (in YAML also on or off, without quot
defaults: {resume: 1} => defaults.resume: is 1 and must be true or false
defaults: {triggers: [CapacityError]} => defaults.triggers[0]: is "CapacityError" and must be one of max-wait-time-exce
defaults: {triggers: []} => defaults.triggers: is [] and must be a list of at least 1 item
defaults: {triggers: [capacity-error, capacity-error]} => defaults.triggers: is a list and must be a list of at least 1
defaults: {attempts: {total: 0}} => defaults.attempts.total: is 0 and must be a whole number from 1 up to 100
defaults: {attempts: {capacity: 101}} => defaults.attempts.capacity: is 101 and must be a whole number from 0 up to 100
defaults: {attempts: {total: 1.5}} => defaults.attempts.total: is 1.5 and must be a whole number
defaults: {attempts: {spot: 1}} => defaults.attempts.spot: there is no such setting; there are total, capacity, interru
defaults: {attempts: {}} => defaults.attempts: is {} and must be an object of at least 1 member
defaults: {back_off: {failure: {first: 1 min}}} => defaults.back_off.failure.longest: is missing
defaults: {back_off: {failure: {first: soon, longest: 1 h}}} => defaults.back_off: failure.first: 'soon' is no span of
defaults: {back_off: {capacity: {first: 1 s, longest: 11 h 1 s}}} => defaults.back_off: capacity.longest: '11 h 1 s' is
defaults: {back_off: {capacity: {first: 2 h, longest: 1 h}}} => defaults.back_off: capacity: first (2 h 00 min) is more
defaults: {max_billable_hours: 0} => defaults.max_billable_hours: is 0 and must be a number above 0 up to 1000000 or nul
defaults: {max_billable_hours: .inf} => defaults.max_billable_hours: is Infinity and
defaults: {max_billable_hours: .nan} => defaults.max_billable_hours: is not a number
defaults: {ladder: [{attempts: 1}]} => defaults.ladder[0].market: is missing
defaults: {ladder: [{market: on_demand}]} => defaults.ladder[0].market: is "on_demand" and must be one of spot, on-dem
defaults: {ladder: [{market: spot, instance_type: g5}]} => defaults.ladder[0].instance_type: is "g5" and must be like ml
defaults: {ladder: [{market: spot, instance_type: "ml.g5.xlarge\n"}]} => defaults.ladder[0].instance_type: is
defaults: {ladder: [{market: spot, instance_types: [ml.g5.xlarge, ml.g6.xlarge]}]} => defaults.ladder: only an on-demand
defaults: {ladder: [{market: on-demand, instance_type: ml.a.b, instance_types: [ml.a.b]}]} => defaults.ladder: a rung
defaults: {ladder: [{market: on-demand, instance_types: []}]} => defaults.ladder[0].instance_types: is [] and must be
defaults: {ladder: [{market: on-demand, instance_types: [ml.a.b, ml.a.b]}]} => defaults.ladder[0].instance_types: is
defaults: {ladder: "spot:3"} => defaults.ladder: is "spot:3" and must be a list
defaults: {ladder: [{market: spot}, {market: spot, attempts: 1}]} => defaults.ladder: rung 2 is never reached: rung 1
defaults: {deadline: soon} => defaults.deadline: 'soon' is no span of time like '90 min' or '1 d 4 h'; a deadline may a
defaults: {deadline: 2026-09-16T00:00:00Z} => defaults.deadline: is "2026-09-16 00:00:00+00:00" and must be text (in YA
defaults: {deadline: 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h 1 h} => defaults.deadline: is "1 h
defaults: {when_deadline_missed: panic} => defaults.when_deadline_missed: is "panic" and must be one of on-demand, stop
defaults: {work: 0 s} => defaults.work: '0 s' is no time at all
defaults: {work: 3600} => defaults.work: is 3600 and must be text (in YAML, numbers and words like on need quotes to be
defaults: {give_up_waiting_after: 0 s} => defaults.give_up_waiting_after: '0 s' is no time at all
rules: {a: 1} => rules: is an object and must be a list of at most 100 items
rules: [{match: {}, settings: {}}] => rules[0].name: is missing
rules: [{name: a, match: {}, settings: {}}] => rules[0].match: is {} and must be an object of at least 1 member
rules: [{name: a, match: {job_name: "*"}}] => rules[0].settings: is missing
rules: [{name: a, match: {job_name: "*"}, settings: {}, resume: on}] => rules[0].resume: there is no such setting; ther
rules: [{name: a, match: {job_name: "*"}, settings: {work: x}}] => rules[0].settings.work: 'x' is no span of time
rules: [{name: a, match: {region: x}, settings: {}}, {name: a, match: {region: y}, settings: {}}] => rules[1].name: the
rules: [{name: a, match: {name: x}, settings: {}}] => rules[0].match.name: there is no such setting; did you mean job_n
rules: [{name: a, match: {tags: {"a.b[c]{d}": 1}}, settings: {}}] => rules[0].match.tags.a.b[c]{d}: is 1 and must
rules: [{name: a, match: {tags: {on: x}}, settings: {}}] => rules[0].match.tags: is an object and must be an object
rules: [{name: a, match: {tags: {}}, settings: {}}] => rules[0].match.tags: is {} and must be an object of at least 1 m
"""
"""YAML, without `version: 1` where there are defaults or rules, and the beginning of what is said about it."""


@pytest.mark.parametrize("case", INVALID.strip().splitlines())
def test_what_is_wrong_is_reported_with_its_place(case: str) -> None:
    text, complaint = case.split(" => ")
    document = yaml.safe_load(text)
    if isinstance(document, dict) and document.keys() & {"defaults", "rules"}:
        document["version"] = 1
    with pytest.raises(PolicyInvalidError) as error:
        parse_policy(document)
    assert str(error.value).startswith(complaint)
    assert "data" not in str(error.value)


def test_a_document_that_holds_itself_is_reported_like_any_other() -> None:
    endless: dict[str, Any] = {"version": 1}
    endless["rules"] = endless
    with pytest.raises(PolicyInvalidError, match="rules: is an object and must be a list"):
        parse_policy(endless)


@pytest.mark.parametrize("value", [True, False, "on", None], ids=str)
def test_a_kill_switch_in_the_policy_is_invalid_and_the_error_says_where(value: object) -> None:
    """An earlier version had it there. Such a policy must not pass for one that stops everything, nor for any other."""
    with pytest.raises(PolicyInvalidError) as error:
        parse_policy({"version": 1, "kill_switch": value, "defaults": {"resume": True}})
    assert str(error.value).startswith("kill_switch: is no setting of the policy, take it out.")
    assert "aws ssm put-parameter --name /Respot/kill-switch --value on --overwrite" in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "is not valid JSON: Expecting value", id="empty"),
        pytest.param("version: 1", "is not valid JSON: Expecting value", id="YAML"),
        pytest.param('{"version": 1', "is not valid JSON: Expecting ',' delimiter", id="cut"),
        pytest.param("\ufeff{}", "is not valid JSON: Unexpected UTF-8 BOM", id="byte order mark"),
        pytest.param('{"version": 1, "version": 1}', "'version' is there twice in one object", id="twice"),
        pytest.param('{"version": NaN}', "NaN is no number", id="no number"),
        pytest.param('{"version": 1, "rules": -Infinity}', "-Infinity is no number", id="infinity"),
        pytest.param("9" * 5000, "is not valid JSON: ", id="a number beyond reading"),
        pytest.param('{"version": "\\ud800"}', "is not valid JSON: 'utf-8' codec", id="half of a surrogate pair"),
        pytest.param("[" * 100_000, "is not valid JSON: ", id="too deep"),
        pytest.param('{"version": 1e999}', "version: is Infinity and must be 1", id="too large"),
    ],
)
def test_a_text_that_is_no_json_is_no_policy(text: str, complaint: str) -> None:
    with pytest.raises(PolicyInvalidError) as error:
        read_policy(text)
    assert complaint in str(error.value)


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in the schema, with its path."""
    yield path, schema
    for keyword in ("properties", "definitions"):
        for name, inner in schema.get(keyword, {}).items():
            yield from nodes(inner, f"{path}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from nodes(schema[keyword], f"{path}/{keyword}")


def test_the_schema_is_a_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)


def test_every_member_has_a_description() -> None:
    members = {path: node for path, node in nodes(SCHEMA) if path.rpartition("/")[0].endswith("/properties")}
    assert len(members) > 35
    assert [path for path, node in members.items() if not node.get("description")] == []


def test_no_object_takes_members_that_nobody_knows() -> None:
    objects = {path: node for path, node in nodes(SCHEMA) if node.get("type") == "object"}
    tags = "/definitions/rule/properties/match/properties/tags"
    assert [path for path, node in objects.items() if node["additionalProperties"] is not False] == [tags]


def test_the_schema_knows_the_words_and_bounds_of_the_code() -> None:
    assert SETTINGS["triggers"]["items"]["enum"] == list(TRIGGERS_TO_CHOOSE)
    assert SETTINGS["when_deadline_missed"]["enum"] == list(WhenMissed)
    assert DEFINITIONS["rung"]["properties"]["market"]["enum"] == list(Market)
    assert SETTINGS["attempts"]["properties"].keys() == {"total", *Budget}
    assert SETTINGS["back_off"]["properties"].keys() == set(Budget)
    assert SETTINGS["attempts"]["properties"]["total"]["maximum"] == MOST_ATTEMPTS
    assert DEFINITIONS["budget"]["maximum"] == MOST_ATTEMPTS
    assert DEFINITIONS["rung"]["properties"]["attempts"]["maximum"] == MOST_ATTEMPTS
    assert SETTINGS["max_billable_hours"]["maximum"] == MOST_HOURS


def test_the_defaults_in_the_schema_are_those_of_the_code() -> None:
    defaults = {name: schema["default"] for name, schema in SETTINGS.items() if "default" in schema}
    for nested in ("attempts", "back_off"):
        defaults[nested] = {name: schema["default"] for name, schema in SETTINGS[nested]["properties"].items()}
    assert defaults.keys() == SETTINGS.keys()
    assert parse_policy({"version": 1, "defaults": defaults}) == AccountPolicy()


seconds = st.integers(0, int(LONGEST_PAUSE.total_seconds()))
spans = st.integers(1, 366 * 86_400).map(lambda value: timedelta(seconds=value))
deadlines = spans | st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
back_offs = st.tuples(seconds, seconds).map(
    lambda two: BackOff(first=timedelta(seconds=min(two)), longest=timedelta(seconds=max(two)))
)
rungs = st.builds(
    Rung,
    market=st.sampled_from(Market),
    instance_type=st.none() | st.sampled_from(["ml.g5.xlarge", "ml.p6e-gb200.36xlarge"]),
    attempts=st.integers(1, MOST_ATTEMPTS),
)
members: Final[dict[str, st.SearchStrategy[Any]]] = {
    "resume": st.booleans(),
    "triggers": st.sets(st.sampled_from(TRIGGERS_TO_CHOOSE), min_size=1).map(frozenset),
    "max_attempts": st.integers(1, MOST_ATTEMPTS),
    "budgets": st.dictionaries(st.sampled_from(Budget), st.integers(0, MOST_ATTEMPTS), min_size=1),
    "back_off": st.dictionaries(st.sampled_from(Budget), back_offs, min_size=1),
    "require_checkpoint": st.booleans(),
    "require_progress": st.booleans(),
    "max_billable_hours": st.none() | st.floats(0, MOST_HOURS, exclude_min=True),
    "ladder": st.lists(rungs, max_size=20).map(tuple),
    "deadline": st.none() | deadlines,
    "when_deadline_missed": st.sampled_from(WhenMissed),
    "work": st.none() | spans,
    "restart_overhead": st.none() | spans,
    "on_demand_wait": st.none() | spans,
    "give_up_waiting_after": st.none() | spans,
    "dry_run": st.booleans(),
}
settings = st.fixed_dictionaries({}, optional=members)
patterns = st.text(min_size=1, max_size=40)
matches = st.fixed_dictionaries(
    {"job_name": patterns},
    optional={
        "instance_type": patterns,
        "role": patterns,
        "region": patterns,
        "tags": st.dictionaries(patterns, st.text(max_size=40), min_size=1, max_size=3),
    },
)
named_rules = st.lists(
    st.builds(lambda match, chosen: Rule(name="x", **match, settings=chosen), matches, settings), max_size=3
).map(lambda some: tuple(replace(each, name=f"rule {place}") for place, each in enumerate(some)))


def test_every_member_of_policy_and_rule_can_be_said() -> None:
    assert members.keys() == {field.name for field in fields(Policy)}
    assert written({name: {} for name in members}).keys() == SETTINGS.keys()
    patterns = DEFINITIONS["rule"]["properties"]["match"]["properties"].keys()
    assert {field.name for field in fields(Rule)} == {"name", "settings", *patterns}


def written(chosen: dict[str, Any]) -> dict[str, Any]:
    """Settings as a person would write them."""
    document = {name: said(value) for name, value in chosen.items()}
    attempts = document.pop("budgets", {})
    if "max_attempts" in document:
        attempts["total"] = document.pop("max_attempts")
    return document | ({"attempts": attempts} if attempts else {})


def said(value: object) -> Any:  # noqa: ANN401 - JSON of any kind
    match value:
        case timedelta():
            return f"{value.days} d {value.seconds} s"
        case datetime():
            return value.isoformat()
        case BackOff():
            return {"first": said(value.first), "longest": said(value.longest)}
        case Rung():
            rung = {"market": value.market, "instance_type": value.instance_type, "attempts": value.attempts}
            return {name: each for name, each in rung.items() if each is not None}
        case dict():
            return {name: said(each) for name, each in value.items()}
        case tuple() | frozenset():
            return [said(each) for each in value]
    return value


@given(settings, named_rules)
def test_every_policy_can_be_written_and_is_read_as_it_was_meant(
    chosen: dict[str, Any], rules: tuple[Rule, ...]
) -> None:
    plain, patterns = Rule(name=""), ("job_name", "instance_type", "role", "region", "tags")
    written_rules = []
    for rule in rules:
        match = {name: getattr(rule, name) for name in patterns if getattr(rule, name) != getattr(plain, name)}
        written_rules.append(
            {"name": rule.name, "match": match or {"job_name": "*"}, "settings": written(dict(rule.settings))}
        )
    document = with_defaults(**written(chosen)) | {"rules": written_rules}
    assert read_policy(json.dumps(document)) == AccountPolicy(defaults=with_settings(Policy(), chosen), rules=rules)
    Draft7Validator(SCHEMA).validate(json.loads(json.dumps(document)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
places = st.sampled_from(
    [*[("defaults", name) for name in SETTINGS], ("version",), ("kill_switch",), ("defaults",), ("rules",)]
)


@given(places, json_values)
def test_any_document_is_a_policy_or_an_error_that_names_the_place(place: tuple[str, ...], value: object) -> None:
    document = {"version": 1, place[0]: value if len(place) == 1 else {place[1]: value}}
    try:
        parse_policy(document)
    except PolicyInvalidError as error:
        assert str(error).startswith(".".join(place))  # noqa: PT017 - the document may be valid


@pytest.mark.parametrize(
    ("types", "read"),
    [(["ml.g5.xlarge", "ml.g6.xlarge"], "ml.g5.xlarge/ml.g6.xlarge"), (["ml.g5.xlarge"], "ml.g5.xlarge")],
)
def test_a_list_of_types_keeps_its_order_and_a_list_of_one_is_a_plain_type(types: list[str], read: str) -> None:
    ladder = parse_policy(with_defaults(ladder=[{"market": "on-demand", "instance_types": types}])).defaults.ladder
    assert [rung.instance_type for rung in ladder] == [read]
