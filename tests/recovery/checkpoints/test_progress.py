"""Progress is a higher step, or new data where nothing counts."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.checkpoints.location import StoredObject
from respot.recovery.checkpoints.progress import Progress, Reached, progress, reached
from respot.recovery.checkpoints.recognition import recognise
from tests.recovery.checkpoints.listings import LOCATION
from tests.support.builders import at
from tests.support.runs import saved


def stored(key: str, moment: datetime, size: int) -> StoredObject:
    return StoredObject(key=key, size=size, last_modified=moment)


UNKNOWN = saved(150, "state", step=None, layout=None)


def judged(checkpoints: list[Checkpoint], *earlier: Reached, run_began: float = 0, began: float = 100) -> Progress:
    return progress(checkpoints, earlier, run_began=at(run_began), attempt_began=at(began))


@pytest.mark.parametrize(
    ("checkpoints", "earlier", "made", "evidence"),
    [
        ([], [], False, "nothing new was saved"),
        ([saved(50, "checkpoint-5")], [], False, "nothing new was saved"),
        ([saved(150, "checkpoint-5")], [], True, "step 5"),
        ([saved(50, "checkpoint-5"), saved(150, "checkpoint-6")], [], True, "step 6, was 5"),
        ([saved(150, "checkpoint-6")], [{"checkpoint-#": (5,)}], True, "step 6, was 5"),
        ([saved(150, "checkpoint-5")], [{"checkpoint-#": (5,)}], False, "step 5, was 5"),
        ([saved(150, "checkpoint-4")], [{"checkpoint-#": (5,)}], False, "step 4, was 5"),
        ([saved(150, "checkpoint-4")], [{"checkpoint-#": (3,)}, {"checkpoint-#": (5,)}], False, "step 4, was 5"),
        ([saved(150, "checkpoint-4")], [{"step-#": (5,)}], True, "step 4"),
        ([saved(-50, "checkpoint-9"), saved(150, "checkpoint-1")], [], True, "step 1"),
        ([saved(150, "last.ckpt")], [], True, "last.ckpt was written"),
        ([saved(150, "checkpoint-5"), saved(150, "last.ckpt")], [{"checkpoint-#": (5,)}], False, "step 5, was 5"),
        ([UNKNOWN], [], True, "new data in state, of an unknown layout"),
        (
            [saved(150, "checkpoint-5"), UNKNOWN],
            [{"checkpoint-#": (5,)}],
            True,
            "new data in state, of an unknown layout",
        ),
        ([saved(150, "checkpoint-6", complete=False)], [{"checkpoint-#": (5,)}], True, "step 6, was 5"),
        ([saved(50, "checkpoint-5"), saved(150, "checkpoint-6", complete=False)], [], False, "nothing new was saved"),
        ([saved(150, "checkpoint-6", complete=False, usable=False)], [], False, "nothing new was saved"),
    ],
    ids=[
        "nothing",
        "nothing new",
        "the first",
        "higher than the one before",
        "higher than what was deleted",
        "the same again",
        "from scratch again",
        "from scratch again, after two",
        "another series",
        "an earlier run counted higher",
        "written over",
        "written over, with a step beside it",
        "unknown layout",
        "unknown layout beside the same step",
        "doubted",
        "doubted, beside a complete one",
        "proven unfinished",
    ],
)
def test_progress(checkpoints: list[Checkpoint], earlier: list[Reached], evidence: str, *, made: bool) -> None:
    assert judged(checkpoints, *earlier) == Progress(made=made, evidence=evidence)


def of_names(*names: str, began: float) -> list[Checkpoint]:
    """What is recognised of files of these names, saved shortly after the attempt began."""
    apart = 1 if "rank" in names[0] or "rng" in names[-1] or "actor" in names[0] else 100
    objects = [
        stored(f"{LOCATION.prefix}{name}", at(began + 30 + place * apart), 10**8) for place, name in enumerate(names)
    ]
    return list(recognise(objects, LOCATION))


@pytest.mark.parametrize(
    ("attempts", "made"),
    [
        ([["model.pt", "rng_state_0.pth"]] * 3, True),
        ([["actor_0.pt", "actor_1.pt", "actor_2.pt"]] * 3, True),
        ([["resnet50.pt"]] * 3, True),
        ([["epochs100/model.pt"]] * 3, True),
        ([["batch_32/last.pt"]] * 3, True),
        ([["1024/last.pt"]] * 3, True),
        ([["ckpt_0.pt", "ckpt_1.pt"]] * 3, True),
        ([["stage1/checkpoint-900/a.pt"], ["stage2/checkpoint-100/a.pt"], ["stage2/checkpoint-200/a.pt"]], True),
        ([["fold_1/epoch_10.pth"], ["fold_2/epoch_10.pth"], ["fold_3/epoch_10.pth"]], True),
        ([["fold1_epoch3.pt"], ["fold2_epoch1.pt"], ["fold2_epoch2.pt"]], True),
        ([["epoch1_step500.pt"], ["epoch2_step100.pt"], ["epoch2_step300.pt"]], True),
        ([["checkpoint-500/a.pt"]] * 3, False),
        ([["step_500.pt"]] * 3, False),
        ([["model_100.pt", "model_200.pt"]] * 3, False),
        (
            [["version_0/epoch=1-step=9.ckpt"], ["version_1/epoch=1-step=9.ckpt"], ["version_2/epoch=0-step=5.ckpt"]],
            False,
        ),
        ([["epoch1_step500.pt"], ["epoch1_step500.pt"], ["epoch1_step200.pt"]], False),
    ],
    ids=lambda value: value[0][0] if isinstance(value, list) else "",
)
def test_a_number_is_a_step_only_if_it_counts(attempts: list[list[str]], *, made: bool) -> None:
    known: list[Reached] = []
    found: list[bool] = []
    for number, names in enumerate(attempts):
        listed = of_names(*names, began=number * 1000)
        found.append(judged(listed, *known, began=number * 1000).made)
        known.append(reached(listed, since=at(0)))
    assert found == [True, made, made]


def test_a_counter_that_began_again_counts_from_there() -> None:
    """Attempt 1 continues nothing, attempt 2 goes on from it, although an earlier run left a higher number."""
    old, first, second = saved(-9000, "step-50"), saved(50, "step-1"), saved(150, "step-2")
    assert judged([old, first], began=0) == Progress(made=True, evidence="step 1")
    assert reached([old, first], since=at(0)) == {"step-#": (1,)}
    assert judged([old, first, second], {"step-#": (1,)}) == Progress(made=True, evidence="step 2, was 1")


def test_only_a_few_series_are_remembered() -> None:
    names = [f"{number:03d}/step-1" for number in range(120)]
    assert len(reached([saved(50 + place, name) for place, name in enumerate(names)], since=at(0))) == 100
    assert reached([saved(50, f"{'x' * 300}-1")], since=at(0)) == {}


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6, unique=True), st.integers(1, 3))
def test_attempts_that_each_reach_a_higher_step_always_make_progress(steps: list[int], kept: int) -> None:
    """Neither what the framework deletes nor what an earlier run left changes that."""
    listed = [saved(-500, "checkpoint-99")]
    known: list[Reached] = []
    for number, step in enumerate(sorted(steps)):
        began = number * 1000
        listed = [*listed, saved(began + 500, f"checkpoint-{step}")][-kept:]
        assert judged(listed, *known, began=began).made
        known.append(reached(listed, since=at(0)))


@given(st.lists(st.integers(0, 5), min_size=2, max_size=6))
def test_attempts_that_write_new_data_of_an_unknown_layout_always_make_progress(files: list[int]) -> None:
    objects: dict[str, tuple[datetime, int]] = {}
    for number, file in enumerate(files):
        began = at(number * 1000)
        key = f"{LOCATION.prefix}blob/{file}.q"
        objects[key] = (began + timedelta(seconds=1), 10)
        found = recognise([stored(key, *each) for key, each in objects.items()], LOCATION)
        assert progress(found, [], run_began=at(0), attempt_began=began).made


@pytest.mark.parametrize("name", ["checkpoint-{}", "model_{}.pt", "model_{}_of_one.pt"])
def test_four_times_as_many_checkpoints_saved_again_take_about_four_times_as_long(name: str) -> None:
    def seconds(count: int) -> float:
        found = [saved(50 + number / 100, name.format(number), layout="numbered files") for number in range(count)]
        again = [replace(each, saved_at=each.saved_at + timedelta(seconds=1000)) for each in found]
        began = time.process_time()
        judged(again, reached(found, since=at(0)), began=900)
        return time.process_time() - began

    few = min(seconds(1000) for _ in range(3))
    assert min(seconds(4000) for _ in range(2)) < 9 * few + 0.05  # what is quadratic takes 16 times as long
