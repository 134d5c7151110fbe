"""Whether a checkpoint is complete, and if not, why not.

Only names, sizes and times are known: a complete checkpoint may still fail to load. S3 writes an object whole or not at
all, uploads are in any order, and each rank uploads its own files.

What is *proven* unfinished counts for nothing: its framework says so, or its own names promise files that are missing.
What is only *doubted* still counts as something to resume from: it lacks a file that its framework usually writes, or
what the checkpoint before it has.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.jobs.formatting import in_words
from respot.recovery.checkpoints.grouping import Group
from respot.recovery.checkpoints.layouts import Tracker
from respot.recovery.checkpoints.names import last_part, parent_of
from respot.recovery.checkpoints.objects import StoredObject

_TRACKER_BEFORE: Final = timedelta(minutes=2)
"""A small tracker may be uploaded this long before the large files that it names."""
_ONE_SAVE: Final = timedelta(minutes=15)
"""Files that are written over in place, and further apart than this, are of two checkpoints."""
_SIGNIFICANT: Final = 0.01
"""Of a checkpoint's bytes: a smaller file is missed only if its name says that it is needed."""
_EXPORT: Final = re.compile(r"(?:^|/)(?:consolidated|export(?:ed)?|hf|huggingface|eval|samples)(?:/|$)", re.IGNORECASE)
"""Copies for use elsewhere, which not every checkpoint has."""
_NEEDED: Final = re.compile(
    r"(?:^|[/_.-])(?:optim|sched|rng|random|scaler|counter|data|state|model|weights|ema|actor|critic)", re.IGNORECASE
)
_OF_A_RANK: Final = re.compile(r"(?:rank|rng_state|random_states|shard|node|worker)[-_]?[0-9]+|-of-|\.distcp$")
_ALIKE: Final = 0.1
_SHRUNK: Final = 0.5
_LARGE: Final = 1_000_000
_SHARD: Final = re.compile(r"(?<![0-9])([0-9]{1,6})-of-([0-9]{1,6})(?![0-9])")
_WORLD: Final = re.compile(r"world_size_([0-9]{1,6})_rank_([0-9]{1,6})(?![0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Why a checkpoint is not complete.

    Attributes:
        words: in words for people.
        proven: the framework cannot resume from it, or will not.
    """

    words: str
    proven: bool


def flaw_of(
    group: Group, trackers: Mapping[str, StoredObject], *, earlier: Collection[Group], siblings: Sequence[Group]
) -> Flaw | None:
    """What is wrong with it; `None` if it is complete, as far as can be seen.

    `siblings` are all of its series in order, `earlier` the complete ones before it, oldest first.
    """
    proven = _proven(group, trackers)
    if proven:
        return Flaw(words=proven, proven=True)
    doubt = _doubt(group, trackers, earlier, siblings)
    return Flaw(words=doubt, proven=False) if doubt else None


def _proven(group: Group, trackers: Mapping[str, StoredObject]) -> str | None:
    if group.temporary:
        return "a temporary name"
    if group.marked:
        return "marked as unfinished"
    if not group.evidence:
        return "no file that can hold work"
    if not any(each.size for each in group.evidence.values()):
        return "its files are empty"
    paths = [group.within(path) for path in group.files]
    for need in group.layout.needs if group.layout else ():
        if need.proves and not any(map(need.path.search, paths)):
            return f"no {need.words}"
    return _broken_promise(paths) or _halves(paths, every=False) or _tracked_elsewhere(group, trackers, required=True)


def _doubt(
    group: Group, trackers: Mapping[str, StoredObject], earlier: Collection[Group], siblings: Sequence[Group]
) -> str | None:
    if group.layout is None:
        return None
    paths = [group.within(path) for path in group.files]
    missing = [need for need in group.layout.needs if not any(map(need.path.search, paths))]
    if missing and not _is_habit(group, siblings):
        return f"no {' and no '.join(need.words for need in missing)}"
    if half := _halves(paths, every=True):
        return half
    if renamed := min((path for path in paths if path.endswith(".tmp") and path[:-4] not in paths), default=None):
        return f"{last_part(renamed)} is not renamed"
    if older := _tracked_elsewhere(group, trackers, required=False):
        return older
    tracker = group.layout.tracker
    if tracker and tracker.expected and not earlier and not _beside(group, tracker, trackers):
        return "no tracker file beside it"
    if empty := min(
        (path for path, each in group.evidence.items() if not each.size and _OF_A_RANK.search(path)), default=None
    ):
        return f"{last_part(empty)} is empty"
    if group.number is None and len(group.evidence) > 1 and group.saved_at - group.began_at > _ONE_SAVE:
        return f"its files were written {in_words(group.saved_at - group.began_at)} apart"
    return _less_than_before(group, earlier, siblings)


def _is_habit(group: Group, siblings: Iterable[Group]) -> bool:
    """Whether another of its series has the same files: then its framework is set to leave the rest out."""
    return any(each is not group and _names(each) == _names(group) for each in siblings)


def _neighbours(group: Group, series: Sequence[Group]) -> Sequence[Group]:
    """The ones just before and after it."""
    place = next(index for index, each in enumerate(series) if each is group)
    return (*series[max(place - 1, 0) : place], *series[place + 1 : place + 2])


def _is_alike(group: Group, other: Group) -> bool:
    """Whether the other is a later or earlier checkpoint of the same files, of about the same size."""
    if other.sizes.keys() != group.sizes.keys() or other.marks != group.marks:
        return False
    return abs(other.size - group.size) <= _ALIKE * group.size


def _names(group: Group) -> set[str]:
    return set(map(group.part, group.files))


def _broken_promise(paths: Iterable[str]) -> str | None:
    """The shards or ranks that the files' own names promise, if some are missing."""
    there: dict[tuple[str, str, int, str], set[str]] = defaultdict(set)
    for path in paths:
        if match := _SHARD.search(path):
            there[path[: match.start()], path[match.end() :], int(match[2]), "shards"].add(match[1])
        elif match := _WORLD.search(path):
            there[path[: match.start()], path[match.end() :], int(match[1]), "ranks"].add(match[2])
    for (*_, count, what), found in sorted(there.items()):
        if len(found) < count:
            return f"{len(found)} of {count} {what}"
    return None


def _halves(paths: Iterable[str], *, every: bool) -> str | None:
    """PyTorch renames `.metadata` into place once the shards are written; neither is anything without the other.

    `every` directory needs both, or the checkpoint as a whole, since shards may be spread over prefixes.
    """
    metadata, shards = set[str](), set[str]()
    for path in paths:
        if path.endswith(".metadata"):
            metadata.add(parent_of(path) if every else "")
        elif path.endswith(".distcp"):
            shards.add(parent_of(path) if every else "")
    for what, without in (("no .metadata", shards - metadata), ("no shards", metadata - shards)):
        if without:
            return what + (f" in {min(without)}" if min(without) else "")
    return None


def _tracked_elsewhere(group: Group, trackers: Mapping[str, StoredObject], *, required: bool) -> str | None:
    """That the file which names the newest checkpoint is missing, or names an older one."""
    tracker = group.layout.tracker if group.layout else None
    if tracker is None or tracker.required is not required:
        return None
    found = _beside(group, tracker, trackers)
    if not found:
        return "no tracker file beside it" if required else None
    path, newest = max(found.items(), key=lambda each: each[1].last_modified)
    if newest.last_modified < group.began_at - _TRACKER_BEFORE:
        return f"{last_part(path)} is older: it names an earlier one"
    return None


def _beside(group: Group, tracker: Tracker, trackers: Mapping[str, StoredObject]) -> Mapping[str, StoredObject]:
    parent = parent_of(group.name)
    return {
        path: each
        for path, each in trackers.items()
        if parent_of(path) == parent and tracker.name.fullmatch(last_part(path))
    }


def _less_than_before(group: Group, earlier: Collection[Group], siblings: Sequence[Group]) -> str | None:
    """What the ones before it have and it lacks."""
    if not earlier or group.layout is None:
        return None
    if any(_is_alike(group, each) for each in _neighbours(group, siblings)):
        return None  # it is how its framework saves from now on, for instance with fewer ranks
    *_, before = earlier
    habit = set.intersection(*(set(each.sizes) for each in list(earlier)[-2:]))
    expected = {name for name in before.sizes if name in habit or _NEEDED.search(name) or _OF_A_RANK.search(name)}
    missing = sorted(name for name in expected - group.sizes.keys() if not _EXPORT.search(name))
    ranks = [name for name in missing if _OF_A_RANK.search(name)]
    known = any(not need.proves for need in group.layout.needs)  # what its framework writes last is known
    missed = ranks if ranks or known else _significant(missing, group, before)
    if missed and any("\n" in name for name in missed):
        return f"{len(group.evidence)} of {len(before.evidence)} files, which {last_part(before.name)} has"
    if missed:
        file = min((path for path in before.evidence if before.part(path) == missed[0]), default=missed[0])
        return f"nothing like {before.within(file)}{_and_more(missed)}, which {last_part(before.name)} has"
    if marks := before.marks - group.marks:
        return f"no {min(marks)}, which {last_part(before.name)} has"
    for name in sorted(expected & group.sizes.keys()):
        if before.sizes[name] >= _LARGE and group.sizes[name] < _SHRUNK * before.sizes[name]:
            return f"{name} is less than half as large as in {last_part(before.name)}"
    return None


def _significant(missing: Iterable[str], group: Group, before: Group) -> list[str]:
    """What is missing by its size or its name, unless the two are simply different."""
    least = _SIGNIFICANT * before.size
    missed = [name for name in missing if before.sizes[name] >= least or _NEEDED.search(name)]
    other_names = group.sizes.keys() - before.sizes.keys()
    return missed if not other_names or group.size < (1 - _SIGNIFICANT) * before.size else []


def _and_more(names: Collection[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
