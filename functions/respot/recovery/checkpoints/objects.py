"""What one object of a checkpoint location counts for, by its name and size."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final

LARGEST_POINTER: Final = 64 * 1024
"""Text that names a checkpoint is short; a larger file of such a name is a checkpoint itself."""

_SAGEMAKER_MARKERS: Final = (".sagemaker-uploading", ".sagemaker-uploaded", ".sagemaker-ignore")

_TEMPORARY: Final = re.compile(
    r"(?:^|[-_.~+])(?:tmp|staging|incomplete|in[-_]?progress)(?:$|[-_.~+0-9])"
    r"|tempstate[0-9]+$"  # TensorFlow's shard that is being written
    r"|(?:^|[-_.])temp(?:$|\.|[-_](?=[0-9]*[a-f])[0-9a-f]{8,})"  # TensorFlow 2's parts that are not merged yet
    r"|^tmp[a-z0-9_]{6,8}(?:$|\.)|^tmpsnapshot|ckpt_stage$"  # Python's tempfile, Chainer, DLRover
    r"|^_?(?:delete|deleting|deleted|trash)[-_.]|[-.]unfinished$|\.part(?:ial)?$|\.crdownload$|\.sw[po]$|~$|^\.nfs|^\.fuse_hidden"
    r"|\.(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{8}$",  # the AWS CLI's download
    re.IGNORECASE,
)

_POINTER: Final = re.compile(
    r"(?:checkpoint|latest|newest|last)(?:\.txt|\.json)?"
    r"|(?:last|latest|best|newest)[-_]checkpoint(?:s|ed)?(?:[-_]?(?:iteration|step))?(?:\.txt|\.json)?"
    r"|(?:best_dev_)?checkpoint[-_](?:last|latest|best|state|info)(?:\.txt|\.json)?|last_checkpoint\.rank_?[0-9]+"
    r"|\.coach_checkpoint(?:\.lock)?|(?:deepracer_)?checkpoints\.json"
    r"|latest_train_state\.pt|.*\.symlink|latest[-_]rank[-_]?[0-9]+(?:\.pt)?"
    r"|_?success|stable|commit_success(?:\.txt)?|\.?(?:is_checkpoint|complete[d]?|done|ready|finished)(?:\.txt)?"
    r"|\.tune_metadata|_COMPLETE|\..*marker|checkpoint_manager_snapshot\.json|checkpoint\.bv-LAST",
    re.IGNORECASE,
)

_BY_PRODUCT: Final = re.compile(
    r".*\.(?:log|out|err|txt|csv|tsv|ya?ml|md|rst|html?|png|jpe?g|gif|svg|pdf|mp4|avi|wav|flac|py|pyc|sh|ipynb|jsonl"
    r"|toml|ini|cfg|conf|wandb|prof|nsys-rep|lock|pid|diff|patch|js|css|dot|gin|neff|hlo|ntff|trace|stdout|stderr|vocab|j2|jinja)"
    r"|.*tfevents.*|.*\.trace\.json(?:\.gz)?|.*\.log\.gz|log|logs"
    r"|training_args\.bin|sourcedir\.tar\.gz|learning_rates|\.ds_store|\.git(?:ignore|attributes)|\.gitkeep|license|notice"
    r"|(?:tokenizer|spiece|sentencepiece|spm|merges|vocab|bpe)\b.*"
    r"|(?:.*[-_.])?(?:configs?|args|arguments|params|hparams|hyperparameters|metrics?|results?|stats|summary|history"
    r"|metadata|meta|index|tokenizer|tokens(?:_map)?|vocab|modules|preprocessor|processor|template|trace|report|info|logs?"
    r"|eval(?:uation)?|scores?|predictions?|manifest|environment|progress|timings?|loss(?:es)?|symbol)"
    r"(?:[-_.0-9].*)?\.json|trainer_state\.json|(?:resource|inputdata)config\.json"
    r"|(?:.*[-_.])?(?:dataset|metadata|config|args|vocab|tokenizer|hparams|tuner|trainer|(?:searcher|experiment|variant)[-_]state)"
    r"(?:[-_.0-9].*)?\.(?:pkl|pickle|json)|\.metadata\.pkl",
    re.IGNORECASE,
)
_TEXT_MODEL: Final = re.compile(r"(?:model|lgb|lightgbm|gbm|booster)(?:[-_.]?[0-9]+)?\.txt", re.IGNORECASE)
"""LightGBM's models are text."""

_BY_PRODUCT_DIRECTORIES: Final = frozenset(
    "wandb mlruns tensorboard tb_logs profiler-output debug-output rule-output code completions neuron_cache profiling "
    "neuron-compile-cache vis_data __pycache__ .git .cache .ipynb_checkpoints".split()
)


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


class Role(Enum):
    """What an object counts for. Only `EVIDENCE` can hold work that a job would resume from."""

    EVIDENCE = auto()
    BY_PRODUCT = auto()
    """Logs, metrics, configurations: written beside checkpoints, and before the first one."""
    POINTER = auto()
    """Short text that names a checkpoint, or a mark that one is complete."""
    TEMPORARY = auto()
    """A leftover: it is renamed, or removed, once all is written."""
    NONE = auto()
    """No file of the job's: a "directory", or one of SageMaker's own markers."""


def role_of(path: str, size: int) -> Role:
    """What the object at that path below the prefix counts for."""
    parts = path.split("/")
    if not parts[-1] or parts[-1].endswith("_$folder$") or any(part.endswith(_SAGEMAKER_MARKERS) for part in parts):
        return Role.NONE
    if any(map(is_temporary, parts)):
        return Role.TEMPORARY
    if size <= LARGEST_POINTER and _POINTER.fullmatch(parts[-1]):
        return Role.POINTER
    if not _BY_PRODUCT_DIRECTORIES.isdisjoint(parts[:-1]):
        return Role.BY_PRODUCT
    if _BY_PRODUCT.fullmatch(parts[-1]) and not _TEXT_MODEL.fullmatch(parts[-1]):
        return Role.BY_PRODUCT
    return Role.EVIDENCE


def is_mark_of_unfinished(path: str) -> bool:
    """Whether the file is a mark in a directory that its framework has not finished it: `.incomplete`."""
    return path.rpartition("/")[2].lower() in {".incomplete", ".unfinished", ".in_progress"}


def is_temporary(part: str) -> bool:
    """Whether a file or directory of that name is a leftover."""
    return _TEMPORARY.search(part) is not None
