"""An alert, from the transition that requires it to the record that the ledger keeps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from respot.alerting.kinds import KIND_BY_STATUS, AlertKind, Severity, severity_of
from respot.jobs.formatting import in_words, iso
from respot.jobs.job import JobId, JobState, Market, Transition
from respot.jobs.lifecycle import DELETING, ENDS, INTERRUPTED, Figures
from respot.recovery.planning.decision import Outlook


class AlertOutcome(StrEnum):
    """What became of an alert."""

    SENT = "sent"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """Which transitions people want alerts on.

    Attributes:
        kinds: the kinds that are switched on.
        max_age: older transitions are declined.
        deployed_at: earlier transitions are declined, too: the first sweep of an old account finds months of them.
    """

    kinds: frozenset[AlertKind]
    max_age: timedelta
    deployed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDecision:
    """Whether to alert, with the reason in an operator's words."""

    send: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What people and machines receive about one transition.

    Attributes:
        kind: what happened.
        transition: the transition that it is about.
        state: the job as it was known when the alert was written.
        figures: totals of `transitions`.
        transitions: the job's transitions up to this one.
        earlier_interruptions: interruptions before this transition.
        summary: what Respot did, declined or could not do about it; empty if it only reports.
        warning: what people should know in addition.
        advice: what would make the job safer on spot.
        digest: the id of the digest that reports it to people; `None` if they receive the alert itself.
        outlook: of the end of a job: what Respot will do about it.
        withdrawn: Respot did nothing because the request was withdrawn, which is no fault.
    """

    kind: AlertKind
    transition: Transition
    state: JobState
    figures: Figures
    transitions: tuple[Transition, ...]
    earlier_interruptions: int
    summary: str = ""
    warning: str | None = None
    advice: tuple[str, ...] = ()
    digest: str | None = None
    outlook: Outlook = Outlook.UNKNOWN
    withdrawn: bool = False

    @property
    def id(self) -> str:
        """The same for every delivery of the same alert, so that subscribers can drop duplicates."""
        job = self.state.job
        return f"{job.region}/{job.name}/{iso(job.created)}/{self.kind}/{iso(self.transition.started)}"

    @property
    def severity(self) -> Severity:
        """How urgent it is; what its owner wanted is no error."""
        return Severity.INFO if self.withdrawn else severity_of(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """What the ledger keeps of an alert.

    Attributes:
        job: which job.
        kind: what happened.
        transition: the transition that it is about.
        outcome: sent or declined.
        reason: why, in an operator's words.
        headline: of the message; `None` if none was sent.
        settled_at: when it was completed.
        message_id: SNS's id of the message; `None` if none was sent.
        digest: the id of the digest that reports it to people; `None` if they received the alert itself.
    """

    job: JobId
    kind: AlertKind
    transition: Transition
    outcome: AlertOutcome
    reason: str
    headline: str | None
    settled_at: datetime
    message_id: str | None
    digest: str | None = None


_SPOT_ONLY = frozenset(KIND_BY_STATUS.values())
"""Kinds that are sent about spot jobs only, although other jobs have such transitions, too."""

ENDED_AS: Final = frozenset({"Failed", "Stopped", DELETING})
"""TrainingJobStatus values of jobs that are known to have ended without completing."""


def kind_of(transition: Transition) -> AlertKind | None:
    """The kind of alert that a transition requires: `ended` for an unknown end, or one that contradicts its status."""
    if (kind := KIND_BY_STATUS.get(transition.status)) or transition.ended_as not in ENDED_AS:
        return kind
    is_expected = transition.status in ENDS and transition.ended_as in {transition.status, DELETING}
    return None if is_expected else AlertKind.ENDED


def decide(
    kind: AlertKind,
    state: JobState,
    transition: Transition,
    policy: AlertPolicy,
    *,
    now: datetime,
    happened_at: datetime | None = None,
) -> AlertDecision:
    """Whether to alert on this transition; `happened_at` is when its news happened, if not when it started."""
    if kind not in policy.kinds:
        return AlertDecision(send=False, reason=f"alerts of kind {kind} are switched off in the settings")
    if kind in _SPOT_ONLY and state.market is Market.ON_DEMAND:
        return AlertDecision(send=False, reason="an on-demand job: only spot jobs are alerted on")
    if transition.started < policy.deployed_at:
        return AlertDecision(send=False, reason=f"happened before Respot was deployed ({iso(policy.deployed_at)})")
    age = now - (happened_at or transition.started)
    if age > policy.max_age:
        return AlertDecision(
            send=False,
            reason=f"happened {in_words(age)} ago, longer than the {in_words(policy.max_age)} of the settings",
        )
    return AlertDecision(send=True, reason=f"{transition.status} at {iso(transition.started)}")


def interruptions_before(transition: Transition, transitions: tuple[Transition, ...]) -> int:
    """How often the job was interrupted before this transition."""
    return sum(each.status == INTERRUPTED and each.started < transition.started for each in transitions)
