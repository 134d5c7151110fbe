"""What `make proof` reports about its parts, however they end. The parts here are small programs."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from local import PROJECT
from local.bench import load_table
from local.chaos import table as chaos_table
from local.clients import table as clients_table
from local.proof import figures, proof
from local.proof.parts import LONGEST_MINUTES, PARTS, Demand, Part
from tests.local.test_load_figures import SOUND
from tests.support.recovery_world import __main__ as soak
from tests.support.waiting import eventually

LEAVES = """
import json, pathlib, sys
pathlib.Path(sys.argv[-1]).write_text(json.dumps({figures}))
print("all is well")
sys.exit({code})
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory from which parts can be run."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def part(modules: Path, name: str, program: str, *demands: Demand, minutes: float = 1) -> Part:
    module = f"part_{name}"
    (modules / f"{module}.py").write_text(program)
    return Part(name=name, module=module, demands=demands, minutes=minutes)


def leaves(modules: Path, name: str, *demands: Demand, code: int = 0, **found: float) -> Part:
    """A part that leaves these figures and ends with this code."""
    return leaving(modules, name, found, *demands, code=code)


def leaving(modules: Path, name: str, found: Mapping[str, float], *demands: Demand, code: int = 0) -> Part:
    return part(modules, name, LEAVES.format(figures=json.dumps(dict(found)), code=code), *demands)


def prove(modules: Path, *parts: Part, only: tuple[str, ...] = ()) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=proof.WIDTH)
    code = proof.main(console, only=only, parts=parts, logs=modules / "logs")
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def lines(output: str, *words: str) -> list[str]:
    return [line for line in output.splitlines() if all(word in line for word in words)]


LOST = Demand(figure="lost", most=0)
SLOWEST = Demand(figure="slowest", most=30, unit="s")
ROUNDS = Demand(figure="rounds", least=5)


def test_if_every_demand_is_met_the_exit_code_is_0(modules: Path) -> None:
    code, output = prove(modules, leaves(modules, "chaos", LOST, SLOWEST, ROUNDS, lost=0, slowest=29.9, rounds=5))
    assert code == 0
    assert lines(output, "slowest", "29.9 s", "at most 30 s", "✓")
    assert lines(output, "rounds", "5", "at least 5", "✓")
    assert "✗" not in output


@pytest.mark.parametrize(
    ("demand", "value"), [(LOST, 1), (SLOWEST, 30.1), (ROUNDS, 4)], ids=["a count", "a time", "too few"]
)
def test_a_figure_beyond_its_limit_gives_1(modules: Path, demand: Demand, value: float) -> None:
    code, output = prove(modules, leaving(modules, "chaos", {demand.figure: value}, demand))
    assert code == 1
    assert lines(output, demand.figure, demand.limit, "✗")


def test_a_part_that_crashes_is_a_failed_row_and_the_others_still_run(modules: Path) -> None:
    broken = part(modules, "broken", "raise RuntimeError('the account did not start')", LOST)
    code, output = prove(modules, broken, leaves(modules, "good", LOST, lost=0))
    assert code == 1
    assert lines(output, "broken", "exit code", "1", "✗")
    assert lines(output, "lost", "missing", "✗")
    assert "RuntimeError: the account did not start" in output
    assert lines(output, "good", "exit code", "0", "✓")


def test_good_figures_excuse_no_exit_code(modules: Path) -> None:
    code, output = prove(modules, leaves(modules, "chaos", LOST, lost=0, code=3))
    assert code == 1
    assert lines(output, "chaos", "exit code", "3", "✗")


def test_a_part_that_hangs_is_stopped_with_all_that_it_started(modules: Path) -> None:
    program = f"""
import pathlib, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn])
pathlib.Path({str(modules / "child")!r}).write_text(str(child.pid))
time.sleep(600)
"""
    code, output = prove(modules, part(modules, "hangs", program, LOST, minutes=0.05))
    assert code == 1
    assert lines(output, "hangs", "after 0.05 min: stopped", "✗")
    child = int((modules / "child").read_text())
    assert eventually(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())


def test_one_part_can_be_run_alone(modules: Path) -> None:
    code, output = prove(modules, leaves(modules, "one", LOST, lost=0), leaves(modules, "two"), only=("two",))
    assert code == 0
    assert lines(output, "two")
    assert not lines(output, "lost")


def test_an_unknown_name_gives_2_and_runs_nothing(modules: Path) -> None:
    code, output = prove(modules, leaves(modules, "one"), only=("chaso",))
    assert (code, output.strip()) == (2, "no such part: chaso; there are one")


def test_all_parts_together_have_a_limit(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = leaves(modules, "one"), leaves(modules, "two")
    code, output = prove(modules, *both)
    assert code == 0
    assert lines(output, "together", f"at most {LONGEST_MINUTES} min", "✓")
    monkeypatch.setattr(proof, "LONGEST_MINUTES", 0)
    code, output = prove(modules, *both)
    assert code == 1
    assert lines(output, "together", "✗")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_a_signal_ends_the_part_and_shows_what_was_proven_until_then(modules: Path, number: signal.Signals) -> None:
    leaves(modules, "good", LOST, lost=0)
    part(
        modules,
        "long",
        f"""
import pathlib, time
try:
    pathlib.Path({str(modules / "began")!r}).touch()
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path({str(modules / "ended")!r}).touch()
""",
    )
    program = f"""
import signal, sys, pathlib
from local.proof import proof
from local.proof.parts import Demand, Part
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for what a shell runs in the background
parts = [Part(name=name, module=f"part_{{name}}", demands=(), minutes=5) for name in ("good", "long")]
sys.exit(proof.main(parts=parts, logs=pathlib.Path({str(modules / "logs")!r})))
"""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=PROJECT, env=os.environ | {}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert eventually((modules / "began").exists, seconds=30)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (modules / "ended").exists()
    assert lines(output, "good", "exit code", "✓")
    assert "Interrupted after 1 of 2 parts" in output


def test_the_last_line_of_a_running_part_is_shown(modules: Path) -> None:
    log = modules / "log"
    log.write_bytes(b"first\n" + b"x" * 500 + b"\nthe last one\n")
    assert proof._last_line(log) == "the last one"  # noqa: SLF001


# --- the parts as they stand


def test_the_parts_have_names_of_their_own_and_end_in_time() -> None:
    assert len({each.name for each in PARTS}) == len(PARTS)
    assert all(each.minutes < LONGEST_MINUTES for each in PARTS)


@pytest.mark.parametrize("each", PARTS, ids=lambda each: each.name)
def test_every_part_takes_its_arguments(each: Part) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", each.module, *each.arguments, "--figures", "unused", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "--figures" in done.stdout


def test_every_figure_that_is_judged_is_left_by_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clients_table, "run", lambda *_args, **_options: [])
    clients_table.main(figures=tmp_path / "clients")
    monkeypatch.setattr(sys, "argv", ["soak", "--schedules", "1", "--figures", str(tmp_path / "soak")])
    assert soak.main() == 0
    capsys.readouterr()
    left = {
        "chaos": chaos_table.to_figures([]),
        "chaos-again": chaos_table.to_figures([]),
        "load": load_table.to_figures([SOUND]),
        "soak": figures.read(tmp_path / "soak"),
        "clients": figures.read(tmp_path / "clients"),
    }
    assert {each.name: {demand.figure for demand in each.demands} - left[each.name].keys() for each in PARTS} == {
        each.name: set() for each in PARTS
    }


def test_no_figures_are_left_where_none_are_wanted(tmp_path: Path) -> None:
    figures.write(None, {"lost": 0})
    figures.write(tmp_path / "figures", {"lost": 0})
    assert figures.read(tmp_path / "figures") == {"lost": 0}
    assert figures.read(tmp_path / "none") == {}
