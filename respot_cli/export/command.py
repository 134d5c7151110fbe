"""The command `respot export`: the period's attempts with their transitions and receipts, as a file."""

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import bytes_in_words, clause, iso
from respot.recovery.planning.run import RunId
from respot_cli import deployment, output, period
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode
from respot_cli.export.parquet import arrow, write_parquet
from respot_cli.export.part_file import PartFile
from respot_cli.export.rows import VERSION, rows_of
from respot_cli.next_commands import next_commands, to_document
from respot_cli.period import progress_notes, runs_of_period
from respot_cli.prices import options as prices
from respot_cli.prices.options import ChosenPrices
from respot_cli.report.file import check
from respot_cli.report.words import count

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_NOTES: Final = 20
"""Items that cannot be read and are named on stderr; the JSON has them all."""
_PROGRESS: Final = 500
"""Runs between two notes of progress."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "export",
        help="write runs, attempts, transitions and receipts of a period to a file",
        description="Write a row for each attempt of the runs that go on, and of those that ended within --since; or "
        "of those that ended in --month. A row has transitions and a receipt. Started again after an interruption, it "
        "goes on where it stopped.",
    )
    parser.add_argument("--output", required=True, type=_file, metavar="FILE", help="FILE.jsonl, or FILE.parquet")
    period.add_options(parser)
    prices.add_options(parser)
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export, and say what was exported."""
    file: Path = arguments.output
    check(file)
    as_parquet = file.suffix == ".parquet"
    if as_parquet:
        arrow()
    found = deployment.find(arguments)
    priced = prices.chosen_prices(arguments, found.session)
    part = PartFile(file, of=_identity(arguments, found))
    now = _now()
    since, until = period.chosen(arguments, now=now)
    since = datetime.fromisoformat(part.begin({"since": iso(since)})["since"])
    if before := len(part.runs):
        output.say(f"respot: {before:,} runs are in {part.path.name} from before: going on from there")
    unread = _export(arguments, found, part, priced, since=since, until=until)
    if as_parquet:
        made = file.with_name(f"{file.name}.making")
        try:
            write_parquet(part.read(), made)
        except OSError as error:
            message = f"{file} cannot be written: {clause(str(error))}; the same command goes on from there"
            raise CommandError(message, ExitCode.OUTPUT_LOST) from error
    else:
        made = part.path
    size = part.finish(made)
    done = _Done(
        file=str(file),
        since=since,
        until=until or now,
        words=period.in_words(since, until),
        part=part,
        before=before,
        size=size,
        unread=unread,
        priced=priced,
        following=deployment.pasted(arguments, _next(str(file))),
    )
    text = done.text() if arguments.format == "text" else ""
    output.show(arguments.format, text, done.document())
    for item, why in list(unread.items())[:_MOST_NOTES]:
        output.say(f"respot: the item {item} could not be read: {why}; a newer respot may read it")
    return ExitCode.INCOMPLETE if unread else ExitCode.DONE


def _export(
    arguments: argparse.Namespace,
    found: Deployment,
    part: PartFile,
    priced: ChosenPrices,
    *,
    since: datetime,
    until: datetime | None,
) -> dict[str, str]:
    unread: dict[str, str] = {}

    def on_unreadable(error: UnreadableItemError) -> None:
        unread[f"{error.partition} {error.sort_key}"] = error.why

    try:
        for recorded in runs_of_period(
            found,
            since=since,
            until=until,
            now=_now(),
            on_unreadable=on_unreadable,
            on_progress=progress_notes(_PROGRESS, "; Ctrl-C loses nothing"),
            without=frozenset(map(RunId, part.runs)),
        ):
            if arguments.region not in {None, recorded.run.partition("/")[0]}:
                continue
            try:
                rows = list(rows_of(recorded, priced, now=_now()))
            except (ValueError, OverflowError) as error:  # figures that nobody can add up, of a broken item
                unread[recorded.run] = str(error)
                continue
            part.append(rows)
    except LedgerUnavailableError as error:
        message = (
            f"the export stopped: {clause(str(error))}; {deployment.advice(error.__cause__)}; "
            "the same command goes on from there"
        )
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    except KeyboardInterrupt:
        output.say(f"respot: {len(part.runs):,} runs are in {part.path.name}: the same command goes on from there")
        raise
    return unread


def _identity(arguments: argparse.Namespace, found: Deployment) -> dict[str, str]:
    """What an interrupted export must have in common with this one."""
    return {
        "account": found.account,
        "hub_region": found.region,
        "stack": found.stack,
        "region": arguments.region or "",
        "span_seconds": str(int(arguments.since.total_seconds())),
        "prices": arguments.prices or "",
        **({"month": iso(arguments.month[0])} if arguments.month else {}),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A finished export."""

    file: str
    since: datetime
    until: datetime
    words: str
    part: PartFile
    before: int
    size: int
    unread: dict[str, str]
    priced: ChosenPrices
    following: Sequence[tuple[str, str]]

    def text(self) -> "RenderableType":
        """What was written, in sentences."""
        from rich.console import Group  # noqa: PLC0415 - a script that wants JSON does not load it
        from rich.text import Text  # noqa: PLC0415 - as above

        runs, rows = count(len(self.part.runs), "run"), count(self.part.rows, "attempt")
        size = bytes_in_words(self.size)
        lines = [f"{self.file}: {rows} of {runs} {self.words}, {size}."]
        if self.priced.source:
            lines.append(f"Prices: {self.priced.source}.")
        lines += [f"{each}." for each in self.priced.why_unknown]
        return Group(*map(Text, lines), Text(), next_commands(*self.following))

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "file": self.file,
            "version": VERSION,
            "since": iso(self.since),
            "until": iso(self.until),
            "runs": len(self.part.runs),
            "runs_from_before": self.before,
            "attempts": self.part.rows,
            "bytes": self.size,
            "prices": {"source": self.priced.source or None, "missing": list(self.priced.why_unknown)},
            "unread": self.unread,
            "next": to_document(*self.following),
        }


def _next(file: str) -> Sequence[tuple[str, str]]:
    if file.endswith(".jsonl"):
        return ((f"head -n 1 {shlex.quote(file)}", "the first attempt (docs/reference/export.md)"),)
    return (("respot list --since '30 d'", "the same runs, one in a line"),)


def _file(words: str) -> Path:
    path = Path(words)
    if path.suffix not in {".jsonl", ".parquet"} or not path.stem:
        message = f"{words!r} ends neither in .jsonl nor in .parquet"
        raise argparse.ArgumentTypeError(message)
    return path


def _now() -> datetime:
    return datetime.now(UTC)
