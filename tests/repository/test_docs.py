"""The pages are readable, their links and commands work, and what they quote is what the code says."""

import re
from pathlib import Path
from typing import Final

import pytest

from infra.config import settings_table
from tests.support import documents

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md"))
)
MOST_WORDS: Final = {"README.md": 900, "CONTRIBUTING.md": 600}
MOST_WORDS_IN_ALL: Final = 29_500
TARGETS: Final = documents.make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def exists(path: str) -> bool:
    return (ROOT / path).exists()


each_page = pytest.mark.parametrize("page", PAGES)


# --- the pages


@each_page
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    assert documents.broken_links(page, read(page), exists, read) == []


@each_page
def test_no_sentence_is_longer_than_40_words(page: str) -> None:
    assert documents.long_sentences(read(page)) == []


@each_page
def test_sentences_have_20_words_or_fewer_on_average(page: str) -> None:
    assert documents.mean_length(read(page)) <= documents.MAX_MEAN


@each_page
def test_no_page_uses_a_word_of_the_list(page: str) -> None:
    assert documents.words_to_avoid(read(page)) == []


@each_page
def test_every_command_can_be_run(page: str) -> None:
    assert documents.unknown_commands(read(page), TARGETS, exists) == []


@each_page
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    assert documents.missing_tests(read(page), lambda path: read(path) if exists(path) else "") == []


@each_page
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    assert documents.missing_paths(read(page), exists) == []


@each_page
def test_no_page_names_a_registry_or_a_path_of_one_machine(page: str) -> None:
    assert documents.private_addresses(read(page)) == []


@pytest.mark.parametrize(("page", "most"), MOST_WORDS.items())
def test_the_first_pages_are_short(page: str, most: int) -> None:
    assert len(read(page).split()) <= most


def test_all_pages_together_can_be_read() -> None:
    pages = [page for page in PAGES if not page.startswith("tests/")]
    assert sum(documents.count_words(read(page)) for page in pages) <= MOST_WORDS_IN_ALL


def test_the_configuration_page_shows_every_setting_as_it_is() -> None:
    assert settings_table() in read("docs/reference/configuration.md")


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


# --- the checks themselves: each finds a bad sample


def test_a_link_to_a_missing_file_or_heading_is_found() -> None:
    pages = {"docs/a.md": "# One `two`\n[x](b.md) [x](#one-two) [x](#three)", "docs/b.md": "## Here\n## Here\n"}
    text = (
        "[a](a.md) [a](a.md#one-two) [b](b.md#here-1) ![p](no.svg) [c](../../c.md) "
        "[d](b.md#there) [e](https://example.com/x) `[f](none.md)`\n```\n[g](none.md)\n```\n[![p](none.svg)](a.md)"
    )
    broken = documents.broken_links("docs/b.md", text, pages.__contains__, pages.__getitem__)
    assert broken == ["no.svg", "../../c.md", "b.md#there", "none.svg"]
    assert documents.broken_links("docs/a.md", pages["docs/a.md"], pages.__contains__, pages.__getitem__) == ["#three"]


def test_a_long_sentence_is_found_in_prose_and_in_a_cell_but_not_in_code() -> None:
    long = " ".join(["word"] * 41)
    assert documents.long_sentences(f"Short one. {long.capitalize()}.\n\n- Two items.\n- {long}") == [
        f"{long.capitalize()}.",
        long,
    ]
    assert documents.long_sentences(f"| a | {long} |\n|---|---|") == [long]
    assert documents.long_sentences(f"```text\n{long}\n```\n\nSee `{long}` and [a]({long.replace(' ', '-')}).") == []
    assert documents.long_sentences("\n".join(f"- {' '.join(['word'] * 30)}" for _ in range(3))) == []


def test_the_mean_leaves_out_cells_and_headings() -> None:
    assert (
        documents.mean_length("# A title\n\nOne two three. Four five.\nSix.\n\n| a | b |\n|---|---|\n| c | d |") == 2.0
    )
    assert documents.mean_length("") == 0.0
    assert documents.mean_length(" ".join(["Word"] * 21) + ".") > documents.MAX_MEAN


@pytest.mark.parametrize(
    "text",
    [
        "The job stays there.",
        "Whoever may tag a job",
        "It is mended anew.",
        "## Storms",
        "| a cell | what is given up |",
        "The bus denies it, so it is safe.",
        "It starts by itself.",
        "Take a look at it.",
    ],
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
    "command",
    [
        "respot drlil",
        "respot timeline",
        "respot drill --kind failed",
        "make nothing",
        "A=1 make demo nothing",
        "ls | respot dlq --queues",
        "python -m infra.nothing",
        ".venv/bin/python examples/none.py",
    ],
)
def test_a_command_that_is_not_there_is_found(command: str) -> None:
    assert documents.unknown_commands(f"```console\n$ {command}\n```", {"demo"}, exists)


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ respot timeline my-job --json | jq .job\n$ .venv/bin/respot dlq redrive --queue slack\n```",
        "```console\n$ PYTHON=python3.13 make demo\n$ respot drill \\\n    --region eu-west-1 >/dev/null || true\n```",
        "```console\n$ .venv/bin/python -m infra.cdk list && pip install boto3\n```",
        "```text\n$ respot nothing\n```",
        "`respot timeline`, `respot dlq redrive` and `make demo`",
    ],
)
def test_a_command_that_is_there_passes(text: str) -> None:
    assert documents.unknown_commands(text, {"demo"}, exists) == []
    assert documents.commands("`respot nothing`") == [["respot", "nothing"]]


def test_a_test_or_path_that_is_not_there_is_found() -> None:
    files = {"tests/x/test_a.py": "def test_one() -> None:"}
    text = "`test_one`, `test_two` (tests/x/test_a.py) [`test_three`](../tests/x/test_a.py) `tests/x/` `docs/none.md`"
    assert documents.missing_tests(text, files.__getitem__) == [
        "tests/x/test_a.py: test_two",
        "tests/x/test_a.py: test_three",
    ]
    assert documents.missing_paths(text, lambda path: path == "tests/x") == ["docs/none.md"]


def test_words_are_counted_without_code_targets_and_table_lines() -> None:
    assert (
        documents.count_words("# Title\n\nSee [the page](a.md), `x`.\n\n```text\nno\n```\n\n| a |\n|---|\n| b c |") == 8
    )


def test_rows_are_read_without_their_headers() -> None:
    assert documents.table_rows("| a | b |\n|---|:-:|\n| c | d |\n| e | |\n\n| f |\n|--|\n| g |") == [
        ["c", "d"],
        ["e", ""],
        ["g"],
    ]


def test_a_registry_or_a_private_path_is_found() -> None:
    assert documents.private_addresses("see https://pypi.org/project/x and /home/me/respot")
    assert documents.private_addresses("`job/work/x`, /aws/sagemaker/TrainingJobs, s3://bucket/home/x") == []


def test_make_targets_are_read_from_the_makefile() -> None:
    assert documents.make_targets("A := b\nall: x ## Do it\nx-y: z\n\t@echo no:\n") == {"all", "x-y"}
    assert re.search("demo", " ".join(TARGETS))


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
