"""Writes rows as a Parquet file, by pyarrow: the optional extra `respot[parquet]`."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from respot_cli.errors import CommandError, ExitCode
from respot_cli.export import rows as columns

if TYPE_CHECKING:
    from types import ModuleType

_ROW_GROUP: Final = 10_000
_MISSING: Final = "a Parquet file needs pyarrow: in a checkout, pipx install --force '.[parquet]'; or write FILE.jsonl"


def arrow() -> "tuple[ModuleType, ModuleType]":
    """The modules `pyarrow` and `pyarrow.parquet`.

    Raises:
        CommandError: they are not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped] # noqa: PLC0415 - the extra is optional
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as error:
        raise CommandError(_MISSING, ExitCode.NOT_DONE) from error
    return pa, parquet


def write_parquet(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write the rows, in groups of ten thousand.

    Raises:
        CommandError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    pyarrow, parquet = arrow()
    schema = _schema(pyarrow)
    every = iter(rows)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := [_typed(row) for row in islice(every, _ROW_GROUP)]:
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


def _schema(pyarrow: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    moment = pyarrow.timestamp("ms", tz="UTC")
    transition = pyarrow.struct(
        [
            ("status", pyarrow.string()),
            ("started", moment),
            ("ended_as", pyarrow.string()),
            ("provisional", pyarrow.bool_()),
        ]
    )
    kinds = {
        pyarrow.string(): columns.TEXTS,
        pyarrow.int64(): columns.WHOLE_NUMBERS,
        moment: columns.TIMES,
        pyarrow.float64(): columns.LENGTHS,
        pyarrow.decimal128(18, 10): columns.AMOUNTS,
        pyarrow.date32(): columns.DAYS,
    }
    fields = [(name, kind) for kind, names in kinds.items() for name in names]
    fields += [("tags", pyarrow.map_(pyarrow.string(), pyarrow.string())), ("transitions", pyarrow.list_(transition))]
    return pyarrow.schema(fields, metadata={"respot_export_version": str(columns.VERSION)})


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        **{name: _moment(row[name]) for name in columns.TIMES},
        **{name: None if row[name] is None else Decimal(row[name]) for name in columns.AMOUNTS},
        **{name: None if row[name] is None else date.fromisoformat(row[name]) for name in columns.DAYS},
        "tags": list(row["tags"].items()),
        "transitions": list(_transitions(row)),
    }


def _transitions(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for each in row["transitions"]:
        yield {**each, "started": _moment(each["started"])}


def _moment(words: str | None) -> datetime | None:
    return None if words is None else datetime.fromisoformat(words)
