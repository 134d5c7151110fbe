"""Items that this version cannot read: one error names each, for any reason; other versions' are read."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from respot.aws.dynamodb import lease
from respot.aws.dynamodb.job_items import read_record, read_state
from respot.aws.dynamodb.run_items import read_recovery_records
from respot.errors import UnreadableItemError
from respot.schema import KIND, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, ItemKind
from tests.support.frozen_ledger import FILE, FOLDER, frozen, without_schema, written

ITEMS = written()
WRONG: dict[str, dict[str, Any]] = {
    "number": {"N": "7.5"},
    "huge": {"N": "1E120"},
    "text": {"S": "nobody knows this word"},
    "empty": {"S": ""},
    "truth": {"BOOL": True},
    "list": {"L": [{"S": "one"}]},
    "map": {"M": {"one": {"L": []}}},
    "bytes": {"B": b"bytes"},
    "no type": {},
}


def damaged(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The item with each attribute, or an inner one, removed or replaced; with what was done."""
    for name, attribute in item.items():
        yield f"without {name}", {each: value for each, value in item.items() if each != name}
        for how, wrong in WRONG.items():
            yield f"{name} as {how}", item | {name: wrong}
        if "M" in attribute:
            for what, inner in damaged(attribute["M"]):
                yield f"{name}: {what}", item | {name: {"M": inner}}


def use(value: object) -> None:
    """Ask for everything that the value, and what is in it, can say without arguments."""
    assert repr(value)
    if isinstance(value, tuple | list):
        for each in value:
            use(each)
    if is_dataclass(value):
        for name, member in vars(type(value)).items():
            if isinstance(member, property):
                getattr(value, name)
        for each in fields(value):
            use(getattr(value, each.name))


@pytest.mark.parametrize("name", ITEMS)
def test_whatever_is_wrong_with_an_item_is_one_error_that_names_it(name: str) -> None:
    written = ITEMS[name]
    said: list[tuple[str, dict[str, Any], UnreadableItemError]] = []
    for what, item in damaged(written.item):
        try:
            value = written.read(item)
        except UnreadableItemError as error:
            said.append((what, item, error))
        else:
            # An optional text may hold any word; what is read is as usable as it was.
            assert type(value) is type(written.value) or value is None, what
            use(value)
    assert len(said) >= len(WRONG)
    for what, item, told in said:
        assert told.why, what
        for key, word in ((PK, told.partition), (SK, told.sort_key)):
            if item.get(key) == written.item[key]:
                assert word == item[key]["S"], what


@pytest.mark.parametrize("name", [name for name, written in ITEMS.items() if "run" in written.item])
def test_a_run_that_names_no_job_is_never_passed_on(name: str) -> None:
    for text in ("", "nonsense", "us-east-1/spot-job", "us-east-1/spot-job/now", f"us-east-1/spot-job/{10**20}"):
        with pytest.raises(UnreadableItemError):
            ITEMS[name].read(ITEMS[name].item | {"run": {"S": text}})


@pytest.mark.parametrize("name", ITEMS)
def test_a_wrong_type_is_never_passed_on(name: str) -> None:
    """It would fail later, where nothing names the item."""
    written = ITEMS[name]
    for attribute in written.item:
        for how in ("list", "bytes", "no type"):
            try:
                value = written.read(written.item | {attribute: WRONG[how]})
            except UnreadableItemError:
                continue
            assert value == written.value, f"{attribute} as {how}"  # nothing reads the attribute


@pytest.mark.parametrize("name", ITEMS)
def test_what_was_written_is_read_by_the_versions_next_to_it(name: str) -> None:
    written = ITEMS[name]
    next_one = written.item | {SCHEMA: {"N": str(SCHEMA_OF_THIS_VERSION + 1)}, "new": {"SS": ["of another type"]}}
    for item in (written.item, without_schema(written.item), next_one):
        assert written.read(item) == written.value


@pytest.mark.parametrize("schema", [SCHEMA_OF_THIS_VERSION - 2, SCHEMA_OF_THIS_VERSION + 2])
@pytest.mark.parametrize("name", [name for name in ITEMS if not name.startswith("state, ")])
def test_a_schema_further_away_is_not_guessed_at(name: str, schema: int) -> None:
    with pytest.raises(UnreadableItemError, match=f"schema {schema}"):
        ITEMS[name].read(ITEMS[name].item | {SCHEMA: {"N": str(schema)}})


def test_a_state_of_an_unknown_kind_is_not_an_unknown_job() -> None:
    """It would be recorded as new, or taken for expired."""
    with pytest.raises(UnreadableItemError):
        read_record([ITEMS["state"].item | {KIND: {"S": "state-of-another-kind"}}])
    with pytest.raises(UnreadableItemError):
        read_recovery_records([ITEMS["decision"].item | {KIND: {"S": "decision-of-another-kind"}}])


def test_the_rest_is_read_if_somebody_is_told_what_was_not() -> None:
    errors: list[UnreadableItemError] = []
    bad = ITEMS["transition"].item | {"started": {"S": "no time"}}
    record = read_record([ITEMS["state"].item, bad], on_unreadable=errors.append)
    assert (record.state, record.transitions) == (ITEMS["state"].value[0], ())  # type: ignore[index] # a pair
    assert [error.sort_key for error in errors] == [bad[SK]["S"]]


def test_a_lease_on_an_item_without_an_outcome_is_an_error_that_names_it() -> None:
    with pytest.raises(UnreadableItemError, match="outcome is missing"):
        lease.is_leased({name: value for name, value in ITEMS["alert"].item.items() if name != "outcome"})


@pytest.mark.parametrize("name", ["decision, refused", "outcome, failed"])
def test_a_cause_that_only_another_version_knows_takes_nothing_from_its_words(name: str) -> None:
    read: Any = ITEMS[name].read(ITEMS[name].item | {"cause": {"S": "moonlight"}})
    known = getattr(read, "decision", read)
    assert (known.cause, getattr(known, "reason", "a reason")) == (None, "a reason")


# --- the frozen ledgers


def test_the_frozen_ledger_has_items_of_every_kind() -> None:
    assert {item[KIND]["S"] for item in frozen(FILE).values()} == set(ItemKind)


def test_the_code_writes_what_is_frozen() -> None:
    """If a change is on purpose: `python -m tests.support.frozen_ledger`, and see `schema.SCHEMA_OF_THIS_VERSION`."""
    assert {name: each.item for name, each in ITEMS.items()} == frozen(FILE)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("schema-*.json")), ids=lambda file: file.stem)
def test_every_frozen_ledger_is_read(file: Path) -> None:
    for name, item in frozen(file).items():
        assert ITEMS[name].read(item) is not None
        if file == FILE:
            assert ITEMS[name].read(item) == ITEMS[name].value


@pytest.mark.parametrize("name", ["state", "state, sparse"])
def test_a_state_of_an_earlier_version_was_described_if_it_has_the_market(name: str) -> None:
    """It was nearly always a description that said the market."""
    item = {key: value for key, value in ITEMS[name].item.items() if key != "described"}
    assert read_state(item)[0].described is (True if name == "state" else None)


def test_a_market_that_an_event_said_is_no_description() -> None:
    item = ITEMS["state"].item | {"described": {"BOOL": False}}
    assert read_state(item)[0].described is None
