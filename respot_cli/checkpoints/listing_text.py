"""A listing as text: what a person can attach to a bug report without access to the bucket.

Three formats are read: the output of `aws s3 ls --recursive`, the JSON of `aws s3api list-objects-v2`, and that of the
test listings. The text is from anywhere: each line is checked, and the first one that cannot be read is an error.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NoReturn

from respot.recovery.checkpoints.location import StoredObject

FORMATS: Final = (
    "the output of aws s3 ls --recursive, the JSON of aws s3api list-objects-v2, or lines of <minutes> <size> <path>"
)
_MOST_BYTES_OF_ONE: Final = 10**18
"""Of one object: S3 stores none of a petabyte."""
_MOST_MINUTES: Final = 10_000_000
_YEARS: Final = range(2000, 2200)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""What minutes are counted from. Any moment would do: only differences matter."""
_LS: Final = re.compile(
    r" *(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) +"
    r"(?P<size>[0-9]+(?:\.[0-9]+)?)(?: (?P<unit>Bytes?|KiB|MiB|GiB|TiB|PiB))? (?P<path>.+)",
    re.DOTALL,
)
_LS_DIRECTORY: Final = re.compile(r" +PRE .*", re.DOTALL)
_LS_SUMMARY: Final = re.compile(r" *Total (?:Objects|Size): .*")
_MINUTES: Final = re.compile(
    r"\s*(?P<time>-?[0-9][0-9.]{0,15})\s+(?P<size>[0-9][0-9.e+]{0,20})\s+(?P<path>\S.*)", re.DOTALL
)
_UNITS: Final = {unit: 1024**power for power, unit in enumerate(("Bytes", "KiB", "MiB", "GiB", "TiB", "PiB"))} | {
    "Byte": 1
}
_CONTENTS: Final = re.compile(r'"Contents"\s*:\s*\[')
_BETWEEN: Final = re.compile(r"[\s,]*")
_DECODER: Final = json.JSONDecoder()


class Clock(StrEnum):
    """What the times of a listing are."""

    UTC = "utc"
    LOCAL = "local"
    """Of the machine that listed: `aws s3 ls` does not say in which zone."""
    MINUTES = "minutes"
    """Since the job was created."""


class ListingError(Exception):
    """The text is no listing; the message has the line's number and what was expected."""

    def __init__(self, line: int, what: str) -> None:
        """`what` says what is wrong in that line, and what was expected."""
        super().__init__(f"line {line}: {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextListing:
    """What was read.

    Attributes:
        objects: in the order of the text.
        clock: what their times are.
        cut: the text says that there are more objects.
        relative: paths are below the prefix, not whole keys.
    """

    objects: tuple[StoredObject, ...]
    clock: Clock
    cut: bool = False
    relative: bool = False


def minutes_of(moment: datetime) -> float:
    """The minutes that a listing of minutes has for this moment."""
    return (moment - _EPOCH) / timedelta(minutes=1)


def read(data: bytes) -> TextListing:
    """The listing in these bytes.

    Raises:
        ListingError: they are no listing.
    """
    text = _decoded(data)
    if text.lstrip().startswith(("{", "[")):
        return _pages(text)
    # Keys may hold what str.splitlines takes for the end of a line.
    numbered = [(number, line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), start=1)]
    lines = [(number, line) for number, line in numbered if line.strip() and not line.startswith("#")]
    if not text.strip():
        raise ListingError(1, f"there is nothing to read: expected {FORMATS}")
    if not lines:
        return TextListing(objects=(), clock=Clock.MINUTES, relative=True)
    number, first = lines[0]
    if _LS.fullmatch(first) or _LS_DIRECTORY.fullmatch(first) or _LS_SUMMARY.fullmatch(first):
        found = (_ls(number, line) for number, line in lines if not _LS_SUMMARY.fullmatch(line))
        return TextListing(objects=tuple(found), clock=Clock.LOCAL)
    if not _MINUTES.fullmatch(first):
        raise ListingError(number, f"it is no line of a listing: expected {FORMATS}")
    return TextListing(objects=tuple(_minutes(*each) for each in lines), clock=Clock.MINUTES, relative=True)


def _decoded(data: bytes) -> str:
    """The text; PowerShell writes UTF-16, with a mark at its beginning."""
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ListingError(line, "it is no text in UTF-8: save the output as it is, uncompressed") from error


def _ls(number: int, line: str) -> StoredObject:
    if _LS_DIRECTORY.fullmatch(line):
        raise ListingError(number, "it names a directory, not an object: list again with aws s3 ls --recursive")
    match = _LS.fullmatch(line)
    if not match or ("." in match["size"] and not match["unit"]):
        raise ListingError(number, "expected <date> <time> <size> <key>, as aws s3 ls --recursive prints them")
    return StoredObject(
        key=match["path"],
        size=_size(number, match["size"], _UNITS[match["unit"] or "Bytes"]),
        last_modified=_moment(number, match["time"]),
    )


def _minutes(number: int, line: str) -> StoredObject:
    match = _MINUTES.fullmatch(line)
    minutes = _number(match["time"]) if match else math.nan
    if not match or not abs(minutes) <= _MOST_MINUTES:
        raise ListingError(
            number, "expected <minutes> <size> <path>, for example 30 2e9 checkpoint-500/model.safetensors"
        )
    size = _size(number, match["size"], 1)
    return StoredObject(key=match["path"], size=size, last_modified=_EPOCH + timedelta(minutes=minutes))


def _size(number: int, words: str, unit: int) -> int:
    size = _number(words) * unit
    if not 0 <= size <= _MOST_BYTES_OF_ONE:
        raise ListingError(number, "its size is no number of bytes: expected for example 2147483648")
    return int(words) * unit if words.isdecimal() else int(size)


def _number(words: str) -> float:
    try:
        return float(words)
    except ValueError:
        return math.nan


def _moment(number: int, value: object) -> datetime:
    try:
        if not isinstance(value, str):
            raise TypeError  # noqa: TRY301 - both are answered in the same words
        found = datetime.fromisoformat(value)
        moment = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        moment = datetime.min.replace(tzinfo=UTC)
    if moment.year not in _YEARS:
        raise ListingError(number, "its time is none of S3's: expected for example 2026-09-16T09:00:00+00:00")
    return moment


# --- JSON


def _pages(text: str) -> TextListing:
    """All pages: one document for each, or one list of pages or of objects (`--query Contents`)."""
    objects: list[StoredObject] = []
    cut = False
    for start, document in _documents(text):
        line = _line_of(text, start)
        if isinstance(document, list) and not any(isinstance(each, dict) and "Contents" in each for each in document):
            objects += _contents(document, _lines(text, start + 1), line)
            continue
        pages = document if isinstance(document, list) else [document]
        offset = start
        for page in pages:
            if not isinstance(page, dict) or ("Contents" not in page and not _is_empty_page(page)):
                raise ListingError(line, "it is no answer of list-objects-v2: expected an object with Contents")
            if page.get("CommonPrefixes"):
                raise ListingError(line, "it leaves out objects below CommonPrefixes: list again without --delimiter")
            if "Contents" in page:
                begin = _CONTENTS.search(text, offset)
                offset = begin.end() if begin else offset
                objects += _contents(page["Contents"], _lines(text, offset), line)
            cut = bool(page.get("IsTruncated") or page.get("NextToken"))
    return TextListing(objects=tuple(objects), clock=Clock.UTC, cut=cut)


def _is_empty_page(page: dict[str, Any]) -> bool:
    """Whether it is what AWS answers where there is nothing."""
    return page.keys() <= {"RequestCharged"} or page.get("KeyCount") == 0


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    """The documents, one after the other, with where each begins."""
    position = _skipped(text, 0)
    while position < len(text):
        try:
            document, end = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise ListingError(error.lineno, f"it is no JSON ({error.msg}): expected {FORMATS}") from error
        except (ValueError, RecursionError) as error:
            what = "it is no JSON that a listing has: expected the JSON of aws s3api list-objects-v2"
            raise ListingError(_line_of(text, position), what) from error
        yield position, document
        position = _skipped(text, end)


def _skipped(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def _contents(contents: object, line_of: Callable[[int], int], page_line: int) -> Iterable[StoredObject]:
    if not isinstance(contents, list):
        raise ListingError(page_line, "its Contents is no list: expected the JSON of aws s3api list-objects-v2")
    return [_object(each, index, line_of) for index, each in enumerate(contents)]


def _object(each: object, index: int, line_of: Callable[[int], int]) -> StoredObject:
    if not isinstance(each, dict) or not isinstance(each.get("Key"), str):
        _refuse(line_of(index), "an object without a Key")
    size = each.get("Size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_BYTES_OF_ONE:
        _refuse(line_of(index), "an object whose Size is no number of bytes")
    try:
        moment = _moment(0, each.get("LastModified"))
    except ListingError:
        _refuse(line_of(index), "an object whose LastModified is no time of S3")
    return StoredObject(key=each["Key"], size=size, last_modified=moment)


def _refuse(line: int, what: str) -> NoReturn:
    raise ListingError(line, f"it begins {what}: expected Key, Size and LastModified, as list-objects-v2 has them")


def _lines(text: str, begin: int) -> Callable[[int], int]:
    """By the index of a list's element its line. It is read again for that, since JSON's values know no place."""

    def line_of(index: int) -> int:
        position = _skipped(text, begin)
        for _ in range(index):
            _, end = _DECODER.raw_decode(text, position)
            position = _skipped(text, end)
        return _line_of(text, position)

    return line_of


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
