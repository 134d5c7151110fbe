"""Listings that were met in public: what the framework resumes from is what Respot recognises."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

import pytest

from respot.recovery.checkpoints.checkpoint import Checkpoint, newest_complete, passed_over, resume_point
from respot.recovery.checkpoints.layouts import FILE_LAYOUTS, LAYOUTS
from respot.recovery.checkpoints.location import StoredObject
from respot.recovery.checkpoints.objects import Role, role_of
from respot.recovery.checkpoints.recognition import recognise
from tests.recovery.checkpoints.listings import CREATED, LOCATION, PublicListing, listings

ALL: Final = [pytest.param(each, id=each.name) for each in listings()]

NOT_RECOGNISED: Final = {
    "deepspeech_best_before_last": "DeepSpeech prefers its best checkpoint to a newer one",
    "detectron2_pointer_names_best": "last_checkpoint may name model_best.pth, and is never read",
    "flax_gda_directory_first": "the arrays of a checkpoint are beside its file, in a directory of their own",
    "hyperpod_local_rotation_torn": "0, 1 and 2 are written in turn: no counter, and one directory for each rank",
    "s3_connector_binary_prefixes": "the shards of one checkpoint are spread over prefixes, and every one is doubted",
    "sockeye_between_two_renames": "Sockeye starts from scratch although there are parameters",
    "stanza_checkpoint_beside_best": "the best model is newer than the checkpoint, and larger files are beside both",
}
"""What Respot names wrongly, and why. A job is resubmitted all the same, and its framework chooses for itself."""


def paths(objects: Iterable[StoredObject]) -> list[str]:
    return [each.key.removeprefix(LOCATION.prefix) for each in objects]


def is_named(found: Checkpoint | None, expected: str) -> bool:
    name = found.name if found else "none"
    return name.startswith(expected[1:]) if expected.startswith("~") else name == expected


@pytest.mark.parametrize("listing", ALL)
def test_the_newest_is_what_its_framework_resumes_from(listing: PublicListing) -> None:
    found = newest_complete(recognise(listing.objects, LOCATION))
    right = is_named(found, listing.newest) and not any(
        is_named(found, name) for name in listing.headers.get("not", ())
    )
    if right and "step" in listing.headers:
        (step,) = listing.headers["step"]
        right = step.split()[0] == ("-" if found is None or found.step is None else str(found.step))
    assert right is (listing.name not in NOT_RECOGNISED), found


@pytest.mark.parametrize("listing", ALL)
def test_a_job_is_resubmitted_if_there_is_anything_to_resume_from(listing: PublicListing) -> None:
    point = resume_point(recognise(listing.objects, LOCATION))
    if listing.newest != "none":
        assert point
    elif point and listing.name not in NOT_RECOGNISED:
        assert not point.complete
        assert point.flaw


@pytest.mark.parametrize("listing", ALL)
def test_no_pointer_and_no_by_product_is_resumed_from(listing: PublicListing) -> None:
    nothing = [
        each
        for path, each in zip(paths(listing.objects), listing.objects, strict=True)
        if role_of(path, each.size) in {Role.POINTER, Role.BY_PRODUCT, Role.TEMPORARY}
    ]
    assert resume_point(recognise(nothing, LOCATION)) is None


@pytest.mark.parametrize("listing", ALL)
def test_what_is_passed_over_has_a_reason(listing: PublicListing) -> None:
    found = recognise(listing.objects, LOCATION)
    assert all(each.flaw for each in passed_over(found))
    assert all(bool(each.flaw) is not each.complete for each in found)


@pytest.mark.parametrize("listing", ALL)
def test_the_order_of_the_listing_does_not_matter(listing: PublicListing) -> None:
    shuffled = list(reversed(listing.objects))
    assert recognise(shuffled, LOCATION) == recognise(listing.objects, LOCATION)


@pytest.mark.parametrize("listing", ALL)
def test_without_any_one_object_a_checkpoint_is_not_more_complete(listing: PublicListing) -> None:
    before = {each.name: each for each in recognise(listing.objects, LOCATION) if each.objects > 1}
    work = [each for each in listing.objects if role_of(each.key, each.size) is Role.EVIDENCE]
    for missing in work:
        rest = [each for each in listing.objects if each is not missing]
        for each in recognise(rest, LOCATION):
            was = before.get(each.name)
            own = was and was.objects > each.objects  # it lost the object
            assert not own or not was or was.complete >= each.complete, (missing.key, each)


UNRELATED: Final = (
    "notes.txt",
    "foo.bin",
    "data/cache.bin",
    "logs/train.log",
    "README.md",
    "zz/top.dat",
    "results.csv",
)


@pytest.mark.parametrize("listing", ALL)
def test_an_unrelated_file_makes_no_checkpoint_incomplete(listing: PublicListing) -> None:
    before = [each for each in recognise(listing.objects, LOCATION) if each.complete and each.layout]
    for path in UNRELATED:
        for minutes in (-10_000, 1, 10_000):
            at = CREATED + timedelta(minutes=minutes)
            added = StoredObject(key=LOCATION.prefix + path, size=12_345, last_modified=at)
            after = {each.name: each for each in recognise([*listing.objects, added], LOCATION)}
            assert all(after[each.name].complete for each in before if each.name in after)
            assert {each.name for each in before} <= after.keys()


def test_each_kind_has_listings_and_each_names_its_source() -> None:
    kinds = Counter(each.headers["kind"][0] for each in listings() if "kind" in each.headers)
    assert all(kinds[f"K{number}"] >= 3 for number in range(1, 11)), kinds
    assert all(each.headers["source"] for each in listings())
    assert set(NOT_RECOGNISED) <= {each.name for each in listings()}


def test_each_layout_names_its_source_and_is_met() -> None:
    met = {found.layout for each in listings() for found in recognise(each.objects, LOCATION)}
    names = {layout.name for layout in (*LAYOUTS, *FILE_LAYOUTS)}
    assert names - met == {"LightGBM", "MXNet", "numbered GAN pair", "Levanter", "Lightning with DeepSpeed"}
    assert all(re.search(r"[a-z]", layout.source) for layout in (*LAYOUTS, *FILE_LAYOUTS))


HOSTILE: Final[dict[str, Callable[[int], str]]] = {
    "deep": lambda number: "a/" * 500 + f"{number:05d}",
    "deep steps": lambda number: f"step_{number}/" * 90 + "model.pt",
    "long names": lambda number: "step-1_" * 140 + f"{number:05d}",
    "names of 255 bytes": lambda number: ("step-1_" * 34 + f"{number:05d}/") * 4,
    "temporary": lambda number: "-tmp_temp_" * 24 + f"{number:05d}x",
    "dots": lambda number: "." * 240 + f"{number:05d}",
    "decimals": lambda number: "1-2_3=4.5" * 26 + f"{number:05d}.ckpt",
    "shards": lambda number: "step_1/" + "1-of-" * 45 + f"{number:05d}-of-99999",
    "digits": lambda number: "step_1/" + "1" * 240 + f"{number:05d}.pt",
    "words of JSON": lambda number: "config_" * 34 + f"{number}.json",
    "metrics": lambda number: f"d{number}/" + "epoch=1-val=2-" * 17 + "/x.ckpt",
    "world sizes": lambda number: "step_1/" + "world_size_1_rank_1" * 12 + f"{number:05d}",
    "ranks": lambda number: "mp_rank_00/" * 90 + f"{number:05d}.ckpt",
    "content": lambda number: "0123456789abcdef-" * 14 + f"{number:05d}",
    "a long series": lambda number: f"step_{number}/model.pt",
    "a long series of numbers": lambda number: f"{number + 1000}/model.pt",
    "a series with everything missing": lambda number: f"checkpoint-{number}/model.safetensors",
    "a tracker for each rank": lambda number: (
        f"last_checkpoint.rank_{number}" if number % 2 else f"model_{number:07d}.pth"
    ),
    "a tracker for each directory": lambda number: (
        f"d{number // 2}/iter_0000100/mp_rank_00/model_optim_rng.pt"
        if number % 2
        else f"d{number // 2}/latest_checkpointed_iteration.txt"
    ),
    "one checkpoint of many ranks": lambda number: f"ep0-ba100-rank{number}.pt",
}


@pytest.mark.parametrize("key", HOSTILE.values(), ids=HOSTILE)
def test_four_times_as_many_hostile_keys_take_about_four_times_as_long(key: Callable[[int], str]) -> None:
    def seconds(count: int) -> float:
        given = [
            StoredObject(key=LOCATION.prefix + key(number)[:1000], size=1000, last_modified=CREATED)
            for number in range(count)
        ]
        began = time.process_time()
        recognise(given, LOCATION)
        return time.process_time() - began

    few = min(seconds(500) for _ in range(3))
    assert min(seconds(2000) for _ in range(2)) < 9 * few + 0.05  # what is quadratic takes 16 times as long


@pytest.mark.parametrize(
    "key", ["xgboost-checkpoint.{}", "model_{}.pth", "step_{}/a.pt", "G_{}.pth", "{}/a.pt", "a_{}.npz"]
)
@pytest.mark.parametrize("digits", [17, 18, 19, 40, 200])
def test_a_number_of_any_length_fits_into_the_ledger(key: str, digits: int) -> None:
    """DynamoDB keeps 38 digits."""
    found = recognise(
        [StoredObject(key=LOCATION.prefix + key.format("7" * digits), size=9, last_modified=CREATED)], LOCATION
    )
    assert all(number < 10**18 for each in found for number in each.position)
    assert resume_point(found)
