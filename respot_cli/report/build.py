"""Builds the report from receipts: which questions it answers, in which words and figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from respot.jobs.formatting import readable
from respot.savings.money import NO_PRICES, Amount, Money, Prices, to_the_cent
from respot.savings.pools import PoolFigures, Waits, pools_of
from respot.savings.receipt import RunReceipt
from respot.savings.totals import UNKNOWN, Group, Totals, spot_runs, total, totals_by
from respot.savings.wall_clock import TimeClass, WallClock
from respot.savings.words import MARKED, mark, of_hours
from respot_cli.report import charts
from respot_cli.report.gantt import DOUBTFUL, KINDS, LEGEND, detail_for, run_view
from respot_cli.report.view_model import Chart, Day, Part, Report, Section, Table, Tile
from respot_cli.report.words import NOT_KNOWN, Unit, count, length, name, percent, share, unit_for

_ORDER: Final = (
    TimeClass.TRAINING,
    charts.DOUBTFUL,
    TimeClass.LOST,
    TimeClass.INTERRUPTED,
    TimeClass.STARTING,
    TimeClass.DOWNLOADING,
    TimeClass.UPLOADING,
    TimeClass.QUEUED,
    TimeClass.BETWEEN,
    TimeClass.STOPPING,
)
"""The classes of time, with what may belong to another one as a class of its own."""
_MEANINGS: Final[Mapping[str, str]] = {
    TimeClass.TRAINING: "training whose work was kept",
    charts.DOUBTFUL: "training that may have been lost: no checkpoint shows it",
    TimeClass.LOST: "training that was repeated or thrown away",
    TimeClass.INTERRUPTED: "from an interruption or restart until there were instances again",
    TimeClass.STARTING: "instances start the container",
    TimeClass.DOWNLOADING: "instances download image and data",
    TimeClass.UPLOADING: "instances upload the model",
    TimeClass.QUEUED: "no instances yet",
    TimeClass.BETWEEN: "from the end of an attempt until the next one was created",
    TimeClass.STOPPING: "SageMaker stops the job",
}
_OPEN_RUNS: Final = 25
"""The days that are unfolded at first have about so many runs: the newest days, one at least."""
MOST_RUNS: Final = 2000
"""Runs that are drawn, the newest; the figures are of all."""
_MOST_ROWS: Final = 400
"""Rows of one table: the days of the longest period."""
_MOST_BARS: Final = 12
_BLOCKS: Final = tuple(range(0, 24, 4))
"""Hours of the day in which the columns of waits begin."""
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_GROUPS: Final = (
    (Group.TYPE, "By instance type", "Instance type"),
    (Group.REGION, "By region", "Region"),
    (Group.MARKET, "By market", "Market"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the report is about, beside its receipts.

    Attributes:
        since: the beginning of the period.
        until: its end.
        written: the present moment.
        where: account, regions and deployment, in words.
        team_tag: the tag that names a run's team.
        unread: how many items of the ledger could not be read.
        notes: what else one must know to read it, in sentences.
    """

    since: datetime
    until: datetime
    written: datetime
    where: str
    team_tag: str
    unread: int = 0
    notes: Sequence[str] = ()


def report_of(
    receipts: Sequence[RunReceipt],
    subject: Subject,
    *,
    prices: Prices = NO_PRICES,
    with_charts: bool | None = None,
) -> Report:
    """The report on these runs. Figures of savings are of the runs that asked for spot; the others are listed.

    It has charts if the extra is installed, unless `with_charts` says otherwise.
    """
    with_charts = charts.HAS_CHARTS if with_charts is None else with_charts
    spot = spot_runs(receipts)
    whole = total(spot, prices)
    work = unit_for(max(whole.uninterrupted.high, whole.training))
    elapsed = unit_for(whole.wall_clock.total)
    by_day = totals_by(Group.DAY, spot, prices)
    sections = [
        _over_time(by_day, whole, work, with_charts=with_charts),
        _where_time_went(by_day, whole, elapsed, with_charts=with_charts),
        _by_team(spot, prices, whole, work, subject.team_tag, with_charts=with_charts),
        _pools(receipts, with_charts=with_charts),
    ]
    return Report(
        title="What spot saved",
        period=f"{readable(subject.since)} to {readable(subject.until)}",
        where=name(subject.where),
        written=subject.written,
        headline=(f"Saved by spot, net of repeated work{_of_what(whole)}", _headline(whole)),
        lead=_lead(whole, work),
        bill=_bill(whole, work),
        tiles=_tiles(receipts, spot, whole, work),
        sections=[each for each in sections if each.table and each.table.rows],
        legend=LEGEND,
        days=_days(receipts, whole, prices, subject.team_tag),
        notes=_notes(whole, subject, work, len(receipts), with_charts=with_charts),
    )


def headline_of(receipts: Sequence[RunReceipt], prices: Prices) -> str:
    """The same figure in a sentence."""
    whole = total(spot_runs(receipts), prices)
    if whole.net_percent is None:
        return "nothing to compare"
    return f"{percent(whole.net_percent)}{of_hours(whole)} saved, net"


def _of_what(whole: Totals) -> str:
    return f" ({of_hours(whole).strip()})" if of_hours(whole) and whole.net_percent else ""


def _headline(whole: Totals) -> str:
    """The net figure, with a dash where it is large."""
    if whole.net_percent is None:
        return "nothing yet"
    return percent(whole.net_percent).replace(" to ", "\N{THIN SPACE}\N{EN DASH}\N{THIN SPACE}")


def _lead(whole: Totals, work: Unit) -> str:
    if whole.net_percent is None:
        return "No spot run of this period has useful work that AWS has billed. There is nothing to compare yet."
    awss = f"AWS's own formula gives {percent(whole.gross_percent)}: it counts repeated work as saved, too."
    if whole.currency:
        money = whole.money[whole.currency]
        return (
            f"Spot runs were billed {_cents(money.billed)} {whole.currency}, at on-demand prices. "
            f"Uninterrupted and on demand, the same useful work costs {_money(money.uninterrupted)}. {awss}"
        )
    return (
        f"Spot runs were billed {work.short(whole.billed)} instance-{work.name}. "
        f"Uninterrupted and on demand, the same useful work takes {work.short(whole.uninterrupted)}. {awss}"
    )


def _bill(whole: Totals, work: Unit) -> Sequence[Part]:
    """What was paid of what the same work costs on demand at most."""
    if whole.net_percent is None:
        return ()
    billed = _priced(whole, whole, lambda money: _cents(money.billed)) or work.words(whole.billed)
    paid = min(100 - whole.net_percent[1], 100)
    parts = [Part(kind="paid", left=0, width=paid, words=f"billed: {billed}")]
    if paid < 100:
        saved = f"saved, net: {_net(whole, whole, work)}"
        parts.append(Part(kind="saved", left=paid, width=100 - paid, words=saved))
    return parts


def _net(of: Totals, whole: Totals, work: Unit) -> str:
    """In money or in time, as the percentages of the whole."""
    return _priced(of, whole, lambda money: _money(money.saved_net)) or work.words(of.saved_net)


def _priced(of: Totals, whole: Totals, shown: Callable[[Money], str]) -> str:
    """An amount with its currency; empty if the percentages of the whole are of time."""
    if whole.currency is None:
        return ""
    return f"{shown(of.money.get(whole.currency, Money()))}\N{NO-BREAK SPACE}{whole.currency}"


def _tiles(receipts: Sequence[RunReceipt], spot: Sequence[RunReceipt], whole: Totals, work: Unit) -> list[Tile]:
    goodput = whole.wall_clock.goodput
    gross = _priced(whole, whole, lambda money: _cents(money.saved_gross)) or work.words(whole.saved_gross)
    tiles = [
        Tile(label="Runs", value=f"{len(receipts):,}", note=f"{len(spot):,} of them on spot"),
        Tile(label="Interruptions", value=f"{whole.interruptions:,}", note=f"in {count(whole.attempts, 'attempt')}"),
        Tile(
            label="Goodput",
            value=percent((goodput[0] * 100, goodput[1] * 100) if goodput else None),
            note="productive training, of all time",
        ),
        Tile(label="Lost training", value=work.words(whole.lost), note="instance-time, repeated or thrown away"),
        Tile(label="Saved, gross", value=percent(whole.gross_percent), note=gross),
    ]
    tiles += [
        Tile(
            label=f"Saved, net, in {currency}",
            value=_money(money.saved_net),
            note=f"gross {_cents(money.saved_gross)}; at on-demand prices",
        )
        for currency, money in whole.money.items()
    ]
    return tiles


def _money(amount: Amount) -> str:
    low, high = (_cents(each) for each in (amount.low, amount.high))
    return low if low == high else f"{low} to {high}"


def _cents(amount: Decimal) -> str:
    return f"{to_the_cent(amount):,}".replace("-", "\N{MINUS SIGN}")


def _saved_columns(work: Unit) -> tuple[str, ...]:
    return ("Runs", f"Billed ({work.sign})", f"On demand ({work.sign})", "Gross", "Net", "Interruptions")


def _saved_row(key: str, of: Totals, whole: Totals, work: Unit) -> tuple[str, ...]:
    is_billed = of.unbilled < of.attempts
    return (
        key,
        f"{of.runs:,}",
        work.figure(of.billed if is_billed else None),
        work.figure(of.uninterrupted if is_billed else None),
        _marked(of.gross_percent, of, whole),
        _marked(of.net_percent, of, whole),
        f"{of.interruptions:,}",
    )


def _marked(value: float | tuple[float | None, float] | None, of: Totals, whole: Totals) -> str:
    return NOT_KNOWN if value is None else percent(value) + mark(of, whole)


def _saved_table(
    caption: str, title: str, sums: Mapping[str, Totals], whole: Totals, work: Unit, *, unknown: str
) -> Table:
    rows = [_saved_row(name(key) if key else unknown, of, whole, work) for key, of in sums.items()]
    money = sorted({currency for of in sums.values() for currency in of.money})
    for currency in money:
        rows = [
            (*row, _money(of.money[currency].saved_net) if currency in of.money else NOT_KNOWN)
            for row, of in zip(rows, sums.values(), strict=True)
        ]
    columns = (title, *_saved_columns(work), *(f"Net, {currency}" for currency in money))
    marked = f"{MARKED}." if any(cell.endswith("*") for row in rows for cell in row[1:]) else ""
    note = " ".join(filter(None, (marked, _rest(rows))))
    return Table(caption=caption, columns=columns, rows=rows[:_MOST_ROWS], figures=_figures(columns), note=note)


def _rest(rows: Sequence[object]) -> str:
    more = len(rows) - _MOST_ROWS
    return f"{more:,} more rows are left out here." if more > 0 else ""


def _figures(columns: Sequence[str]) -> frozenset[int]:
    return frozenset(range(1, len(columns)))


def _over_time(sums: Mapping[str, Totals], whole: Totals, work: Unit, *, with_charts: bool) -> Section:
    caption = "Savings by the day on which attempts ended (UTC)"
    table = _saved_table(caption, "Day", sums, whole, work, unknown="not ended")
    rows: list[dict[str, Any]] = []
    for day, of in sums.items():
        if day == UNKNOWN:
            continue
        if of.gross_percent is not None:
            rows.append({"day": day, "kind": "gross", "low": of.gross_percent, "high": of.gross_percent})
        low, high = of.net_percent or (None, 0.0)
        if low is not None:
            rows.append({"day": day, "kind": "net", "low": low, "high": high})
    chart = None
    if with_charts and len({row["day"] for row in rows}) > 1:
        gross, net = ([row["low"] for row in rows if row["kind"] == kind] for kind in ("gross", "net"))
        chart = charts.saved_by_day(rows, f"Savings by day: gross {_from_to(gross)}; net, at least, {_from_to(net)}.")
    lead = (
        "Gross is AWS's own formula: 1 minus billable time divided by training time. "
        "Net compares the bill with the same useful work, uninterrupted and on demand."
    )
    return Section(anchor="saved", title="Savings over time", lead=lead, table=table, chart=chart)


def _from_to(values: Sequence[float]) -> str:
    return f"from {percent(min(values))} to {percent(max(values))}" if values else "is not known"


def _where_time_went(by_day: Mapping[str, Totals], whole: Totals, elapsed: Unit, *, with_charts: bool) -> Section:
    times = _times(whole.wall_clock)
    whole_table = Table(
        caption="The runs' time from creation to end",
        columns=("Class", f"Time ({elapsed.sign})", "Share", "What it is"),
        rows=[
            (_CLASS.get(each, each), elapsed.figure(time), share(time / whole.wall_clock.total), _MEANINGS[each])
            for each, time in times.items()
        ],
        figures=frozenset({1, 2}),
    )
    days = {day: _times(of.wall_clock) for day, of in by_day.items() if day != UNKNOWN}
    columns = ("Day", *(_CLASS.get(each, each) for each in times))
    day_table = Table(
        caption=f"The time by the day on which attempts ended (UTC), in {elapsed.name}",
        columns=columns,
        rows=[(day, *(elapsed.figure(of.get(each, timedelta())) for each in times)) for day, of in [*days.items()]][
            :_MOST_ROWS
        ],
        figures=_figures(columns),
        note=_rest([*days]),
    )
    chart = None
    if with_charts and len(days) > 1:
        rows = [
            {"day": day, "kind": str(each), "time": time / elapsed.length}
            for day, of in days.items()
            for each, time in of.items()
        ]
        sums = [sum(of.values(), timedelta()) for of in days.values()]
        words = f"The time of each day by class, from {elapsed.words(min(sums))} to {elapsed.words(max(sums))} a day."
        chart = charts.time_by_day(rows, words, unit=elapsed.sign)
    tables = [day_table, whole_table] if chart else [whole_table, *([day_table] if len(days) > 1 else [])]
    bar, left = [], 0.0
    for each, time in times.items():
        part = time / whole.wall_clock.total
        words = f"{_CLASS.get(each, each)} {share(part)}"
        bar.append(Part(kind=KINDS.get(each, DOUBTFUL), left=left, width=part * 100, words=words))
        left += part * 100
    goodput = whole.wall_clock.goodput
    productive = percent((goodput[0] * 100, goodput[1] * 100)) if goodput else NOT_KNOWN
    lead = f"{productive} of the time was productive training. The classes add up to all of the time."
    return Section(
        anchor="time",
        title="Where the time went",
        lead=lead,
        table=tables[0],
        chart=chart,
        bar=bar,
        more=tables[1:],
    )


def _times(clock: WallClock) -> dict[TimeClass | str, timedelta]:
    """The classes that occurred, in the order of the page."""
    times: dict[TimeClass | str, timedelta] = {each: clock.of(each) for each in TimeClass}
    times[charts.DOUBTFUL] = clock.doubtful
    times[TimeClass.TRAINING] -= clock.doubtful
    return {each: times[each] for each in _ORDER if times[each]}


_CLASS: Final[Mapping[str, str]] = {TimeClass.TRAINING: "productive training", TimeClass.LOST: "lost training"}


def _by_team(
    spot: Sequence[RunReceipt], prices: Prices, whole: Totals, work: Unit, tag: str, *, with_charts: bool
) -> Section:
    teams = totals_by(Group.TEAM, spot, prices, team_tag=tag)
    table = _saved_table(f"By the tag {name(tag)}", name(tag), teams, whole, work, unknown="without this tag")
    chart: Chart | None = None
    ranked = sorted(teams.items(), key=lambda item: _least_net(item[1], whole, work), reverse=True)[:_MOST_BARS]
    if with_charts and len(ranked) > 1:
        rows = [
            {
                "name": name(key) if key else "without this tag",
                "value": _least_net(of, whole, work),
                "said": f"{_net(of, whole, work)}  ({_marked(of.net_percent, of, whole)})",
            }
            for key, of in ranked
        ]
        chart = charts.bars(rows, title=f"saved, net, in {whole.currency or f'instance-{work.name}'}")
    more = [
        _saved_table(caption, title, totals_by(group, spot, prices, team_tag=tag), whole, work, unknown="not known")
        for group, caption, title in _GROUPS
    ]
    lead = "A run's attempts count where each of them ran. The groups of a table add up to the total."
    return Section(anchor="teams", title="Who saved what", lead=lead, table=table, chart=chart, more=more)


def _least_net(of: Totals, whole: Totals, work: Unit) -> float:
    """In money or in time, as the percentages of the whole: bars of one chart have one scale."""
    if whole.currency:
        return float(of.money.get(whole.currency, Money()).saved_net.low)
    return of.saved_net.low / work.length


def _pools(receipts: Sequence[RunReceipt], *, with_charts: bool) -> Section:
    pools = pools_of(receipts)
    held = unit_for(sum((each.held for each in pools), timedelta()))
    columns = (
        "Pool",
        "Attempts",
        f"Held ({held.sign})",
        "Interruptions",
        "Per 100 instance-hours",
        "Wait, median",
        "Wait, p90",
        "Without capacity",
    )
    table = Table(
        caption="Pools, the worst first",
        columns=columns,
        rows=[_pool_row(each, held) for each in pools[:_MOST_ROWS]],
        figures=_figures(columns),
        note=_rest(pools),
    )
    rated = [(each, each.rate) for each in pools if each.rate is not None][:_MOST_BARS]
    chart = None
    if with_charts and len(rated) > 1:
        rows = [
            {
                "name": _pool(each),
                "value": rate * 100,
                "said": f"{rate * 100:.1f}  ({count(each.interruptions, 'interruption')})",
            }
            for each, rate in rated
        ]
        chart = charts.bars(rows, title="interruptions per 100 instance-hours")
    busy = sorted(pools, key=lambda each: len(each.waits.got), reverse=True)[:_MOST_BARS]
    busy = [each for each in busy if each.waits.got]
    by_hour = [(_pool(each), *(_at_hours(each, block) for block in _BLOCKS)) for each in busy]
    by_weekday = [(_pool(each), *(_wait(each.by_weekday.get(day)) for day in range(7))) for each in busy]
    hours = ("Pool", *(f"{block:02} to {block + 4:02} h" for block in _BLOCKS))
    more = [
        Table(
            caption="Median time to capacity by the hour in which the wait began (UTC), and the number of waits",
            columns=hours,
            rows=by_hour,
            figures=_figures(hours),
        ),
        Table(
            caption="Median time to capacity by weekday (UTC), and the number of waits",
            columns=("Pool", *_WEEKDAYS),
            rows=by_weekday,
            figures=frozenset(range(1, 8)),
        ),
    ]
    lead = (
        "How often a pool interrupts, and how long it lets jobs wait for instances. "
        "With less than 10 instance-hours behind it, no rate is shown."
    )
    return Section(anchor="pools", title="Pools", lead=lead, table=table, chart=chart, more=more if busy else [])


def _pool(each: PoolFigures) -> str:
    pool = each.pool
    return " ".join((name(str(pool.market)), name(pool.instance_type), name(pool.region)))


def _pool_row(each: PoolFigures, held: Unit) -> tuple[str, ...]:
    return (
        _pool(each),
        f"{each.attempts:,}",
        held.figure(each.held),
        f"{each.interruptions:,}",
        NOT_KNOWN if each.rate is None else f"{each.rate * 100:.1f}",
        _length(each.waits.p50),
        _length(each.waits.p90),
        f"{each.waits.without:,}",
    )


def _at_hours(each: PoolFigures, block: int) -> str:
    waits = [each.by_hour[hour] for hour in range(block, block + 4) if hour in each.by_hour]
    return _wait(Waits(got=tuple(took for each in waits for took in each.got)))


def _wait(waits: Waits | None) -> str:
    if waits is None or waits.p50 is None:
        return NOT_KNOWN
    return f"{length(waits.p50)} ({len(waits.got)})"


def _length(span: timedelta | None) -> str:
    return NOT_KNOWN if span is None else length(span)


def _days(receipts: Sequence[RunReceipt], whole: Totals, prices: Prices, team_tag: str) -> list[Day]:
    newest_first = sorted(receipts, key=lambda each: each.began, reverse=True)[:MOST_RUNS]
    detail = detail_for(len(newest_first))
    days: list[Day] = []
    so_far = 0
    for day, of_day in groupby(newest_first, key=lambda each: each.began.astimezone(UTC).date()):
        runs = [run_view(each, detail, team_tag=team_tag, saved=_saved(each, whole, prices)) for each in of_day]
        is_open = not days or so_far + len(runs) <= _OPEN_RUNS
        so_far += len(runs)
        days.append(Day(title=f"{day:%A, %d %B %Y}", runs=runs, is_open=is_open))
    return days


def _saved(receipt: RunReceipt, whole: Totals, prices: Prices) -> str:
    """What spot saved a run; empty until AWS has billed all of it."""
    if not receipt.on_spot or receipt.gross_percent is None:
        return ""
    own = total([receipt], prices)
    of = of_hours(own) if whole.money else ""
    gross = f"{percent(own.gross_percent, 0)} gross"
    if own.net_percent is None:
        return f"no useful work; {gross}{of}"
    low, high = own.net_percent
    net = percent((None if low is None or low < 0 < high else low, high), 0)
    return f"saved {net} net, {gross}{of}"


_NET: Final = (
    "Net is 1 minus the quotient of two figures: what all attempts of the spot runs were billed, "
    "and what their useful work takes uninterrupted and on demand. "
    "Useful work is training that was neither repeated nor thrown away, with one start and one upload for each run."
)


def _notes(whole: Totals, subject: Subject, work: Unit, runs: int, *, with_charts: bool) -> list[str]:
    notes = [
        f"Billed time and saved time are in instance-{work.name}: elapsed time times the number of instances.",
        _NET,
        "Where no checkpoint says how much of the training before an interruption was kept, a figure has a range.",
        "Goodput is productive training divided by all of the time, waiting included.",
    ]
    if whole.money:
        notes.append(
            "Money is at on-demand prices: billable time times the price of the instance type. "
            "AWS scales billable time such that this product is the cost. Discounts and taxes are left out."
        )
        notes.append(
            "Percentages of savings are of money if all that was billed has a price in one currency. "
            "Otherwise they are of instance-hours."
        )
        if whole.unpriced:
            notes.append(f"{work.words(whole.unpriced)} of billed instance-time have no known price.")
    else:
        notes.append("No prices are known here. All figures are in time: percentages are of instance-hours.")
    if whole.unbilled:
        notes.append(f"{count(whole.unbilled, 'attempt')} without a bill of AWS: not in the figures of savings.")
    if not with_charts:
        notes.append("Tables stand in place of charts: the extra respot[report] draws them.")
    if runs > MOST_RUNS:
        notes.append(f"Of {runs:,} runs, the newest {MOST_RUNS:,} are drawn. The figures are of all of them.")
    if subject.unread:
        items = count(subject.unread, "item")
        notes.append(
            f"{items} of the ledger could not be read. Figures may be too low; the command's messages name them."
        )
    return [*notes, *map(name, subject.notes)]
