"""`respot policy check` says all that is wrong, where, and what is suspicious."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respot.errors import PolicyInvalidError
from respot.recovery.policy.policy import AccountPolicy
from respot_cli.main import main
from respot_cli.policy.check import Checked, check
from respot_cli.policy.view import after_check, after_test
from respot_cli.policy_file import policy_text
from tests.cli.test_policy_file import BOMB, REFUSED, TEXTS

NOW = datetime(2026, 9, 16, tzinfo=UTC)
POLICIES = sorted((Path(__file__).parents[3] / "docs" / "policies").glob("*.yaml"))
BAD = """\
version: 2
defaults:
  resum: on
  attempts: {total: 0, capacity: 5, foo: 1}
  back_off:
    capacity: {first: 5 min, longest: 1 min}
    failure: {first: 5 min}
  ladder:
    - {market: spotty, attempts: 1}
    - {market: spot, instance_types: [ml.g5.xlarge, g5]}
  triggers: [capacity-error, nonsense]
rules:
  - match: {}
    settings: {resume: on}
  - name: a
    match: {tag: x}
    settings: {deadline: soon, work: 5}
  - name: a
    match: {tags: {a.b: 5, "x[0]": 6}}
    settings: {<<: {resume: 5}}
  - 17
foo: 1
"""


def checked(words: str | bytes) -> Checked:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "policy.yaml"
        file.write_bytes(words if isinstance(words, bytes) else words.encode("utf-8", "surrogatepass"))
        return check(str(file), now=NOW)


def errors(words: str) -> list[tuple[int | None, str]]:
    return [(each.line, each.words.partition(": ")[0]) for each in checked(words).errors]


def warnings(words: str) -> list[tuple[int | None, str]]:
    found = checked(words)
    assert found.policy is not None, found.errors
    return [(each.line, each.words) for each in found.warnings]


def test_all_that_is_wrong_is_said_at_once_with_its_lines() -> None:
    """Users of another validator asked for the line (cloud-custodian#3777), and met one mistake at a time (#3806)."""
    assert errors(BAD) == [
        (1, "version"),
        (3, "defaults.resum"),
        (4, "defaults.attempts.foo"),
        (4, "defaults.attempts.total"),
        (5, "defaults.back_off"),
        (7, "defaults.back_off.failure.longest"),
        (9, "defaults.ladder[0].market"),
        (10, "defaults.ladder[1].instance_types[1]"),
        (11, "defaults.triggers[1]"),
        (13, "rules[0].match"),
        (13, "rules[0].name"),
        (16, "rules[1].match.tag"),
        (17, "rules[1].settings.deadline"),
        (17, "rules[1].settings.work"),
        (18, "rules[2].name"),
        (19, "rules[2].match.tags.a.b"),
        (19, "rules[2].match.tags.x[0]"),
        (20, "rules[2].settings.resume"),
        (21, "rules[3]"),
        (22, "foo"),
    ]


def test_what_only_follows_from_a_mistake_is_no_mistake() -> None:
    assert errors("version: 1\nrules: [{name: a, match: {jobname: x}, settings: {}}]") == [
        (2, "rules[0].match.jobname")
    ]
    assert errors("version: 1\ndefaults: {attempts: {totl: 3}}") == [(2, "defaults.attempts.totl")]


def test_a_filter_that_is_misspelt_is_no_filter() -> None:
    """An unknown member must not pass: `filter` for `filters` once cost a user days (cloud-custodian#9153)."""
    (found,) = checked("version: 1\nrules:\n- name: a\n  match: {job_nam: x}\n  settings: {}\n").errors
    assert (found.line, found.words) == (4, "rules[0].match.job_nam: there is no such setting; did you mean job_name?")


@pytest.mark.parametrize(
    ("words", "line", "said"),
    [
        ("version: 1\ndefaults:\n  resume:\n", 3, "'resume' has no value"),
        ("version: 1\nversion: 1\n", 2, "'version' is there twice"),
        ("version: 1\ndefaults: {resume: on\nrules: []\n", 3, "while parsing a flow mapping"),
        ("version: 1\n\n\tdefaults: x", 3, "cannot start any token"),
        ("version: 1\ndefaults: \x07", None, "special characters are not allowed"),
        ("[" * 5000, None, "maximum recursion"),
        (b"\xff\xfe\x00", None, "cannot be read"),
        ("# " + "é" * 32768, None, "larger than 64 KB"),
        ("{version: 1, kill_switch: on}", 1, "aws ssm put-parameter"),
        ("", None, "the policy: is null and must be an object"),
    ],
    ids=["no value", "twice", "no YAML", "a tab", "a bell", "too deep", "no text", "too large", "switch", "empty"],
)
def test_what_cannot_be_read_has_its_line_where_there_is_one(words: str | bytes, line: int | None, said: str) -> None:
    (found,) = checked(words).errors
    assert said in found.words
    assert found.line == line


def test_a_policy_that_is_too_large_for_the_parameter_is_invalid() -> None:
    rules = ", ".join(f"{{name: r{n}, match: {{job_name: '{'a' * 60}'}}, settings: {{}}}}" for n in range(60))
    (found,) = checked(f"version: 1\nrules: [{rules}]").errors
    assert "bytes of JSON, and a parameter holds 4096" in found.words


def test_the_line_of_what_is_merged_is_where_it_stands() -> None:
    words = (
        "version: 1\nrules:\n- &a\n  name: a\n  match: {job_name: x}\n  settings:\n    resum: on\n- {<<: *a, name: b}\n"
    )
    assert errors(words)[0] == (7, "rules[0].settings.resum")
    assert errors("version: 1\ndefaults:\n  <<:\n    resum: on\n") == [(4, "defaults.resum")]


@given(text=st.one_of(TEXTS, st.lists(st.sampled_from(BAD.splitlines()), max_size=25).map("\n".join)))
@settings(max_examples=400, deadline=None)
def test_valid_is_exactly_what_a_deployment_accepts(text: str) -> None:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "policy.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        accepted = False
        with suppress(PolicyInvalidError):
            accepted = bool(policy_text(str(file)))
        found = check(str(file), now=NOW)
    assert (found.policy is not None) is accepted
    assert bool(found.errors) is not accepted


KEYS = st.sampled_from(
    (
        *("version", "defaults", "rules", "name", "match", "settings", "resume", "attempts", "total", "ladder", ""),
        *("market", "first", "longest", "back_off", "capacity", "tags", "a.b", "x[0]", "deadline", "triggers"),
        "instance_types",
    )
)
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([1, 0, True, None, "", "spot", "5 min", "ml.g5.xlarge", "x" * 300, 1.5]),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


@given(defaults=DOCUMENTS, rules=st.lists(DOCUMENTS, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_document_is_checked_to_its_end(defaults: object, rules: list[object]) -> None:
    """JSON, as deployments accept it; each mistake is taken out, and what is left is checked again."""
    text = json.dumps({"version": 1, "defaults": defaults, "rules": rules})
    found = checked(text)
    assert (found.policy is None) == bool(found.errors)
    assert all(each.line in {1, None} for each in found.errors)
    assert len({each.words for each in found.errors}) == len(found.errors)


@pytest.mark.parametrize(("value", "complaint"), REFUSED.values(), ids=REFUSED)
def test_what_a_deployment_refuses_in_words_is_said_in_the_same_words(value: str, complaint: str) -> None:
    (found,) = checked(f"version: 1\ndefaults: {{max_billable_hours: {value}}}").errors
    assert complaint in found.words
    assert found.line == 2


def test_a_file_of_mistakes_is_no_endless_list() -> None:
    assert len(checked(f"version: 1\ndefaults: {{{', '.join(f'n{n}: 1' for n in range(90))}}}").errors) == 90
    assert len(checked("version: 1\nrules: [" + "1, " * 99 + "{}]").errors) == 100
    assert checked(f"version: 1\ndefaults: {{{BOMB}}}").policy is None


# --- warnings


RULES = """\
version: 1
defaults: {{resume: true}}
rules:
  - {{name: first, match: {first}, settings: {{resume: false}}}}
  - {{name: second, match: {second}, settings: {{resume: true}}}}
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{job_name: '*'}", "{tags: {team: x}}"),
        ("{instance_type: 'ml.p5*'}", "{instance_type: 'ml.p5.48xlarge', region: 'eu-*'}"),
        ("{tags: {team: 'v*'}}", "{tags: {team: 'vision', stage: prod}}"),
        ("{role: '*:role/vision-*'}", "{role: 'arn:aws:iam::111122223333:role/vision-a'}"),
    ],
)
def test_a_rule_that_an_earlier_one_hides_never_counts(first: str, second: str) -> None:
    """It warns, and blocks nothing, as linters of other policies do (n8n#37647, batfish#9457)."""
    words = "rules[1]: rule 'second' never counts: rules[0] ('first') matches all of its jobs"
    assert warnings(RULES.format(first=first, second=second)) == [(5, words)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{tags: {team: vision}}", "{tags: {team: 'v*'}}"),
        ("{tags: {team: '*'}}", "{job_name: x}"),
        ("{tags: {team: ''}}", "{tags: {team: '*'}}"),
        ("{instance_type: 'ml.p5*', region: 'eu-*'}", "{instance_type: 'ml.p5.48xlarge'}"),
        ("{job_name: 'a*'}", "{job_name: '*a'}"),
    ],
)
def test_a_rule_that_may_count_is_left_alone(first: str, second: str) -> None:
    assert warnings(RULES.format(first=first, second=second)) == []


@pytest.mark.parametrize(
    ("match", "place"),
    [
        ("{job_name: 'train_*'}", "job_name"),
        ("{instance_type: 'g5.*'}", "instance_type"),
        ("{role: 'vision-*'}", "role"),
        ("{region: us-east-1a}", "region"),
        ("{tags: {stage: 'prod|stage'}}", "tags.stage"),
        ("{tags: {'a#b': x}}", "tags.a#b"),
    ],
)
def test_a_pattern_that_nobody_can_write_is_suspicious(match: str, place: str) -> None:
    (found,) = warnings(f"version: 1\nrules:\n- name: a\n  match: {match}\n  settings: {{resume: true}}\n")
    assert found[0] == 4
    assert found[1].startswith(f"rules[0].match.{place}: ")
    assert "matches nothing" in found[1]


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        ("resume: true, dry_run: true", "defaults.dry_run: decides and reports, and creates nothing"),
        (
            "resume: true, require_checkpoint: false",
            "defaults.require_checkpoint: a job without a checkpoint is resumed",
        ),
        ("resume: true, attempts: {total: 1}", "defaults.attempts.total: total: 1 is the user's own job"),
        (
            "resume: true, attempts: {capacity: 0, interruption: 0, failure: 0}",
            "defaults.attempts: all budgets are 0: with resume: true, no attempt follows",
        ),
        (
            "resume: true, ladder: [{market: spot, attempts: 5}, {market: on-demand}]",
            "defaults.ladder: rung 2 begins with attempt 6, and attempts.total is 5",
        ),
        ("resume: true, deadline: 2026-09-15T18:00Z", "defaults.deadline: 2026-09-15 18:00 UTC was 6 h 00 min ago"),
        ("resume: true, give_up_waiting_after: 2 h", "defaults.give_up_waiting_after: stops no job"),
        ("resume: false", "resumes no job but those with the tag respot:resume = on"),
    ],
)
def test_settings_that_are_hardly_meant_are_suspicious(given_settings: str, words: str) -> None:
    (found,) = warnings(f"version: 1\ndefaults:\n  {{{given_settings}}}\n")
    assert found[1].startswith(words)
    assert found[0] == (None if words.startswith("resumes") else 3)


def test_a_rule_inherits_what_is_suspicious_only_where_it_adds_to_it() -> None:
    rule = "{{name: {0}, match: {{job_name: {0}}}, settings: {{{1}}}}}"
    rules = [rule.format("a", "work: 1 h"), rule.format("b", "dry_run: true"), rule.format("c", "resume: true")]
    words = f"version: 1\ndefaults: {{dry_run: true, require_checkpoint: false}}\nrules: [{', '.join(rules)}]"
    places = [words.partition(": ")[0] for _, words in warnings(words)]
    assert places == ["defaults.dry_run", "rules[2].settings.resume"]


def test_the_policies_to_copy_have_nothing_suspicious_but_what_they_are_for() -> None:
    found = {file.name: check(str(file), now=NOW) for file in POLICIES}
    assert len(found) >= 6
    said = {name: [each.words for each in each.warnings] for name, each in found.items() if each.warnings}
    assert said == {"dry-run-first.yaml": ["defaults.dry_run: decides and reports, and creates nothing"]}


# --- the command


def test_the_command_prints_lines_that_an_editor_can_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text("version: 1\ndefaults:\n  resum: on\n  attempts: 1\n")
    assert main(["policy", "check", "policy.yaml"]) == 1
    assert capsys.readouterr().out.splitlines()[:3] == [
        "policy.yaml:3: error: defaults.resum: there is no such setting; did you mean resume?",
        "policy.yaml:4: error: defaults.attempts: is 1 and must be an object of at least 1 member",
        "policy.yaml: invalid, 2 errors",
    ]
    Path("policy.yaml").write_text("version: 1\ndefaults: {resume: true, dry_run: true}\n")
    assert main(["policy", "check", "policy.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["valid"], document["errors"]) == (True, [])
    assert document["warnings"][0]["line"] == 2
    assert document["next"] == ["respot policy test policy.yaml --since 30d"]


def test_a_file_that_is_not_there_is_invalid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", str(tmp_path / "no.yaml")]) == 1
    assert "error: cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize("policy", [None, AccountPolicy()])
def test_a_file_with_an_odd_name_is_quoted_for_the_shell(policy: AccountPolicy | None) -> None:
    odd, quoted = "my policy;rm -rf ~\x1b\n.yaml", "'my policy;rm -rf ~  .yaml'"
    ((command, _),) = after_check(odd, Checked(policy=policy))
    assert command.removesuffix(" --since 30d") == f"respot policy {'test' if policy else 'check'} {quoted}"
    assert after_test(odd, [])[0][0] == f"respot policy check {quoted}"


def test_no_word_of_a_file_reaches_the_terminal_as_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    r"""A name may hold an escape sequence, or [markup] of the library that draws."""
    hostile = r'"\e[31m[bold]\n\u202e"'
    text = f"version: 1\ndefaults: {{{hostile}: 1}}\nrules: [{{name: {hostile}, match: {{tags: {{{hostile}: 5}}}}}}]"
    (tmp_path / "a\x1b[31mb.yaml").write_text(text)
    assert main(["policy", "check", str(tmp_path / "a\x1b[31mb.yaml")]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]" in out
