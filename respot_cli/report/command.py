"""The command `respot report`: writes a page about what spot saved, from the ledger."""

import argparse
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import clause, iso, parse_span
from respot.savings.receipt import RunReceipt, receipt_of
from respot_cli import deployment, output
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode
from respot_cli.next_commands import next_commands
from respot_cli.next_commands import to_document as commands_to_document
from respot_cli.period import runs_of_period
from respot_cli.prices import options as prices

_LONGEST: Final = timedelta(days=400)
_PROGRESS: Final = 500
"""Runs read between two notes of progress."""
_NEXT: Final = (
    ("respot list", "runs with what comes next"),
    ("respot doctor", "is all well?"),
)


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "report",
        help="write a page about what spot saved, where the time went, and each run",
        description="Write one HTML file about the runs that go on, and those that ended within --since: what spot "
        "saved, where the time went, the pools, and each run. It loads nothing and has no script: it can be mailed.",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        default=Path("report.html"),
        help="the file to write; one that exists is replaced (default: %(default)s)",
    )
    parser.add_argument(
        "--since", type=_since, default="30 d", metavar="SPAN", help="how long ago a run may have ended (default: 30 d)"
    )
    parser.add_argument("--region", help="only runs in this region (default: all watched regions)")
    parser.add_argument(
        "--team-tag", default="team", metavar="KEY", help="tag that names a run's team (default: %(default)s)"
    )
    prices.add_options(parser)
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report, and say where it is."""
    _check(arguments.output)
    found, unread, now = deployment.find(arguments), dict[str, str](), _now()
    receipts = _receipts(found, arguments, unread, now=now)
    # The charts' library takes half a second to be found, and jinja a tenth.
    from respot_cli.report.build import Subject, headline_of, report_of  # noqa: PLC0415
    from respot_cli.report.page import render  # noqa: PLC0415

    chosen = prices.chosen_prices(arguments, found.session)
    subject = Subject(
        since=now - arguments.since,
        until=now,
        where=f"account {found.account}, stack {found.stack} in {found.region}",
        team_tag=arguments.team_tag,
        unread=len(unread),
    )
    page = render(report_of(receipts, subject, prices=chosen)).encode()
    _write(arguments.output, page)
    for reason in chosen.why_unknown:
        output.say(f"respot: {clause(reason)}")
    for item, why in unread.items():
        output.say(f"respot: the item {item} could not be read: {why}; a newer respot may read it")
    document: dict[str, Any] = {
        "output": str(arguments.output),
        "bytes": len(page),
        "since": iso(subject.since),
        "until": iso(now),
        "runs": len(receipts),
        "unread": unread,
        "next": commands_to_document(*_NEXT),
    }
    said = f"{arguments.output}: {len(receipts):,} runs, {headline_of(receipts)}, {len(page) / 1e6:.1f} MB"
    if arguments.format == "json":
        output.show("json", "", document)
    else:
        output.show("text", Text(f"{said}\n\n{next_commands(*_NEXT)}"), {})
    return ExitCode.INCOMPLETE if unread else ExitCode.DONE


def _receipts(
    found: Deployment, arguments: argparse.Namespace, unread: dict[str, str], *, now: datetime
) -> list[RunReceipt]:
    """The receipts of the period's runs.

    Raises:
        CommandError: the ledger did not answer.
    """
    noted = 0

    def on_progress(read: int) -> None:
        nonlocal noted
        if read // _PROGRESS > noted // _PROGRESS:
            output.say(f"respot: {read:,} runs read")
        noted = read

    def on_unreadable(error: UnreadableItemError) -> None:
        unread[f"{error.partition} {error.sort_key}"] = error.why

    runs = runs_of_period(
        found, since=now - arguments.since, now=now, on_unreadable=on_unreadable, on_progress=on_progress
    )
    try:
        receipts = [receipt_of(each.run, each.attempts, now=now) for each in runs]
    except LedgerUnavailableError as error:
        message = f"the runs could not be read: {clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    return [each for each in receipts if arguments.region in {None, each.last.region}]


def _check(path: Path) -> None:
    """See that the file can be written before anything is read for it.

    Raises:
        CommandError: it cannot.
    """
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        message = f"{path} cannot be written: name a file in a folder that exists and that you may write to"
        raise CommandError(message, ExitCode.USAGE)


def _write(path: Path, page: bytes) -> None:
    """Write the file in one step: who opens it never sees half of it.

    Raises:
        CommandError: it could not be written.
    """
    name = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(page)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)  # mkstemp's files are for their owner alone
        Path(name).replace(path)
    except OSError as error:
        if name:
            with suppress(OSError):
                Path(name).unlink()
        message = f"{path} could not be written ({error.strerror}): free some space or write it elsewhere"
        raise CommandError(message, ExitCode.OUTPUT_LOST) from error


def _since(words: str) -> timedelta:
    try:
        span = parse_span(words)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not timedelta() < span <= _LONGEST:
        message = f"{words!r} is not between 1 s and 400 d"
        raise argparse.ArgumentTypeError(message)
    return span


def _now() -> datetime:
    return datetime.now(UTC)
