import json
from pathlib import Path
from typing import Any

import pytest
import yaml

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


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param("version: 1\ndefaults: {resum: on}", "policy.yaml: defaults.resum: there is no", id="misspelt"),
        pytest.param("", "policy.yaml: the policy: is null and must be an object", id="empty"),
        pytest.param("a: b: c", "policy.yaml cannot be read as YAML: mapping values", id="not YAML"),
        pytest.param("version: 1\nversion: 1", "policy.yaml cannot be read as YAML: 'version' is there", id="twice"),
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
