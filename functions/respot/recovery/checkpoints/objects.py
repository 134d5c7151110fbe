"""What one object of a checkpoint location counts for, by its name and size."""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from respot.recovery.checkpoints.names import word_set

LARGEST_POINTER: Final = 64 * 1024
"""Text that names a checkpoint is short; a larger file of such a name is a checkpoint itself."""

DEEPEST: Final = 16
"""Parts of a path that are read, from the file upwards. Frameworks use five at most."""
LONGEST: Final = 255
"""Bytes in a file's name on Linux. SageMaker uploads local files: a longer name is nobody's checkpoint."""

_WORD: Final = re.compile(r"[a-z]+")
_SAGEMAKER_MARKERS: Final = (".sagemaker-uploading", ".sagemaker-uploaded", ".sagemaker-ignore")

_TEMPORARY: Final = re.compile(
    r"(?:^|[-_.~+])(?:tmp|staging|incomplete|in[-_]?progress)(?:$|[-_.~+0-9])"
    r"|tempstate[0-9]+$"  # TensorFlow's shard that is being written
    r"|(?:^|[-_.])temp(?:$|\.|[-_](?=[0-9]*[a-f])[0-9a-f]{8,})"  # TensorFlow 2's parts that are not merged yet
    r"|^tmp[a-z0-9_]{6,8}(?:$|\.)|^tmpsnapshot|ckpt_stage$"  # Python's tempfile, Chainer, DLRover
    r"|^_?(?:delete|deleting|deleted|trash)[-_.]|[-.]unfinished$|\.part(?:ial)?$|\.crdownload$|\.sw[po]$"
    r"|~$|^\.nfs|^\.fuse_hidden"
    # Downloads of the AWS CLI and of rsync.
    r"|\.[A-Za-z0-9]+\.(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{8}$|^\.[^.]+\.[a-z0-9]+\.(?-i:(?=[a-z]*[0-9A-Z])[A-Za-z0-9]{6})$",
    re.IGNORECASE,
)

_PLAIN: Final = frozenset(("tmp", "temp", "staging", "incomplete", "in_progress", "in-progress", "inprogress"))
"""Names that people give to directories of their own."""
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

_BY_PRODUCT_TYPES: Final = word_set(
    "log out err txt csv tsv yaml yml md rst html htm png jpg jpeg gif svg pdf mp4 avi wav flac py pyc sh ipynb "
    "jsonl toml ini cfg conf wandb prof nsys-rep lock pid diff patch js css dot gin pbtxt ts smd neff hlo ntff trace "
    "stdout stderr vocab j2 jinja"
)
"""Types of files that hold no work."""
_BY_PRODUCT_JSON: Final = word_set(
    "config configs args arguments params hparams hyperparameters metric metrics result results stats summary "
    "history metadata meta index tokenizer tokens map vocab modules preprocessor processor template trace report "
    "info log logs eval evaluation score scores prediction predictions manifest environment progress timing timings "
    "loss losses symbol trainer searcher settings cfg opt status heartbeat profile split normalization artifacts "
    "label id experiment variant resourceconfig inputdataconfig"
)
"""Words in the names of JSON files that describe a job. Other JSON files may be models."""
_BY_PRODUCT_PICKLES: Final = word_set(
    "dataset metadata config args vocab tokenizer hparams tuner trainer searcher experiment variant"
)
_BY_PRODUCT_NAMES: Final = word_set(
    "training_args.bin sourcedir.tar.gz learning_rates core mlmodel exitcode hostfile .ds_store .gitignore "
    ".gitattributes .gitkeep license notice log logs"
)
_BY_PRODUCT_DATA: Final = word_set("predictions preds metrics losses history results stats args confusion logs log")
"""Words in the names of arrays and pickles that hold figures, not work."""
_MARK_TYPES: Final = word_set("done ready complete completed finished flag link md5 sha1 sha256 crc32")
_POINTER_WORDS: Final = word_set("latest last newest best current resume tracker registry committed ready list path")
_POINTED_WORDS: Final = word_set(
    "checkpoint checkpoints checkpointed ckpt model step epoch iter iteration global universal from to"
)
_LARGEST_TEXT: Final = 1_000
_ROTATED: Final = re.compile(r"(?<=\.log)\.[0-9]{1,4}$")
_TOKENIZERS: Final = word_set("tokenizer spiece sentencepiece spm merges vocab bpe")
_TEXT_MODEL: Final = re.compile(r"(?:model|lgb|lightgbm|gbm|booster)(?:[-_.]?[0-9]+)?\.txt", re.IGNORECASE)
"""LightGBM's models are text."""

_BY_PRODUCT_DIRECTORIES: Final = word_set(
    "wandb mlruns tensorboard tb_logs profiler-output debug-output rule-output completions neuron_cache profiling "
    "neuron-compile-cache vis_data __pycache__ .git .cache .ipynb_checkpoints"
)


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
    parts = path.split("/")[-DEEPEST:]
    last = parts[-1]
    if not last or last.endswith("_$folder$") or any(part.endswith(_SAGEMAKER_MARKERS) for part in parts):
        return Role.NONE
    if any(map(is_temporary, parts)):
        return Role.TEMPORARY
    if len(last) > LONGEST:
        return Role.EVIDENCE
    if size <= LARGEST_POINTER and (_POINTER.fullmatch(last) or (size <= _LARGEST_TEXT and _names_another(last))):
        return Role.POINTER
    if not _BY_PRODUCT_DIRECTORIES.isdisjoint(parts[:-1]) or _is_by_product(last):
        return Role.BY_PRODUCT
    return Role.EVIDENCE


def _names_another(name: str) -> bool:
    """Whether a file of a few bytes names a checkpoint, or marks one: `latest_step`, `model.done`."""
    stem, _, kind = name.lower().rpartition(".")
    if stem and kind in _MARK_TYPES:
        return True
    if stem and kind not in {"json", "txt"}:
        return False
    words = set(_WORD.findall(stem or kind))
    return not words.isdisjoint(_POINTER_WORDS) and words <= _POINTER_WORDS | _POINTED_WORDS


def _is_by_product(name: str) -> bool:
    name = name.lower()
    stem, _, kind = _ROTATED.sub("", name.removesuffix(".gz")).rpartition(".")
    if name in _BY_PRODUCT_NAMES or "tfevents" in name:
        return True
    words = _WORD.findall(stem)
    if kind in _BY_PRODUCT_TYPES or (words and words[0] in _TOKENIZERS):
        return not _TEXT_MODEL.fullmatch(name)
    if kind in {"pt", "pth", "bin"}:
        return bool(words) and words[-1] in _BY_PRODUCT_DATA
    known = {"json": _BY_PRODUCT_JSON, "pkl": _BY_PRODUCT_PICKLES, "pickle": _BY_PRODUCT_PICKLES}.get(kind)
    if known is None and kind in {"npy", "npz"}:
        known = _BY_PRODUCT_DATA
    return known is not None and not (known | _BY_PRODUCT_DATA).isdisjoint(words)


def is_mark_of_unfinished(path: str) -> bool:
    """Whether the file is a mark in a directory that its framework has not finished it: `.incomplete`."""
    return path.rpartition("/")[2].lower() in {".incomplete", ".unfinished", ".in_progress"}


@lru_cache(maxsize=4_096)
def is_temporary(part: str) -> bool:
    """Whether a file or directory of that name is a leftover."""
    return len(part) <= LONGEST and part.lower() not in _PLAIN and _TEMPORARY.search(part) is not None
