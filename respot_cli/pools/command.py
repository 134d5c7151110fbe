"""The command `respot pools`: how often pools interrupt, and how long they let jobs wait."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from respot.jobs.formatting import iso
from respot.savings.pools import PoolFigures, Waits, pools_of
from respot_cli import deployment, output, period
from respot_cli.next_commands import to_document as commands_to_document
from respot_cli.period import read_period

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "pools",
        help="say how often each pool interrupts, and how long it lets jobs wait",
        description="Say how often each pool (region, instance type, market) interrupts jobs, with the hours behind "
        "it, and how long jobs wait for its instances, by hour and weekday.",
    )
    period.add_options(parser)
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the pools, the worst first."""
    found = deployment.find(arguments)
    now = _now()
    since, until = period.chosen(arguments, now=now)
    read = read_period(found, since=since, until=until, now=now, region=arguments.region)
    pools, commands = pools_of(read.receipts), deployment.pasted(arguments, _next())
    if arguments.format == "json":
        document: dict[str, Any] = {
            "read_at": iso(read.now),
            "since": iso(read.since),
            "until": iso(read.end),
            "pools": [to_document(each) for each in pools],
            "unread": dict(read.unread),
            "next": commands_to_document(*commands),
        }
        output.show("json", "", document)
    else:
        from respot_cli.pools.view import render  # noqa: PLC0415 - a script that wants JSON does not load it

        output.show("text", render(pools, period=read.words, commands=commands), {})
    read.say_what_is_missing()
    return read.exit_code


def to_document(pool: PoolFigures) -> dict[str, Any]:
    """A pool as JSON: hours are instance-hours, waits are seconds; what is not known is null."""
    return {
        "region": pool.pool.region,
        "instance_type": pool.pool.instance_type or None,
        "market": pool.pool.market or None,
        "attempts": pool.attempts,
        "instance_hours": round(pool.held / timedelta(hours=1), 4),
        "interruptions": pool.interruptions,
        "interruptions_per_instance_hour": None if pool.rate is None else round(pool.rate, 6),
        "waits": _waits(pool.waits),
        "waits_by_utc_hour": _waits_by(pool.by_hour),
        "waits_by_weekday": {WEEKDAYS[day]: _waits(each) for day, each in pool.by_weekday.items()},
    }


def _waits_by(waits: Mapping[int, Waits]) -> dict[str, Any]:
    return {f"{hour:02}": _waits(each) for hour, each in waits.items()}


def _waits(waits: Waits) -> dict[str, Any]:
    return {
        "got_instances": len(waits.got),
        "without_instances": waits.without,
        "p50_seconds": None if waits.p50 is None else waits.p50.total_seconds(),
        "p90_seconds": None if waits.p90 is None else waits.p90.total_seconds(),
    }


def _next() -> Sequence[tuple[str, str]]:
    return (
        ("respot savings --by type", "what each instance type saved, net"),
        ("respot list", "the runs that go on"),
    )


def _now() -> datetime:
    return datetime.now(UTC)
