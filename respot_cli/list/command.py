"""The command `respot list`: the runs that go on, and those that ended lately."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import clause, iso
from respot.recovery.policy.policy import AccountPolicy
from respot.runs.run_state import RunState
from respot_cli import deployment, output, spans
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode
from respot_cli.job_reference import exact_reference
from respot_cli.list.rows import Filter, Row, listed, rows_of, to_document
from respot_cli.next_commands import to_document as commands_to_document
from respot_cli.present_policy import present_policy

_EVERY: Final = timedelta(seconds=5)
"""Between two pictures of --watch."""
_PAGE: Final = 100
"""Runs read at once, at most: one BatchGetItem."""
_PROGRESS: Final = 1000
"""Runs read between two notes of progress."""
_CLEAR: Final = "\x1b[H\x1b[2J\x1b[3J"
"""Moves to the top, and clears the screen and what was scrolled off it (ECMA-48; xterm's E3)."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "list",
        help="list the runs that go on, and those that ended lately",
        description="List the runs that go on, then those that ended within --since, the newest first.",
    )
    states = [state.value for state in RunState]
    parser.add_argument("--state", action="append", choices=states, help="only runs in this state; may be repeated")
    parser.add_argument(
        "--tag", action="append", type=_tag, metavar="KEY=VALUE", help="only runs with this tag; may be repeated"
    )
    parser.add_argument("--region", help="only runs in this region (default: all watched regions)")
    parser.add_argument(
        "--since",
        type=spans.period,
        default="1 d",
        metavar="SPAN",
        help="how long ago a run may have ended (default: 1 d)",
    )
    parser.add_argument("--limit", type=_limit, default=50, metavar="N", help="at most so many (default: %(default)s)")
    parser.add_argument(
        "--hide-owned", action="store_true", help="without jobs that another service owns, such as a tuning job"
    )
    parser.add_argument(
        "--owner-tag", default="owner", metavar="KEY", help="tag that names a run's owner (default: %(default)s)"
    )
    parser.add_argument("--watch", action="store_true", help="show the list again every five seconds, until Ctrl-C")
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    if arguments.watch and (arguments.format == "json" or not sys.stdout.isatty()):
        message = "--watch draws on a terminal; for a script, repeat the command with --format json"
        raise CommandError(message, ExitCode.USAGE)
    found = deployment.find(arguments)
    code, said = _show(arguments, found), ""
    while arguments.watch:
        time.sleep(_EVERY.total_seconds())
        try:
            _show(arguments, found)
        except CommandError as error:  # the last picture remains, and the reason is said once
            if str(error) != said:
                said = str(error)
                output.say(f"respot: {said}; still watching")
    return code


def _show(arguments: argparse.Namespace, found: Deployment) -> int:
    account, problem = present_policy(found)
    unread: dict[str, str] = {}

    def on_unreadable(error: UnreadableItemError) -> None:
        unread[f"{error.partition} {error.sort_key}"] = error.why

    now = _now()
    try:
        rows, more = load(found, account, arguments, now=now, on_unreadable=on_unreadable)
    except LedgerUnavailableError as error:
        message = f"the runs could not be listed: {clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    commands = deployment.pasted(arguments, _next(rows))
    if arguments.format == "json":
        document: dict[str, Any] = {
            "read_at": iso(now),
            "runs": [to_document(row) for row in rows],
            "more": more,
            "unread": unread | ({"policy": problem} if problem else {}),
            "next": commands_to_document(*commands),
        }
        output.show("json", "", document)
    else:
        from respot_cli.list.view import render  # noqa: PLC0415 - a script that wants JSON does not load it

        if arguments.watch:
            output.write(_CLEAR)
        output.show("text", render(rows, now=now, owner_tag=arguments.owner_tag, commands=commands), {})
    if more:
        output.say(f"respot: these are the first {len(rows)}: see more with --limit, or fewer with --state or --tag")
    for item, why in unread.items():
        output.say(f"respot: the item {item} could not be read: {why}; a newer respot may read it")
    if problem:
        output.say(f"respot: {problem}; what the policy says of attempts, deadlines and waits is not shown")
    return ExitCode.INCOMPLETE if unread or problem else ExitCode.DONE


def load(
    found: Deployment,
    account: AccountPolicy | None,
    arguments: argparse.Namespace,
    *,
    now: datetime,
    on_unreadable: deployment.OnUnreadable | None = None,
) -> tuple[tuple[Row, ...], bool]:
    """The rows that the arguments ask for, and whether there are more.

    Raises:
        LedgerUnavailableError: the ledger did not answer.
    """
    chosen = Filter(
        states=frozenset(map(RunState, arguments.state or ())),
        tags=dict(arguments.tag) if arguments.tag else None,
        region=arguments.region,
        owned=not arguments.hide_owned,
    )
    # What a filter leaves of a page is not known before.
    size = min(arguments.limit + 1, _PAGE) if chosen == Filter() else _PAGE
    pages = found.summaries(on_unreadable).pages(now=now, since=now - arguments.since, size=size)
    noted = 0

    def on_page(read: int) -> None:
        nonlocal noted
        if read // _PROGRESS > noted // _PROGRESS:
            output.say(f"respot: {read:,} runs read")
        noted = read

    summaries, more = listed(pages, chosen, limit=arguments.limit, on_page=on_page)
    states = found.ledger(on_unreadable).state_of([summary.job for summary in summaries])
    return rows_of(summaries, states, account), more


def _next(rows: Sequence[Row]) -> Sequence[tuple[str, str]]:
    """What the reader may want next, of the run that needs it most."""
    if not rows:
        return (("respot list --since '30 d'", "runs that ended longer ago"), ("respot doctor", "is all well?"))
    order = (RunState.REFUSED, RunState.RECOVERING, RunState.FAILED, RunState.WAITING, RunState.RUNNING)
    ranked = sorted(rows, key=lambda row: order.index(row.summary.state) if row.summary.state in order else len(order))
    run = exact_reference(ranked[0].summary.job)
    follow = (f"respot logs {run}", "what it printed")
    if not ranked[0].summary.has_ended:
        follow = (f"respot wait {run}", "follow it to its end")
    return (
        (f"respot why {run}", "what was decided, and what happens next"),
        (f"respot show {run}", "its history"),
        follow,
    )


def _tag(words: str) -> tuple[str, str]:
    key, equals, value = words.partition("=")
    if not key or not equals:
        message = f"{words!r} is no tag like team=vision"
        raise argparse.ArgumentTypeError(message)
    return key, value


def _limit(words: str) -> int:
    if not (words.isascii() and words.isdigit() and int(words)):
        message = f"{words!r} is no number of runs"
        raise argparse.ArgumentTypeError(message)
    return int(words)


def _now() -> datetime:
    return datetime.now(UTC)
