"""The commands at a command's end are there to be copied."""

from io import StringIO

import pytest
from rich.console import Console

from respot_cli import output
from respot_cli.next_commands import next_commands, to_document

URI = f"s3://bucket/{'deep/' * 30}"
COMMANDS = (("respot why a-job", "what was decided, and what would change it"), (f"respot checkpoints {URI}", "saved"))


def drawn(*commands: tuple[str, str], width: int) -> list[str]:
    out = StringIO()
    Console(file=out, width=width, highlight=False).print(next_commands(*commands), crop=False)
    return out.getvalue().splitlines()


def test_what_a_command_does_stands_beside_it_where_there_is_room() -> None:
    assert drawn(COMMANDS[0], ("respot wait a-job", "waits"), width=80) == [
        "Next",
        "  respot why a-job   what was decided, and what would change it",
        "  respot wait a-job  waits",
    ]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_command_is_cut_or_wrapped(width: int) -> None:
    lines = drawn(*COMMANDS, width=width)
    assert [line.strip() for line in lines if line.startswith("  respot")] == [command for command, _ in COMMANDS]
    assert [line.strip() for line in lines if line.startswith("      ")] == [what for _, what in COMMANDS]


def test_a_command_prints_them_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    output.show("text", next_commands(*COMMANDS), {})
    assert f"respot checkpoints {URI}\n" in capsys.readouterr().out


def test_as_a_text_it_has_one_line_for_each_command() -> None:
    assert str(next_commands(*COMMANDS)).splitlines() == drawn(*COMMANDS, width=400)


def test_the_json_has_the_commands_alone() -> None:
    assert list(to_document(*COMMANDS)) == ["respot why a-job", f"respot checkpoints {URI}"]
