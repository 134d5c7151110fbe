"""Which objects make one checkpoint.

A file belongs to the innermost directory that is named like a checkpoint. A directory that holds several checkpoints of
one series is none itself. Files outside such directories are grouped by what they share: a stem, a counter, or a name
without the number of the rank. What is left is one group of an unknown layout.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from respot.recovery.checkpoints.directories import KEYED, WRITTEN_OVER, Directories, is_strong
from respot.recovery.checkpoints.layouts import (
    FILE_LAYOUTS,
    LAYOUTS,
    LIGHTNING_FILE,
    NUMBERED_DIRECTORY,
    NUMBERED_FILE,
    SINGLE_FILE,
    TENSORFLOW,
    Layout,
    Shape,
)
from respot.recovery.checkpoints.location import StoredObject
from respot.recovery.checkpoints.names import (
    LONGEST_NUMBER,
    counter,
    counters,
    is_plain_counter,
    is_rank_directory,
    last_part,
    parent_of,
    series_of,
    stable,
    without_rank,
)
from respot.recovery.checkpoints.objects import (
    LONGEST,
    Role,
    is_mark_of_unfinished,
    is_temporary,
    role_of,
)

_MOST_TRIED: Final = 2_000
"""Files of a directory that are tried for its layout."""

_METRIC_WITH_A_SLASH: Final = re.compile(r"[a-z][a-z0-9_]*=-?[0-9.]+(?:-.*)?\.ckpt", re.IGNORECASE)
"""The second half of a Lightning file's name: `val/loss` makes a directory of the first."""
_SINGLE: Final = re.compile(
    r"\.(?:ckpt|pt|pth|th|tar|h5|hdf5|keras|safetensors|params|msgpack|npz|npy|pkl|pickle|joblib|zip|cbm|model)$"
    r"|(?:^|[-_.])(?:checkpoint|ckpt|last|latest|snapshot|resume|weights|model)(?:[-_.]|$)",
    re.IGNORECASE,
)
_LINK: Final = re.compile(r"(?:^|[-_.])latest(?:\.pth?)?$|^last$", re.IGNORECASE)
"""A symbolic link, which S3 stores as a copy."""
_COPIED_WITHIN: Final = timedelta(minutes=2)
_EXPORTED: Final = frozenset(("avg", "eval", "export", "exported", "exports", "onnx", "saved_model", "saved_models"))
_RESUMABLE: Final = re.compile(
    r"(?:^|[-_.])(?:checkpoint|ckpt|resume|snapshot|last|latest|train(?:ing|er)?_state)(?:[-_.]|$)", re.IGNORECASE
)
_BACKUP: Final = re.compile(r"\.(?:bkp|bak|backup|old|prev)$", re.IGNORECASE)
_COPY: Final = re.compile(
    r"(?:^|[-_.])(?:best|bad|final|ema|swa|averaged?|avg)(?:[-_.=0-9]|$)|\.iter[0-9]{1,18}\.npz$|^[0-9]{1,18}epoch\.pth$"
    r"|[-_.]ave?_?[0-9]{1,6}best",
    re.IGNORECASE,
)
_WEIGHTS: Final = re.compile(r"\.safetensors$|(?:^|/)(?:pytorch_model[^/]*|adapter_model)\.bin$", re.IGNORECASE)
_UNFINISHED: Final = re.compile(r"(.+)-unfinished", re.IGNORECASE)
_AFTER_MARK: Final = ("", ".ckpt", "/weights")


_ORDER: Final = {Role.EVIDENCE: 0, Role.TEMPORARY: 1, Role.BY_PRODUCT: 2, Role.POINTER: 3}


@dataclass(frozen=True, kw_only=True)
class Group:
    """The files of one checkpoint.

    Attributes:
        name: its path below the prefix, without what distinguishes its files; `.` for the prefix itself.
        series: the same for groups of one shape whose names differ in their numbers only.
        layout: `None` if it is unknown.
        position: its counters, from coarse to fine, such as epoch and step; empty if it has none.
        files: by their paths below the prefix, at least one.
        evidence: those that can hold work.
        temporary: it has a temporary name: its framework has not finished it.
        marked: its framework left a mark that it is unfinished.
        copy: a copy for use elsewhere (`best.pt`, weights alone), from which frameworks do not resume by default.
    """

    name: str
    series: tuple[str, str, str]
    layout: Layout | None
    position: tuple[int, ...]
    files: Mapping[str, StoredObject]
    evidence: Mapping[str, StoredObject]
    temporary: bool = False
    marked: bool = False
    copy: bool = False

    @property
    def number(self) -> int | None:
        """Its finest counter."""
        return self.position[-1] if self.position else None

    @property
    def is_counted(self) -> bool:
        """Whether its number is sure to count: its framework or its whole name says so."""
        own = self.layout not in {NUMBERED_DIRECTORY, NUMBERED_FILE, SINGLE_FILE, None}
        return bool(self.position) and (own or is_plain_counter(last_part(self.name)))

    @cached_property
    def saved_at(self) -> datetime:
        """When its newest object that counts arrived."""
        return max(each.last_modified for each in (self.evidence or self.files).values())

    @cached_property
    def began_at(self) -> datetime:
        """When its first object arrived."""
        return min(each.last_modified for each in (self.evidence or self.files).values())

    @cached_property
    def size(self) -> int:
        """Bytes in all."""
        return sum(each.size for each in self.files.values())

    def within(self, path: str) -> str:
        """The path within the checkpoint."""
        return path.removeprefix("" if self.name == "." else self.name).removeprefix("/")

    def part(self, path: str) -> str:
        """Which part of the checkpoint a file is: the same in the next one."""
        return stable(self.within(path), self.number)

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Bytes by names that are the same in the next checkpoint, of what can hold work."""
        found: dict[str, int] = defaultdict(int)
        for path, each in self.evidence.items():
            found[self.part(path)] += each.size
        return found

    @property
    def has_work(self) -> bool:
        """Whether there is a byte that a job could resume from."""
        return not self.temporary and any(each.size for each in self.evidence.values())

    @cached_property
    def parts(self) -> AbstractSet[str]:
        """All its parts."""
        return set(map(self.part, self.files))

    @cached_property
    def marks(self) -> frozenset[str]:
        """The marks of its framework that it is complete: `commit_success.txt`."""
        return frozenset(
            self.part(path) for path, each in self.files.items() if role_of(path, each.size) is Role.POINTER
        )


@dataclass
class _Draft:
    files: dict[str, StoredObject] = field(default_factory=dict)
    evidence: dict[str, StoredObject] = field(default_factory=dict)
    layout: Layout | None = None
    step: str | None = None
    temporary: bool = False
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """What a listing holds.

    Attributes:
        groups: the checkpoints, among them one of an unknown layout if there is one.
        trackers: small files outside all checkpoints, by their paths.
        by_products: how many objects count for nothing.
    """

    groups: tuple[Group, ...]
    trackers: Mapping[str, StoredObject]
    by_products: int


def group(files: Mapping[str, StoredObject]) -> Grouped:
    """The checkpoints among these files, which are by their paths below the prefix."""
    roles = {path: role for path, each in files.items() if (role := role_of(path, each.size)) is not Role.NONE}
    for path in roles:
        if path.endswith("/params.pkl") and f"{path[:-3]}json" in roles:
            roles[path] = Role.BY_PRODUCT  # Ray's parameters of a trial, not JAX's
    directories = Directories(roles)
    drafts: dict[tuple[str, Shape | None], _Draft] = defaultdict(_Draft)
    trackers: dict[str, StoredObject] = {}
    by_products = 0
    # What can hold work decides which directories are checkpoints; what stands beside it belongs to them, or to none.
    for path, role in sorted(roles.items(), key=lambda each: (_ORDER[each[1]], each[0])):
        each = files[path]
        claimed = _claim(path, role, directories)
        # Only a name that is certain makes a directory without work a checkpoint, and no tracker does.
        empty = claimed is not None and claimed[1] is Shape.DIRECTORY and (claimed[0], claimed[1]) not in drafts
        if empty and claimed and (role is Role.POINTER or (role is Role.BY_PRODUCT and not is_strong(claimed[0]))):
            claimed = None
        if claimed is None:
            if role is Role.POINTER:
                trackers[path] = each
            else:
                by_products += 1
            continue
        name, shape, layout, step = claimed
        draft = drafts[name, shape]
        draft.files[path] = each
        draft.layout, draft.step = draft.layout or layout, draft.step or step
        draft.temporary |= shape is None and role is Role.TEMPORARY
        draft.marked |= shape is Shape.DIRECTORY and is_mark_of_unfinished(path)
        if role is Role.EVIDENCE:
            draft.evidence[path] = each
    marks = {match[1] for path in roles if (match := _UNFINISHED.fullmatch(path))}
    groups = [
        _finished(name, shape, draft, marks)
        for (name, shape), draft in drafts.items()
        if draft.evidence or draft.temporary or is_strong(name)
    ]
    return Grouped(groups=tuple(_ranked(groups)), trackers=trackers, by_products=by_products)


def _ranked(groups: list[Group]) -> Iterable[Group]:
    """The groups, where copies of others, and files beside the one to resume from, are marked as copies."""
    resumable = {parent_of(each.name) for each in groups if each.layout is SINGLE_FILE and _is_resumable(each)}
    originals: dict[tuple[str, tuple[tuple[str, int], ...]], list[datetime]] = defaultdict(list)
    for each in groups:
        if each.number is not None or each.copy:
            originals[_content(each)].append(each.saved_at)
    for each in groups:
        at_once = any(abs(each.saved_at - other) <= _COPIED_WITHIN for other in originals.get(_content(each), ()))
        beside = each.layout is SINGLE_FILE and parent_of(each.name) in resumable and not _is_resumable(each)
        linked = each.number is None and _LINK.search(last_part(each.name)) is not None and at_once
        yield replace(each, copy=True) if beside or linked else each


def _content(group: Group) -> tuple[str, tuple[tuple[str, int], ...]]:
    """What a copy has in common with its original: where it is, and the sizes of its files."""
    if group.layout and group.layout.shape is Shape.FILES:
        return parent_of(group.name), tuple(("", size) for size in sorted(group.sizes.values()))
    return parent_of(group.name), tuple(sorted(group.sizes.items()))


def _is_resumable(group: Group) -> bool:
    return _RESUMABLE.search(last_part(group.name)) is not None and not group.copy


def _finished(key: str, shape: Shape | None, draft: _Draft, marks: set[str]) -> Group:
    directory = shape is Shape.DIRECTORY
    name = key if directory else _name_of_files(key, shape, draft)
    layout = _directory_layout(key, draft.files) if directory else draft.layout
    last = last_part(name)
    weights = all(map(_WEIGHTS.search, draft.evidence)) and (shape is Shape.FILES or layout is NUMBERED_DIRECTORY)
    return Group(
        name=name,
        series=_series(key, shape),
        layout=layout,
        position=_position(last, layout, draft),
        files=draft.files,
        evidence=draft.evidence,
        temporary=draft.temporary,
        marked=draft.marked or any(name.removesuffix(end) in marks for end in _AFTER_MARK if name.endswith(end)),
        copy=(
            weights
            or _BACKUP.search(last) is not None
            or (layout is not None and layout.copies and _COPY.search(last) is not None)
            or not _EXPORTED.isdisjoint(name.split("/")[:-1])
        ),
    )


def _series(key: str, shape: Shape | None) -> tuple[str, str, str]:
    last = _BACKUP.sub("", last_part(key))
    return (
        parent_of(key),
        "@" if WRITTEN_OVER.search(last) and shape is Shape.DIRECTORY else series_of(last),
        str(shape),
    )


def _position(last: str, layout: Layout | None, draft: _Draft) -> tuple[int, ...]:
    if draft.step:
        return (int(draft.step),) if len(draft.step) <= LONGEST_NUMBER else ()
    pattern = layout.step_file if layout else None
    if pattern:
        steps = [match for path in draft.files if (match := pattern.fullmatch(last_part(path)))]
        if steps:
            return (max(int(match["step"]) for match in steps),)
    return tuple(each.number for each in counters(last)) if layout and layout.counted else ()


def _name_of_files(key: str, shape: Shape | None, draft: _Draft) -> str:
    """One file's path, the stem of several, or the shortest of those that share a counter only."""
    if shape is None:
        return key if draft.temporary else _common(draft.files)
    paths = sorted(draft.files, key=lambda path: (len(path), path))
    if draft.layout and draft.layout.paired:
        stems = {without_rank(last_part(path)) for path in paths}
        paths.sort(key=lambda path: not re.match("(?:checkpoint|ckpt|snapshot)", last_part(path)))
        return paths[0] if len(stems) > 1 or len(paths) == 1 else _join(_without_ranks(parent_of(paths[0])), *stems)
    alone = len(paths) == 1 and parent_of(paths[0]) == parent_of(key) and not (draft.layout and draft.layout.needs)
    return paths[0] if alone else key


def _common(files: Iterable[str]) -> str:
    """One file's path, or the directory of several."""
    paths = list(files)
    if len(paths) == 1:
        return paths[0]
    parts = [parent_of(path).split("/") for path in (min(paths), max(paths))]
    same = 0
    for one, other in zip(*parts, strict=False):
        if one != other:
            break
        same += 1
    return "/".join(parts[0][:same]) or "."


def _directory_layout(name: str, files: Iterable[str]) -> Layout:
    own = 0 if name == "." else len(name) + 1
    within = [path[own:] for path in sorted(files)[:_MOST_TRIED]]
    last = last_part(name)
    for layout in LAYOUTS:
        if (not layout.named or layout.named.fullmatch(last)) and any(map(layout.claims.search, within)):
            return layout
    return NUMBERED_DIRECTORY


def _claim(
    path: str, role: Role, directories: "Directories"
) -> tuple[str, Shape | None, Layout | None, str | None] | None:
    """The checkpoint that a file belongs to: its key and shape, and for files its layout and counter."""
    parent, last = parent_of(path), last_part(path)
    if role is Role.TEMPORARY:
        parts = path.split("/")
        first = next(index for index, part in enumerate(parts) if is_temporary(part))
        if directory := directories.strong("/".join(parts[:first])):
            return directory, Shape.DIRECTORY, None, None
        return "/".join(parts[: first + 1]), None, None, None
    if directory := directories.strong(parent):
        half = last_part(parent) if directory == parent else ""
        if KEYED.search(half) and not half.endswith(".ckpt") and _METRIC_WITH_A_SLASH.fullmatch(last):
            found = counter(half)
            return path, Shape.FILES, LIGHTNING_FILE, str(found.number) if found else None
        return directory, Shape.DIRECTORY, None, None
    claimed = _file(path, directories) if role is Role.EVIDENCE and len(last) <= LONGEST else None
    if claimed and claimed[1]:
        return claimed[0]
    if directory := directories.weak(parent) or directories.by_content(parent):
        return directory, Shape.DIRECTORY, None, None
    if role is not Role.EVIDENCE:
        return None
    return claimed[0] if claimed else ("", None, None, None)


_Claim = tuple[str, Shape | None, Layout | None, str | None]


def _file(path: str, directories: "Directories") -> tuple[_Claim, bool] | None:
    """The checkpoint of known files that this file belongs to, and whether its own name proves it to be one.

    If not, a directory around it that is named like a checkpoint is one, and this its part.
    """
    parent, last = parent_of(path), last_part(path)
    outside = _without_ranks(parent)
    counted = counter(last)
    for layout in FILE_LAYOUTS:
        match = layout.claims.fullmatch(last)
        found = match.groupdict() if match else {}
        if not match or (
            layout is TENSORFLOW and not ("ckpt" in last or _join(parent, found["stem"]) in directories.stems)
        ):
            continue
        step = found.get("step")
        key = _paired(outside, step) if layout.paired else _join(outside, found.get("stem") or without_rank(last))
        sure = bool(step or found.get("stem") or (counted and counted.has_word))
        return (key, Shape.FILES, layout, step), sure
    single = _SINGLE.search(last) is not None
    if counted and (counted.has_word or single) and not _COPY.search(last):
        key = _paired(outside, " ".join(f"{each.word}{each.number}" for each in counters(last)))
        return (key, Shape.FILES, NUMBERED_FILE, None), counted.has_word
    return ((_join(outside, without_rank(last)), Shape.FILES, SINGLE_FILE, None), False) if single else None


def _paired(parent: str, step: str | None) -> str:
    return _join(parent, f"#{step}")


def _without_ranks(parent: str) -> str:
    if "rank" not in parent and "process" not in parent:
        return parent
    return "/".join(part for part in parent.split("/") if not is_rank_directory(part))


def _join(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name
