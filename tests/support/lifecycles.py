"""Lifecycles and schedules of their events, as hypothesis makes them up."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

from respot.jobs.job import JobSnapshot, JobState, Transition
from tests.support.builders import PRIMARY, arn_of, at, event, job_id, milliseconds, state

PASSING: Final = (
    *("Starting", "Downloading", "Training", "Interrupted", "Uploading", "Stopping", "Pending", "Restarting"),
    *("Updating", "Reticulating"),
)
"""Statuses that a job passes through, in any order; the last one is nobody's."""
FINAL: Final = ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded", "MaxPendingTimeExceeded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What SageMaker says of a job at some moment: by Describe, and by the event of that moment."""

    described: JobSnapshot
    event: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A batch of events, and the moment that Describe shows while it is worked on."""

    events: tuple[int, ...]
    described_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One job's moments, oldest first, the same for every schedule."""

    moments: tuple[Moment, ...]

    @property
    def undisturbed(self) -> tuple[Delivery, ...]:
        """Each event once, in order, and Describe up to date."""
        return tuple(Delivery(events=(number,), described_at=number) for number in range(len(self.moments)))


@st.composite
def lives(
    draw: st.DrawFn, *, longest: int = 15, shortest_transition: float = 0.001, own_transitions: bool = False
) -> Life:
    """A job with up to that many transitions; some have several moments, since messages change within one.

    With `own_transitions`, every event says when its transition began.
    """
    statuses = draw(st.lists(st.sampled_from(PASSING), min_size=1, max_size=longest - 1))
    statuses += draw(st.lists(st.sampled_from(FINAL), max_size=1))
    clock = 0.0
    moments: list[Moment] = []
    transitions: list[Transition] = []
    reported = state(job_id(), training_time=None)
    for status in statuses:
        clock += shortest_transition + draw(st.integers(0, 5_000_000)) / 1000 if transitions else 0
        transition = Transition(status=status, started=at(clock))
        transitions.append(transition)
        for number in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
            clock += draw(st.integers(1, 60_000)) / 1000 if number else 0
            reported = _next(draw, reported, status, clock)
            moments.append(_moment(reported, tuple(transitions), own_transitions or draw(st.booleans())))
    if status in FINAL and draw(st.booleans()):
        reported = replace(reported, status="Deleting", last_modified=reported.last_modified + timedelta(hours=1))
        moments.append(_moment(reported, tuple(transitions), with_transition=True))
    return Life(moments=tuple(moments))


def _next(draw: st.DrawFn, reported: JobState, status: str, seconds: float) -> JobState:
    final = status in FINAL
    spent: dict[str, Any] = {}
    if final and reported.training_started:
        spent = {"training_time": timedelta(seconds=500), "billable_time": timedelta(seconds=100)}
    return replace(
        reported,
        status=PRIMARY.get(status, "InProgress"),
        secondary_status=status,
        last_modified=at(seconds),
        status_message=draw(st.sampled_from((None, "words", "other words"))),
        failure_reason="AlgorithmError: boom" if status == "Failed" else None,
        training_started=reported.training_started or (at(seconds) if status == "Downloading" else None),
        training_ended=at(seconds) if final else None,
        **spent,
    )


def _moment(reported: JobState, transitions: tuple[Transition, ...], with_transition: bool) -> Moment:  # noqa: FBT001 - drawn
    own = [
        {"Status": transitions[-1].status, "StartTime": milliseconds(transitions[-1].started), "StatusMessage": "words"}
    ]
    return Moment(
        described=JobSnapshot(state=reported, history=transitions),
        event=event(
            reported.secondary_status,
            TrainingJobArn=arn_of(),
            TrainingJobStatus=reported.status,
            LastModifiedTime=milliseconds(reported.last_modified),
            SecondaryStatusTransitions=own if with_transition else [],
        ),
    )


@st.composite
def schedules(draw: st.DrawFn, life: Life) -> tuple[Delivery, ...]:
    """The same events in any order, doubled, some of them lost, in batches of any size.

    Describe answers with the job as it is at the end, or as it was at any moment; only once, it must
    have been asked at the end.
    """
    last = len(life.moments) - 1
    numbers = draw(st.lists(st.integers(0, last), max_size=2 * last + 2))
    deliveries: list[Delivery] = []
    while numbers:
        size = draw(st.integers(1, 10))
        batch, numbers = numbers[:size], numbers[size:]
        described_at = draw(st.one_of(st.just(last), st.integers(0, last)))
        deliveries.append(Delivery(events=tuple(batch), described_at=described_at))
    final = Delivery(events=(draw(st.integers(0, last)),), described_at=last)
    deliveries.insert(draw(st.integers(0, len(deliveries))), final)
    return tuple(deliveries)
