"""The texts of a weekly digest. Amounts are instance-hours: the functions know no prices."""

from datetime import timedelta
from typing import Final

from respot.alerting.text import jobs_url, one_line
from respot.alerting.weekly.digest import WeeklyDigest
from respot.jobs.formatting import in_words
from respot.runs.run_state import RunState
from respot.savings.pools import PoolFigures
from respot.savings.span import Span, exactly
from respot.savings.totals import Totals
from respot.savings.words import between, figure, of_hours, percents

_HOUR: Final = timedelta(hours=1)
_LONGEST_TYPE: Final = 120
NEXT: Final = (
    "No action is needed. These are hours, because Respot's functions know no prices. "
    "For money and teams, run respot savings --since '8 d'; for every pool, run respot pools --since '8 d'."
)
"""What follows. On Monday morning, eight days hold all of the week before."""
_STATES: Final = {
    RunState.COMPLETED: ("completed", "completed"),
    RunState.FAILED: ("failed", "failed"),
    RunState.STOPPED: ("was stopped", "were stopped"),
    RunState.REFUSED: ("was not resumed", "were not resumed"),
}
"""How one run ended, and several."""


def headline(digest: WeeklyDigest) -> str:
    """One line: how many runs ended, and what spot saved."""
    totals = digest.totals
    return (
        f"Week {digest.week.id}: {_count(totals.runs, 'run')} on spot ended, "
        f"{_count(totals.interruptions, 'interruption')}, {hours(totals.saved_net)} instance-hours saved net"
    )


def what_happened(digest: WeeklyDigest) -> str:
    """How the runs ended, what they were billed, what was saved and lost, what is missing."""
    return " ".join(filter(None, (_ends(digest), _hours(digest), _bad_pools(digest), missing(digest))))


def missing(digest: WeeklyDigest) -> str:
    """What the figures are not of; empty if they are of all runs."""
    coverage, parts = digest.coverage, []
    if coverage.tried < coverage.found:
        parts.append(f"There was time to read only the first {coverage.tried:,} of {coverage.found:,} runs.")
    if coverage.unread:
        parts.append(f"{_count(coverage.unread, 'run')} could not be read; the log of the function weekly names why.")
    return " ".join(parts)


def pool_name(pool: PoolFigures) -> str:
    """Type, region and market of a pool; its type may be any text."""
    market = f" ({pool.pool.market})" if pool.pool.market else ""
    return f"{one_line(pool.pool.instance_type or 'unknown instances')[:_LONGEST_TYPE]} in {pool.pool.region}{market}"


def pool_words(pool: PoolFigures) -> str:
    """How bad a pool was."""
    held = f"{pool.held / _HOUR:,.1f} instance-hours"
    rate = "" if pool.rate is None else f", {100 * pool.rate:.1f} per 100"
    waits = f"; {_count(pool.waits.without, 'wait')} without instances" if pool.waits.without else ""
    median = "" if pool.waits.p50 is None else f"; median wait {in_words(pool.waits.p50)}"
    return f"{_count(pool.interruptions, 'interruption')} in {held}{rate}{waits}{median}"


def hours(span: Span) -> str:
    """Hours with one digit, as a range where it is one."""
    return between(span.low / _HOUR, span.high / _HOUR, 1)


def console_url(digest: WeeklyDigest) -> str:
    """The list of jobs in the AWS console of the hub's region."""
    return jobs_url(digest.region)


def subject(digest: WeeklyDigest) -> str:
    """The e-mail's subject: SNS takes fewer than 100 printable ASCII characters."""
    return f"[Respot {digest.severity}] {headline(digest)}".encode("ascii", "replace").decode()[:99]


def short(digest: WeeklyDigest) -> str:
    """The digest for SMS: one line."""
    return f"Respot: {headline(digest)}"


def plain(digest: WeeklyDigest) -> str:
    """The whole digest for e-mail."""
    totals = digest.totals
    ends = [f"  {_STATES[state][1]:<17}{count:,}" for state, count in digest.ended.items() if count]
    gross = "" if totals.gross_percent is None else f"   ({_gross(totals, totals.gross_percent)})"
    net = "" if totals.net_percent is None else f"   ({percents(totals.net_percent)} %{of_hours(totals)})"
    pools = [f"  {pool_name(each)}: {pool_words(each)}" for each in digest.pools]
    return "\n".join(
        [
            headline(digest),
            "",
            f"Week         {digest.week.id}, {digest.week.began:%Y-%m-%d} to {digest.week.days[-1]:%Y-%m-%d} (UTC)",
            f"Account      {digest.account}",
            "",
            f"Runs on spot that ended: {totals.runs:,}",
            *ends,
            "",
            "Instance-hours",
            f"  trained          {hours(exactly(totals.training))}",
            f"  billed           {hours(exactly(totals.billed))}",
            f"  saved, gross     {hours(exactly(totals.saved_gross))}{gross}",
            f"  lost training    {hours(totals.lost)}",
            f"  saved, net       {hours(totals.saved_net)}{net}",
            *(["", *_wrapped(digest)] if _wrapped(digest) else []),
            "",
            f"Interruptions: {totals.interruptions:,}",
            *(["Worst pools:", *pools] if pools else []),
            "",
            NEXT,
            f"Console      {console_url(digest)}",
            f"Digest       {digest.id}",
            "",
        ]
    )


def _ends(digest: WeeklyDigest) -> str:
    ended = [f"{count:,} {_STATES[state][count != 1]}" for state, count in digest.ended.items() if count]
    listed = " and ".join(filter(None, (", ".join(ended[:-1]), *ended[-1:])))
    interrupted = f"SageMaker interrupted them {_times(digest.totals.interruptions)}."
    return f"Of {_count(digest.totals.runs, 'run')} on spot that ended, {listed}. {interrupted}" if listed else ""


def _hours(digest: WeeklyDigest) -> str:
    totals = digest.totals
    if not totals.runs:
        return ""
    gross = "" if totals.gross_percent is None else f" ({_gross(totals, totals.gross_percent)})"
    return (
        f"Billed: {hours(exactly(totals.billed))} of {hours(exactly(totals.training))} instance-hours{gross}. "
        f"Lost training: {hours(totals.lost)}. Saved net of what was lost and repeated: {hours(totals.saved_net)}."
        f"{_unbilled(digest)}"
    )


def _gross(totals: Totals, percent: float) -> str:
    return f"{figure(percent, 1)} %{of_hours(totals)} saved by AWS's formula"


def _unbilled(digest: WeeklyDigest) -> str:
    count = digest.totals.unbilled
    return f" What AWS bills for {_count(count, 'attempt')} is not known, and not in these hours." if count else ""


def _bad_pools(digest: WeeklyDigest) -> str:
    if not digest.pools:
        return ""
    listed = "; ".join(f"{pool_name(each)} ({pool_words(each).replace('; ', ', ')})" for each in digest.pools)
    return f"Worst pool{'' if len(digest.pools) == 1 else 's'}: {listed}."


def _wrapped(digest: WeeklyDigest) -> list[str]:
    """What the reader must know of the figures, one sentence a line."""
    on_demand = digest.on_demand_runs
    others = f"{_count(on_demand, 'run')} that never asked for spot: in no figure but the pools." if on_demand else ""
    return [each for each in (_unbilled(digest).strip(), others, missing(digest)) if each]


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count:,} times")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
