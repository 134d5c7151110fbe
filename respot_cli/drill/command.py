"""The command `respot drill`: follows a labelled event to the hop at which it gets stuck."""

import argparse
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar, assert_never

from rich.console import Console

from respot.alerting.kinds import KIND_BY_STATUS, AlertKind
from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import clause
from respot.jobs.job import at_milliseconds
from respot.recording.drill import DETAIL_TYPE, HISTORIES, SOURCE, Drill, write_detail
from respot_cli import deployment, output, spans
from respot_cli.deployment import Deployment
from respot_cli.drill.course import Course, Hop, LedgerTraces, Stuck, follow
from respot_cli.drill.view import render, to_document, waiting_for
from respot_cli.errors import CommandError, ExitCode
from respot_cli.function_logs import last_reason

_MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""If this machine's clock is further ahead of AWS's, the drill's own log lines are not found."""

_Answer = TypeVar("_Answer")


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "drill",
        help="send a labelled event through the whole deployment, and show how long each hop took",
        description="Send a labelled event through the real queue, function, ledger, stream, topic and Slack. "
        "Every text says DRILL. Nothing is described, resubmitted or counted. "
        "Exits with 1 if the event gets stuck, and names the hop.",
    )
    parser.add_argument(
        "--kind",
        choices=[KIND_BY_STATUS[status].value for status in HISTORIES],
        default=AlertKind.INTERRUPTED.value,
        help="alert to rehearse (default: %(default)s)",
    )
    parser.add_argument("--region", help="region whose events to rehearse (default: the hub region)")
    parser.add_argument(
        "--timeout", type=spans.seconds, default="60", metavar="SECONDS", help="how long to wait (default: %(default)s)"
    )
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Send one drill, and follow it."""
    found = deployment.find(arguments)
    drill = Drill(
        id=secrets.token_hex(6),
        status=next(status for status in HISTORIES if KIND_BY_STATUS[status] == arguments.kind),
        region=arguments.region or found.region,
        account=found.account,
        sent_at=at_milliseconds(datetime.now(UTC)),
    )
    course = _run(found, drill, timeout=arguments.timeout)
    output.show(arguments.format, render(drill, course), to_document(drill, course))
    if course.stuck:
        message = f"the drill got stuck at {course.stuck.hop}: {course.stuck.reason}"
        raise CommandError(message, ExitCode.NOT_DONE)
    return ExitCode.DONE


def _run(found: Deployment, drill: Drill, *, timeout: timedelta) -> Course:
    refused = _send(found, drill)
    if refused:
        return Course(stuck=Stuck(hop=Hop.EVENT_BUS, reason=refused, checks=()))
    try:
        with Console(stderr=True).status(f"drill {drill.id}: sent to {drill.region}") as status:
            course = follow(
                drill,
                LedgerTraces(found.ledger(), found.drill_posts()),
                has_slack="SlackQueueUrl" in found.outputs,
                timeout=timeout,
                monotonic=time.monotonic,
                sleep=time.sleep,
                on_waiting=lambda stuck: status.update(waiting_for(drill, stuck)),
            )
    except UnreadableItemError as error:
        message = f"drill {drill.id} was sent, but not followed: {error}; a newer respot may read it"
        raise CommandError(message, ExitCode.INCOMPLETE) from error
    except LedgerUnavailableError as error:
        why = clause(str(error))
        message = f"drill {drill.id} was sent, but not followed: {why}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    return course.explained(Surroundings(found, drill, output.say).explain)


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


class Surroundings:
    """Queues and logs around the hop at which a drill is stuck.

    The hop itself is known from the ledger. What cannot be read here is noted for the person at the terminal, and
    nothing is concluded from it.
    """

    def __init__(self, found: Deployment, drill: Drill, say: Callable[[str], None]) -> None:
        """`say` is called with what could not be read."""
        self._found = found
        self._drill = drill
        self._say = say

    def explain(self, stuck: Stuck) -> Stuck:
        """Where exactly, why, and what to check next, as far as queues and logs show."""
        match stuck.hop:
            case Hop.EVENT_BUS | Hop.RECORD:
                return self._before_the_ledger(stuck)
            case Hop.ALERT:
                reason = stuck.reason if stuck.final else self._said("AlertLogGroupName").reason or stuck.reason
                dead = f"dead letters of the stream: {self._count('AlertsDlqUrl')} (respot dlq)"
                checks = (dead, self._log("AlertLogGroupName", "alert_failed", "alert_completed"))
                return replace(stuck, reason=reason, checks=checks)
            case Hop.SLACK:
                queues = self._queues("SlackQueueUrl", "SlackDlqUrl")
                return replace(
                    stuck, checks=(queues, self._log("SlackLogGroupName", "slack_post_failed", "drill_record_failed"))
                )
            case _:  # pragma: no cover - mypy proves that no hop is left
                assert_never(stuck.hop)

    def _before_the_ledger(self, stuck: Stuck) -> Stuck:
        """Whether the event reached `record`: the sources are its log, and a message that waits for it."""
        said = self._said("RecordLogGroupName")
        waiting = self._asked("the queue of drills", lambda: self._found.waiting("DrillsQueueUrl"))
        queues = self._queues("DrillsQueueUrl", "DrillsDlqUrl")
        log = self._log("RecordLogGroupName", "record_failed", "drill_refused")
        if said.reason or waiting:
            reason = said.reason or f"it waits to be recorded; {stuck.reason}"
            return Stuck(hop=Hop.RECORD, reason=reason, checks=(queues, log))
        region = self._drill.region
        watched = f"is {region} watched by this deployment, and are its rules enabled?"
        if not said.could_be_read or waiting is None:
            reason = f"whether a rule in {region} has brought the event as far as record is not known; {stuck.reason}"
            return Stuck(hop=Hop.RECORD, reason=reason, checks=(queues, log, watched))
        reason = f"no rule in {region} has brought the event as far as record; {stuck.reason}"
        return Stuck(hop=Hop.EVENT_BUS, reason=reason, checks=(watched, queues))

    def _said(self, log: str) -> "_Said":
        """The last reason that a function has logged about the drill."""
        since = self._drill.sent_at - _MAX_CLOCK_SKEW
        read = self._asked(
            f"log group {self._found.outputs[log]}",
            lambda: _Said(reason=last_reason(self._found, log, self._drill.id, since=since)),
        )
        return read or _Said(could_be_read=False)

    def _queues(self, queue: str, dead_letters: str) -> str:
        messages, dead = self._count(queue), self._count(dead_letters)
        return f"its queue: {messages} messages, dead letters: {dead} (respot dlq)"

    def _count(self, output: str) -> str:
        count = self._asked(self._found.outputs[output], lambda: self._found.depth(output))
        return "unknown" if count is None else str(count)

    def _log(self, output: str, *words: str) -> str:
        return f"log group {self._found.outputs[output]}: search for {' or '.join(map(repr, words))}"

    def _asked(self, what: str, ask: Callable[[], _Answer]) -> _Answer | None:
        """What AWS answers; `None`, with a note, if it does not."""
        try:
            return ask()
        except CommandError as error:
            self._say(f"respot: {what} could not be read: {error}")
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a function's log has about the drill: nothing if it could not be read."""

    reason: str | None = None
    could_be_read: bool = True
