"""What `respot scan` prints, as text and as JSON."""

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from respot.alerting.text import one_line
from respot.jobs.formatting import clause, iso, readable
from respot.savings.money import Amount, ByCurrency, Money, to_the_cent
from respot.savings.span import Span, exactly
from respot.savings.totals import Totals
from respot.savings.words import between, figure, of_hours, percents
from respot_cli.next_commands import next_commands, to_document
from respot_cli.scan.findings import UNKNOWABLE, Findings
from respot_cli.scan.verdicts import Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_ROWS: Final = 20
"""Jobs in the table of decisions; the JSON has them all."""
_ASSUMED: Final = (
    "Assumed of each job: it has no tags, nobody else writes to its checkpoint location, and SageMaker accepts the "
    "next attempt."
)


def text(found: Findings) -> "RenderableType":
    """Figures, decisions and notes for a terminal."""
    from rich.console import Group  # noqa: PLC0415 - a script that wants JSON does not load it
    from rich.text import Text  # noqa: PLC0415 - as above

    from respot_cli.rows import Rows  # noqa: PLC0415 - as above

    where = ", ".join(each.region for each in found.regions)
    account = f" of {found.account}" if found.account else ""
    parts: list[RenderableType] = [
        Text(f"Training jobs{account} in {where}, created since {readable(found.since)}", style="bold"),
        Text(),
    ]
    figures = [[Text(name), Text(value)] for name, value in _figures(found)]
    parts += [Rows(columns=("", ""), rows=figures), Text()]
    if found.verdicts:
        columns = ("Job", "Ended (UTC)", "As", "Respot", "Why")
        rows = [[Text(one_line(cell)) for cell in _row(each)] for each in found.verdicts[:_MOST_ROWS]]
        parts += [Rows(columns=columns, rows=rows), Text()]
    parts += [Text(line) for line in (*_verdict_lines(found), *notes(found))]
    if found.page:
        parts.append(Text(f"{one_line(found.page)} has the same figures, and each job on a page."))
    return Group(*parts, Text(), next_commands(*after(found)))


def _figures(found: Findings) -> list[tuple[str, str]]:
    figures, totals = found.figures, found.figures.totals
    rows = [("Jobs", f"{figures.jobs:,}"), ("On spot", f"{figures.spot:,}")]
    if not figures.spot:
        return rows
    rows += [
        ("  completed", f"{figures.completed:,}"),
        ("  interrupted", _of_times(figures.interrupted, figures.interruptions)),
        ("  out of waiting time", f"{figures.out_of_time:,}"),
        ("  without checkpoints", f"{figures.without_checkpoints:,}"),
    ]
    if figures.billed_in_full:
        rows.append(("  billed in full", f"{figures.billed_in_full:,}"))
    if figures.live:
        rows.append(("  not ended yet", f"{figures.live:,}"))
    rows += [
        ("Trained on spot", f"{hours(totals.training)}, billed {hours(totals.billed)} (instance-hours)"),
        ("Training lost", hours_between(totals.lost)),
        ("Saved gross", _saved(_gross_percent(totals), hours(totals.saved_gross), _gross(totals.money))),
        ("Saved net", _saved(_net_percent(totals), hours_between(totals.saved_net), _net(totals.money))),
    ]
    return rows


def _of_times(jobs: int, times: int) -> str:
    return f"{jobs:,}" if times <= jobs else f"{jobs:,}, {times:,} times"


def _saved(percent: str, length: str, money: str) -> str:
    return ", ".join(filter(None, (percent, length, money)))


def _gross_percent(totals: Totals) -> str:
    return "" if totals.gross_percent is None else f"{figure(totals.gross_percent, 1)} %{of_hours(totals)}"


def _net_percent(totals: Totals) -> str:
    return "" if totals.net_percent is None else f"{percents(totals.net_percent)} %{of_hours(totals)}"


def _gross(money: ByCurrency) -> str:
    return " and ".join(f"{_cents(each.saved_gross):,} {currency}" for currency, each in sorted(money.items()))


def _net(money: ByCurrency) -> str:
    return " and ".join(f"{_amounts(each.saved_net)} {currency}" for currency, each in sorted(money.items()))


def _amounts(amount: Amount) -> str:
    low, high = _cents(amount.low), _cents(amount.high)
    return f"{high:,}" if low == high else f"{low:,} to {high:,}"


def hours(length: timedelta) -> str:
    """`1,234.50 h`, with four digits below an hour, as `respot savings` has them."""
    return hours_between(exactly(length))


def hours_between(span: Span) -> str:
    """`2.00 to 5.13 h`; `2.00 h` if there is no doubt; never `-0.00 h`."""
    hour = timedelta(hours=1)
    digits = 2 if max(abs(span.low), abs(span.high)) >= hour or not (span.low or span.high) else 4
    return f"{between(span.low / hour, span.high / hour, digits)} h"


def _row(verdict: Verdict) -> list[str]:
    state, replayed = verdict.state, verdict.replayed
    # The JSON has all of it: a location of each job would fill the screen.
    assumed = "".join(f"; assumes {each.partition(':')[0].partition(' in ')[0]}" for each in replayed.assumptions)
    return [
        state.job.name,
        readable(_ended(verdict)).removesuffix(" UTC"),
        state.secondary_status,
        _word(verdict),
        f"{clause(replayed.decision.reason)}{assumed}",
    ]


def _ended(verdict: Verdict) -> Any:  # noqa: ANN401 - a datetime
    transitions = verdict.record.transitions
    return transitions[-1].started if transitions else verdict.state.last_modified


def _word(verdict: Verdict) -> str:
    decision = verdict.replayed.decision
    placement = decision.placement
    if verdict.replayed.resumes and placement:
        return f"resumes on {placement.market}"
    return "dry run" if decision.dry_run else "leaves it"


def _verdict_lines(found: Findings) -> list[str]:
    if not found.verdicts:
        if found.figures.jobs:
            return ["No job of the period ended without completing."]
        return ["No training jobs were created in this period, or another region has them."]
    policy = f"With {one_line(found.policy)}" if found.policy else "With a policy that resumes on spot"
    count = len(found.verdicts)
    lines = [f"{policy}, Respot would have resumed {found.resumed:,} of {count:,} jobs that did not complete."]
    if found.assuming:
        whether = "that depends on a complete checkpoint or other things that a scan does not know"
        lines.append(f"For {found.assuming:,} of these {found.resumed:,}, {whether}.")
    if count > _MOST_ROWS:
        words = Counter(_word(each) for each in found.verdicts[_MOST_ROWS:])
        rest = ", ".join(f"{word}: {times:,}" for word, times in words.most_common())
        lines.append(f"The other {count - _MOST_ROWS:,}: {rest}. --format json lists them all.")
    if found.resumed:
        lines.append(_ASSUMED)
    return lines


def notes(found: Findings) -> list[str]:
    """What the figures stand for, and what is missing, in sentences."""
    totals = found.figures.totals
    lines = []
    if found.figures.spot:
        if found.price_source:
            lines.append(f"Money: {found.price_source}; discounts and taxes are not in it.")
        if totals.unpriced or not found.price_source:
            lines.append(f"Without a price: {hours(totals.unpriced)} billed." if totals.money else "Hours only.")
        lines += [f"{each}." for each in found.why_no_price]
        if totals.unbilled:
            lines.append(f"{totals.unbilled:,} jobs are not in the time billed: SageMaker does not say theirs yet.")
    return [
        *lines,
        *_billed_in_full(found),
        *(UNKNOWABLE if found.figures.spot else UNKNOWABLE[1:] if found.figures.jobs else ()),
    ]


def _billed_in_full(found: Findings) -> list[str]:
    full = found.figures.billed_in_full
    return [f"Billed in full: {full:,} of the spot jobs saved nothing, wherever they ran."] if full else []


def page_notes(found: Findings) -> list[str]:
    """What one must know to read the page of a scan."""
    unread = [f"{len(found.unread):,} jobs could not be read."] if found.unread else []
    missing = [f"{each.region} could not be read as a whole." for each in found.regions if each.why_not]
    return [
        *_verdict_lines(found),
        *_billed_in_full(found),
        *UNKNOWABLE,
        "A scan reads no tags: no job has a team.",
        *unread,
        *missing,
    ]


def after(found: Findings) -> Sequence[tuple[str, str]]:
    """What the reader may want next."""
    if found.policy:
        return ((f"respot policy check {shlex.quote(one_line(found.policy))}", "what is suspicious in this file"),)
    if not found.figures.jobs:
        return (("respot scan --since 400d --regions us-east-1 eu-west-1", "a longer period, other regions"),)
    page = () if found.page else (("respot scan --output scan.html", "the same as a page, with each job"),)
    return (*page, ("respot scan --policy policy.yaml", "decide by that policy; docs/policies has others"))


def document(found: Findings) -> dict[str, Any]:
    """The same as JSON: lengths are instance-hours, amounts are text, what is not known is null."""
    figures, totals = found.figures, found.figures.totals
    return {
        "version": 1,
        "read_at": iso(found.now),
        "since": iso(found.since),
        "account": found.account or None,
        "regions": [
            {
                "region": each.region,
                "jobs": each.listed,
                "read": len(each.jobs),
                "known_before": each.kept,
                "deleted": each.gone,
                "why_not": each.why_not,
            }
            for each in found.regions
        ],
        "jobs": figures.jobs,
        "spot": {
            "jobs": figures.spot,
            "not_ended": figures.live,
            "completed": figures.completed,
            "interrupted": figures.interrupted,
            "interruptions": figures.interruptions,
            "out_of_waiting_time": figures.out_of_time,
            "without_checkpoints": figures.without_checkpoints,
            "billed_in_full": figures.billed_in_full,
            "ran_on_demand": None,
            "training_hours": _hours(totals.training),
            "billed_hours": _hours(totals.billed),
            "lost_hours": _span(totals.lost),
            "saved_gross_hours": _hours(totals.saved_gross),
            "saved_net_hours": _span(totals.saved_net),
            "percent_of": totals.percent_of.value,
            "saved_gross_percent": totals.gross_percent,
            "saved_net_percent": totals.net_percent and list(totals.net_percent),
            "unpriced_hours": _hours(totals.unpriced),
            "unbilled_jobs": totals.unbilled,
            "money": {currency: _money(each) for currency, each in sorted(totals.money.items())},
        },
        "prices": {"source": found.price_source or None, "missing": list(found.why_no_price)},
        "policy": {
            "file": found.policy,
            "jobs": len(found.verdicts),
            "resumed": found.resumed,
            "of_these_by_assumption": found.assuming,
            "decisions": [_decision(each) for each in found.verdicts],
        },
        "notes": list(UNKNOWABLE),
        "output": found.page,
        "unread": dict(found.unread),
        "next": to_document(*after(found)),
    }


def _decision(verdict: Verdict) -> dict[str, Any]:
    state, replayed = verdict.state, verdict.replayed
    placement = replayed.decision.placement
    return {
        "job": state.job.name,
        "region": state.job.region,
        "created": iso(state.job.created),
        "ended": iso(_ended(verdict)),
        "market": state.market,
        "instance_type": state.instance_type or state.requested_type,
        "secondary_status": state.secondary_status,
        "action": replayed.decision.action,
        "dry_run": replayed.decision.dry_run,
        "resumes": replayed.resumes,
        "reason": replayed.decision.reason,
        "cause": replayed.decision.cause,
        "next_market": placement and placement.market,
        "next_instance_type": placement and placement.instance_type,
        "rule": replayed.rule,
        "assumptions": list(replayed.assumptions),
    }


def _hours(length: timedelta) -> float:
    return round(length / timedelta(hours=1), 6) + 0.0


def _span(span: Span) -> list[float]:
    return [_hours(span.low), _hours(span.high)]


def _money(money: Money) -> dict[str, Any]:
    def between(amount: Amount) -> list[str]:
        return [_text(amount.low), _text(amount.high)]

    return {
        "trained": _text(money.trained),
        "billed": _text(money.billed),
        "uninterrupted": between(money.uninterrupted),
        "lost": between(money.lost),
        "saved_gross": _text(money.saved_gross),
        "saved_net": between(money.saved_net),
    }


def _text(amount: Decimal) -> str:
    return str(_cents(amount))


def _cents(amount: Decimal) -> Decimal:
    """To the cent, and never minus zero."""
    return to_the_cent(amount) + 0
