"""What `respot policy` prints, as text and as JSON."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from respot.alerting.text import one_line
from respot.jobs.formatting import clause, iso, readable
from respot.recovery.planning.decision import Action, Decision
from respot_cli.job_reference import exact_reference
from respot_cli.next_commands import next_commands, to_document
from respot_cli.policy.check import Checked, Finding
from respot_cli.policy.comparison import Compared, Tally, Unread, tally
from respot_cli.policy.replay import Replayed

if TYPE_CHECKING:
    from rich.console import RenderableType

Commands = Sequence[tuple[str, str]]


def checked_text(file: str, checked: Checked) -> "RenderableType":
    """Findings, one in a line as compilers write them, then the verdict."""
    from rich.console import Group  # noqa: PLC0415 - a script that wants JSON does not load it
    from rich.text import Text  # noqa: PLC0415 - as above

    lines = [_finding(file, each, "error") for each in checked.errors]
    lines += [_finding(file, each, "warning") for each in checked.warnings]
    counts = [_count(len(checked.errors), "error"), _count(len(checked.warnings), "warning")]
    found = ", ".join(each for each in counts if each)
    lines.append(f"{one_line(file)}: {'valid' if checked.policy else 'invalid'}{f', {found}' if found else ''}")
    text = Text("\n".join(lines), no_wrap=True, overflow="ignore")
    return Group(text, Text(), next_commands(*after_check(file, checked)))


def checked_document(file: str, checked: Checked) -> dict[str, Any]:
    """The same as JSON; a line that is not known is null."""
    return {
        "file": file,
        "valid": checked.policy is not None,
        "errors": [{"line": each.line, "message": each.words} for each in checked.errors],
        "warnings": [{"line": each.line, "message": each.words} for each in checked.warnings],
        "next": to_document(*after_check(file, checked)),
    }


def after_check(file: str, checked: Checked) -> Commands:
    """What to do with a file that was checked."""
    name = _quoted(file)
    if checked.policy is None:
        return ((f"respot policy check {name}", "check again after a correction"),)
    return ((f"respot policy test {name} --since 30d", "what it would have decided in the last 30 days"),)


def compared_text(
    compared: Sequence[Compared],
    unread: Sequence[Unread],
    *,
    shown: Sequence[Compared],
    title: str,
    completed: int | None,
    following: Commands,
) -> "RenderableType":
    """The table of the jobs that are `shown`, what it assumes, and the summary of all."""
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    from respot_cli.rows import Rows  # noqa: PLC0415 - as above

    columns = ("Job", "Ended (UTC)", "Then", "Today", "With this file", "Why")
    rows = [[Text(each) for each in _row(one)] for one in shown]
    parts: list[RenderableType] = [Rows(columns=columns, rows=rows, title=title), Text()] if shown else []
    parts += [Text(each) for each in (*_notes(shown), *summary(tally(compared), len(unread), completed))]
    return Group(*parts, Text(), next_commands(*following))


def job_text(each: Compared, following: Commands) -> "RenderableType":
    """One job, with the reason of each decision."""
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    from respot_cli.rows import Rows  # noqa: PLC0415 - as above

    past, decided, today, proposed = each.past, each.past.decided, each.today, each.proposed
    status = one_line(past.state.secondary_status)
    difference = f"; {each.difference}" if each.difference else ""
    rows = [
        ("Then", _action(decided.decision) if decided else "undecided", decided.decision.reason if decided else ""),
        ("Today", *((_action(today.decision), f"{_because(today)}{difference}") if today else ("policy invalid", ""))),
        ("With this file", _action(proposed.decision), _because(proposed)),
    ]
    title = Text(f"{one_line(each.job.name)} ended as {status} at {readable(past.ended)}\n")
    table = Rows(columns=("", "", ""), rows=[[Text(one_line(clause(cell))) for cell in row] for row in rows])
    notes = [Text(line) for line in _notes([each])[:1]]
    return Group(title, table, Text(), *notes, *([Text()] if notes else []), next_commands(*following))


def _because(replayed: Replayed) -> str:
    """The settings that counted, the reason, the pause before the next attempt, and the assumptions."""
    decision = replayed.decision
    pause = f"; at {readable(replayed.decided_at)}, after a pause" if replayed.paused else ""
    assumed = "".join(f"; assumes {assumption}" for assumption in replayed.assumptions)
    return f"{', '.join(replayed.sources)}: {clause(decision.reason)}{pause}{assumed}"


def compared_document(
    file: str,
    compared: Sequence[Compared],
    unread: Sequence[Unread],
    *,
    shown: Sequence[Compared],
    completed: int | None,
    following: Commands,
) -> dict[str, Any]:
    """The same as JSON; `shown` are the jobs that it lists, and what is not known is null."""
    count = tally(compared)
    return {
        "file": file,
        "summary": {
            "jobs": count.jobs,
            "resumed_then": count.then,
            "resumed_today": count.today,
            "resumed_with_this_file": count.proposed,
            "of_these_by_assumption": count.assuming,
            "changed": count.changed,
            "completed": completed,
        },
        "jobs": [_document(each) for each in shown],
        "unread": [{"job": each.job and each.job.name, "why": each.why} for each in unread],
        "next": to_document(*following),
    }


def after_test(file: str, compared: Sequence[Compared]) -> Commands:
    """What to do after a test: explain the first job that changes, and check or deploy the file."""
    changed = next((each for each in compared if each.changes), None)
    why = ((f"respot why {exact_reference(changed.job)}", "what was decided then, and from what"),) if changed else ()
    return (*why, (f"respot policy check {_quoted(file)}", "what is suspicious in this file"))


def summary(count: Tally, unread: int, completed: int | None) -> list[str]:
    """How many jobs would have been resumed, in sentences."""
    today = "the deployed policy is invalid" if count.today is None else f"today's policy {count.today:,}"
    resumed = f"{count.proposed:,} of {count.jobs:,} jobs"
    lines = [f"This file would have resumed {resumed}, {today}; Respot resumed {count.then:,}."]
    if count.assuming:
        lines.append(f"For {count.assuming} of these {count.proposed}, that depends on what the ledger does not know.")
    if completed:
        lines.append(f"{completed:,} more completed, and need no decision.")
    if unread:
        lines.append(f"{unread:,} could not be tested.")
    return lines


_ASSUMED: Final = (
    "Assumed of each job: what came before it is as it was, the kill switch is off, and SageMaker accepts the next "
    "attempt, except where the recorded decision says otherwise."
)


def _notes(compared: Sequence[Compared]) -> list[str]:
    """What all decisions assume."""
    resumes = any(each.proposed.decision.action is Action.RESUBMIT for each in compared)
    return [_ASSUMED, ""] if resumes else []


def _row(each: Compared) -> list[str]:
    decided = each.past.decided
    return [
        one_line(each.job.name),
        readable(each.past.ended).removesuffix(" UTC"),
        _word(decided.decision) if decided else "undecided",
        _word(each.today.decision) if each.today else "invalid",
        _action(each.proposed.decision),
        one_line("; ".join(reasons(each))),
    ]


def reasons(each: Compared) -> list[str]:
    """Why this file decides so; then what differs today, and what differed then."""
    found = [_because(each.proposed)]
    if each.today and each.changes:
        found.append(f"today {_action(each.today.decision)}: {clause(each.today.decision.reason)}")
    if each.difference and each.past.decided:
        found.append(f"then: {clause(each.past.decided.decision.reason)} ({each.difference})")
    return found


def _word(decision: Decision) -> str:
    """What a decision calls for, in a word or two."""
    return "dry run" if decision.action is Action.RESUBMIT and decision.dry_run else str(decision.action)


def _action(decision: Decision) -> str:
    """The same, with the pool of the next attempt."""
    placement = decision.placement
    pool = f"{placement.market} {placement.instance_type}".strip() if placement else ""
    return one_line(f"{_word(decision)} {pool}".strip())


def _document(each: Compared) -> dict[str, Any]:
    past = each.past
    return {
        "job": each.job.name,
        "region": each.job.region,
        "created": iso(each.job.created),
        "ended": iso(past.ended),
        "secondary_status": past.state.secondary_status,
        "then": past.decided and _decision(past.decided.decision) | {"decided_at": iso(past.decided.decided_at)},
        "today": each.today and _replayed(each.today),
        "with_this_file": _replayed(each.proposed),
        "changed": each.changes,
        "difference": each.difference,
    }


def _replayed(each: Replayed) -> dict[str, Any]:
    return _decision(each.decision) | {
        "decided_at": iso(each.decided_at),
        "rule": each.rule,
        "sources": list(each.sources),
        "assumptions": list(each.assumptions),
    }


def _decision(decision: Decision) -> dict[str, Any]:
    placement = decision.placement
    return {
        "action": decision.action,
        "dry_run": decision.dry_run,
        "reason": decision.reason,
        "market": placement and placement.market,
        "instance_type": placement and placement.instance_type,
        "warning": decision.warning,
    }


def _finding(file: str, finding: Finding, kind: str) -> str:
    line = "" if finding.line is None else f":{finding.line}"
    return f"{one_line(file)}{line}: {kind}: {one_line(finding.words)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def _quoted(file: str) -> str:
    return shlex.quote(one_line(file))
