"""Whether a checkpoint is complete, and if not, why not.

Only names, sizes and times are known: a complete checkpoint may still fail to load. S3 writes an object whole or not at
all, uploads are in any order, and each rank uploads its own files.

An incomplete checkpoint is passed over for a complete one. Where there is none, it still counts as something to resume
from: its framework decides what it can load.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import in_words
from respot.recovery.checkpoints.grouping import Group
from respot.recovery.checkpoints.layouts import Layout, Tracker
from respot.recovery.checkpoints.location import StoredObject
from respot.recovery.checkpoints.names import last_part, parent_of

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
_METADATA: Final = re.compile(r"(?:__[0-9]+)?\.metadata")
_SHARD: Final = re.compile(r"(?<![0-9])([0-9]{4,6})-of-([0-9]{4,6})(?![0-9])")
_WORLD: Final = re.compile(r"world_size_([0-9]{1,6})_rank_([0-9]{1,6})(?![0-9])")


class Trackers:
    """The trackers of a listing, by the directory they are in."""

    def __init__(self, trackers: Mapping[str, StoredObject]) -> None:
        """`trackers` are small files outside all checkpoints, by their paths."""
        self._by_directory: dict[str, list[tuple[str, StoredObject]]] = defaultdict(list)
        for path, each in sorted(trackers.items()):
            self._by_directory[parent_of(path)].append((last_part(path), each))
        self._newest: dict[tuple[str, re.Pattern[str]], tuple[str, datetime] | None] = {}

    def newest(self, directory: str, tracker: Tracker) -> tuple[str, datetime] | None:
        """The name and the time of the newest one in that directory; `None` if there is none."""
        key = directory, tracker.name
        if key not in self._newest:
            found = [
                (each.last_modified, name)
                for name, each in self._by_directory.get(directory, ())
                if tracker.name.fullmatch(name)
            ]
            self._newest[key] = max(found)[::-1] if found else None
        return self._newest[key]


class Series:
    """Checkpoints whose names differ in their numbers only, oldest first."""

    def __init__(self, groups: Sequence[Group]) -> None:
        """`groups` are in their order."""
        self.groups = groups
        self._alike = Counter(frozenset(each.parts) for each in groups)

    def has_habit(self, group: Group) -> bool:
        """Whether another one has the same files: then its framework is set to leave the rest out."""
        return self._alike[frozenset(group.parts)] > 1

    def neighbours(self, place: int) -> Sequence[Group]:
        """The ones just before and after that place."""
        return (*self.groups[max(place - 1, 0) : place], *self.groups[place + 1 : place + 2])


def flaw_of(series: Series, place: int, trackers: Trackers, earlier: Sequence[Group]) -> str | None:
    """What is wrong with the checkpoint at that place, in words; `None` if it is complete, as far as can be seen.

    `earlier` are the complete ones before it, oldest first.
    """
    group = series.groups[place]
    if group.temporary:
        return "a temporary name"
    if group.marked:
        return "marked as unfinished"
    if not group.evidence:
        return "no file that can hold work"
    if not group.has_work:
        return "its files are empty"
    return None if group.layout is None else _flaw(group, group.layout, series, place, trackers, earlier)


def _flaw(  # noqa: PLR0917 - what a checkpoint is compared with
    group: Group, layout: Layout, series: Series, place: int, trackers: Trackers, earlier: Sequence[Group]
) -> str | None:
    paths = {group.within(path) for path in group.files}
    missing = [need for need in layout.needs if not any(map(need.path.search, paths))]
    lacking = bool(missing) and (any(need.always for need in missing) or not series.has_habit(group))
    return (
        _broken_promise(paths)
        or (f"no {' and no '.join(need.words for need in missing)}" if lacking else None)
        or _halves(paths)
        or _not_renamed(paths)
        or _tracked_elsewhere(group, layout, trackers, earlier)
        or _torn(group)
        or _less_than_before(group, layout, series.neighbours(place), earlier)
    )


def _not_renamed(paths: AbstractSet[str]) -> str | None:
    found = min((path for path in paths if path.endswith(".tmp") and path[:-4] not in paths), default=None)
    return f"{last_part(found)} is not renamed" if found else None


def _torn(group: Group) -> str | None:
    """That its files are of two saves, or were only begun."""
    empties = [path for path, each in group.evidence.items() if not each.size and _OF_A_RANK.search(path)]
    if empty := min(empties, default=None):
        return f"{last_part(empty)} is empty"
    apart = group.saved_at - group.began_at
    if group.number is None and len(group.evidence) > 1 and apart > _ONE_SAVE:
        return f"its files were written {in_words(apart)} apart"
    return None


def _is_alike(group: Group, other: Group) -> bool:
    """Whether the other is a later or earlier checkpoint of the same files, of about the same size."""
    if other.sizes.keys() != group.sizes.keys() or other.marks != group.marks:
        return False
    return abs(other.size - group.size) <= _ALIKE * group.size


def _broken_promise(paths: Iterable[str]) -> str | None:
    """The shards or ranks that the files' own names promise, if some are missing."""
    there: dict[tuple[str, str, str], dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in paths:
        if match := _SHARD.search(path):
            there["shards", path[: match.start()], path[match.end() :]][int(match[2])].add(match[1])
        elif match := _WORLD.search(path):
            there["ranks", path[: match.start()], path[match.end() :]][int(match[1])].add(match[2])
    for (what, *_), counts in sorted(there.items()):
        # Beside a whole set, shards of another count are left over from before a change of instances.
        if all(len(found) < count for count, found in counts.items()):
            count, found = max(counts.items(), key=lambda each: (len(each[1]), each[0]))
            return f"{len(found)} of {count} {what}"
    return None


def _halves(paths: Iterable[str]) -> str | None:
    """PyTorch renames `.metadata` into place once the shards are written; neither is anything without the other."""
    metadata, shards = set[str](), set[str]()
    for path in paths:
        if _METADATA.fullmatch(last_part(path)):
            metadata.add(parent_of(path))
        elif path.endswith(".distcp"):
            shards.add(parent_of(path))
    for what, without in (("no .metadata", shards - metadata), ("no shards", metadata - shards)):
        if without:
            return what + (f" in {min(without)}" if min(without) else "")
    return None


def _tracked_elsewhere(group: Group, layout: Layout, trackers: Trackers, earlier: Collection[Group]) -> str | None:
    """That the file which names the newest checkpoint is missing, or names an older one."""
    tracker = layout.tracker
    if tracker is None:
        return None
    found = trackers.newest(parent_of(group.name), tracker)
    if found is None:
        return "no tracker file beside it" if tracker.required or (tracker.expected and not earlier) else None
    name, at = found
    return f"{name} is older: it names an earlier one" if at < group.began_at - _TRACKER_BEFORE else None


def _less_than_before(
    group: Group, layout: Layout, neighbours: Iterable[Group], earlier: Sequence[Group]
) -> str | None:
    """What the ones before it have and it lacks."""
    if not earlier or any(_is_alike(group, each) for each in neighbours):
        return None  # what its neighbour has is how its framework saves from now on, for instance with fewer ranks
    before = earlier[-1]
    habit = set.intersection(*(set(each.sizes) for each in earlier[-2:]))
    expected = {name for name in before.sizes if name in habit or _NEEDED.search(name) or _OF_A_RANK.search(name)}
    missing = sorted(name for name in expected - group.sizes.keys() if not _EXPORT.search(name))
    ranks = [name for name in missing if _OF_A_RANK.search(name)]
    known = any(not need.always for need in layout.needs)  # what its framework writes last is known
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
