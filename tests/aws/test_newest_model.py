"""The newest botocore's model of SageMaker, held against what Respot knows by the pinned one.

A clone is built by the pinned model: what the newest has more would be lost, or be a status that nothing here knows.
When one of these fails after `make lock UPGRADE=--upgrade`, raise the pinned botocore and say in `cloning.py` what
becomes of the new members.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from infra.audit import pins
from infra.newest_model import prepare_newest_model
from respot.aws.sagemaker.cloning import CHANGED, DESCRIBE_ONLY, OUTPUT_ONLY, UNRECOVERABLE, carried_members, members
from tests.aws.cloning import answer_shape, create_shape, model, raw_model, read_only, unaccounted

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
ENUMS = ("SecondaryStatus", "TrainingJobStatus")


@cache
def raw_newest() -> dict[str, Any]:
    loader = Loader(extra_search_paths=[str(prepare_newest_model())], include_default_search_paths=False)
    raw: dict[str, Any] = loader.load_service_model("sagemaker", "service-2")
    return raw


@cache
def newest() -> ServiceModel:
    return ServiceModel(raw_newest(), "sagemaker")


def unknown_words(raw: dict[str, Any]) -> set[str]:
    """The values of a model's enumerations that the pinned model does not have."""
    return {word for name in ENUMS for word in raw["shapes"][name]["enum"]} - {
        word for name in ENUMS for word in raw_model()["shapes"][name]["enum"]
    }


def test_it_is_no_older_than_the_pinned_one() -> None:
    pinned, found = (pins((REQUIREMENTS / f"{name}.txt").read_text())["botocore"] for name in ("dev", "models"))
    assert tuple(map(int, found.split("."))) >= tuple(map(int, pinned.split(".")))


@pytest.mark.parametrize("known", [model, newest], ids=["pinned", "newest"])
def test_every_member_is_carried_changed_or_known_and_what_is_declared_is_still_there(
    known: Callable[[], ServiceModel],
) -> None:
    apart = CHANGED.keys() | UNRECOVERABLE.keys() | OUTPUT_ONLY
    assert unaccounted(known()) == set()
    assert apart <= set(members(create_shape(known())))
    assert not carried_members(known()) & apart
    assert answer_shape(known()).members.keys() - create_shape(known()).members.keys() == DESCRIBE_ONLY
    assert read_only(create_shape(known())) == OUTPUT_ONLY  # what the documentation calls so


def test_it_has_no_member_that_the_pinned_one_lacks() -> None:
    """What only the newest has, a clone by the pinned one would lose without a word."""
    assert set(members(create_shape(newest()))) == set(members(create_shape()))
    assert answer_shape(newest()).members.keys() == answer_shape().members.keys()


def test_it_has_no_new_status() -> None:
    assert unknown_words(raw_newest()) == set()


@pytest.mark.parametrize("enum", ENUMS)
def test_a_new_status_would_be_noticed(enum: str) -> None:
    shapes = raw_newest()["shapes"]
    changed = shapes[enum] | {"enum": [*shapes[enum]["enum"], "Hibernating"]}
    assert unknown_words({"shapes": shapes | {enum: changed}}) == {"Hibernating"}
