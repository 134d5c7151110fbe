"""The pages are readable, their links and commands work, and what they quote is what the code says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from infra.config import settings_table
from respot_cli.main import COMMANDS
from tests.support import documents

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md"))
)
MOST_WORDS: Final = {"README.md": 900, "CONTRIBUTING.md": 600}
MOST_WORDS_IN_ALL: Final = 39_500
TARGETS: Final = documents.make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def exists(path: str) -> bool:
    return (ROOT / path).exists()


# --- the pages


CHECKS: Final[dict[str, Callable[[str], list[str]]]] = {
    "every link leads to a file and a heading": lambda page: documents.broken_links(page, read(page), exists, read),
    "no sentence is longer than 40 words": lambda page: documents.long_sentences(read(page)),
    "no word of the list": lambda page: documents.words_to_avoid(read(page)),
    "every command can be run": lambda page: documents.unknown_commands(read(page), TARGETS, exists),
    "every test is there": lambda page: documents.missing_tests(read(page), lambda p: read(p) if exists(p) else ""),
    "every path is there": lambda page: documents.missing_paths(read(page), exists),
    "no registry and no path of one machine": lambda page: documents.private_addresses(read(page)),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("check", CHECKS)
def test_a_page_keeps_the_rules(page: str, check: str) -> None:
    assert CHECKS[check](page) == []


@pytest.mark.parametrize("page", PAGES)
def test_sentences_have_20_words_or_fewer_on_average(page: str) -> None:
    assert documents.mean_length(read(page)) <= documents.MAX_MEAN


@pytest.mark.parametrize(("page", "most"), MOST_WORDS.items())
def test_the_first_pages_are_short(page: str, most: int) -> None:
    assert len(read(page).split()) <= most


def test_all_pages_together_can_be_read() -> None:
    pages = [page for page in PAGES if not page.startswith("tests/")]
    assert sum(documents.count_words(read(page)) for page in pages) <= MOST_WORDS_IN_ALL


def test_the_configuration_page_shows_every_setting_as_it_is() -> None:
    assert settings_table() in read("docs/reference/configuration.md")


@pytest.mark.parametrize("page", ["cli", "permissions"])
def test_the_tables_of_commands_have_every_command(page: str) -> None:
    first = [row[0].split() for row in documents.table_rows(read(f"docs/reference/{page}.md"))]
    assert {words[1].strip("`") for words in first if words[0] == "`respot"} == {*COMMANDS}


def test_every_row_of_the_threat_tables_names_a_test() -> None:
    rows = documents.table_rows(read("docs/security.md"))
    assert len(rows) > 15
    assert [row for row in rows if "`test_" not in row[-1]] == []


def test_the_demos_last_screen_fits_a_terminal_and_the_readme_shows_a_part_of_it() -> None:
    (screen,) = (
        block
        for block in documents.code_blocks(read("docs/getting-started.md"), "text")
        if block.startswith("Time scale: ")
    )
    assert max(len(line) for line in screen.splitlines()) <= 100
    assert len(screen.splitlines()) <= 40
    (part,) = (block for block in documents.code_blocks(read("README.md"), "text") if block.startswith("Job "))
    assert part in screen


# --- the checks themselves: each finds a bad sample, and passes a good one


LONG: Final = " ".join(["word"] * 41)
FILES: Final = {
    "docs/a.md": "# One `two`\n[x](b.md) [x](#one-two)",
    "docs/b.md": "## Here\n## Here\n",
    "tests/x/test_a.py": "def test_one() -> None:",
    "tests/x": "",
}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](a.md) [a](a.md#one-two) [b](b.md#here-1) [b](#here) [e](https://example.com/x)", []),
        ("`[f](none.md)`\n```\n[g](none.md)\n```", []),
        ("![p](no.svg) [c](../../c.md)", ["no.svg", "../../c.md"]),
        ("[d](b.md#there) [d](#three)", ["b.md#there", "#three"]),
        ("[![p](none.svg)](a.md)", ["none.svg"]),
    ],
)
def test_a_link_to_a_missing_file_or_heading_is_found(text: str, broken: list[str]) -> None:
    assert documents.broken_links("docs/b.md", text, FILES.__contains__, FILES.__getitem__) == broken


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Short one. {LONG.capitalize()}.\n\n- Two items.\n- {LONG}", [f"{LONG.capitalize()}.", LONG]),
        (f"| a | {LONG} |\n|---|---|", [LONG]),
        (f"```text\n{LONG}\n```\n\nSee `{LONG}` and [a]({LONG.replace(' ', '-')}).", []),
        ("\n".join(f"- {' '.join(['word'] * 30)}" for _ in range(3)), []),
    ],
)
def test_a_long_sentence_is_found_in_prose_and_in_a_cell_but_not_in_code(text: str, found: list[str]) -> None:
    assert documents.long_sentences(text) == found


def test_words_are_counted_without_what_nobody_reads() -> None:
    cells = "\n\n| a |\n|---|\n| b c |"
    assert documents.mean_length(f"# A title\n\nOne two three. Four five.\nSix.{cells}") == 2.0
    assert documents.mean_length("") == 0.0
    assert documents.count_words(f"# Title\n\nSee [the page](a.md), `x`.\n\n```text\nno\n```{cells}") == 8
    assert documents.table_rows(f"{cells}\n| e | |") == [["b c"], ["e", ""]]


@pytest.mark.parametrize(
    "text",
    ["The job stays there.", "## Storms", "| a cell | what is given up |", "The bus denies it, so it is safe."],
)
def test_a_word_of_the_list_is_found(text: str) -> None:
    assert documents.words_to_avoid(text)


@pytest.mark.parametrize(
    "text",
    [
        "`stays`",
        "```text\nwhatever\n```",
        'The button says "look at this".',
        "## What was given up",
        "[guide](storms.md)",
        "overlook, look up, so that",
    ],
)
def test_code_quotations_and_exceptions_may_have_any_word(text: str) -> None:
    assert documents.words_to_avoid(text) == []


def test_every_exception_is_used() -> None:
    assert [phrase for phrase in documents.EXCEPTIONS if not any(phrase in read(page) for page in PAGES)] == []


@pytest.mark.parametrize(
    ("command", "is_known"),
    [
        ("respot drlil", False),
        ("respot drill --kind failed", False),
        ("ls | respot dlq --queues", False),
        ("respot show my-job --json | jq .job", True),
        ("respot drill \\\n    --region eu-west-1 >/dev/null || true", True),
        ("A=1 make demo nothing", False),
        ("PYTHON=python3.13 make demo", True),
        ("python -m infra.nothing", False),
        (".venv/bin/python examples/none.py", False),
        (".venv/bin/python -m infra.cdk list && pip install boto3", True),
    ],
)
def test_a_command_that_is_not_there_is_found(command: str, *, is_known: bool) -> None:
    assert bool(documents.unknown_commands(f"```console\n$ {command}\n```", {"demo"}, exists)) is not is_known
    assert documents.unknown_commands(f"```text\n$ {command}\n```", {"demo"}, exists) == []


def test_commands_in_backquotes_are_read_unless_they_are_only_a_name() -> None:
    assert documents.commands("`respot nothing`, `respot show` and `make demo`") == [
        ["respot", "nothing"],
        ["make", "demo"],
    ]


def test_a_test_or_path_that_is_not_there_is_found() -> None:
    text = "`test_one`, `test_two` (tests/x/test_a.py) [`test_three`](../tests/x/test_a.py) `tests/x/` `docs/none.md`"
    missing = ["tests/x/test_a.py: test_two", "tests/x/test_a.py: test_three"]
    assert documents.missing_tests(text, FILES.__getitem__) == missing
    assert documents.missing_paths(text, FILES.__contains__) == ["docs/none.md"]


def test_a_registry_or_a_private_path_is_found() -> None:
    assert documents.private_addresses("see https://pypi.org/project/x and /home/me/respot")
    assert documents.private_addresses("`job/work/x`, /aws/sagemaker/TrainingJobs, s3://bucket/home/x") == []


def test_make_targets_are_read_from_the_makefile() -> None:
    assert documents.make_targets("A := b\nall: x ## Do it\nx-y: z\n\t@echo no:\n") == {"all", "x-y"}
    assert "demo" in TARGETS


DECISIONS: Final = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_has_its_four_parts_and_is_in_the_index(page: Path) -> None:
    text, index = page.read_text(), (page.parent / "README.md").read_text()
    title = text.splitlines()[0].removeprefix("# ")
    assert f"[{title}]({page.name})" in index
    assert title.startswith(page.stem.split("-")[0])
    assert re.findall(r"^(\*\*Status:\*\*|## .*)", text, flags=re.MULTILINE) == [
        "**Status:**",
        "## Context",
        "## Decision",
        "## What was given up",
    ]
