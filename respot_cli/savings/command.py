"""The command `respot savings`: what spot saved, gross and net, and where the time went."""

import argparse
import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from respot.jobs.formatting import clause, iso
from respot.savings.receipt import RunReceipt
from respot.savings.totals import Group, Totals, spot_runs, total, totals_by
from respot_cli import deployment, output, period
from respot_cli.errors import CommandError, ExitCode
from respot_cli.next_commands import to_document as commands_to_document
from respot_cli.period import Period, read_period
from respot_cli.prices import options as prices_options
from respot_cli.prices.options import ChosenPrices, chosen_prices
from respot_cli.savings.figures import Savings, document_of, row_of
from respot_cli.savings.focus import as_csv, focus_of
from respot_cli.savings.verify import Verification, verify

_MOST_NOTES = 5
"""Reasons for missing prices that are said."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "savings",
        help="say what spot saved, gross and net, and where the time went",
        description="Say what spot saved: gross by AWS's own formula, and net of repeated and lost work. In billable "
        "instance-hours, and in money where a price is known.",
    )
    parser.add_argument("--by", choices=[each.value for each in Group], help="the sums of each team, type, region …")
    parser.add_argument(
        "--team-tag", default="team", metavar="KEY", help="tag that names a run's team (default: %(default)s)"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compute the period again from the transitions, and compare it with the stored figures, with AWS's count "
        "of training time, and with the sums of all groups",
    )
    period.add_options(parser)
    prices_options.add_options(parser)
    output.add_options(parser, "csv", "focus")
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the sums."""
    if arguments.verify and arguments.format in {"csv", "focus"}:
        message = "--verify has a report of its own: use --format text or json"
        raise CommandError(message, ExitCode.USAGE)
    if arguments.by and arguments.format == "focus":
        message = "FOCUS has one row for each attempt: leave out --by, and group by its columns"
        raise CommandError(message, ExitCode.USAGE)
    found = deployment.find(arguments)
    prices = chosen_prices(arguments, found.session)
    now = _now()
    since, until = period.chosen(arguments, now=now)
    read = read_period(found, since=since, until=until, now=now, region=arguments.region)
    receipts = spot_runs(read.receipts)
    if arguments.format == "focus":
        return _show_focus(read, receipts, prices, account=found.account)
    summed, by = total(receipts, prices), Group(arguments.by) if arguments.by else None
    verification = None
    if arguments.verify:
        verification = verify(receipts, read.stored, read.computed, summed, team_tag=arguments.team_tag)
    savings = Savings(
        period=read,
        receipts=receipts,
        summed=summed,
        by=by,
        groups=totals_by(by, receipts, prices, team_tag=arguments.team_tag) if by else {},
        price_source=prices.source,
        verification=verification,
    )
    _show(arguments.format, savings, deployment.pasted(arguments, _next(receipts, by)))
    read.say_what_is_missing()
    for why in prices.why_unknown[:_MOST_NOTES]:
        output.say(f"respot: {clause(why)}")
    if arguments.format == "csv" and len(summed.money) > 1:
        output.say(f"respot: no money in rows of several currencies ({', '.join(summed.money)}): use --json")
    if verification and verification.differences:
        output.say("respot: the figures differ from the transitions; the report has the differences")
        return ExitCode.NOT_DONE
    return read.exit_code


def _show(chosen: str, savings: Savings, commands: Sequence[tuple[str, str]]) -> None:
    if chosen == "csv":
        output.write(_csv(savings))
    elif chosen == "json":
        verification = savings.verification
        document: dict[str, Any] = {
            "read_at": iso(savings.period.now),
            "since": iso(savings.period.since),
            "until": iso(savings.period.end),
            "total": document_of(savings.summed),
            "by": savings.by,
            "groups": {key: document_of(each) for key, each in savings.groups.items()} if savings.by else None,
            "prices": savings.price_source or None,
            "on_demand_only_runs": savings.never_on_spot,
            "verified": verification and _verified(verification),
            "unread": dict(savings.period.unread),
            "next": commands_to_document(*commands),
        }
        output.show("json", "", document)
    else:
        from respot_cli.savings.view import render  # noqa: PLC0415 - a script that wants JSON does not load it

        output.show("text", render(savings, commands=commands), {})
        if savings.never_on_spot:
            runs = "1 run" if savings.never_on_spot == 1 else f"{savings.never_on_spot:,} runs"
            output.say(f"respot: left out: {runs} that never asked for spot")


def _show_focus(read: Period, receipts: Sequence[RunReceipt], prices: ChosenPrices, *, account: str) -> int:
    focus = focus_of(receipts, prices, account=account)
    for why in prices.why_unknown[:_MOST_NOTES]:
        output.say(f"respot: {clause(why)}")
    if focus.unpriced and not focus.rows:
        message = "FOCUS needs costs, and no price is known: give --prices FILE, or allow pricing:GetProducts"
        raise CommandError(message, ExitCode.NOT_DONE)
    output.write(as_csv(focus.rows))
    if focus.unbilled:
        output.say(f"respot: {focus.unbilled:,} attempts are left out: AWS has not billed them yet")
    if focus.unpriced:
        output.say(f"respot: {len(focus.unpriced):,} attempts are left out: their prices are not known")
    read.say_what_is_missing()
    return ExitCode.INCOMPLETE if focus.unpriced else read.exit_code


def _csv(savings: Savings) -> str:
    """One row for each group, or one for all."""
    by = savings.by
    rows = [{by: _cell(key)} | row_of(each) for key, each in savings.groups.items()] if by else [row_of(savings.summed)]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=[*([by] if by else []), *row_of(Totals())], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _cell(words: str) -> str:
    """A spreadsheet takes text that begins so for a formula (OWASP, CSV Injection)."""
    return f"'{words}" if words.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")) else words


def _verified(found: Verification) -> dict[str, Any]:
    return {
        "runs": found.runs,
        "jobs": found.jobs,
        "jobs_without_stored_figures": found.without_figures,
        "differences": list(found.differences),
        "compared_with_aws": found.counted_by_aws,
        "counted_otherwise_by_aws": list(found.counted_otherwise),
    }


def _next(receipts: Sequence[RunReceipt], by: Group | None) -> Sequence[tuple[str, str]]:
    """What the reader may want next; of the run that lost most, if any did."""
    if not receipts:
        return (("respot savings --since '90 d'", "a longer period"), ("respot list", "the runs that go on"))
    follow = [("respot savings --by team", "the sums of each team")] if by is None else []
    follow.append(("respot pools", "which pools interrupt, and how long they let jobs wait"))
    worst = max(receipts, key=lambda each: each.lost.high)
    if worst.lost.high:
        follow.append((f"respot show {worst.run}", "the run that lost most"))
    return follow


def _now() -> datetime:
    return datetime.now(UTC)
