"""The command `respot report`: writes a page about what spot saved, from the ledger."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from respot.jobs.formatting import clause, iso
from respot_cli import deployment, output, period
from respot_cli.next_commands import next_commands
from respot_cli.next_commands import to_document as commands_to_document
from respot_cli.period import read_period
from respot_cli.prices import options as prices_options
from respot_cli.prices.options import chosen_prices
from respot_cli.report import file
from respot_cli.report.words import count

_MOST_NOTES: Final = 5
"""Reasons for missing prices that are said."""
_NEXT: Final = (
    ("respot savings", "the same figures on the terminal, or as JSON or CSV"),
    ("respot pools", "which pools interrupt, and how long they let jobs wait"),
)


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "report",
        help="write a page about what spot saved, where the time went, and each run",
        description="Write one HTML file: what spot saved, where the time went, the pools, and each run. "
        "It loads nothing and has no script: it can be mailed.",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        default=Path("report.html"),
        help="the file to write; one that exists is replaced (default: %(default)s)",
    )
    parser.add_argument(
        "--team-tag", default="team", metavar="KEY", help="tag that names a run's team (default: %(default)s)"
    )
    period.add_options(parser)
    prices_options.add_options(parser)
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report, and say where it is."""
    file.check(arguments.output)
    found = deployment.find(arguments)
    prices = chosen_prices(arguments, found.session)
    now = _now()
    since, until = period.chosen(arguments, now=now)
    read = read_period(found, since=since, until=until, now=now, region=arguments.region)
    from respot_cli.report.build import Subject, headline_of, report_of  # noqa: PLC0415 - other commands need it not
    from respot_cli.report.page import render  # noqa: PLC0415

    subject = Subject(
        since=read.since,
        until=read.end,
        written=read.now,
        where=f"account {found.account}, stack {found.stack} in {found.region}",
        team_tag=arguments.team_tag,
        unread=len(read.unread),
    )
    page = render(report_of(read.receipts, subject, prices=prices)).encode()
    file.write(arguments.output, page)
    commands = deployment.pasted(arguments, _NEXT)
    document: dict[str, Any] = {
        "output": str(arguments.output),
        "bytes": len(page),
        "since": iso(read.since),
        "until": iso(read.end),
        "read_at": iso(read.now),
        "runs": len(read.receipts),
        "prices": prices.source or None,
        "unread": dict(read.unread),
        "next": commands_to_document(*commands),
    }
    if arguments.format == "json":
        output.show("json", "", document)
    else:
        from rich.console import Group  # noqa: PLC0415 - a script that wants JSON does not load it
        from rich.text import Text  # noqa: PLC0415 - as above

        said = f"{arguments.output}: {count(len(read.receipts), 'run')}, {headline_of(read.receipts, prices)}"
        output.show("text", Group(Text(said), Text(), next_commands(*commands)), {})
    read.say_what_is_missing()
    for why in prices.why_unknown[:_MOST_NOTES]:
        output.say(f"respot: {clause(why)}")
    return read.exit_code


def _now() -> datetime:
    return datetime.now(UTC)
