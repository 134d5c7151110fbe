"""`respot drill`: a labelled event through the real queue, function, ledger, stream, topic and Slack."""

import argparse
import json
import secrets
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from rich.console import Console

from cli import deployment
from cli.deployment import Deployment
from cli.drill_course import Course, Hop, LedgerTraces, Stuck, follow
from cli.drill_view import render, to_document, waiting_for
from cli.errors import CommandError, ExitCode
from cli.function_logs import last_reason
from respot.domain.alert_kinds import AlertKind
from respot.domain.drill import STAYS, Drill
from respot.domain.job import at_milliseconds
from respot.drill_event import DETAIL_TYPE, SOURCE, write_detail
from respot.errors import LedgerUnavailableError

_CLOCKS_APART: Final = timedelta(minutes=5)
"""By how much this machine's clock may be ahead of AWS's before the drill's own log lines are missed."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "drill",
        help="send a labelled event the whole way to Slack, and tell how long each hop took",
        description="Send a labelled event through the real queue, function, ledger, stream, topic and Slack. Every "
        "text says DRILL; nothing is described, resubmitted or counted. Exits with 1 if it gets stuck, and says where.",
    )
    parser.add_argument(
        "--kind",
        choices=[kind.value for kind in STAYS],
        default=AlertKind.INTERRUPTED.value,
        help="what to rehearse (default: %(default)s)",
    )
    parser.add_argument("--region", help="region whose events to rehearse (default: the hub region)")
    parser.add_argument(
        "--timeout", type=float, default=60, metavar="SECONDS", help="how long to wait (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON (default when output is no terminal)")
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Send one drill, and follow it."""
    found = deployment.find(arguments)
    drill = Drill(
        id=secrets.token_hex(6),
        kind=AlertKind(arguments.kind),
        region=arguments.region or found.region,
        account=found.account,
        sent_at=at_milliseconds(datetime.now(UTC)),
    )
    course = _run(found, drill, patience=timedelta(seconds=arguments.timeout))
    if arguments.json or not sys.stdout.isatty():
        print(json.dumps(to_document(drill, course), indent=2))  # noqa: T201 - stdout is for data
    else:
        Console(highlight=False).print(render(drill, course))
    if course.stuck:
        message = f"the drill got stuck at {course.stuck.hop}: {course.stuck.reason}"
        raise CommandError(message)
    return ExitCode.DONE


def _run(found: Deployment, drill: Drill, *, patience: timedelta) -> Course:
    refused = _send(found, drill)
    if refused:
        return Course(stuck=Stuck(hop=Hop.EVENT_BUS, reason=refused, look_at=()))
    talk = Console(stderr=True, highlight=False)
    try:
        with talk.status(f"drill {drill.id}: sent to {drill.region}") as status:
            course = follow(
                drill,
                LedgerTraces(found.ledger(), found.drill_posts()),
                has_slack="SlackQueueUrl" in found.outputs,
                patience=patience,
                monotonic=time.monotonic,
                sleep=time.sleep,
                tell=lambda stuck: status.update(waiting_for(drill, stuck)),
            )
    except LedgerUnavailableError as error:
        raise CommandError(str(error), ExitCode.AWS_UNAVAILABLE) from error
    return course.explained(lambda stuck: _look(found, drill, stuck)) if course.stuck else course


def _send(found: Deployment, drill: Drill) -> str | None:
    """Put the event on the region's default bus; the reason if the bus does not take it."""
    with deployment.asking_aws():
        answer = found.session.client("events", region_name=drill.region).put_events(
            Entries=[{"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": write_detail(drill)}]
        )
    if not answer["FailedEntryCount"]:
        return None
    refused = answer["Entries"][0]
    return f"EventBridge in {drill.region} refused the event: {refused['ErrorCode']}: {refused['ErrorMessage']}"


def _look(found: Deployment, drill: Drill, stuck: Stuck) -> Stuck:
    """Where exactly, why, and what to look at next: as far as queues and logs tell."""
    match stuck.hop:
        case Hop.EVENT_BUS | Hop.RECORD:
            said = _said(found, drill, "RecordLogGroupName")
            queues = _queues(found, "ObservationsQueueUrl", "ObservationsDlqUrl")
            if said or found.waiting("ObservationsQueueUrl"):
                return Stuck(
                    hop=Hop.RECORD,
                    reason=said or f"it waits to be recorded; {stuck.reason}",
                    look_at=(queues, _log(found, "RecordLogGroupName", "not recorded")),
                )
            watched = f"is {drill.region} watched by this deployment, and are its rules enabled?"
            reason = f"no rule in {drill.region} has brought the event as far as record; {stuck.reason}"
            return Stuck(hop=Hop.EVENT_BUS, reason=reason, look_at=(watched, queues))
        case Hop.ALERT:
            reason = stuck.reason if stuck.final else _said(found, drill, "AlertLogGroupName") or stuck.reason
            dead = f"dead letters of the stream: {found.depth('AlertsDlqUrl')} (respot dlq)"
            return replace(
                stuck, reason=reason, look_at=(dead, _log(found, "AlertLogGroupName", "not alerted", "alert settled"))
            )
        case Hop.SLACK:
            queues = _queues(found, "SlackQueueUrl", "SlackDlqUrl")
            return replace(stuck, look_at=(queues, _log(found, "SlackLogGroupName", "not posted", "drill not noted")))
        case _:  # pragma: no cover - mypy proves that no hop is left
            assert_never(stuck.hop)


def _said(found: Deployment, drill: Drill, log: str) -> str | None:
    """The last reason that a function has logged about the drill."""
    return last_reason(found, log, drill.id, since=drill.sent_at - _CLOCKS_APART)


def _queues(found: Deployment, queue: str, dead_letters: str) -> str:
    return f"its queue: {found.depth(queue)} messages, dead letters: {found.depth(dead_letters)} (respot dlq)"


def _log(found: Deployment, output: str, *words: str) -> str:
    return f"log group {found.outputs[output]}: look for {' or '.join(map(repr, words))}"
