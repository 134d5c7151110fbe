"""Alerts: whether a transition calls for one, and what has become of it."""

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
    """Which transitions people want to hear of.

    Attributes:
        kinds: the kinds that are switched on.
        max_age: what started longer ago is history, not news.
        deployed_at: what started before is history, too: a first look at an old account finds months of it.
    """

    kinds: frozenset[AlertKind]
    max_age: timedelta
    deployed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDecision:
    """Whether to alert, with the reason in words an operator reads."""

    send: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What people and machines are told of one transition.

    Attributes:
        kind: what happened.
        transition: the transition that it is about.
        state: the job as it was known when the alert was written.
        figures: what its transitions add up to by then.
        transitions: the job's stays until then.
        earlier_interruptions: interruptions before this transition.
        story: what Respot did, declined or could not do about it, in words; empty if it only reports.
        warning: what people should know besides.
        advice: what would make the job safer on spot.
        digest: the digest in which people hear of it; `None` if they are told of it by itself.
        outlook: of the end of a job: what to expect of Respot.
        withdrawn: Respot did not do what nobody asks for any more, which is no fault.
    """

    kind: AlertKind
    transition: Transition
    state: JobState
    figures: Figures
    transitions: tuple[Transition, ...]
    earlier_interruptions: int
    story: str = ""
    warning: str | None = None
    advice: tuple[str, ...] = ()
    digest: str | None = None
    outlook: Outlook = Outlook.UNKNOWN
    withdrawn: bool = False

    @property
    def id(self) -> str:
        """The same for every delivery of the same transition: subscribers drop repetitions by it."""
        job = self.state.job
        return f"{job.region}/{job.name}/{iso(job.created)}/{self.kind}/{iso(self.transition.started)}"

    @property
    def severity(self) -> Severity:
        """How urgent it is: what its owner wanted is no error."""
        return Severity.INFO if self.withdrawn else severity_of(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """What the ledger keeps of an alert.

    Attributes:
        job: which job.
        kind: what happened.
        transition: the transition that it is about.
        outcome: sent or declined.
        reason: why, in words an operator reads.
        headline: what was said; `None` if nothing was.
        settled_at: when.
        message_id: SNS's id of the message; `None` if none was sent.
        digest: the digest in which people hear of it; `None` if they were told of it by itself.
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


_OF_SPOT_ALONE = frozenset(KIND_BY_STATUS.values())
"""What SageMaker did to a job is told of spot jobs; what Respot did, of all."""


ENDED_AS: Final = frozenset({"Failed", "Stopped", DELETING})
"""TrainingJobStatus values of jobs that ended and did not complete, as far as is known."""


def kind_of(transition: Transition) -> AlertKind | None:
    """The kind of alert that a transition calls for: `ended` for an end whose name is unknown, or not its status's."""
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
    news: datetime | None = None,
) -> AlertDecision:
    """Whether this transition is news to people; `news` is when there was something to tell, if not as it began."""
    if kind not in policy.kinds:
        return AlertDecision(send=False, reason=f"alerts of kind {kind} are switched off in the settings")
    if kind in _OF_SPOT_ALONE and state.market is Market.ON_DEMAND:
        return AlertDecision(send=False, reason="an on-demand job: only spot jobs are alerted on")
    if transition.started < policy.deployed_at:
        return AlertDecision(send=False, reason=f"happened before Respot was deployed ({iso(policy.deployed_at)})")
    age = now - (news or transition.started)
    if age > policy.max_age:
        return AlertDecision(
            send=False,
            reason=f"happened {in_words(age)} ago, longer than the {in_words(policy.max_age)} of the settings",
        )
    return AlertDecision(send=True, reason=f"{transition.status} at {iso(transition.started)}")


def interruptions_before(transition: Transition, transitions: tuple[Transition, ...]) -> int:
    """How often the job had been interrupted before this transition began."""
    return sum(each.status == INTERRUPTED and each.started < transition.started for each in transitions)
