"""Savings as tables for people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import capitalized, in_words
from respot.savings.money import Amount, Money, to_the_cent
from respot.savings.span import Span, exactly
from respot.savings.totals import UNKNOWN, Group, Totals
from respot.savings.wall_clock import TimeClass
from respot.savings.words import MARKED, between, figure, mark, percents
from respot_cli.next_commands import next_commands
from respot_cli.period import Period
from respot_cli.rows import Rows
from respot_cli.savings.figures import Savings
from respot_cli.savings.verify import Verification

_HOUR: Final = timedelta(hours=1)
_WITHOUT: Final = {
    Group.TEAM: "(no such tag)",
    Group.TYPE: "(unknown)",
    Group.REGION: "(unknown)",
    Group.DAY: "(not ended)",
    Group.MARKET: "(unknown)",
}
_STYLES: Final = {
    TimeClass.TRAINING: "green",
    TimeClass.LOST: "red",
    TimeClass.INTERRUPTED: "red",
    TimeClass.QUEUED: "yellow",
    TimeClass.BETWEEN: "yellow",
}
_LONGEST_BAR: Final = 30
_MOST_NAMED: Final = 10


def render(savings: Savings, *, commands: Sequence[tuple[str, str]]) -> RenderableType:
    """The sums of the period, by group or with where the time went."""
    summed = savings.summed
    if not summed.runs:
        return Lines(Text(f"No run on spot {savings.period.words}."), Text(), next_commands(*commands))
    detail = _groups(savings.groups, savings.by, summed) if savings.by else _time(summed)
    marked = [MARKED] if any(_marked(each, summed) for each in savings.groups.values()) else []
    notes = [Text(each) for each in (*marked, *_notes(summed, savings.price_source))]
    verified = [Text(), *_verified(savings.verification)] if savings.verification else []
    title = Text(_title(savings.period, summed))
    return Lines(
        title, Text(), _sums(summed), Text(), detail, Text(), *notes, *verified, Text(), next_commands(*commands)
    )


def _title(period: Period, summed: Totals) -> str:
    attempts = f"{summed.attempts:,} attempt{'' if summed.attempts == 1 else 's'}"
    interruptions = f"{summed.interruptions:,} interruption{'' if summed.interruptions == 1 else 's'}"
    runs = f"{summed.runs:,} run{'' if summed.runs == 1 else 's'} on spot"
    return f"{capitalized(period.words)}: {runs}, {attempts}, {interruptions}"


def _sums(summed: Totals) -> Rows:
    """The figures, in hours and in each currency."""
    digits = _digits(summed)

    def line(what: str, span: Span, choose: Callable[[Money], Amount], share: str = "") -> list[Text]:
        amounts = (choose(money) for money in summed.money.values())
        style = "bold" if share else ""
        return [
            Text(what, style=style),
            Text(_hours(span, digits)),
            *(Text(_amount(each)) for each in amounts),
            Text(share),
        ]

    currencies, percent_of = list(summed.money), f"% of {summed.currency or 'hours'}"
    return Rows(
        columns=["", "Instance-hours", *currencies, percent_of],
        rows=[
            line("Training time", exactly(summed.training), lambda money: _exact(money.trained)),
            line("Billed", exactly(summed.billed), lambda money: _exact(money.billed)),
            line(
                "Saved, gross",
                exactly(summed.saved_gross),
                lambda money: _exact(money.saved_gross),
                _percent(summed.gross_percent),
            ),
            line("Lost training", summed.lost, lambda money: money.lost),
            line("The same work, uninterrupted", summed.uninterrupted, lambda money: money.uninterrupted),
            line("Saved, net", summed.saved_net, lambda money: money.saved_net, _net(summed)),
        ],
        right=("Instance-hours", *currencies, percent_of),
    )


def _groups(groups: Mapping[str, Totals], by: Group, summed: Totals) -> Rows:
    digits = _digits(summed)
    currencies = list(dict.fromkeys(currency for each in groups.values() for currency in each.money))
    columns = [by.title(), "Runs", "Billed h", "Gross %", "Net %", "Lost h", *_titles(currencies)]
    return Rows(
        columns=columns,
        rows=[
            [
                Text(one_line(key) if key != UNKNOWN else _WITHOUT[by]),
                Text(f"{each.runs:,}"),
                Text(_hours(exactly(each.billed), digits)),
                Text(_percent(each.gross_percent) + _marked(each, summed)),
                Text(_net(each, mark(each, summed))),
                Text(_hours(each.lost, digits)),
                *(Text(_amount(each.money[one].saved_net) if one in each.money else "") for one in currencies),
            ]
            for key, each in groups.items()
        ],
        right=columns[1:],
    )


def _marked(group: Totals, summed: Totals) -> str:
    return "" if group.gross_percent is None else mark(group, summed)


def _titles(currencies: Sequence[str]) -> list[str]:
    return [f"Saved net {each}" for each in currencies]


def _time(summed: Totals) -> Rows:
    clock = summed.wall_clock
    shown = [each for each in TimeClass if clock.of(each)]
    most = max((clock.share(each) for each in shown), default=0.0)
    return Rows(
        title="Where the time went",
        columns=["", "Time", "Share", " "],
        rows=[
            [
                Text(each, style=_STYLES.get(each, "")),
                Text(in_words(clock.of(each))),
                Text(f"{100 * clock.share(each):.1f} %"),
                Text("#" * max(1, round(_LONGEST_BAR * clock.share(each) / most)), style=_STYLES.get(each, "")),
            ]
            for each in shown
        ],
        right=("Time", "Share"),
    )


def _notes(summed: Totals, price_source: str) -> Iterator[str]:
    """What the reader must know of the figures."""
    goodput = summed.wall_clock.goodput
    if goodput is not None:
        yield f"Goodput, the share of productive training: {between(100 * goodput[0], 100 * goodput[1], 1)} %."
    if summed.wall_clock.doubtful >= timedelta(seconds=1):
        doubtful = in_words(summed.wall_clock.doubtful)
        yield f"{doubtful} of training may have been lost, too: checkpoints do not say. Hence the ranges."
    if summed.unbilled:
        attempts = "1 attempt has" if summed.unbilled == 1 else f"{summed.unbilled:,} attempts have"
        yield f"{attempts} no bill yet, or none that is known: of them, only lost training and time are included."
    if price_source:
        yield f"Money: {one_line(price_source)}."
    if summed.unpriced:
        without = _hours(exactly(summed.unpriced), _digits(summed))
        yield f"{without} billed instance-hours have no price: they are in hours only."


def _verified(found: Verification) -> Iterator[Text]:
    yield Text("Verified", style="bold")
    yield Text(f"  {found.jobs:,} jobs: stored interruptions, training, waiting and savings against their transitions")
    if found.without_figures:
        yield Text(f"  {found.without_figures:,} jobs have no stored figures: there was nothing to compare")
    yield Text(f"  {found.runs:,} runs: the classes of time add up, without gaps; kept and lost are what was trained")
    yield Text(f"  the sums by {', '.join(Group)} are the total")
    otherwise = len(found.counted_otherwise)
    agree = found.counted_by_aws - otherwise
    yield Text(f"  {agree:,} of {found.counted_by_aws:,} attempts: AWS's training time is that of the transitions")
    for each in found.counted_otherwise[:_MOST_NAMED]:
        yield Text(f"    {one_line(each)}", style="yellow")
    for each in found.differences[:_MOST_NAMED]:
        yield Text(f"  different: {one_line(each)}", style="red")
    if len(found.differences) > _MOST_NAMED:
        yield Text(f"  and {len(found.differences) - _MOST_NAMED:,} more: see --json", style="red")
    if not found.differences:
        yield Text("  no differences", style="green")


def _exact(amount: Decimal) -> Amount:
    return Amount(low=amount, high=amount)


def _hours(span: Span, digits: int) -> str:
    return between(span.low / _HOUR, span.high / _HOUR, digits)


def _digits(summed: Totals) -> int:
    """Of hours: two, or four where all of them are less than one hour, as in a demo."""
    return 2 if summed.training >= _HOUR else 4


def _amount(amount: Amount) -> str:
    low, high = to_the_cent(amount.low), to_the_cent(amount.high)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _percent(value: float | None) -> str:
    return "" if value is None else figure(value, 1)


def _net(totals: Totals, marked: str = "") -> str:
    if totals.net_percent is None:
        return "" if totals.unbilled == totals.attempts else "no useful work"
    return percents(totals.net_percent) + marked
