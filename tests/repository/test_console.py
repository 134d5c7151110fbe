"""The calls of the AWS CLI in console blocks are right, and what reads and compares such blocks works.

`tests/e2e/test_console_blocks.py` runs the other commands.
"""

import os

import pytest

from tests.support import console
from tests.support.console import BLOCKS, Typed


@pytest.mark.parametrize("line", sorted({each.line for each in BLOCKS if each.line.startswith("aws ")}))
def test_every_call_of_the_aws_cli_is_one_that_aws_knows(line: str) -> None:
    """The AWS CLI is not a part of the checkout: AWS's model of its services judges the options and values."""
    assert console.invalid_call(line) == ""


def test_commands_and_their_outputs_are_read_from_a_block() -> None:
    text = "   ```console\n   $ a \\\n       --b\n   out\n     put\n   $ c\n   ```\n\n```console\nno prompt\n```\n"
    assert console.typed(text) == [
        Typed(line="a --b", shown="out\n  put\n"),
        Typed(line="c", shown=""),
        Typed(line="no prompt", shown=""),
    ]


def test_a_terminal_shows_what_is_left_of_a_spinner_and_an_answered_question() -> None:
    line = r"printf '* waiting\r\033[2Kdone\n'; printf 'Sure? (\033[1mn\033[0m): '; read answer; echo $answer; exit 3"
    assert console.run(line, os.environ, answer="yes") == (3, "done\nSure? (n): yes\nyes\n")


def test_another_word_is_found_and_another_figure_is_not() -> None:
    page = "│ 7d9ec0bcdce9 took 0.17 s. │\n…"
    assert console.differs(page, "c616b1557f57 took\n 12 s. And more.") == ""
    assert console.differs(page, "c616b1557f57 needed 12 s.")
    assert console.differs("after 3 h 05 min", "after\n12 s") == ""
    assert console.differs("All of it", "All of it and more")
    assert console.differs("All of it", "All of")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("aws ssm set-parameter --name x", "ssm has no set-parameter"),
        ("aws ssm put-parameter --nmae x", "ssm put-parameter has no --nmae"),
        ("aws ssm put-parameter --name x", 'Missing required parameter in input: "Value"'),
        ("aws sns subscribe --topic-arn x --protocol y --attributes '[]'", "Invalid type for parameter"),
    ],
)
def test_a_wrong_call_of_the_aws_cli_is_found(line: str, said: str) -> None:
    assert said in console.invalid_call(line)
