"""The layouts in which frameworks write checkpoints, and whether all files of one are there.

XGBoost, Hugging Face Trainer and Accelerate, Lightning, PyTorch DCP, DeepSpeed, Megatron, TensorFlow, Keras, MXNet,
SMP, and single files. Only names, sizes and times are known: a complete checkpoint may still fail to load.

S3 writes an object whole or not at all: a single file is complete. A group of files is complete if
- nothing that its own names promise is missing (`-of-K` shards, TensorFlow's index, DCP's `.metadata`), and
- what its framework writes last is there, or it has at least the names of the one before it in its series.
Uploads are not in the order of writing, and each rank uploads its own files. Therefore a last file does not vouch for
files of ranks that the checkpoint before has and this one lacks. (After a move to fewer ranks, the first checkpoint
counts as incomplete, once.) The first of a series is complete unless its framework is known to write a last file.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from itertools import chain
from typing import Final

_POINTERS: Final = {"checkpoint", "latest", "newest", "latest_checkpointed_iteration.txt"}
_LARGEST_POINTER: Final = 64 * 1024
"""Text that names a checkpoint is short; a larger file of such a name is a checkpoint itself."""

_NUMBERED_DIRECTORY: Final = re.compile(r"(?:checkpoint|ckpt|steps?|iter|iteration|epoch)[-_=]?[0-9]+$", re.IGNORECASE)
_CHECKPOINT_DIRECTORY: Final = (".ckpt", "_partial")
_TENSORFLOW: Final = re.compile(r"(.+)\.(?:index|meta|data-[0-9]+-of-[0-9]+)")
_SINGLE_FILE: Final = (".ckpt", ".h5", ".hdf5", ".keras", ".params")
_NAMED_FILE: Final = re.compile(r"(?<![a-z])(?:checkpoint|ckpt|last|latest|epoch|step|iter)", re.IGNORECASE)
_BY_PRODUCT: Final = re.compile(r"\.(?:jsonl|txt|log|csv|tsv|ya?ml|md|html|png|py|sh)$|tfevents", re.IGNORECASE)
"""Never a checkpoint. JSON may be one where nothing else is: XGBoost's models are."""
_UNFINISHED: Final = re.compile(r"(?:^|[-_.])tmp(?:$|[-_.])", re.IGNORECASE)

_EXTENSION: Final = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]*|_partial)+$")
_OF_A_RANK: Final = re.compile(r"(?:rank|rng_state|random_states|shard|node|worker)[-_]?[0-9]+|\.distcp$")
_SHARDED_STATE: Final = re.compile(r"/.*(?:_states\.pt|\.distcp)$|_partial/")
_SHARD: Final = re.compile(r"(.*?)([0-9]+)-of-([0-9]+)(.*)")
_STEP_WORDS: Final = tuple(
    re.compile(rf"{word}[-_=.]?([0-9]+)", re.IGNORECASE)
    for word in (r"steps?", r"iter(?:ation)?", r"epoch", r"(?:checkpoint|ckpt)", r"(?<![a-z])(?:cp|weights|model)")
)
# A number at the end, but not the decimals of a metric (val_loss=0.12).
_NUMBER_AT_THE_END: Final = re.compile(r"(?:^|[-_=]|(?<![0-9])\.)([0-9]+)$")
_OWN_NUMBER: Final = re.compile(r"((?:step|checkpoint|ckpt|iter|epoch)[-_=]?)([0-9]+)")
_NUMBER: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object of a listing.

    Attributes:
        key: its whole key.
        size: bytes.
        last_modified: when S3 stored it, UTC.
    """

    key: str
    size: int
    last_modified: datetime


class Kind(Enum):
    """How files are found to belong together."""

    FILE = auto()
    TENSORFLOW = auto()
    DIRECTORY = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The files of one checkpoint.

    Attributes:
        name: its path below the prefix, without what distinguishes its files; `.` for the prefix itself.
        kind: how its files were found to belong to it.
        step: the number in its name.
        files: by their paths below the prefix, at least one.
        pointed: when the file `latest` beside it was last written, which names one of the checkpoints there.
    """

    name: str
    kind: Kind
    step: int | None
    files: Mapping[str, StoredObject]
    pointed: datetime | None

    @property
    def series(self) -> tuple[str, int]:
        """The same for groups of one kind whose names differ in their numbers only."""
        if self.step is None:
            return self.name, self.kind.value
        return f"{_parent(self.name)}/{_NUMBER.sub('#', _last_part(self.name))}", self.kind.value

    @property
    def saved_at(self) -> datetime:
        """When its newest object arrived."""
        return max(file.last_modified for file in self.files.values())

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files.values())

    @property
    def names(self) -> set[str]:
        """The names within it, leftovers aside, made comparable with those of other steps (`global_step500/…`)."""
        own = "" if self.name == "." else self.name
        within = (path.removeprefix(own).removeprefix("/") for path in self.files)
        return {_OWN_NUMBER.sub(self._masked, name) for name in within if not _UNFINISHED.search(_last_part(name))}

    def _masked(self, found: re.Match[str]) -> str:
        return f"{found[1]}#" if int(found[2]) == self.step else found[0]


def is_file(path: str) -> bool:
    """Whether that path below the prefix is one of the job's files: no "directory", none of SageMaker's markers."""
    return not path.endswith("/") and any(parts := path.split("/")) and not any(map(_is_marker, parts))


def group(files: Mapping[str, StoredObject]) -> tuple[Group, ...]:
    """The groups of these files, which are by their paths below the prefix."""
    directories = {_parent(path) for path in files if _last_part(path) == ".metadata" or path.endswith(".distcp")}
    stems = {match[1] for path in files if ".data-" in path and (match := _TENSORFLOW.fullmatch(path))}
    latest = {_parent(path): file.last_modified for path, file in files.items() if _last_part(path) == "latest"}
    members: dict[tuple[str, Kind], dict[str, StoredObject]] = defaultdict(dict)
    for path, file in files.items():
        name, kind = _group_of(path, directories, stems)
        pointer = _last_part(path) in _POINTERS and file.size <= _LARGEST_POINTER
        if kind is Kind.DIRECTORY or not pointer:
            members[name, kind][path] = file
    return tuple(
        Group(
            name=name,
            kind=kind,
            step=None if kind is Kind.UNKNOWN else _step(_last_part(name)),
            files=within,
            pointed=latest.get(_parent(name)),
        )
        for (name, kind), within in members.items()
    )


def is_complete(group: Group, previous: Group | None) -> bool:
    """Whether nothing is missing, as far as can be seen; `previous` is the one before it in its series."""
    if not group.size or _UNFINISHED.search(_last_part(group.name)):
        return False
    if group.kind is Kind.FILE:
        return True
    names = group.names
    if not _keeps_its_promises(group.kind, names):
        return False
    if group.kind is Kind.TENSORFLOW:
        return True
    if group.kind is Kind.UNKNOWN:
        return not all(_BY_PRODUCT.search(path) for path in group.files)
    if _last_file_is_there(group, names):
        return not previous or not any(_OF_A_RANK.search(name) for name in previous.names - names)
    if previous:
        return names >= previous.names
    return not (re.fullmatch(r"checkpoint-[0-9]+", _last_part(group.name)) or _is_deepspeed(names))


def _is_marker(part: str) -> bool:
    return part.endswith((".sagemaker-uploading", ".sagemaker-uploaded", ".sagemaker-ignore"))


def _group_of(path: str, directories: set[str], stems: set[str]) -> tuple[str, Kind]:
    """The outermost directory that is a checkpoint, else the file, else the topmost entry."""
    *parents, file = path.split("/")
    for depth, part in enumerate(parents, start=1):
        directory = "/".join(parents[:depth])
        if directory in directories or part.endswith(_CHECKPOINT_DIRECTORY) or _NUMBERED_DIRECTORY.search(part):
            return directory, Kind.DIRECTORY
    if not parents and "" in directories and (file == ".metadata" or file.endswith(".distcp")):
        return ".", Kind.DIRECTORY
    tensorflow = _TENSORFLOW.fullmatch(path)
    if tensorflow and (tensorflow[1] in stems or "ckpt" in _last_part(tensorflow[1])):
        return tensorflow[1], Kind.TENSORFLOW
    named = _NAMED_FILE.search(file) and not file.endswith(".json") and not _BY_PRODUCT.search(file)
    if named or file.endswith(_SINGLE_FILE):
        return path, Kind.FILE
    return next(part for part in (*parents, file) if part), Kind.UNKNOWN


def _keeps_its_promises(kind: Kind, names: set[str]) -> bool:
    if kind is Kind.TENSORFLOW and not (".index" in names and any(name.startswith(".data-") for name in names)):
        return False
    shards: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for match in filter(None, map(_SHARD.fullmatch, names)):
        shards[match[1], match[4], int(match[3])].add(match[2])
    if any(len(there) != count for (_, _, count), there in shards.items()):
        return False
    # DCP renames `.metadata` into place once the shards are written; neither is anything without the other.
    metadata = {_parent(name) for name in names if _last_part(name) == ".metadata"}
    return metadata == {_parent(name) for name in names if name.endswith(".distcp")}


def _last_file_is_there(group: Group, names: set[str]) -> bool:
    optimizer = any(name.startswith("optimizer.") for name in names)
    if "trainer_state.json" in names:  # Hugging Face Trainer
        return optimizer or any(_SHARDED_STATE.search(name) for name in names)
    if "random_states_0.pkl" in names:  # Accelerate
        return optimizer
    if group.name.endswith(".ckpt") and "latest" in names:  # Lightning with DeepSpeed
        return True
    if _is_deepspeed(names):
        # The pointer beside the directories is not read; if older than this directory's first file, it names another.
        first = min(file.last_modified for file in group.files.values())
        return group.pointed is not None and group.pointed >= first
    return ".metadata" in names  # PyTorch DCP


def _is_deepspeed(names: set[str]) -> bool:
    return any(name.endswith("_states.pt") for name in names)


def _step(name: str) -> int | None:
    stem = _OF_A_RANK.sub("", _EXTENSION.sub("", name))
    found = chain.from_iterable(word.findall(stem)[-1:] for word in (*_STEP_WORDS, _NUMBER_AT_THE_END))
    number = next(found, None)
    return None if number is None else int(number)


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
