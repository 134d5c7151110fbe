"""The table of layouts: how each framework names its checkpoints, and what makes one complete.

To add a layout, add one entry and one listing (`docs/contributing/checkpoint-layouts.md`). Rules that hold for all
layouts (promised shards and ranks, temporary names, the checkpoint before) are in `completeness`, not here.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A file without which a checkpoint is not complete.

    Attributes:
        words: what is missing then, for people.
        path: is found in the file's path within the checkpoint.
        always: its framework writes it each time. Otherwise, one that another checkpoint lacks as well is not missed.
    """

    words: str
    path: re.Pattern[str]
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """A small file beside the checkpoints that names the one to resume from. Its time is the evidence, not its text.

    Attributes:
        name: matches its name.
        required: without it the framework starts from scratch.
        expected: it is there from the first complete checkpoint on, but a job may do without it.
    """

    name: re.Pattern[str]
    required: bool = False
    expected: bool = False


class Shape(Enum):
    """What a checkpoint of a layout is."""

    DIRECTORY = auto()
    FILES = auto()
    """One file, or several that share a stem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one framework writes its checkpoints.

    Attributes:
        name: the framework, for people.
        source: where its behaviour is defined.
        shape: directory or files.
        claims: of a directory, is found in the path in it of any file that shows the layout; of files, matches the
            whole name of each. A group `stem` is what the files of one checkpoint share, a group `step` its counter.
        named: must match the name of the directory as well.
        needs: what must be there.
        tracker: what names the newest.
        counted: the name has a counter. Without one, checkpoints are ordered by time.
        step_file: matches a file in the directory whose name has the counter, as group `step`.
        paired: files with one counter are one checkpoint, whichever names they have.
        copies: one that is named *best* or *final* is a copy, from which its framework does not resume.
    """

    name: str
    source: str
    shape: Shape = Shape.DIRECTORY
    claims: re.Pattern[str]
    named: re.Pattern[str] | None = None
    needs: tuple[Need, ...] = ()
    tracker: Tracker | None = None
    counted: bool = True
    step_file: re.Pattern[str] | None = None
    paired: bool = False
    copies: bool = True


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_OPTIMIZER: Final = Need(
    words="optimizer",
    # A file of that name, a sharded state below, or DeepSpeed's and Neuron's states of each rank.
    path=_re(r"(?:^|[/_-])optim|zero_pp_rank|_partial/"),
)
_TRAINER_STATE: Final = Need(words="trainer_state.json", path=_re(r"^trainer_state\.json$"))
_DEEPSPEED_LATEST: Final = Tracker(name=_re(r"latest|last_checkpoint"), expected=True)
_MEGATRON_TRACKER: Final = Tracker(
    name=_re(r"latest_checkpointed_iteration\.txt|latest_train_state\.pt|checkpoint_tracker\.json"), required=True
)
_ANY_TRACKER: Final = Tracker(name=_re(r"(?:latest|newest|last|latest_checkpoint|last_checkpoint)(?:\.txt|\.json)?"))

_TRAINER: Final = Layout(
    name="Hugging Face Trainer",
    source="huggingface/transformers trainer.py _save_checkpoint: model, optimizer, scheduler, rng, trainer_state last",
    claims=_re(
        r"^(?:(?:trainer_state\.json|rng_state(?:_[0-9]+)?\.pth|scheduler\.pt|training_args\.bin|user_content\.pt)$"
        r"|global_step[0-9]+/)"
    ),
    needs=(_TRAINER_STATE, _OPTIMIZER),
)

LAYOUTS: Final = (
    Layout(
        name="SpeechBrain",
        source="speechbrain/speechbrain utils/checkpoints.py: CKPT+<time>/ with CKPT.yaml and one file for each object",
        claims=_re(r"^CKPT\.yaml$"),
        named=_re(r"CKPT\+.+"),
        counted=False,
    ),
    Layout(
        name="verl",
        source="verl-project/verl fsdp_checkpoint_manager.py: model_world_size_<n>_rank_<r>.pt, tracker written last",
        claims=_re(r"_world_size_[0-9]+_rank_[0-9]+\.pt$"),
        tracker=_MEGATRON_TRACKER,
    ),
    Layout(
        name="Orbax",
        source="Orbax, Checkpoint Format Guide; google/flax checkpoints.py: _METADATA, manifest.ocdbt, d/<content>",
        claims=_re(
            r"(?:^|/)(?:_CHECKPOINT_METADATA|_METADATA|_sharding|manifest\.ocdbt|array_metadatas)$"
            r"|(?:^|/)ocdbt\.process_[0-9]+/|(?:^|/)d/[0-9a-f]{16,}$"
        ),
        needs=(
            Need(words="_METADATA", path=_re(r"(?:^|/)(?:_CHECKPOINT_METADATA|_METADATA|checkpoint)$"), always=True),
        ),
    ),
    Layout(
        name="SageMaker model parallel",
        source="smdistributed.modelparallel documentation, checkpointing: <tag>_partial/, newest",
        claims=_re(r"."),
        named=_re(r".+_partial"),
        tracker=Tracker(name=_re(r"newest")),
    ),
    Layout(
        name="Neuron distributed",
        source="aws-neuron/neuronx-distributed trainer/checkpoint.py: <tag>/done is written last",
        claims=_re(r"^(?:model|optim)/(?:[^/]+\.pt\.tensors/|dp_rank_[0-9])"),
        needs=(Need(words="done", path=_re(r"^done$"), always=True),),
    ),
    Layout(
        name="InternLM",
        source="InternLM/InternEvo checkpoint_manager.py: <step>/<step>.step is written last",
        claims=_re(r"^(?:[0-9]+\.step$|(?:model|optimizer)_tp[0-9]+_pp[0-9])"),
        needs=(Need(words="<step>.step", path=_re(r"^[0-9]+\.step$"), always=True),),
        step_file=_re(r"(?P<step>[0-9]{1,18})\.step"),
    ),
    Layout(
        name="Colossal-AI",
        source="hpcaitech/ColossalAI utils/ckpt_io.py: modeling/, optimizer/, lr_scheduler, running_states.json last",
        claims=_re(r"^(?:modeling/|running_states\.json$)"),
        needs=(
            Need(words="modeling/", path=_re(r"^modeling/")),
            Need(words="optimizer/", path=_re(r"^optimizer/")),
            Need(words="running_states.json", path=_re(r"^running_states\.json$"), always=True),
        ),
    ),
    _TRAINER,
    Layout(
        name="Accelerate",
        source="huggingface/accelerate checkpointing.py save_accelerator_state, fsdp_utils.py, accelerator.py",
        claims=_re(
            r"^(?:random_states_[0-9]+\.pkl$|(?:optimizer|scheduler|sampler)(?:_[0-9]+)?\.bin$|dl_state_dict"
            r"|custom_checkpoint_[0-9]+\.pkl$|pytorch_model(?:_fsdp)?(?:_[0-9]+)?/|optimizer_[0-9]+/)"
        ),
        needs=(
            Need(words="random_states_0.pkl", path=_re(r"^random_states_[0-9]+\.pkl$")),
            _OPTIMIZER,
        ),
    ),
    replace(
        _TRAINER,
        claims=_re(r"^(?:model|adapter_model|pytorch_model|consolidated)\b[^/]*\.(?:safetensors|bin)$"),
        named=_re(r"checkpoint-[0-9]+"),
    ),
    Layout(
        name="Lightning with FSDP",
        source="Lightning-AI/pytorch-lightning strategies/fsdp.py: <name>.ckpt/ with shards, .metadata and meta.pt",
        claims=_re(r"^(?:meta\.pt|\.metadata)$|\.distcp$"),
        named=_re(r".+\.ckpt"),
        needs=(Need(words="meta.pt", path=_re(r"^meta\.pt$")),),
    ),
    Layout(
        name="Lightning with DeepSpeed",
        source="Lightning-AI/pytorch-lightning strategies/deepspeed.py: <name>.ckpt/checkpoint/ and `latest`",
        claims=_re(r"^checkpoint/.*_states\.pt$"),
        named=_re(r".+\.ckpt"),
        needs=(Need(words="latest", path=_re(r"^latest$")),),
    ),
    Layout(
        name="nanotron",
        source="huggingface/nanotron trainer.py: checkpoint_metadata.json after the weights, latest.txt after all",
        claims=_re(r"^(?:checkpoint_metadata\.json$|model/.*_pp-rank-|random/tp-)"),
        needs=(Need(words="checkpoint_metadata.json", path=_re(r"^checkpoint_metadata\.json$")),),
        tracker=Tracker(name=_re(r"latest\.txt")),
    ),
    Layout(
        name="DeepSpeed",
        source="deepspeedai/DeepSpeed runtime/engine.py save_checkpoint: <tag>/*_states.pt, `latest` after all",
        claims=_re(r"_(?:model|optim)_states\.pt$"),
        needs=(Need(words="model states", path=_re(r"model_states\.pt$")),),
        tracker=_DEEPSPEED_LATEST,
    ),
    Layout(
        name="Megatron-LM",
        source="NVIDIA/Megatron-LM training/checkpointing.py: the tracker is written last; without it, random weights",
        claims=_re(
            r"^mp_rank_[0-9]|(?:^|/)(?:model_optim_rng|distrib_optim|model_rng|common)\.pt$|(?:^|/)\.metadata$|\.distcp$"
        ),
        named=_re(r"iter_[0-9]{7}"),
        tracker=_MEGATRON_TRACKER,
    ),
    Layout(
        name="NeMo 2",
        source="NVIDIA-NeMo/NeMo lightning/io, model_checkpoint.py: weights/ and context/, <name>-unfinished beside it",
        claims=_re(r"^(?:weights|context)/"),
    ),
    Layout(
        name="kohya",
        source="kohya-ss/sd-scripts train_util.py: <name>-step<n>-state/ as Accelerate saves it",
        claims=_re(r"."),
        named=_re(r".+-state"),
        needs=(_OPTIMIZER,),
    ),
    Layout(
        name="Lingua",
        source="facebookresearch/lingua lingua/checkpoint.py: <10 digits>/ with shards and train_state_<rank>.json",
        claims=_re(r"^train_state_[0-9]+\.json$|\.distcp$|(?:^|/)\.metadata$"),
        named=_re(r"[0-9]{10}"),
        needs=(Need(words="train_state", path=_re(r"^train_state_[0-9]+\.json$")),),
    ),
    Layout(
        name="AXLearn",
        source="apple/axlearn common/checkpointer.py: step_<8 digits>/ with gda/ and `index`, which is written last",
        claims=_re(r"^(?:gda/|index$)"),
        named=_re(r"step_[0-9]{8}"),
        needs=(Need(words="index", path=_re(r"^index$"), always=True),),
    ),
    Layout(
        name="PyTorch DCP",
        source="pytorch/pytorch distributed/checkpoint/filesystem.py: .metadata is renamed into place after all shards",
        claims=_re(r"(?:^|/)(?:__[0-9]+)?\.metadata$|\.distcp$"),
    ),
    Layout(
        name="T5X",
        source="google-research/t5x checkpoints.py: `checkpoint` is written last, then the directory is renamed",
        claims=_re(r"^(?:target|state)\.[^/]+/"),
        needs=(Need(words="`checkpoint`", path=_re(r"^checkpoint$"), always=True),),
    ),
    Layout(
        name="Levanter",
        source="stanford-crfm/levanter checkpoint.py: metadata.json after the arrays",
        claims=_re(r"(?:^|/)\.zarray$"),
        named=_re(r"step-[0-9]+"),
        needs=(Need(words="metadata.json", path=_re(r"^metadata\.json$"), always=True),),
    ),
    Layout(
        name="sentence-transformers",
        source="UKPLab/sentence-transformers SentenceTransformer.py save: modules.json, weights last",
        claims=_re(r"^(?:(?:modules|config_sentence_transformers)\.json$|[0-9]+_(?:Pooling|Dense|Transformer)/)"),
        needs=(
            Need(
                words="weights", path=_re(r"(?:^|/)(?:model[^/]*\.safetensors|pytorch_model[^/]*\.bin)$"), always=True
            ),
        ),
    ),
)
"""Layouts of directories, in the order in which they are tried."""


def _files(
    name: str,
    source: str,
    claims: str,
    *,
    tracker: Tracker | None = None,
    needs: tuple[Need, ...] = (),
    paired: bool = False,
    copies: bool = True,
) -> Layout:
    return Layout(
        name=name,
        source=source,
        shape=Shape.FILES,
        claims=_re(claims),
        tracker=tracker,
        needs=needs,
        paired=paired,
        copies=copies,
    )


_TENSORFLOW_TRACKER: Final = Tracker(name=_re(r"checkpoint|\.coach_checkpoint"))

TENSORFLOW: Final = _files(
    "TensorFlow",
    "tensorflow/tensorflow python/training/saver.py, checkpoint_management.py: shards, index, then `checkpoint`",
    r"(?P<stem>.+)\.(?:index|meta|data-[0-9]+-of-[0-9]+)",
    tracker=_TENSORFLOW_TRACKER,
    needs=(
        Need(words="index", path=_re(r"\.index$"), always=True),
        Need(words="data", path=_re(r"\.data-"), always=True),
    ),
)
LIGHTNING_FILE: Final = _files(
    "Lightning",
    "Lightning-AI/pytorch-lightning callbacks/model_checkpoint.py: {epoch}-{step}.ckpt, last.ckpt",
    r".+\.ckpt",
)

FILE_LAYOUTS: Final = (
    TENSORFLOW,
    _files(
        "XGBoost",
        "aws/sagemaker-xgboost-container checkpointing.py: xgboost-checkpoint.<n>",
        r"xgboost-checkpoint\.(?P<step>[0-9]{1,18})",
    ),
    _files(
        "MXNet",
        "apache/mxnet module.py save_checkpoint: <prefix>-<epoch>.params and .states",
        r"(?P<stem>.+-(?P<step>[0-9]{4}))\.(?:params|states)",
    ),
    _files(
        "Composer",
        "mosaicml/composer checkpoint_saver.py: ep<epoch>-ba<batch>-rank<rank>.pt",
        r"ep[0-9]+-ba(?P<step>[0-9]{1,18})(?:-rank[0-9]+)?(?:\.pt)?",
        tracker=Tracker(name=_re(r"latest-rank[0-9]+(?:\.pt)?(?:\.symlink)?")),
    ),
    _files(
        "fairseq",
        "facebookresearch/fairseq checkpoint_utils.py: checkpoint_<epoch>_<updates>.pt, checkpoint_last.pt",
        r"(?P<stem>checkpoint(?:_[0-9]+_(?P<step>[0-9]{1,18})|[0-9]+|_last|_best|\.best_.*?))(?:-model_part-[0-9]+)?"
        r"(?:-(?:rank-[0-9]+-)?shard[0-9]+)?\.pt",
    ),
    _files(
        "NeMo 1",
        "NVIDIA-NeMo/NeMo utils/exp_manager.py: <name>-step=<n>-consumed_samples=….ckpt, -unfinished beside it",
        r".+consumed_samples=[0-9.]+(?:-last)?\.ckpt",
    ),
    LIGHTNING_FILE,
    _files(
        "Detectron2 or MMEngine",
        "facebookresearch/fvcore checkpoint.py, mmengine checkpoint_hook.py: last_checkpoint names the newest",
        r"(?:model|iter|epoch)_(?P<step>[0-9]{1,18})\.pth",
        tracker=Tracker(name=_re(r"last_checkpoint")),
    ),
    _files(
        "Keras",
        "keras-team/keras callbacks/model_checkpoint.py: one file",
        r".+\.(?:h5|hdf5|keras)",
    ),
    _files(
        "LightGBM",
        "microsoft/LightGBM gbdt.cpp: <model>.snapshot_iter_<n>",
        r".+\.snapshot_iter_(?P<step>[0-9]{1,18})",
    ),
    _files(
        "PaddlePaddle",
        "PaddlePaddle/PaddleDetection ppdet/utils/checkpoint.py: <epoch>.pdparams, then <epoch>.pdopt",
        r"(?P<stem>.+)\.(?:pdparams|pdopt|pdema|pdstates)",
        needs=(Need(words="optimizer", path=_re(r"\.pdopt$")),),
    ),
    _files(
        "CatBoost",
        "catboost/catboost, snapshot_file: written over",
        r"(?P<stem>.+\.cbsnapshot)",
    ),
    _files(
        "numbered GAN pair",
        "jaywalnut310/vits utils.py: G_<step>.pth and D_<step>.pth are loaded together",
        r"(?:G|D|DUR)_(?P<step>[0-9]{1,18})\.pth",
        paired=True,
    ),
    _files(
        "AllenNLP",
        "allenai/allennlp training/checkpointer.py: model_state_e<epoch>_b<batch>.th, then training_state_…",
        r"(?:model|training)_state_e(?:poch_)?(?P<step>[0-9]{1,18})(?:_b[0-9]+)?(?:_w[0-9]+)?\.th",
        paired=True,
    ),
    _files(
        "Coqui TTS",
        "coqui-ai/Trainer io.py get_last_checkpoint: best_model_<step>.pth counts if its step is the highest",
        r"best_model_(?P<step>[0-9]{1,18})\.pth",
        copies=False,
    ),
    _files(
        "EasyLM",
        "young-geng/EasyLM checkpoint.py: streaming_train_state, with pickles of the dataset beside it",
        r"(?P<stem>streaming_(?:train_state|params)(?:_(?P<step>[0-9]{1,18}))?)",
    ),
)
"""Layouts of files, in the order in which they are tried; then come numbered files of any framework."""

NUMBERED_DIRECTORY: Final = Layout(
    name="numbered directories", source="no framework: the name counts", claims=_re(r""), tracker=_ANY_TRACKER
)
NUMBERED_FILE: Final = Layout(
    name="numbered files",
    source="no framework: the name counts",
    shape=Shape.FILES,
    claims=_re(r""),
    tracker=_ANY_TRACKER,
    paired=True,
)
SINGLE_FILE: Final = Layout(
    name="single file",
    source="torch.save and others: one file, written over",
    shape=Shape.FILES,
    claims=_re(r""),
    counted=False,
)
