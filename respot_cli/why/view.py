"""An explanation on a terminal, and as JSON."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import in_words, iso, readable, sentence
from respot.recovery.planning.cause import Cause
from respot_cli.job_reference import exact_reference
from respot_cli.rows import Rows
from respot_cli.show.run_view import STYLES, decision_in_words, summary
from respot_cli.why.explanation import Explanation
from respot_cli.why.inputs import for_people, grouped

_INDENT = 2


def render(found: Explanation, *, now: datetime) -> RenderableType:
    """The whole explanation; words of others are shown as they are, never as markup."""
    last = found.history.run[-1]
    title = Text.assemble((last.name, "bold"), "  ", (found.situation.state, STYLES[found.situation.state]))
    parts: list[RenderableType] = [summary(found.history, now=now)]
    if found.note:
        parts += [Text(), Text(found.note, style="bold")]
    if found.changes:
        parts += [Text(), Text("What would change it", style="italic"), *_listed(found.changes)]
    for group, rows in _facts(found, now):
        shown = [(Text(one_line(name), style="dim"), Text(one_line(words))) for name, words in rows if words]
        parts += [Text(), Text(group, style="italic"), Padding.indent(Rows(columns=("", ""), rows=shown), _INDENT)]
    return Panel(Group(*parts), title=title, title_align="left", padding=(1, 2))


def _listed(sentences: tuple[str, ...]) -> Iterator[RenderableType]:
    for each in sentences:
        yield Padding.indent(Text(one_line(each)), _INDENT)


def _facts(found: Explanation, now: datetime) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Titles, each with names and words, for people."""
    if found.wait:
        yield "Its wait", _of_the_wait(found, now)
    if found.resolved:
        asked = "do nothing about it" if found.left else "resume it"
        settings = ", ".join(found.resolved.sources)
        yield (
            "Its policy now",
            [("Respot is to", asked), ("Settings from", settings), ("Bad tags", "; ".join(found.resolved.bad_tags))],
        )
    if found.about is None or found.decided is None:
        yield "Last decision", [("None yet", _why_none(found))]
        return
    decided, outcome, state = found.decided, found.outcome, found.about.state
    yield (
        "Last decision",
        [
            ("About", f"attempt {decided.number}, {decided.job.name}"),
            ("Decided", f"{readable(decided.decided_at)}: {decision_in_words(decided.decision)}"),
            ("Outcome", f"{readable(outcome.settled_at)}: {outcome.summary}" if outcome else ""),
            ("Warning", (outcome.warning if outcome else None) or decided.decision.warning or ""),
        ],
    )
    groups = grouped(decided.decision.inputs)
    if state and state.failure_reason:
        first = next(iter(groups), "What ended it")
        groups.setdefault(first, []).append(("SageMaker says", sentence(state.failure_reason)))
    yield from groups.items()


def _of_the_wait(found: Explanation, now: datetime) -> list[tuple[str, str]]:
    wait = found.wait
    if wait is None:
        return []
    limit = "" if wait.limit is None else in_words(wait.limit)
    if wait.limit_at:
        limit = f"{limit}, over at {readable(wait.limit_at)}"
    elif limit:
        limit = f"{limit}, without effect: {wait.no_limit}"
    return [
        ("Since", f"{readable(wait.since)} ({in_words(max(now - wait.since, now - now))})"),
        ("SageMaker says", wait.message or "nothing"),
        ("Limit", limit or "none by a policy"),
        ("MaxWait", f"SageMaker ends the job at {readable(wait.ends_at)}" if wait.ends_at else ""),
        ("Deadline", readable(wait.deadline) if wait.deadline else ""),
        ("Latest on-demand start", for_people(wait.on_demand_by or "")),
    ]


def _why_none(found: Explanation) -> str:
    if found.history.is_open:
        return "Respot decides once the job has ended"
    return "the job has ended, and Respot has not decided yet"


def to_document(found: Explanation) -> dict[str, Any]:
    """The explanation as JSON: times are ISO 8601 UTC, spans are seconds, what is not known is null."""
    decided, outcome, wait, step = found.decided, found.outcome, found.wait, found.history.next_step
    return {
        "run_id": found.history.run_id,
        "job": found.history.run[-1].name,
        "attempt": found.history.run[-1].number,
        "state": found.situation.state,
        "reason": found.situation.reason,
        "cause": found.cause,
        "note": found.note or None,
        "what_would_change_it": list(found.changes),
        "next_step": step and {"reason": step.words, "at": step.at and iso(step.at)},
        "wait": wait
        and {
            "since": iso(wait.since),
            "status_message": wait.message,
            "limit_seconds": wait.limit and wait.limit.total_seconds(),
            "limit_at": wait.limit_at and iso(wait.limit_at),
            "max_wait_at": wait.ends_at and iso(wait.ends_at),
            "deadline": wait.deadline and iso(wait.deadline),
            "on_demand_by": wait.on_demand_by,
        },
        "policy": found.resolved
        and {
            "resume": found.resolved.policy.resume,
            "sources": list(found.resolved.sources),
            "bad_tags": list(found.resolved.bad_tags),
        },
        "decision": decided
        and {
            "job": decided.job.name,
            "attempt": decided.number,
            "action": decided.decision.action,
            "cause": decided.decision.cause,
            "reason": decided.decision.reason,
            "dry_run": decided.decision.dry_run,
            "warning": decided.decision.warning,
            "inputs": dict(decided.decision.inputs),
            "decided_at": iso(decided.decided_at),
            "next_job": decided.next_name,
        },
        "outcome": outcome
        and {
            "kind": outcome.kind,
            "cause": outcome.cause,
            "story": outcome.summary,
            "settled_at": iso(outcome.settled_at),
        },
    }


def commands(found: Explanation, reference: str) -> list[tuple[str, str]]:
    """What the reader may want next of the run that is named so."""
    listed = [(f"respot show {reference}", "the run's attempts, statuses, alerts and checkpoints")]
    if found.situation.has_ended:
        listed.append((f"respot logs {reference}", "the logs of all attempts"))
    if found.situation.has_ended and found.cause is not Cause.COMPLETED:
        # A name may mean an earlier attempt here: tested are all that ended.
        job = exact_reference(found.history.state.job)
        listed.append((f"respot policy test FILE --job {job}", "what another policy would have decided"))
    if not found.situation.has_ended:
        listed.append((f"respot wait {reference}", "waits until the run has ended"))
    return listed
