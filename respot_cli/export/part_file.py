"""The file that an export grows in: an interrupted export goes on from what it has, without a doubled or a lost line.

`FILE.part` has whole lines of JSON, `FILE.part.json` says of which export. The rows of a run are written together, and
each says how many there are: a run that was cut short is taken out and exported again.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from respot.jobs.formatting import clause
from respot_cli.errors import CommandError, ExitCode
from respot_cli.export.rows import VERSION

_CHUNK: Final = 1 << 20


@dataclass(slots=True)
class PartFile:
    """An export that is not done.

    Attributes:
        output: the file that it becomes.
        of: what is exported, as JSON: another export does not go on from here.
        runs: the runs that it has.
        rows: how many rows.
    """

    output: Path
    of: Mapping[str, str]
    runs: set[str] = field(default_factory=set)
    rows: int = 0

    @property
    def path(self) -> Path:
        """The file with the rows."""
        return self.output.with_name(f"{self.output.name}.part")

    @property
    def _about(self) -> Path:
        return self.output.with_name(f"{self.output.name}.part.json")

    def begin(self, defaults: Mapping[str, str]) -> Mapping[str, str]:
        """Go on from an interrupted export, or begin one with these further facts; gives the facts that hold.

        Raises:
            CommandError: there is a part of another export, another process writes it, or it cannot be written.
        """
        try:
            known = self._known()
            if known is None:
                self.path.unlink(missing_ok=True)
                self._about.write_text(json.dumps({"version": VERSION, **self.of, **defaults}), encoding="utf-8")
                self._lock()
                return defaults
            if any(known.get(name) != value for name, value in {"version": VERSION, **self.of}.items()):
                message = (
                    f"{self.path} is a part of another export: repeat the command that began it, or delete this file "
                    f"and {self._about.name}"
                )
                raise CommandError(message, ExitCode.NOT_DONE)
            self._lock()
            self._take_up()
        except OSError as error:
            raise self._unwritable(error) from error
        return {name: str(known.get(name, value)) for name, value in defaults.items()}

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rows of a run.

        Raises:
            CommandError: the file cannot be written; the run is exported again when the export goes on.
        """
        text = "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows)
        try:
            with self.path.open("ab") as file:
                file.write(text.encode())
        except OSError as error:
            raise self._unwritable(error) from error
        self.runs.update(str(row["run"]) for row in rows)
        self.rows += len(rows)

    def read(self) -> Iterator[dict[str, Any]]:
        """All rows."""
        if self.path.exists():
            with self.path.open("rb") as file:
                for line in file:
                    yield json.loads(line)

    def finish(self, made: Path) -> int:
        """Put the file that was made of the rows in the output's place; gives its size in bytes.

        Raises:
            CommandError: it cannot be put there.
        """
        try:
            made.touch()
            with made.open("rb") as file:
                os.fsync(file.fileno())
            # First, that nothing goes on from an export that is done, also if this process ends here.
            about = self._about.read_bytes()
            self._about.unlink()
            try:
                made.replace(self.output)
            except OSError:
                self._about.write_bytes(about)
                raise
            self.path.unlink(missing_ok=True)
            return self.output.stat().st_size
        except OSError as error:
            raise self._unwritable(error) from error

    def _known(self) -> dict[str, Any] | None:
        """What the part is about; `None` if there is none, or nobody can say."""
        try:
            known = json.loads(self._about.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return known if isinstance(known, dict) else None

    def _lock(self) -> None:
        """Keep other processes from writing the same file, until this one ends: their rows would be doubled."""
        descriptor = os.open(self._about, os.O_RDWR)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in {errno.EACCES, errno.EAGAIN}:
                message = f"another respot export writes {self.output} now: wait for it, or name another file"
                raise CommandError(message, ExitCode.NOT_DONE) from error
            # Not every file system has locks.

    def _take_up(self) -> None:
        """Read which runs there are, and cut off what was not written as a whole."""
        if not self.path.exists():
            return
        end, run, begun, missing = 0, "", 0, 0
        with self.path.open("r+b") as file:
            for line in file:
                row = _row(line)
                if row is None:
                    break
                if row["run"] != run:
                    run, begun, missing = row["run"], end, row["attempts"]
                missing -= 1
                end += len(line)
                self.rows += 1
                self.runs.add(run)
            if missing:
                self.rows -= sum(1 for _ in _lines(file, begun, end))
                self.runs.discard(run)
                end = begun
            file.truncate(end)

    def _unwritable(self, error: OSError) -> CommandError:
        message = f"{self.output} cannot be written: {clause(str(error))}; the same command goes on from there"
        return CommandError(message, ExitCode.OUTPUT_LOST)


def _row(line: bytes) -> dict[str, Any] | None:
    """A row that was written as a whole."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    is_row = isinstance(row, dict) and isinstance(row.get("run"), str) and isinstance(row.get("attempts"), int)
    return row if is_row else None


def _lines(file: Any, begin: int, end: int) -> Iterator[bytes]:  # noqa: ANN401 - a binary file
    file.seek(begin)
    yield from file.read(end - begin).splitlines()
