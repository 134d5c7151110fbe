"""Counters, ranks and series in the names of files and directories."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LONGEST_NUMBER: Final = 18
"""Digits: a longer number is a hash or a timestamp, no counter."""
_WEAKEST_WORD: Final = 4


def word_set(text: str) -> frozenset[str]:
    """The words of a text, which is easier to read than a long list."""
    return frozenset(text.split())


_COUNTERS: Final = {
    word: strength
    for strength, words in enumerate(
        (
            ("step", "steps", "globalstep", "gs", "update", "updates"),
            ("iter", "iters", "iteration", "iterations", "it", "timesteps"),
            ("ba", "batch", "batches"),
            ("epoch", "epochs", "ep"),
            ("checkpoint", "ckpt", "chkpt", "cp", "snapshot"),
        )
    )
    for word in words
}
"""Words that a counter follows, by how finely they count: a step says more than an epoch."""
_METRICS: Final = word_set(
    "loss acc accuracy auc f1 bleu rouge wer cer iou miou map mse mae rmse ppl perplexity score reward error err "
    "metric precision recall val valid validation test eval dice psnr ssim fid nll elbo top1 top5"
)
_NO_COUNTERS: Final = word_set(
    "rank shard part fold seed gpu node worker v version run trial exp size dim lr bs k layer stage tp pp dp of "
    "process proc local fsdp w sampler"
)
# Patterns are text: `re` compiles each when it is first used, and keeps it. Most functions that load this use none.
_WORD_OR_NUMBER: Final = r"[A-Za-z]+|[0-9]+(?:\.[0-9]+)?"
_EXTENSION: Final = r"(?:\.[A-Za-z][A-Za-z0-9]{0,15}|_partial)+$"
_RANK: Final = (
    r"[-_.]?(?<![A-Za-z])(?:(?:mp|tp|pp|dp|ep|zero_pp|local|global|model|optim)_)?(?:rank|shard)[-_]?[0-9]+"
    r"|[-_]?[0-9]{4,6}-of-[0-9]{4,6}|(?<=consolidated)\.[0-9]{2}"
)
_RANK_DIRECTORY: Final = r"(?:(?:mp|tp|pp|ep|dp)_)?rank_?[0-9]+(?:_(?:[a-z]+_)*(?:rank_)?[0-9]+)*|process_[0-9]+"
_MOMENT: Final = (
    r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}(?:[-_T+ ][0-9]{2}[-_:h][0-9]{2}[-_:m][0-9]{2}(?:[.+-][0-9]+)*)?"
    r"|(?<![0-9])20[0-9]{2}[01][0-9][0-3][0-9](?:[-_T][0-2][0-9][0-5][0-9](?:[0-5][0-9])?(?![0-9])|(?=[-_]))"
)
"""A date, with or without the time of day: it counts nothing."""
_VARIABLE: Final = (
    r"(?<==)-?(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|nan|inf)"
    r"|(?<![0-9A-Za-z])(?=[A-Fa-f]*[0-9])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{8,}(?:-[0-9A-Fa-f]{4,12})*(?![0-9A-Za-z])"
    r"|[0-9]+(?:\.[0-9]+)?"
)
_CONTENT_NAME: Final = (
    r"(?<![0-9A-Za-z])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}(?:-[0-9A-Fa-f]{4,12})*(?![0-9A-Za-z])|[0-9]{5,}"
)
_OWN_COUNTER: Final = r"(?i)((?:steps?|checkpoint|ckpt|iter|epoch|ep|ba|model|state)[-_=.]?)([0-9]+)"
_PLAIN_COUNTER: Final = (
    r"(?i)(?:(?:global[-_]?)?(?:checkpoint|ckpt|chkpt|step|iter|iteration|epoch|update)[-_=.]?[0-9]+(?:[-_.]|$)){1,4}"
)
_HASH: Final = r"(?<![0-9A-Za-z])(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,}(?![0-9A-Za-z])"
_OF_AN_ATTEMPT: Final = (
    r"(?i)(?<![A-Za-z])(?:version|run|attempt|exp|job|try|v)[-_]?[0-9]+|(?:19|20)[0-9]{2}[-_]?[0-9]{2}[-_]?[0-9]{2}[-_T0-9.:+]*"
    r"|(?<![0-9A-Za-z])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}(?:-[0-9A-Fa-f]{4,12})*(?![0-9A-Za-z])"
)
_OTHER_WORK: Final = r"(?i)((?:fold|stage|trial|round|phase|seed)[-_=]?)([0-9]{1,18})"
_LETTERS: Final = str.maketrans("0123456789", "abcdefghij")


@dataclass(frozen=True, slots=True, order=True)
class Counter:
    """A number that a name counts by.

    Attributes:
        strength: how finely its word counts, 0 is best; above `_WEAKEST_WORD` there is no such word.
        number: the number.
    """

    strength: int
    number: int

    @property
    def word(self) -> str:
        """A letter for its strength: files whose counters count differently are of different series."""
        return "abcdefg"[self.strength]

    @property
    def has_word(self) -> bool:
        """Whether a word such as *step* or *epoch* says that it counts."""
        return self.strength <= _WEAKEST_WORD


@lru_cache(maxsize=8_192)
def counter(name: str) -> Counter | None:
    """The finest counter in a name: 400 in `epoch=3-step=400.ckpt`, 3 in `acc_0.3_epoch_3.pth`."""
    found = counters(name)
    return found[-1] if found else None


@lru_cache(maxsize=8_192)
def counters(name: str) -> tuple[Counter, ...]:
    """The counters in a name, from coarse to fine: an epoch comes before the step in it.

    A number after a metric's name is no counter, and neither is a decimal: `val_loss_epoch=0.25`. A number without a
    word such as *step* counts only where there is none with one.
    """
    stem = re.sub(_EXTENSION, "", re.sub(_RANK, "", re.sub(_HASH, "-", re.sub(_MOMENT, "-", name[:255]))))
    tokens = list(re.finditer(_WORD_OR_NUMBER, stem))
    found: list[Counter] = []
    words: list[str] = []
    for position, token in enumerate(tokens):
        text = token[0]
        if text[0].isalpha():
            words.append(text.lower())
            continue
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if not ("." in text or len(text) > LONGEST_NUMBER or _is_glued(token, following)):
            after = following[0].lower() if following else ""
            counted_after = after in _COUNTERS and not (
                position + 2 < len(tokens) and tokens[position + 2][0][0].isdigit()
            )
            found += _read(
                words,
                int(text),
                unit=after if counted_after else None,
                last=all("." in each[0] for each in tokens[position + 1 :]),
            )
        words = []
    finest = {each.strength: each for each in found}  # of several with one word, the last
    worded = [each for strength, each in sorted(finest.items(), reverse=True) if each.has_word]
    return tuple(worded or [each for _, each in sorted(finest.items())][:1])


def _is_glued(number: re.Match[str], following: re.Match[str] | None) -> bool:
    """Whether letters that are no unit follow at once: `7b`, `2e5`, but not `100steps`."""
    return following is not None and number.end() == following.start() and following[0].lower() not in _COUNTERS


def _read(words: list[str], number: int, *, unit: str | None, last: bool) -> list[Counter]:
    if unit:
        return [Counter(_COUNTERS[unit], number)]
    if not words:
        return [Counter(_WEAKEST_WORD + 1, number)] if last else []
    if not _METRICS.isdisjoint(words):
        return []
    word = words[-1]
    if (
        word not in _COUNTERS
        and word not in _NO_COUNTERS
        and last
        and (named := [each for each in words if _COUNTERS.get(each) == _WEAKEST_WORD])
    ):
        word = named[-1]  # checkpoint.bv-2000
    if word in _COUNTERS:
        return [Counter(_COUNTERS[word], number)]
    return [Counter(_WEAKEST_WORD + 2, number)] if last and word not in _NO_COUNTERS else []


def without_rank(name: str) -> str:
    """A file's name without what says whose part it is: `ep0-ba100-rank3.pt` is `ep0-ba100.pt`."""
    return re.sub(_RANK, "", name)


def is_rank_directory(part: str) -> bool:
    """Whether each rank has such a directory of its own: `mp_rank_00`."""
    return re.fullmatch(_RANK_DIRECTORY, part) is not None


def series_of(name: str) -> str:
    """The same for names that differ in their numbers only."""
    return re.sub(_VARIABLE, "#", name)


def is_plain_counter(name: str) -> bool:
    """Whether a name is counting words with their numbers, and nothing else: `checkpoint-500`."""
    return re.fullmatch(_PLAIN_COUNTER, re.sub(_EXTENSION, "", name[:255])) is not None


@lru_cache(maxsize=4096)
def line_of(path: str) -> str:
    """The same for all checkpoints whose counters go on from each other.

    Directories that a job makes for each attempt are of one line, other directories are not: a counter begins
    again in the next stage or fold.
    """
    *parents, last = path.split("/")
    kept = re.sub(_OTHER_WORK, lambda found: found[1] + found[2].translate(_LETTERS), last)
    return "/".join([*(re.sub(_OF_AN_ATTEMPT, "#", part) for part in parents), series_of(kept)])


def stable(path: str, number: int | None) -> str:
    """A file's path in its checkpoint, the same in the next one: without its counter, and names made of content."""

    def masked(found: re.Match[str]) -> str:
        return f"{found[1]}#" if int(found[2][:LONGEST_NUMBER]) == number else found[0]

    return re.sub(_CONTENT_NAME, "#", re.sub(_OWN_COUNTER, masked, path))


def last_part(path: str) -> str:
    """The name of the file or directory at that path."""
    return path.rpartition("/")[2]


def parent_of(path: str) -> str:
    """The directory that it is in; empty for the prefix itself."""
    return path.rpartition("/")[0]
