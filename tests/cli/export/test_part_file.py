"""An export that was cut off at any byte goes on without a doubled or a lost line."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot_cli.errors import CommandError, ExitCode
from respot_cli.export.part_file import PartFile

OF = {"account": "111122223333"}


def rows(run: int, attempts: int) -> list[dict[str, object]]:
    return [{"run": f"run-{run}", "attempts": attempts, "attempt": each + 1, "é": "\n"} for each in range(attempts)]


def part(folder: Path, **of: str) -> PartFile:
    return PartFile(folder / "runs.jsonl", of={**OF, **of})


@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=6), cut=st.floats(0, 1), torn=st.booleans())
def test_each_run_is_there_once_after_a_cut_at_any_byte(lengths: list[int], cut: float, torn: bool) -> None:  # noqa: FBT001
    every = [rows(number, attempts) for number, attempts in enumerate(lengths)]
    with TemporaryDirectory() as folder:
        first = part(Path(folder))
        first.begin({"since": "then"})
        for run in every:
            first.append(run)
        whole = first.path.read_bytes()
        kept = whole[: round(cut * len(whole))]
        first.path.write_bytes(kept + b'{"run": "run-0", "att' * torn)
        again = part(Path(folder))
        assert again.begin({"since": "now"}) == {"since": "then"}
        complete = [run for run in every if run[0]["run"] in again.runs]
        assert again.rows == sum(map(len, complete))
        for run in every:
            if run[0]["run"] not in again.runs:
                again.append(run)
        assert again.path.read_bytes() == whole


def test_what_is_finished_takes_the_outputs_place(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text("an older export")
    done = part(tmp_path)
    done.begin({})
    done.append(rows(1, 2))
    assert done.finish(done.path) == (tmp_path / "runs.jsonl").stat().st_size
    assert [each.name for each in tmp_path.iterdir()] == ["runs.jsonl"]


def test_a_part_of_another_export_is_left_alone(tmp_path: Path) -> None:
    begun = part(tmp_path)
    begun.begin({})
    begun.append(rows(1, 1))
    before = begun.path.read_bytes()
    with pytest.raises(CommandError, match="is a part of another export"):
        part(tmp_path, account="999988887777").begin({})
    assert begun.path.read_bytes() == before


def test_a_part_of_which_nobody_knows_anything_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl.part").write_text("?")
    (tmp_path / "runs.jsonl.part.json").write_text("{")
    again = part(tmp_path)
    assert again.begin({"since": "now"}) == {"since": "now"}
    assert not again.path.exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written") as refused:
        part(tmp_path / "missing").begin({})
    assert refused.value.exit_code is ExitCode.OUTPUT_LOST


def test_nothing_goes_on_from_an_export_that_was_ended_just_when_it_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = part(tmp_path)
    done.begin({"since": "last month"})
    done.append(rows(1, 1))
    replace = Path.replace

    def killed(path: Path, target: Path) -> None:
        replace(path, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        done.finish(done.path)
    again = part(tmp_path)
    assert again.begin({"since": "now"}) == {"since": "now"}
    assert again.rows == 0


def test_what_could_not_take_the_outputs_place_goes_on(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").mkdir()
    done = part(tmp_path)
    done.begin({"since": "then"})
    done.append(rows(1, 2))
    with pytest.raises(CommandError, match="cannot be written"):
        done.finish(done.path)
    again = part(tmp_path)
    assert again.begin({"since": "now"}) == {"since": "then"}
    assert again.rows == 2


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    writing = part(tmp_path)
    writing.begin({})
    writing.append(rows(1, 1))
    script = (
        "import sys; from pathlib import Path; from respot_cli.export.part_file import PartFile\n"
        f"try: PartFile(Path(sys.argv[1]) / 'runs.jsonl', of={OF!r}).begin({{}})\n"
        "except Exception as error: print(error)"
    )
    other = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "another respot export writes" in other.stdout
    again = part(tmp_path)
    again.begin({})
    assert again.rows == 1
