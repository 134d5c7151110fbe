"""What `make proof` reports about its parts, however they end. The parts here are small programs."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from local import PROJECT
from local.backtest import __main__ as backtest
from local.bench import load
from local.bench.load import Load
from local.chaos import runner as chaos
from local.clients import table as clients
from local.permissions import __main__ as permissions
from local.proof import proof
from local.proof.proof import LONGEST_MINUTES, PARTS, Demand, Part
from tests.browser import __main__ as browser
from tests.support.recovery_world import __main__ as soak

LEAVES = """
import json, pathlib, sys
pathlib.Path(sys.argv[-1]).write_text(json.dumps({figures}))
sys.exit({code})
"""
LOST = Demand(figure="lost", most=0)
SLOWEST = Demand(figure="slowest", most=30, unit="s")
ROUNDS = Demand(figure="rounds", least=5)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory from which parts can be run."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def part(modules: Path, name: str, program: str, *demands: Demand, minutes: float = 1) -> Part:
    module = f"part_{name}"
    (modules / f"{module}.py").write_text(program)
    return Part(name=name, module=module, demands=demands, minutes=minutes)


def leaves(modules: Path, name: str, found: Mapping[str, float], *demands: Demand, code: int = 0) -> Part:
    """A part that leaves these figures and ends with this code."""
    return part(modules, name, LEAVES.format(figures=json.dumps(dict(found)), code=code), *demands)


def prove(modules: Path, *parts: Part, only: tuple[str, ...] = ()) -> tuple[int, str]:
    output = io.StringIO()
    code = proof.main(Console(file=output, width=proof.WIDTH), only=only, parts=parts, logs=modules / "logs")
    return code, output.getvalue()


def lines(output: str, *words: str) -> list[str]:
    return [line for line in output.splitlines() if all(word in line for word in words)]


def test_if_every_demand_is_met_the_exit_code_is_0(modules: Path) -> None:
    found = {"lost": 0, "slowest": 29.9, "rounds": 5}
    code, output = prove(modules, leaves(modules, "chaos", found, LOST, SLOWEST, ROUNDS))
    assert code == 0
    assert lines(output, "slowest", "29.9 s", "at most 30 s", "✓")
    assert lines(output, "rounds", "5", "at least 5", "✓")
    assert "✗" not in output


@pytest.mark.parametrize(
    ("demand", "value"), [(LOST, 1), (SLOWEST, 30.1), (ROUNDS, 4)], ids=["a count", "a time", "too few"]
)
def test_a_figure_beyond_its_limit_gives_1(modules: Path, demand: Demand, value: float) -> None:
    code, output = prove(modules, leaves(modules, "chaos", {demand.figure: value}, demand))
    assert code == 1
    assert lines(output, demand.figure, demand.limit, "✗")


def test_a_part_that_crashes_is_a_failed_row_and_the_others_still_run(modules: Path) -> None:
    broken = part(modules, "broken", "raise RuntimeError('the account did not start')", LOST)
    code, output = prove(modules, broken, leaves(modules, "good", {"lost": 0}, LOST))
    assert code == 1
    assert lines(output, "broken", "exit code", "1", "✗")
    assert lines(output, "lost", "missing", "✗")
    assert "RuntimeError: the account did not start" in output
    assert lines(output, "good", "exit code", "0", "✓")


def test_good_figures_excuse_no_exit_code(modules: Path) -> None:
    code, output = prove(modules, leaves(modules, "chaos", {"lost": 0}, LOST, code=3))
    assert code == 1
    assert lines(output, "chaos", "exit code", "3", "✗")


def test_a_part_that_hangs_is_stopped(modules: Path) -> None:
    code, output = prove(modules, part(modules, "hangs", "import time; time.sleep(600)", LOST, minutes=0.02))
    assert code == 1
    assert lines(output, "hangs", "after 0.02 min: stopped", "✗")


def test_one_part_can_be_run_alone_and_an_unknown_name_runs_nothing(modules: Path) -> None:
    parts = leaves(modules, "one", {"lost": 0}, LOST), leaves(modules, "two", {})
    code, output = prove(modules, *parts, only=("two",))
    assert code == 0
    assert not lines(output, "lost")
    assert prove(modules, *parts, only=("chaso",)) == (2, "no such part: chaso; there are one, two\n")


def test_all_parts_together_have_a_limit(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = leaves(modules, "one", {}), leaves(modules, "two", {})
    assert prove(modules, *both)[0] == 0
    monkeypatch.setattr(proof, "LONGEST_MINUTES", 0)
    code, output = prove(modules, *both)
    assert code == 1
    assert lines(output, "together", "✗")


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


def measured(*, jobs: int, seconds: float, p95: float = 2, dead_letters: int = 0) -> Load:
    return Load(
        jobs=jobs,
        transitions=8 * jobs,
        losses=dict.fromkeys(("transitions lost", "alerts lost", "written for duplicates"), 0)
        | {"dead letters": dead_letters},
        seconds=seconds,
        seconds_again=seconds,
        backlog=100,
        calls=1000,
        to_ledger=(1, 2, 3),
        to_alert=(1, p95, p95),
    )


def test_of_the_load_the_sum_of_all_losses_and_the_worst_time_are_judged() -> None:
    found = load.to_figures([measured(jobs=1000, seconds=80), measured(jobs=3000, seconds=360, p95=9, dead_letters=1)])
    assert (found["jobs"], found["dead letters"], found["alerts lost"]) == (4000, 1, 0)
    assert (found["event to alert, p95"], found["events by the second"]) == (9, 24_000 / 360)
    # Three times the jobs took 4.5 times as long.
    assert found["time for twice the jobs"] == 3


def test_every_figure_that_is_judged_is_left_by_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clients, "run", lambda *_args, **_options: [])
    clients.main(figures=tmp_path / "clients")
    monkeypatch.setattr(sys, "argv", ["soak", "--schedules", "1", "--figures", str(tmp_path / "soak")])
    assert soak.main() == 0
    monkeypatch.setattr("local.backtest.__main__.SCENARIOS", {"measured": {}})
    assert backtest.main(["--judge", "--starts", "1", "--figures", str(tmp_path / "backtest")]) == 0
    capsys.readouterr()
    left = {
        "backtest": json.loads((tmp_path / "backtest").read_text()),
        "chaos": chaos.to_figures([]),
        "chaos-again": chaos.to_figures([]),
        "load": load.to_figures([measured(jobs=1, seconds=1)]),
        "soak": json.loads((tmp_path / "soak").read_text()),
        "permissions": permissions.to_figures([]),
        "clients": json.loads((tmp_path / "clients").read_text()),
        "browser": browser.to_figures("<testsuites/>", minutes=1),
    }
    assert {each.name: {demand.figure for demand in each.demands} - left[each.name].keys() for each in PARTS} == {
        each.name: set() for each in PARTS
    }
