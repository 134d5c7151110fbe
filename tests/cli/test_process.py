"""The real process: exit codes, and what it says when nobody can read it. No test may see a traceback."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOW = ("show", "nightly-resnet")
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
LOST = [
    pytest.param(("--help",), {}, id="help"),
    pytest.param(("--help",), UNBUFFERED, id="help, unbuffered"),
    pytest.param(SHOW, {}, id="text"),
    pytest.param(SHOW, UNBUFFERED, id="text, unbuffered"),
    pytest.param((*SHOW, "--json"), {}, id="json"),
]
"""Each process takes a second: no more of them than there are ways to write."""


def command(*words: str, module: str = "tests.support.respot_process") -> list[str]:
    return [sys.executable, "-m", module, *words]


def environment(**others: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONUNBUFFERED", "NO_COLOR"}}
    return kept | others


def ended(
    arguments: Sequence[str],
    variables: Mapping[str, str] = MappingProxyType({}),
    *,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> tuple[int, str, str]:
    """A program's exit code, and what it printed on both streams."""
    done = subprocess.run(  # noqa: S603 - our own command
        arguments, stdout=stdout, stderr=stderr, text=True, env=environment(**variables), cwd=ROOT, check=False
    )
    said = done.stderr or ""
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    return done.returncode, done.stdout or "", said


def run(*words: str, stdout: int = subprocess.PIPE, **others: str) -> tuple[int, str, str]:
    return ended(command(*words), others, stdout=stdout)


def in_bash(script: str, *words: str) -> tuple[int, str, str]:
    """A script that finds the command in its arguments."""
    return ended(["/bin/bash", "-c", script, "bash", *command(*words)])


@contextmanager
def closed_pipe() -> Iterator[int]:
    """The end to write to of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@contextmanager
def full_disk() -> Iterator[int]:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        yield full
    finally:
        os.close(full)


@pytest.mark.parametrize(("words", "others"), LOST)
def test_a_closed_pipe_ends_it_quietly(words: tuple[str, ...], others: Mapping[str, str]) -> None:
    with closed_pipe() as pipe:
        assert run(*words, stdout=pipe, **others) == (141, "", "")


def test_head_ends_it_quietly() -> None:
    _, out, said = in_bash('"$@" | head -1; echo "${PIPESTATUS[0]}"', *SHOW)
    first, code = out.splitlines()
    assert "nightly-resnet" in first
    assert code in {"0", "141"}  # head may close the pipe before or after all has been written
    assert said == ""


@pytest.mark.parametrize(("words", "others"), LOST)
def test_a_full_disk_is_an_exit_code_of_its_own(words: tuple[str, ...], others: Mapping[str, str]) -> None:
    advice = "free some space or write it elsewhere"
    said = f"respot: the output could not be written (No space left on device): {advice}\n"
    with full_disk() as full:
        assert run(*words, stdout=full, **others) == (74, "", said)


@pytest.mark.parametrize("words", [("--help",), SHOW], ids=["help", "text"])
def test_with_a_closed_standard_output_nothing_is_begun(words: tuple[str, ...]) -> None:
    said = "respot: nothing was done, since standard output is closed: open it, or send it to /dev/null\n"
    assert in_bash('exec "$@" >&-', *words) == (74, "", said)


@pytest.mark.parametrize(
    ("words", "expected"), [(("show", "nobody"), 3), (("show",), 2)], ids=["not found", "wrong usage"]
)
def test_a_lost_standard_error_changes_no_exit_code(words: tuple[str, ...], expected: int) -> None:
    with full_disk() as full, closed_pipe() as pipe:
        for lost in (full, pipe):
            assert ended(command(*words), stderr=lost) == (expected, "", "")


@pytest.mark.parametrize("word", ["bogus", "show"])
def test_with_a_closed_standard_error_usage_is_no_data(word: str) -> None:
    """argparse writes it to stdout where there is no stderr."""
    assert in_bash('exec "$@" 2>&-', word) == (2, "", "")


INTERRUPTED_IN = """
import sys
class Interrupt:
    @staticmethod
    def find_spec(name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt)
from respot_cli.main import main
sys.exit(main(["show", "nightly-resnet"]))
"""
"""The command as its script starts it, with a Ctrl-C while a module loads."""
INTERRUPTED = (130, "", "respot: interrupted\n")


@pytest.mark.parametrize("module", ["argparse", "respot_cli.output", "rich.console", "botocore"])
def test_ctrl_c_while_a_module_loads_ends_it_with_a_word(module: str) -> None:
    assert ended([sys.executable, "-c", INTERRUPTED_IN.format(module=module)]) == INTERRUPTED


def listen_to_ctrl_c() -> None:
    """As in a terminal: a shell starts what is in the background with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_it_with_a_word() -> None:
    with subprocess.Popen(  # noqa: S603
        command(*SHOW),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(SLOW="1"),
        cwd=ROOT,
        preexec_fn=listen_to_ctrl_c,  # noqa: PLW1509 - it only sets a signal
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said) == INTERRUPTED


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AWS_ENDPOINT_URL", "notaurl", "Invalid endpoint: notaurl"),
        ("AWS_MAX_ATTEMPTS", "zz", "invalid literal for int() with base 10: 'zz'"),
    ],
)
def test_an_aws_variable_that_cannot_be_used_is_named(variable: str, value: str, words: str) -> None:
    given = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", variable: value}
    advice = "correct the environment variables that begin with AWS_, or your AWS profile"
    said = f"respot: {words}; {advice}\n"
    assert ended(command(*SHOW, module="respot_cli.main"), given) == (4, "", said)


def test_alone_it_prints_its_help() -> None:
    code, out, _ = run()
    assert code == 0
    assert out.startswith("usage: respot")
    assert "show" in out


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (("--version",), {"boto3", "rich.table", "respot_cli.show", "respot_cli.dlq", "respot_cli.drill"}),
        (("--help",), {"boto3"}),
        (("show", "--help"), {"boto3", "respot_cli.dlq", "respot_cli.drill"}),
    ],
    ids=["version", "help", "a command's help"],
)
def test_a_command_loads_nothing_that_it_does_not_need(words: tuple[str, ...], unneeded: set[str]) -> None:
    """Each command's modules, and boto3, take a tenth of a second."""
    program = "import sys\nfrom respot_cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    code, out, modules = ended([sys.executable, "-c", program, *words])
    assert code == 0
    assert out
    assert not unneeded & set(modules.split())


def test_it_says_its_version() -> None:
    assert run("--version") == (0, f"respot {metadata.version('respot')}\n", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [((*SHOW, "--created", "yesterday"), 2), (("unknown",), 2), (("show", "nobody"), 3)],
    ids=["no time", "no such command", "no such job"],
)
def test_each_end_has_its_exit_code(words: tuple[str, ...], code: int) -> None:
    assert run(*words)[0] == code


def test_text_is_the_default_in_a_pipe_as_well() -> None:
    _, text, _ = run(*SHOW)
    assert "Resubmitted as nightly-resnet-r2" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) == 80
    assert run(*SHOW, "--format", "json")[1].startswith("{")


def test_a_terminal_that_knows_only_ascii_gets_ascii() -> None:
    code, text, _ = run(*SHOW, PYTHONIOENCODING="ascii", COLUMNS="120")
    assert code == 0
    assert text.isascii()
    assert "# training 2 h 40 min" in text


@pytest.mark.parametrize(
    ("module", "words"),
    [("local", ("--help",)), ("tests.support.recovery_world", ("--schedules", "1", "--processes", "1"))],
    ids=["local", "soak"],
)
def test_the_developers_commands_survive_a_lost_output(module: str, words: tuple[str, ...]) -> None:
    with closed_pipe() as pipe, full_disk() as full:
        assert ended(command(*words, module=module), stdout=pipe)[0] == 141
        assert ended(command(*words, module=module), stdout=full)[0] == 74
