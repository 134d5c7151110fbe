"""The figures of a week: those of `respot savings` and `respot pools` for the runs that ended in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from respot.alerting.kinds import Severity
from respot.alerting.weekly.week import Week
from respot.runs.run_state import RunState
from respot.savings.pools import PoolFigures, pools_of
from respot.savings.receipt import RunReceipt
from respot.savings.totals import Totals, spot_runs, total

WORST_POOLS: Final = 3
END_STATES: Final = (RunState.COMPLETED, RunState.FAILED, RunState.STOPPED, RunState.REFUSED)


class WeeklyOutcome(StrEnum):
    """What became of a week's digest."""

    SENT = "sent"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the week the figures are of.

    Attributes:
        found: runs that ended in the week, by the index.
        tried: how many of them, the first to end, there was time to read.
        unread: how many of these could not be read.
    """

    found: int
    tried: int
    unread: int

    @property
    def is_complete(self) -> bool:
        """Whether every run of the week is in the figures."""
        return self.tried == self.found and not self.unread


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyDigest:
    """What people and machines receive about a week.

    Attributes:
        week: which week.
        account: whose.
        region: of the hub, which watches all regions.
        ended: how many runs on spot ended in each state.
        totals: the sum of these runs.
        on_demand_runs: runs that never asked for spot: in no figure but the pools.
        pools: the worst pools of all runs, the worst first, as in `respot pools`.
        coverage: how much of the week this is.
    """

    week: Week
    account: str
    region: str
    ended: Mapping[RunState, int]
    totals: Totals
    on_demand_runs: int
    pools: tuple[PoolFigures, ...]
    coverage: Coverage

    @property
    def id(self) -> str:
        """The same for every delivery."""
        return f"weekly/{self.week.id}"

    @property
    def severity(self) -> Severity:
        """Nothing is to be done."""
        return Severity.INFO

    @property
    def why_not_sent(self) -> str | None:
        """Why nobody needs it, in an operator's words; `None` if it has something to report."""
        if self.totals.runs or not self.coverage.is_complete:
            return None
        others = f"; {self.on_demand_runs} that never asked for spot did" if self.on_demand_runs else ""
        return f"no run on spot ended in {self.week.id}{others}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyRecord:
    """What the ledger keeps of a week's digest.

    Attributes:
        week: the week's id.
        outcome: sent, or declined since there was nothing to report.
        reason: why, in an operator's words.
        headline: of the message; `None` if none was sent.
        settled_at: when it was completed.
        message_id: SNS's id of the message; `None` if none was sent.
    """

    week: str
    outcome: WeeklyOutcome
    reason: str
    headline: str | None
    settled_at: datetime
    message_id: str | None


def digest_of(
    week: Week, receipts: Sequence[RunReceipt], coverage: Coverage, *, account: str, region: str
) -> WeeklyDigest:
    """The digest of the runs that ended in the week, from their receipts."""
    on_spot = spot_runs(receipts)
    states = Counter(each.state for each in on_spot)
    return WeeklyDigest(
        week=week,
        account=account,
        region=region,
        ended={state: states[state] for state in END_STATES},
        totals=total(on_spot),
        on_demand_runs=len(receipts) - len(on_spot),
        pools=worst_of(receipts),
        coverage=coverage,
    )


def worst_of(receipts: Sequence[RunReceipt]) -> tuple[PoolFigures, ...]:
    """The worst pools. One that interrupted no job, and let none wait in vain, is none of them."""
    bad = (each for each in pools_of(receipts) if each.interruptions or each.waits.without)
    return tuple(bad)[:WORST_POOLS]
