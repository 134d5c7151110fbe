import json
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from respot.errors import PolicyInvalidError
from respot.recovery.policy.document import read_policy
from respot.recovery.policy.policy import AccountPolicy, Policy
from respot_cli.policy_file import LARGEST, policy_text


def text_of(directory: Path, words: str | bytes) -> str:
    (directory / "policy.yaml").write_bytes(words if isinstance(words, bytes) else words.encode())
    return policy_text("policy.yaml", directory)


def test_the_text_is_canonical_json(tmp_path: Path) -> None:
    one = text_of(tmp_path, "# mine\nversion: 1\ndefaults:\n  resume: on\n  dry_run: off\n")
    other = text_of(tmp_path, "{defaults: {dry_run: false, resume: true}, version: 1}")
    assert one == other == '{"defaults":{"dry_run":false,"resume":true},"version":1}'
    assert read_policy(one) == AccountPolicy(defaults=Policy(resume=True))


def test_a_time_without_quotes_is_read_as_it_stands(tmp_path: Path) -> None:
    text = text_of(tmp_path, "{version: 1, defaults: {deadline: 2026-09-16T18:00:00+02:00}}")
    assert '"deadline":"2026-09-16T18:00:00+02:00"' in text


def test_settings_that_are_said_once_can_be_used_twice(tmp_path: Path) -> None:
    text = text_of(
        tmp_path,
        """
        version: 1
        defaults: &usual {resume: on, dry_run: on}
        rules: [{name: in earnest, match: {job_name: a}, settings: {<<: *usual, dry_run: off}}]
        """,
    )
    assert read_policy(text).rules[0].settings == {"resume": True, "dry_run": False}


def test_merges_of_merges_keep_what_is_said_first_hand(tmp_path: Path) -> None:
    text = text_of(
        tmp_path,
        """
        version: 1
        rules:
        - &first {name: a, match: {job_name: a}, settings: &inner {<<: &usual {resume: on, dry_run: on}, dry_run: off}}
        - {<<: *first, name: b, settings: {<<: [*inner, *usual], require_progress: off}}
        """,
    )
    settings_of = {rule.name: rule.settings for rule in read_policy(text).rules}
    usual = {"resume": True, "dry_run": False}
    assert settings_of == {"a": usual, "b": usual | {"require_progress": False}}


def names(count: int) -> str:
    return ", ".join(f"n{number}: 1" for number in range(count))


BOMB = "a: &a {k: 1}, " + ", ".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 8)}]}}"
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (BOMB, "more than 100 members, with those that << merges"),
        (f"a: &a {{{names(60)}}}, b: {{<<: [*a, *a]}}", "more than 100 members"),
        ("a: {resume: on, <<: {dry_run: on, dry_run: off}}", "'dry_run' is there twice"),
        ("a: {<<: {resume: on}, <<: {dry_run: on}}", "'<<' is there twice"),
        ("a: &a {<<: *a, resume: on}", "defaults.a: there is no such setting"),
        (f"a: [{', '.join(['x'] * 20_000)}]", "defaults.a: there is no such setting"),
        (names(6_000), "more than 100 members"),
        ("a: &a {k: 1}, b: {<<: [" + "*a, " * 16_000 + "]}", "more than 100 members"),
    ],
    ids=["bomb", "too many", "hidden twice", "merged twice", "endless", "a long list", "many names", "a long merge"],
)
def test_merges_are_bounded_and_hide_nothing(tmp_path: Path, document: str, complaint: str) -> None:
    began = time.process_time()
    with pytest.raises(PolicyInvalidError, match=complaint):
        text_of(tmp_path, f"version: 1\ndefaults: {{{document}}}")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("words", "name", "place"),
    [
        ("version: 1\ndefaults:\n  max_billable_hours:\n  resume: on\n", "max_billable_hours", "line 3, column 3"),
        ("version: 1\ndefaults: {resume: on, max_billable_hours: }", "max_billable_hours", "line 2, column 24"),
        ("version: 1\ndefaults: {max_billable_hours}", "max_billable_hours", "line 2, column 12"),
        ("version: 1\ndefaults: {deadline: !!null }", "deadline", "line 2, column 12"),
        (
            "version: 1\nrules:\n- name: a\n  match: {}\n  settings:\n    max_billable_hours: # to be decided\n",
            "max_billable_hours",
            "line 6, column 5",
        ),
        ("version: 1\ndefaults: {<<: {max_billable_hours: }}", "max_billable_hours", "line 2, column 17"),
    ],
)
def test_nothing_is_no_value(tmp_path: Path, words: str, name: str, place: str) -> None:
    """It would lift a limit."""
    with pytest.raises(PolicyInvalidError) as error:
        text_of(tmp_path, words)
    assert f"'{name}' has no value: write null if none is meant" in str(error.value)
    assert place in str(error.value)


@pytest.mark.parametrize("word", ["null", "~"])
def test_null_lifts_a_limit(tmp_path: Path, word: str) -> None:
    assert '"max_billable_hours":null' in text_of(tmp_path, HOURS.format(word))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param("version: 1\ndefaults: {resum: on}", "policy.yaml: defaults.resum: there is no", id="misspelt"),
        pytest.param("", "policy.yaml: the policy: is null and must be an object", id="empty"),
        pytest.param("a: b: c", "policy.yaml cannot be read as YAML: mapping values", id="not YAML"),
        pytest.param("version: 1\nversion: 1", "policy.yaml cannot be read as YAML: 'version' is there", id="twice"),
        pytest.param("# " + "é" * 32768, "policy.yaml: the file is larger than 64 KB", id="too large"),
        pytest.param("{? [1] : 2}", "policy.yaml cannot be read as YAML: while constructing", id="a list as a key"),
        pytest.param("!!python/name:os.system x", "policy.yaml cannot be read as YAML: could not det", id="code"),
        pytest.param("[" * 5000, "policy.yaml cannot be read as YAML: maximum recursion", id="too deep"),
        pytest.param(b"\xff\xfe\x00", "policy.yaml cannot be read", id="no text"),
        pytest.param(None, "policy.yaml cannot be read as YAML: ", id="not there"),
        pytest.param("version: &a [*a]", "policy.yaml: version: is a list and must be 1", id="endless"),
    ],
)
def test_a_file_that_is_no_policy_is_named_with_the_place(
    tmp_path: Path, words: str | bytes | None, complaint: str
) -> None:
    with pytest.raises(PolicyInvalidError) as error:
        policy_text("policy.yaml", tmp_path) if words is None else text_of(tmp_path, words)
    assert str(error.value).startswith(complaint)


# --- YAML that two readers may read differently, or that is no policy in any reading

HOURS = "version: 1\ndefaults: {{max_billable_hours: {}}}"
REFUSED = {
    "sexagesimal": ("2:30", 'is "2:30" and must be a number'),
    "another sexagesimal": ("1:0", 'is "1:0" and must be a number'),
    "underscores": ("1_000", 'is "1_000" and must be a number'),
    "binary": ("0b11", 'is "0b11" and must be a number'),
    "octal of YAML 1.1": ("010", "'010' is no decimal number"),
    "octal of YAML 1.2": ("0o10", "'0o10' is no decimal number"),
    "hexadecimal": ("0x10", "'0x10' is no decimal number"),
    "infinite": (".inf", "'.inf' is no finite decimal number"),
    "not a number": (".nan", "'.nan' is no finite decimal number"),
    "too large a float": ("1e400", "'1e400' is no finite decimal number"),
    "400 digits": ("9" * 400, "is longer than a number may be"),
    "5,000 digits": ("9" * 5000, "is longer than a number may be"),
    "5,000 digits with a tag": ("!!int " + "9" * 5000, "is longer than a number may be"),
    "no int": ("!!int x", "'x' is no decimal number"),
    "an empty int": ("!!int ''", "'' is no decimal number"),
    "a list as an int": ("!!int [1]", "a single value is expected"),
    "no float": ("!!float x", "'x' is no finite decimal number"),
    "no bool": ("!!bool x", "'x' is neither true nor false"),
    "no null": ("!!null x", "only null or ~ is null"),
    "an empty null": ("[!!null '']", "only null or ~ is null"),
    "no timestamp": ("!!timestamp x", "could not determine a constructor"),
    "no binary": ("!!binary x", "could not determine a constructor"),
    "no mapping": ("!!map x", "a mapping is expected"),
    "no list": ("!!seq x", "expected a sequence node"),
    "a list as text": ("!!str [1]", "a single value is expected"),
    "a set": ("!!set {a: ~}", "could not determine a constructor"),
    "a surrogate": ('"\\uD800"', "half of a character"),
    "a surrogate as a name": ('{"\\uDFFF": 1}', "half of a character"),
    "a number as a name": ("{1: 2}", "the name 1 is no text"),
    "a word as a name": ("{on: 2}", "the name True is no text"),
}


@pytest.mark.parametrize(("value", "complaint"), REFUSED.values(), ids=REFUSED)
def test_what_may_be_a_typing_mistake_is_refused_with_its_place(tmp_path: Path, value: str, complaint: str) -> None:
    with pytest.raises(PolicyInvalidError) as error:
        text_of(tmp_path, HOURS.format(value))
    assert str(error.value).startswith("policy.yaml")
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("value", "hours"), [("8", 8), ("+8", 8), ("0.5", 0.5), (".5", 0.5), ("8.", 8.0), ("1e3", 1000.0), ("~", None)]
)
def test_numbers_are_those_of_yaml_1_2(tmp_path: Path, value: str, hours: float | None) -> None:
    policy = read_policy(text_of(tmp_path, HOURS.format(value))).defaults
    assert policy.max_billable_hours == hours


def test_numbers_in_quotes_are_text(tmp_path: Path) -> None:
    text = text_of(tmp_path, "version: 1\nrules: [{name: '010', match: {job_name: '1_0'}, settings: {}}]")
    assert read_policy(text).rules[0].name == "010"


LINES = st.sampled_from(
    [
        *(
            "version: 1",
            "defaults:",
            "  resume: on",
            "  max_billable_hours: ",
            "rules: []",
            "- &a",
            "*a",
            "<<: *a",
            "? ",
        ),
        *(
            "!!int ",
            "!!float ",
            "!!bool ",
            "!!timestamp ",
            "!!map ",
            "!!seq ",
            "!!str ",
            "!!null ",
            "!<x> ",
            "!",
            "&a ",
        ),
        *("2:30", "010", "0x", "1e9", ".inf", "~", "{", "}", "[", "]", ", ", ": ", "'", '"', "|\n", "%YAML 1.1\n---\n"),
        *('"\\uD800"', '"\\x00"', "9" * 5000, "\n", " ", "- ", "=", "...\n", "\t", "#"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(LINES, max_size=12).map("".join), st.lists(LINES, max_size=12).map("\n".join))


@given(text=st.one_of(TEXTS, TEXTS.map(HOURS.format), TEXTS.map("version: 1\ndefaults:\n  work: ".__add__)))
@settings(max_examples=500, deadline=None)
def test_no_text_gives_a_traceback(text: str) -> None:
    with TemporaryDirectory() as directory, suppress(PolicyInvalidError):
        (Path(directory) / "policy.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        read_policy(policy_text("policy.yaml", Path(directory)))


def of_size(size: int) -> str:
    """A policy whose JSON takes that many bytes, with letters of two bytes in it."""
    rules: list[dict[str, Any]] = [
        {"name": f"rule {place:02} é", "match": {"job_name": "a" * 40}, "settings": {"resume": True}}
        for place in range(35)
    ]
    document = {"rules": rules, "version": 1}

    def taken() -> int:
        return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())

    while size - taken() > 100:
        rules.append({"match": {"job_name": "x"}, "name": f"rule {len(rules):02}", "settings": {}})
    rules[0]["match"]["job_name"] += "a" * (size - taken())
    assert taken() == size
    return yaml.safe_dump(document, allow_unicode=True)


def test_a_policy_may_fill_the_parameter(tmp_path: Path) -> None:
    assert len(text_of(tmp_path, of_size(LARGEST)).encode()) == LARGEST == 4096


def test_a_policy_that_is_too_large_for_a_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalidError, match=r"policy\.yaml: the policy takes 4097 bytes of JSON, .* holds 4096"):
        text_of(tmp_path, of_size(LARGEST + 1))
