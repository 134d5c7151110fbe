"""What is recognised under a checkpoint prefix, from names, sizes and times alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.formatting import bytes_in_words
from respot.recovery.checkpoints.checkpoint import (
    Checkpoint,
    age,
    described,
    explained,
    newest_complete,
    passed_over,
    resume_point,
)
from respot.recovery.checkpoints.location import CheckpointLocation, Listing, StoredObject, overlaps, parse_location
from respot.recovery.checkpoints.recognition import recognise
from tests.support.builders import at

LOCATION = CheckpointLocation(bucket="ml-bucket", prefix="runs/job-1/")
MARKERS = (".sagemaker-uploading", ".sagemaker-uploaded", ".sagemaker-ignore")


def stored(path: str, seconds: float = 0, size: int = 1000) -> StoredObject:
    return StoredObject(key=f"{LOCATION.prefix}{path}", size=size, last_modified=at(seconds))


def directory(name: str, files: str, seconds: float = 0) -> list[StoredObject]:
    return [stored(f"{name}/{file}", seconds + number) for number, file in enumerate(files.split())]


def seen(objects: Iterable[StoredObject]) -> list[str]:
    """`name`, with its step if it has one, and a question mark if it is not complete."""
    return [
        f"{each.name}{'' if each.step is None else f' @{each.step}'}{'' if each.complete else ' ?'}"
        for each in recognise(objects, LOCATION)
    ]


def newest(objects: Iterable[StoredObject]) -> Checkpoint | None:
    return newest_complete(recognise(objects, LOCATION))


def name_of_newest(objects: Iterable[StoredObject]) -> str | None:
    found = newest(objects)
    return found.name if found else None


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "bucket", "prefix"),
    [
        ("s3://b/run-1", "b", "run-1/"),
        ("s3://b/run-1/", "b", "run-1/"),
        ("s3://b/a/b/c", "b", "a/b/c/"),
        ("s3://b/a//", "b", "a//"),
        ("s3://b/what?#is this", "b", "what?#is this/"),
        ("s3://b", "b", ""),
        ("s3://b/", "b", ""),
    ],
)
def test_a_prefix_ends_in_a_slash(uri: str, bucket: str, prefix: str) -> None:
    location = parse_location(uri)
    assert location == CheckpointLocation(bucket=bucket, prefix=prefix)
    assert parse_location(str(location)) == location


@pytest.mark.parametrize(
    "uri", ["", "s3://", "s3:///key", "s3:/b/key", "b/key", "https://b/key", "S3://b/key", "s3://arn:aws:s3:::b/key"]
)
def test_anything_else_is_said_to_be_no_place_in_s3(uri: str) -> None:
    with pytest.raises(ValueError, match="is not a place in S3: expected s3://bucket/prefix"):
        parse_location(uri)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("s3://b/job-1", "s3://b/job-1", True),
        ("s3://b/job-1", "s3://b/job-1/", True),
        ("s3://b/job-1", "s3://b/job-10", True),
        ("s3://b/job-1", "s3://b/job-10/", True),
        ("s3://b/job-1/", "s3://b/job-10/", False),
        ("s3://b/job-1/", "s3://b/job-10", False),
        ("s3://b/job-1/", "s3://b/job-1/trial", True),
        ("s3://b/job-1", "s3://b/job-2", False),
        ("s3://b", "s3://b/job-2/", True),
        ("s3://b/job-1", "s3://c/job-1", False),
    ],
)
def test_prefixes_overlap_as_sagemaker_matches_them(one: str, other: str, *, expected: bool) -> None:
    assert overlaps(one, other) is expected
    assert overlaps(other, one) is expected


@given(st.text("a1/-", max_size=6), st.text("a1/-", max_size=6), st.text("a1/-", max_size=3))
def test_jobs_that_do_not_overlap_never_see_each_others_files(one: str, other: str, file: str) -> None:
    if not overlaps(f"s3://b/{one}", f"s3://b/{other}"):
        assert not f"{parse_location(f's3://b/{other}').prefix}{file}".startswith(one)
        assert not f"{other}{file}".startswith(parse_location(f"s3://b/{one}").prefix)


# --- layouts ----------------------------------------------------------------------------------------------------------

TRAINER = "config.json model.safetensors optimizer.pt rng_state.pth scheduler.pt training_args.bin trainer_state.json"
SHARDED_TRAINER = (
    "global_step{0}/mp_rank_00_model_states.pt global_step{0}/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt "
    "latest rng_state_0.pth zero_to_fp32.py trainer_state.json"
)
FSDP_TRAINER = (
    "pytorch_model_fsdp_0/__0_0.distcp pytorch_model_fsdp_0/.metadata "
    "optimizer_0/__0_0.distcp optimizer_0/.metadata trainer_state.json"
)
ACCELERATE = "model.safetensors optimizer.bin scheduler.bin random_states_0.pkl"
DCP = "__0_0.distcp __1_0.distcp .metadata"
DEEPSPEED = (
    "mp_rank_00_model_states.pt zero_pp_rank_0_mp_rank_00_optim_states.pt zero_pp_rank_1_mp_rank_00_optim_states.pt"
)
LIGHTNING_DEEPSPEED = "checkpoint/mp_rank_00_model_states.pt checkpoint/zero_pp_rank_0_optim_states.pt latest"
SMP = "model_0_0_0.pt model_1_0_0.pt optimizer_0_0_0.pt optimizer_1_0_0.pt"
TENSORFLOW = ("index", "data-00000-of-00002", "data-00001-of-00002", "meta")


def tensorflow(stem: str, seconds: float = 0, suffixes: Iterable[str] = TENSORFLOW) -> list[StoredObject]:
    return [stored(f"{stem}.{suffix}", seconds) for suffix in suffixes]


LAYOUTS: dict[str, tuple[list[StoredObject], list[str]]] = {
    "XGBoost container": (
        [stored(f"xgboost-checkpoint.{number}", number) for number in (9, 10, 11)],
        ["xgboost-checkpoint.9 @9", "xgboost-checkpoint.10 @10", "xgboost-checkpoint.11 @11"],
    ),
    "Hugging Face Trainer": (
        [*directory("checkpoint-500", TRAINER, 0), *directory("checkpoint-1000", TRAINER, 60)],
        ["checkpoint-500 @500", "checkpoint-1000 @1000"],
    ),
    "Hugging Face Trainer below its output directory": (
        directory("output/checkpoint-500", TRAINER),
        ["output/checkpoint-500 @500"],
    ),
    "Hugging Face Trainer with DeepSpeed": (
        [
            *directory("checkpoint-5", SHARDED_TRAINER.format(5), 0),
            *directory("checkpoint-10", SHARDED_TRAINER.format(10), 60),
        ],
        ["checkpoint-5 @5", "checkpoint-10 @10"],
    ),
    "Hugging Face Trainer with FSDP": (directory("checkpoint-5", FSDP_TRAINER), ["checkpoint-5 @5"]),
    "Hugging Face Trainer, models only": (
        [
            *directory("checkpoint-5", "config.json model.safetensors trainer_state.json", 0),
            *directory("checkpoint-10", "config.json model.safetensors trainer_state.json", 60),
        ],
        ["checkpoint-5 @5", "checkpoint-10 @10"],
    ),
    "Hugging Face Trainer, one model only": (
        directory("checkpoint-5", "config.json model.safetensors trainer_state.json"),
        ["checkpoint-5 @5 ?"],
    ),
    "Accelerate": (directory("checkpoint-500", ACCELERATE), ["checkpoint-500 @500"]),
    "Lightning": (
        [stored("epoch=0-step=900.ckpt", 1), stored("epoch=1-step=1000.ckpt", 2), stored("last.ckpt", 2)],
        ["epoch=0-step=900.ckpt @900", "last.ckpt", "epoch=1-step=1000.ckpt @1000"],
    ),
    "Lightning in its logger's directory": (
        [
            stored("lightning_logs/version_0/checkpoints/epoch=3-val_loss=0.12.ckpt", 1),
            stored("lightning_logs/version_0/hparams.yaml", 2),
        ],
        ["lightning_logs/version_0/checkpoints/epoch=3-val_loss=0.12.ckpt @3"],
    ),
    "Lightning, second of its name": ([stored("last-v1.ckpt")], ["last-v1.ckpt"]),
    "Lightning, sharded": (
        directory("epoch=0-step=10.ckpt", f"{DCP} meta.pt"),
        ["epoch=0-step=10.ckpt @10"],
    ),
    "Lightning with DeepSpeed": (directory("last.ckpt", LIGHTNING_DEEPSPEED), ["last.ckpt"]),
    "Lightning with DeepSpeed, without its last file": (
        directory("last.ckpt", LIGHTNING_DEEPSPEED.removesuffix(" latest")),
        ["last.ckpt ?"],
    ),
    "PyTorch DCP": (
        [*directory("step-900", DCP, 0), *directory("step-1000", DCP, 60)],
        ["step-900 @900", "step-1000 @1000"],
    ),
    "PyTorch DCP in a directory of any name": (directory("weights_12", DCP), ["weights_12 @12"]),
    "PyTorch DCP in the prefix itself": ([stored(file) for file in DCP.split()], ["."]),
    "PyTorch DCP, still under its temporary name": (
        directory("step-900", "__0_0.distcp __1_0.distcp .metadata.tmp"),
        ["step-900 @900 ?"],
    ),
    "PyTorch DCP without its shards": (directory("step-900", ".metadata"), ["step-900 @900 ?"]),
    "DeepSpeed": (
        [
            *directory("global_step900", DEEPSPEED, 0),
            *directory("global_step1000", DEEPSPEED, 60),
            stored("latest", 70, size=15),
        ],
        ["global_step900 @900", "global_step1000 @1000"],
    ),
    "DeepSpeed, the first without its pointer": (directory("global_step900", DEEPSPEED), ["global_step900 @900 ?"]),
    "Megatron": (
        [
            *directory("iter_0000900", "mp_rank_00/model_optim_rng.pt", 0),
            *directory("iter_0001000", "mp_rank_00/model_optim_rng.pt", 60),
            stored("latest_checkpointed_iteration.txt", 70, size=4),
        ],
        ["iter_0000900 @900", "iter_0001000 @1000"],
    ),
    "TensorFlow": (
        [*tensorflow("model.ckpt-900", 0), *tensorflow("model.ckpt-1000", 60), stored("checkpoint", 61, size=200)],
        ["model.ckpt-900 @900", "model.ckpt-1000 @1000"],
    ),
    "TensorFlow's CheckpointManager": (tensorflow("train/ckpt-7", suffixes=TENSORFLOW[:3]), ["train/ckpt-7 @7"]),
    "TensorFlow, a stem of any name": (tensorflow("net-7"), ["net-7 @7"]),
    "TensorFlow without a shard": (tensorflow("ckpt-7", suffixes=TENSORFLOW[:2]), ["ckpt-7 @7 ?"]),
    "TensorFlow without its index": (tensorflow("ckpt-7", suffixes=TENSORFLOW[1:3]), ["ckpt-7 @7 ?"]),
    "TensorFlow without data": (tensorflow("ckpt-7", suffixes=TENSORFLOW[:1]), ["ckpt-7 @7 ?"]),
    "Keras weights in TensorFlow's format": (
        [*tensorflow("cp-0009.ckpt", 0), *tensorflow("cp-0010.ckpt", 60)],
        ["cp-0009.ckpt @9", "cp-0010.ckpt @10"],
    ),
    "Keras": (
        [stored("weights.05-0.12.h5", 1), stored("model.keras", 2), stored("cp-0007.weights.h5", 3)],
        ["weights.05-0.12.h5 @5", "model.keras", "cp-0007.weights.h5 @7"],
    ),
    "Keras in the AWS samples": (
        [stored("checkpoint-9.h5", 1), stored("checkpoint-10.h5", 2)],
        ["checkpoint-9.h5 @9", "checkpoint-10.h5 @10"],
    ),
    "one file, overwritten": ([stored("checkpoint.pth", 60)], ["checkpoint.pth"]),
    "one file, overwritten, beside numbered ones": (
        [stored("checkpoint0099.pth", 1), stored("checkpoint.pth", 2)],
        ["checkpoint0099.pth @99", "checkpoint.pth"],
    ),
    "one file of each rank": (
        [stored("checkpoint_rank_0.pt", 1), stored("checkpoint_rank_1.pt", 2)],
        ["checkpoint.pt"],
    ),
    "one large file named like a pointer": ([stored("latest", size=10**6)], ["latest"]),
    "MXNet": (
        [stored("mnist-0007.params", 2), stored("mnist-0006.params", 1), stored("mnist-symbol.json", 0)],
        ["mnist-0006.params @6", "mnist-0007.params @7"],
    ),
    "SMP": (
        [*directory("steps90_partial", SMP, 0), *directory("steps100_partial", SMP, 60), stored("newest", 70, size=9)],
        ["steps90_partial @90", "steps100_partial @100"],
    ),
    "LightGBM": ([stored("model.txt.snapshot_iter_100")], ["model.txt.snapshot_iter_100 @100"]),
    "unknown files and directories": (
        [stored("state.bin", 1), stored("run-7/a.bin", 2), stored("run-7/deep/b.bin", 3), stored("/odd", 4)],
        ["."],
    ),
    "by-products": (
        [stored("train.log", 1), stored("runs/events.out.tfevents.17.host", 2), stored("step_times.csv", 3)],
        [],
    ),
    "a pointer to what is not there": ([stored("checkpoint", size=200), stored("latest", size=15)], []),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("objects", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_the_layouts_of_the_frameworks_are_recognised(objects: list[StoredObject], expected: list[str]) -> None:
    assert seen(objects) == expected


def test_a_checkpoint_is_the_sum_of_its_objects_and_as_new_as_the_newest() -> None:
    objects = [stored("checkpoint-500/model.safetensors", 60, 10**9), stored("checkpoint-500/optimizer.pt", 50, 2)]
    assert recognise(objects, LOCATION) == (
        Checkpoint(
            name="checkpoint-500",
            step=500,
            saved_at=at(60),
            size=10**9 + 2,
            complete=False,
            objects=2,
            layout="Hugging Face Trainer",
            flaw="no trainer_state.json",
            position=(500,),
            is_counted=True,
        ),
    )


def test_what_is_no_file_of_the_jobs_is_passed_over() -> None:
    elsewhere = StoredObject(key="runs/job-10/checkpoint.pth", size=1, last_modified=at(0))
    itself = StoredObject(key=LOCATION.prefix, size=0, last_modified=at(0))
    assert seen([stored("checkpoint-500/", size=0), elsewhere, itself]) == []


def test_a_whole_bucket_can_be_the_place() -> None:
    objects = [StoredObject(key="checkpoint.pth", size=1, last_modified=at(0))]
    (found,) = recognise(objects, parse_location("s3://ml-bucket"))
    assert found.name == "checkpoint.pth"


# --- completeness -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["trainer_state.json", "optimizer.pt"])
def test_a_trainers_checkpoint_without_its_last_file_is_incomplete(missing: str) -> None:
    whole = directory("checkpoint-900", TRAINER)
    cut = [each for each in directory("checkpoint-1000", TRAINER, 60) if not each.key.endswith(missing)]
    assert seen([*whole, *cut]) == ["checkpoint-900 @900", "checkpoint-1000 @1000 ?"]
    assert seen(cut) == ["checkpoint-1000 @1000 ?"]
    assert name_of_newest([*whole, *cut]) == "checkpoint-900"


def test_an_embedding_models_directories_are_no_optimizer() -> None:
    assert seen(directory("checkpoint-5", "1_Pooling/config.json trainer_state.json")) == ["checkpoint-5 @5 ?"]


def test_accelerates_checkpoint_needs_its_optimizer() -> None:
    assert seen(directory("checkpoint_5", "model.safetensors random_states_0.pkl", 0)) == ["checkpoint_5 @5 ?"]
    cut = directory("checkpoint_6", "model.safetensors random_states_0.pkl", 60)
    assert seen([*directory("checkpoint_5", ACCELERATE), *cut]) == ["checkpoint_5 @5", "checkpoint_6 @6 ?"]


def test_what_is_written_last_vouches_for_files_of_another_name() -> None:
    before = directory("checkpoint-5", f"{TRAINER} trained-by-job-1.json")
    after = directory("checkpoint-6", f"{TRAINER} trained-by-job-2.json", 60)
    assert seen([*before, *after]) == ["checkpoint-5 @5", "checkpoint-6 @6"]


def test_it_does_not_vouch_for_the_files_of_ranks_that_the_one_before_has() -> None:
    objects = [
        *directory("global_step1", DEEPSPEED, 0),
        *directory("global_step2", DEEPSPEED.rpartition(" ")[0], 60),
        stored("latest", 70, size=9),
    ]
    assert seen(objects) == ["global_step1 @1", "global_step2 @2 ?"]


def test_after_a_move_to_fewer_ranks_only_the_first_checkpoint_is_doubted_until_the_next() -> None:
    fewer = DCP.replace("__1_0.distcp ", "")
    objects = [*directory("step-1", DCP, 0), *directory("step-2", fewer, 60)]
    assert seen(objects) == ["step-1 @1", "step-2 @2 ?"]
    assert seen([*objects, *directory("step-3", fewer, 120)]) == ["step-1 @1", "step-2 @2", "step-3 @3"]


def test_a_rank_whose_number_is_the_step_is_no_step() -> None:
    ranks = "rank_5.pt rank_6.pt"
    assert seen([*directory("epoch_5", ranks, 0), *directory("epoch_6", ranks, 60)]) == ["epoch_5 @5", "epoch_6 @6"]


def test_a_pointer_from_before_the_directory_means_another_one() -> None:
    objects = [stored("latest", 50, size=9), *directory("global_step2", DEEPSPEED, 600)]
    assert seen(objects) == ["global_step2 @2 ?"]


def test_without_a_last_file_the_names_of_the_one_before_are_needed() -> None:
    objects = [
        *directory("epoch_1", "a.bin b.bin", 0),
        *directory("epoch_2", "a.bin", 60),
        *directory("epoch_3", "a.bin b.bin c.bin", 120),
    ]
    assert seen(objects) == ["epoch_1 @1", "epoch_2 @2 ?", "epoch_3 @3"]


@pytest.mark.parametrize(
    ("files", "complete"),
    [
        ("model-00001-of-00002.bin model-00002-of-00002.bin", True),
        ("model-00001-of-00002.bin", False),
        ("model-00002-of-00002.bin a-00001-of-00002.bin", False),
    ],
)
def test_shards_that_the_names_promise_are_needed(files: str, *, complete: bool) -> None:
    (found,) = recognise(directory("epoch_1", files), LOCATION)
    assert found.complete is complete


@pytest.mark.parametrize("name", ["tmp-checkpoint-500", "latest.tmp", "checkpoint-500.tmp"])
def test_a_directory_under_a_temporary_name_is_never_complete(name: str) -> None:
    assert [each.complete for each in recognise(directory(name, TRAINER), LOCATION)] == [False]


def test_an_empty_file_is_no_checkpoint() -> None:
    assert seen([stored("checkpoint.pth", size=0)]) == ["checkpoint.pth ?"]


# --- order ------------------------------------------------------------------------------------------------------------


def test_numbers_are_compared_as_numbers_at_any_times() -> None:
    objects = [*directory("checkpoint-1000", TRAINER, 0), *directory("checkpoint-900", TRAINER, 60)]
    assert seen(objects) == ["checkpoint-900 @900", "checkpoint-1000 @1000"]


def test_series_interleave_by_time_and_keep_their_numbers_order() -> None:
    late_900 = [stored("step-900.pt", 60), stored("step-1000.pt", 5)]
    assert seen([*late_900, stored("last.ckpt", 30)]) == ["last.ckpt", "step-900.pt @900", "step-1000.pt @1000"]
    assert seen([*late_900, stored("last.ckpt", 90)]) == ["step-900.pt @900", "step-1000.pt @1000", "last.ckpt"]


def test_a_file_and_a_directory_of_one_name_are_two() -> None:
    objects = [stored("checkpoint-5"), *directory("checkpoint-5", TRAINER)]
    assert seen(objects) == seen(reversed(objects)) == ["checkpoint-5 @5", "checkpoint-5 @5"]


def test_by_products_count_for_nothing() -> None:
    objects = [*directory("checkpoint-500", TRAINER), stored("training_args.bin", 600), stored("README.md", 700)]
    assert name_of_newest(objects) == "checkpoint-500"
    assert recognise(objects[-2:], LOCATION) == ()
    assert resume_point(recognise(objects[-2:], LOCATION)) is None


def test_an_incomplete_checkpoint_is_resumed_from_where_there_is_no_other() -> None:
    doubted = recognise(directory("iter_0000500", "mp_rank_00/model_optim_rng.pt"), LOCATION)
    assert newest_complete(doubted) is None
    assert resume_point(doubted) == doubted[-1]
    assert explained(doubted[-1]) == "iter_0000500: no tracker file beside it"


def test_what_has_a_temporary_name_or_no_bytes_is_never_resumed_from() -> None:
    objects = [*directory("tmp-checkpoint-500", TRAINER), stored("step-1.pt", size=0)]
    found = recognise(objects, LOCATION)
    assert resume_point(found) is None
    flaws = {"tmp-checkpoint-500: a temporary name", "step-1.pt: its files are empty"}
    assert {explained(each) for each in passed_over(found)} == flaws


def test_an_unknown_layout_is_resumed_from() -> None:
    objects = [stored(f"state/part.{number}.q", number) for number in range(14)]
    found = resume_point(recognise(objects, LOCATION))
    assert found
    words = described(found, stopped_at=at(13 + 720))
    assert words == "state (unknown layout, 14 objects, last written 12 min before the stop, 14.0 kB)"


def test_a_counter_that_began_anew_is_newer_than_the_higher_numbers_of_the_run_before() -> None:
    day = 86_400
    objects = [
        stored("step-50.pt", -day),
        stored("step-60.pt", 30 - day),
        stored("step-1.pt", 0),
        stored("step-2.pt", 9),
    ]
    assert seen(objects) == ["step-50.pt @50", "step-60.pt @60", "step-1.pt @1", "step-2.pt @2"]


# --- any objects ------------------------------------------------------------------------------------------------------

PARTS = st.sampled_from(
    [
        "checkpoint-5",
        "checkpoint-10",
        "checkpoint-900",
        "global_step5",
        "epoch=1-step=5.ckpt",
        "last.ckpt",
        "latest",
        "runs",
        "tmp-checkpoint-5",
        "model.ckpt-5.index",
        "model.ckpt-5.data-00000-of-00001",
        ".metadata",
        "__0_0.distcp",
        "trainer_state.json",
        "optimizer.pt",
        "a.bin",
        "mp_rank_00_model_states.pt",
        "steps5_partial",
        "checkpoint.pth",
        "train.log",
        "model-00001-of-00002.bin",
    ]
)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
OBJECTS = st.dictionaries(
    PATHS, st.builds(stored, st.just(""), st.integers(0, 50), st.sampled_from([0, 1, 100_000]))
).map(
    lambda files: [
        StoredObject(key=f"{LOCATION.prefix}{path}", size=each.size, last_modified=each.last_modified)
        for path, each in files.items()
    ]
)


@given(OBJECTS.flatmap(lambda objects: st.tuples(st.just(objects), st.permutations(objects))))
def test_the_order_of_the_listing_does_not_matter(both: tuple[list[StoredObject], list[StoredObject]]) -> None:
    assert recognise(both[0], LOCATION) == recognise(both[1], LOCATION)


@given(OBJECTS, st.sampled_from(MARKERS), st.integers(0, 100))
def test_sagemakers_markers_change_nothing(objects: list[StoredObject], marker: str, seconds: int) -> None:
    markers = [
        StoredObject(key=f"{each.key}{marker}", size=0, last_modified=at(seconds))
        for each in [*objects, stored("checkpoint-5/model.bin")]
    ]
    temporary = stored(f"checkpoint-5{marker}/model.bin")
    assert recognise([*objects, *markers, temporary], LOCATION) == recognise(objects, LOCATION)


@given(OBJECTS)
def test_every_object_belongs_to_at_most_one_checkpoint(objects: list[StoredObject]) -> None:
    found = recognise(objects, LOCATION)
    assert sum(each.objects for each in found) <= len(objects)
    assert sum(each.size for each in found) <= sum(each.size for each in objects)
    assert {each.saved_at for each in found} <= {each.last_modified for each in objects}
    assert all(each.size for each in found if each.complete)


NEWER = [
    directory("checkpoint-1000", TRAINER, 100),
    directory("global_step1000", f"{DCP} {TRAINER}", 100),
    tensorflow("model.ckpt-1000", 100),
    [stored("xgboost-checkpoint.1000", 100)],
    [stored("checkpoint.pth", 100)],
]


@given(OBJECTS, st.sampled_from(NEWER))
def test_a_newer_complete_checkpoint_never_makes_the_newest_older(
    objects: list[StoredObject], newer: list[StoredObject]
) -> None:
    keys = {each.key for each in newer}
    objects = [each for each in objects if each.key not in keys]
    found = recognise([*objects, *newer], LOCATION)
    assert newest(newer)
    added = [each for each in found if each.saved_at >= at(100)]
    if newest(objects) and added[-1].complete and not added[-1].copy:
        assert newest_complete(found) == added[-1]


# --- in words ---------------------------------------------------------------------------------------------------------


def checkpoint(saved_at: datetime, *, complete: bool = True) -> Checkpoint:
    return Checkpoint(
        name="checkpoint-500",
        step=500,
        saved_at=saved_at,
        size=2_140_000_000,
        complete=complete,
        objects=7,
        layout="Hugging Face Trainer",
        flaw=None if complete else "no optimizer",
    )


@pytest.mark.parametrize(
    ("stopped_at", "words"),
    [
        (at(200), "checkpoint-500 (Hugging Face Trainer, 3 min old, 2.1 GB)"),
        (at(0), "checkpoint-500 (Hugging Face Trainer, saved as the job stopped, 2.1 GB)"),
        (at(-900), "checkpoint-500 (Hugging Face Trainer, saved as the job stopped, 2.1 GB)"),
        (at(-7200), "checkpoint-500 (Hugging Face Trainer, written 2 h 00 min after the job stopped, 2.1 GB)"),
        (None, "checkpoint-500 (Hugging Face Trainer, saved 2026-09-16 09:00 UTC, 2.1 GB)"),
    ],
    ids=["before the stop", "at the stop", "synced late", "by someone else", "stop not known"],
)
def test_people_read_how_old_it_was_when_the_job_stopped(stopped_at: datetime | None, words: str) -> None:
    assert described(checkpoint(at(0)), stopped_at=stopped_at) == words


def test_people_read_that_it_is_not_complete() -> None:
    words = described(checkpoint(at(0), complete=False), stopped_at=at(59))
    assert words == "checkpoint-500 (Hugging Face Trainer, 59 s old, 2.1 GB, incomplete: no optimizer)"


def test_an_age_is_never_negative() -> None:
    assert age(checkpoint(at(0)), at(180)) == timedelta(minutes=3)
    assert age(checkpoint(at(0)), at(-180)) == timedelta()


def test_a_listing_says_what_it_does_not_show() -> None:
    one = stored("checkpoint.pth")
    assert Listing(objects=(one,)).caveat is None
    assert Listing(objects=(), bucket_exists=False).caveat == "the bucket does not exist"
    cut = Listing(objects=(one,) * 20_000, cut=True)
    assert cut.caveat == "listing cut after 20,000 objects: there may be newer ones"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1999, "1.9 kB"),
        (99_999, "99.9 kB"),
        (999_999, "999 kB"),
        (2_140_000_000, "2.1 GB"),
        (214 * 10**9, "214 GB"),
        (5 * 10**12, "5.0 TB"),
        (2 * 10**19, "20000 PB"),
    ],
)
def test_sizes_are_cut_never_rounded_up(count: int, words: str) -> None:
    assert bytes_in_words(count) == words


@pytest.mark.parametrize(("saved", "missing"), [("abc", "d.pt"), ("ab", "c.pt and 1 more"), ("a", "b.pt and 2 more")])
def test_what_the_checkpoint_before_has_is_named_and_counted(saved: str, missing: str) -> None:
    before = [stored(f"step-100/{name}.pt", 100, 1_000_000) for name in "abcd"]
    after = [stored(f"step-200/{name}.pt", 900, 1_000_000) for name in saved]
    newest = recognise([*before, *after], LOCATION)[-1]
    assert (newest.name, newest.flaw) == ("step-200", f"nothing like {missing}, which step-100 has")
