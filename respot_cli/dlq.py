"""The command `respot dlq`: lists dead letters with their reasons, or sends them back after a fix."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from rich.console import Console, Group, RenderableType
from rich.progress import Progress, TaskID
from rich.prompt import Confirm
from rich.text import Text

from respot.jobs.formatting import in_words, iso
from respot_cli import deployment, output
from respot_cli.dead_letters import (
    EDGES,
    FORWARDER,
    Listing,
    Queue,
    RedriveError,
    Redriven,
    depth,
    find,
    listing,
    names,
    redrive,
)
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode
from respot_cli.rows import Rows

_Answer = TypeVar("_Answer")


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "dlq",
        help="list dead letters with their reasons, or send them back",
        description="List dead letters with their reasons (list), or send them back once the cause is fixed (redrive). "
        "Listing removes nothing. Redriving deletes a message only after it has sent it. "
        "Exits with 5 if something could not be read, and says what.",
    )
    parser.add_argument("action", nargs="?", choices=["list", "redrive"], default="list", help="default: list")
    parser.add_argument(
        "--queue",
        metavar="NAME",
        help=f"only this queue: {', '.join(edge.name for edge in EDGES)} or {FORWARDER}-REGION (default: all)",
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=50,
        metavar="N",
        help="list: messages to show for each queue (default: %(default)s)",
    )
    parser.add_argument("--yes", action="store_true", help="redrive: do not ask")
    parser.add_argument(
        "--discard-trimmed",
        action="store_true",
        help="redrive: delete dead letters of alerts and ended-jobs whose part of the stream has expired",
    )
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List, or send back, what can be reached; the exit code says whether that was all."""
    found = deployment.find(arguments)
    known = names(found)
    if arguments.queue not in {None, *known}:
        message = f"this deployment has no dead-letter queue {arguments.queue}; it has {', '.join(known)}"
        raise CommandError(message, ExitCode.NOT_FOUND)
    wanted = known if arguments.queue is None else (arguments.queue,)
    if arguments.action == "redrive":
        return _redrive(found, wanted, arguments)
    listings, unread = _asked(wanted, lambda name: listing(found, find(found, name), limit=arguments.limit))
    unread |= {f"the log of {each.queue.name}": each.log_error for each in listings if each.log_error}
    _note(unread)
    output.show(arguments.format, render(listings, now=datetime.now(UTC)), to_document(listings, unread))
    return ExitCode.INCOMPLETE if unread else ExitCode.DONE


def _asked(wanted: Sequence[str], ask: Callable[[str], _Answer]) -> tuple[list[_Answer], dict[str, str]]:
    """What each queue answers, and why others could not be asked: one that fails hides no other's answer.

    Raises:
        CommandError: that of the first one, if none answers.
    """
    answers, errors = list[_Answer](), dict[str, CommandError]()
    for name in wanted:
        try:
            answers.append(ask(name))
        except CommandError as error:
            errors[name] = error
    if errors and not answers:
        raise next(iter(errors.values()))
    return answers, {name: str(error) for name, error in errors.items()}


def _note(unread: Mapping[str, str]) -> None:
    """Say what is missing in the data."""
    for name, why in unread.items():
        output.say(f"respot: {name} could not be read: {why}")


def to_document(listings: list[Listing], unread: Mapping[str, str]) -> dict[str, Any]:
    """The listings as JSON; `count` may be more than could be shown, `unread` is what is missing, and why."""
    return {
        "queues": [
            {
                "queue": each.queue.name,
                "count": each.count,
                "messages": [
                    {"id": letter.id, "sent_at": iso(letter.sent_at), "what": letter.what, "reason": letter.reason}
                    for letter in each.letters
                ],
            }
            for each in listings
        ],
        "unread": dict(unread),
    }


def render(listings: list[Listing], *, now: datetime) -> RenderableType:
    """The listings for people; text from elsewhere is never read as markup."""
    rows, notes = [], []
    for each in listings:
        for letter in each.letters:
            age = in_words(now - letter.sent_at)
            rows.append((Text(each.queue.name), Text(age), Text(letter.what), Text(letter.reason, style="red")))
        if each.count > len(each.letters):
            notes.append(Text(f"{each.queue.name}: {each.count} messages, {len(each.letters)} of them shown."))
    empty = [each.queue.name for each in listings if not each.count]
    if empty:
        notes.append(Text(f"Empty: {', '.join(empty)}.", style="dim"))
    return Group(*([Rows(columns=("queue", "age", "what", "reason"), rows=rows)] if rows else []), *notes)


def _redrive(found: Deployment, wanted: Sequence[str], arguments: argparse.Namespace) -> int:
    talk = Console(stderr=True, highlight=False)
    depths, unread = _asked(wanted, lambda name: _depth(found, name))
    _note(unread)
    counts = {queue: count for queue, count in depths if count}
    if counts:
        _ask(talk, counts, arguments)
    done: dict[str, Redriven] = {}
    with Progress(console=talk, transient=True) as progress:
        for queue, count in counts.items():
            task = progress.add_task(queue.name, total=count)
            try:
                done[queue.name] = redrive(
                    found,
                    queue,
                    discard_trimmed=arguments.discard_trimmed,
                    on_progress=partial(_advance, progress, task),
                )
            except RedriveError as error:
                message = (
                    f"{error}; {error.before.sent} of {count} messages were sent back, the rest is still there: "
                    "fix the cause, then run it again"
                )
                raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    for name, each in done.items():
        unreadable = {f"message {message} of {name}": why for message, why in each.unread.items()}
        _note(unreadable)
        unread |= unreadable
    document = {"queues": {name: _counts(each) for name, each in done.items()}, "unread": unread}
    output.show(arguments.format, Text(_said(done)), document)
    if any(each.trimmed for each in done.values()):
        output.say(_TRIMMED)
    return ExitCode.INCOMPLETE if unread else ExitCode.DONE


def _depth(found: Deployment, name: str) -> tuple[Queue, int]:
    queue = find(found, name)
    return queue, depth(found, queue)


def _advance(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


_TRIMMED = (
    "The stream keeps its items for a day: it no longer has what the remaining messages name. "
    "--discard-trimmed deletes such messages; respot show JOB shows whether a job lacks an alert or a decision."
)


def _ask(talk: Console, counts: dict[Queue, int], arguments: argparse.Namespace) -> None:
    """Nothing changes AWS without --yes or a yes."""
    if arguments.yes:
        return
    said = ", ".join(f"{count} of {queue.name}" for queue, count in counts.items())
    if not sys.stdin.isatty():
        message = f"this would send back {said}: say --yes to do so"
        raise CommandError(message, ExitCode.NOT_DONE)
    also = ", and delete those whose items the stream no longer has" if arguments.discard_trimmed else ""
    try:
        confirmed = Confirm.ask(f"Send back {said}{also}?", console=talk, default=False)
    except EOFError:
        confirmed = False
    if not confirmed:
        message = "nothing was sent back"
        raise CommandError(message, ExitCode.NOT_DONE)


def _counts(done: Redriven) -> dict[str, int]:
    return {"sent_back": done.sent, "left_trimmed": done.trimmed, "discarded_trimmed": done.discarded}


def _said(done: dict[str, Redriven]) -> str:
    if not done:
        return "Nothing to send back: the dead-letter queues that were read are empty."
    return "\n".join(
        f"{name}: {each.sent} sent back"
        + (f", {each.trimmed} left: no longer in the stream" if each.trimmed else "")
        + (f", {each.discarded} discarded: no longer in the stream" if each.discarded else "")
        for name, each in done.items()
    )
