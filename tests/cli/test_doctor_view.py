"""What `respot doctor` prints: one line for each check, to be read and copied from."""

from io import StringIO
from typing import Final

import pytest
from rich.console import Console

from respot_cli.doctor.finding import Finding, broken, fine, note, unknown, warning
from respot_cli.doctor.view import Findings, Report, followed_by, to_document

HOSTILE: Final = "a\x1b[2Jb\nc"
AGAIN: Final = "respot doctor"


def drawn(findings: Findings, *, encoding: str = "utf-8", width: int = 200) -> list[str]:
    class Stream(StringIO):
        @property
        def encoding(self) -> str:  # type: ignore[override]
            return encoding

    out = Stream()
    Console(file=out, width=width, highlight=False).print(Report(findings, followed_by(findings)), crop=False)
    return out.getvalue().splitlines()


def commands_after(*findings: tuple[str, Finding]) -> list[str]:
    return [command for command, _ in followed_by(findings)]


ALL: Final = [
    ("stack", fine("there")),
    ("a drill", note("none.", "respot drill")),
    ("settings", warning("wide", "narrow them")),
    ("dead letters", broken("1 in slack", "respot dlq")),
    ("alarms", unknown("no permission")),
]


def test_each_check_has_its_mark_beside_aligned_words() -> None:
    assert drawn(ALL)[:7] == [
        "✓ stack         there",
        "· a drill       none → respot drill",
        "! settings      wide → narrow them",
        "✗ dead letters  1 in slack → respot dlq",
        "? alarms        not checked: no permission",
        "",
        "5 checks: 1 to fix, 1 to consider, 1 not checked.",
    ]


def test_a_terminal_that_knows_only_ascii_gets_nothing_else() -> None:
    lines = drawn(ALL, encoding="ascii")
    assert "".join(lines).isascii()
    assert [line.split()[0] for line in lines[:5]] == ["ok", "-", "!", "x", "?"]
    assert lines[3].endswith("1 in slack -> respot dlq")


def test_no_line_is_folded_or_cut() -> None:
    long = "x y " * 40
    lines = drawn([("stack", broken(long, "respot dlq"))], width=40)
    assert lines[0] == f"✗ stack  {long.strip()} → respot dlq"


def test_words_of_others_reach_no_terminal_as_commands() -> None:
    lines = drawn([("stack", broken(HOSTILE, HOSTILE))])
    assert lines[1] == ""
    assert "\x1b" not in lines[0]


def test_notes_are_no_reason_to_check_again() -> None:
    calm = [("stack", fine("there")), ("a drill", note("none", "respot drill"))]
    assert drawn(calm)[3] == "2 checks: all fine."
    assert AGAIN not in commands_after(*calm)


@pytest.mark.parametrize("finding", [warning("a", "b"), broken("a", "b"), unknown("a")])
def test_all_else_is(finding: Finding) -> None:
    assert commands_after(("stack", finding))[-1] == AGAIN
    assert "respot dlq" not in commands_after(("stack", finding))


def test_dead_letters_are_explained_first_if_there_are_any() -> None:
    assert commands_after(("dead letters", broken("1 in slack", "")))[0] == "respot dlq"
    assert "respot dlq" not in commands_after(("dead letters", fine("none")))


def test_in_json_nothing_to_do_is_null() -> None:
    document = to_document(ALL[:2], followed_by(ALL[:2]))
    assert document["checks"] == [
        {"check": "stack", "verdict": "fine", "said": "there", "fix": None},
        {"check": "a drill", "verdict": "note", "said": "none.", "fix": "respot drill"},
    ]
    assert document["next"] == ["respot drill", "respot list"]
