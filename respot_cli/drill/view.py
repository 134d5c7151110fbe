"""A drill's course on a terminal or as JSON."""

from datetime import timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from respot.alerting.kinds import KIND_BY_STATUS
from respot.alerting.text import one_line
from respot.jobs.formatting import iso
from respot.recording.drill import Drill
from respot_cli.drill.course import Course, Hop, Passed, Stuck
from respot_cli.rows import Rows

_WAYS = {
    Hop.EVENT_BUS: "event bus",
    Hop.RECORD: "event bus → queue → record → ledger",
    Hop.ALERT: "stream → alert → topic",
    Hop.SLACK: "queue → slack → Slack",
}


def waiting_for(drill: Drill, stuck: Stuck) -> str:
    """The line to show while the drill waits."""
    return escape(f"drill {drill.id}: waiting for {stuck.hop} ({one_line(stuck.reason)})")


def render(drill: Drill, course: Course) -> RenderableType:
    """The hops with their latencies, and what to check where it got stuck."""
    rows = [
        (Text("✓", style="green"), Text(_WAYS[hop.hop]), Text(_span(hop)), Text(one_line(hop.said), style="dim"))
        for hop in course.passed
    ]
    if course.stuck:
        reason = Text(one_line(course.stuck.reason), "red")
        rows.append((Text("✗", style="red"), Text(_WAYS[course.stuck.hop]), Text(), reason))
    elif not course.has_slack:
        rows.append((Text(), Text("Slack", style="dim"), Text(), Text("not deployed", style="dim")))
    parts: list[RenderableType] = [Rows(columns=("", "hop", "latency", ""), rows=rows, right={"latency"})]
    if course.stuck:
        parts += [Text(), *(Text(f"→ {one_line(check)}") for check in course.stuck.checks)]
    elif course.passed:
        parts += [Text(), Text(f"All of it took {_seconds(_whole(drill, course)):.2f} s.")]
    state = Text(f"stuck at {course.stuck.hop}", "red bold") if course.stuck else Text("passed", "green bold")
    title = Text.assemble(
        ("DRILL ", "bold"), (drill.id, "bold"), f"  {KIND_BY_STATUS[drill.status]} in {drill.region}  ", state
    )
    return Panel(Group(*parts), title=title, title_align="left", padding=(1, 2))


def to_document(drill: Drill, course: Course) -> dict[str, Any]:
    """The course as JSON: times are ISO 8601 UTC, spans are seconds."""
    return {
        "drill": drill.id,
        "kind": KIND_BY_STATUS[drill.status],
        "region": drill.region,
        "sent_at": iso(drill.sent_at),
        "passed": course.stuck is None,
        "seconds": None if course.stuck else _seconds(_whole(drill, course)),
        "hops": [
            {"hop": hop.hop, "at": iso(hop.at), "seconds": _seconds(hop.took), "said": hop.said}
            for hop in course.passed
        ],
        "slack": _slack(course),
        "stuck": course.stuck
        and {"hop": course.stuck.hop, "reason": course.stuck.reason, "look_at": list(course.stuck.checks)},
    }


def _slack(course: Course) -> str:
    if not course.has_slack:
        return "not deployed"
    return "accepted" if any(hop.hop is Hop.SLACK for hop in course.passed) else "not accepted"


def _whole(drill: Drill, course: Course) -> timedelta:
    return course.passed[-1].at - drill.sent_at


def _span(hop: Passed) -> str:
    # A negative latency: this machine's clock is ahead of AWS's.
    return f"{_seconds(hop.took):.2f} s" + (" (clocks differ)" if hop.took < timedelta() else "")


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)
