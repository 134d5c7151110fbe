"""The ledger and the runs on twins, with the stream that both of them feed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from respot.alerting.alert import kind_of
from respot.aws.dynamodb.job_items import state_item, transition_item
from respot.aws.dynamodb.run_items import decision_item, notice_item, outcome_item
from respot.jobs.job import JobId, Market, Transition
from respot.jobs.lifecycle import is_end
from respot.jobs.merge import Change
from respot.jobs.ports import Clock
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import AttemptRecord, DecisionRecord, LocationReservation, NoticeKind, Outcome
from tests.support.memory import MemoryLedger, MemoryRunStore


@dataclass(slots=True, kw_only=True)
class StreamedLedger(MemoryLedger):
    """The ledger, with its stream; the process may die between any two of its writes."""

    clock: Clock
    stream: list[dict[str, Any]]
    pause: Callable[[], None]

    def save(self, change: Change) -> bool:
        if change.state_changed and change.state.job not in self.states and change.state.market is Market.SPOT:
            self.stream.append({"alert": state_item(change, None)})
        return MemoryLedger.save(self, change)

    def save_transition(self, job: JobId, transition: Transition, *, is_new: bool) -> bool:
        self.pause()
        written = MemoryLedger.save_transition(self, job, transition, is_new=is_new)
        if written:
            seen: dict[str, Any] = {}
            if kind_of(transition) is not None:
                seen["alert"] = transition_item(job, transition, now=self.clock(), retention=None)
            if is_end(transition):
                seen["ended"] = job
            self.stream.append(seen)
        return written


@dataclass(slots=True, kw_only=True)
class StreamedRuns(MemoryRunStore):
    """Decisions and outcomes, with their stream; each decision is held against the truth.

    The schedule sets what is called here before it starts.

    Attributes:
        check: holds a decision that was written against the truth.
        check_words: checks what people receive against the truth.
        after_note: what happens between the stop intent and the stop.
    """

    clock: Clock
    stream: list[dict[str, Any]]
    check: Callable[[DecisionRecord, AttemptRecord | None], None] = field(init=False)
    check_words: Callable[[JobId, str], None] = field(init=False)
    after_note: Callable[[JobId], None] = field(init=False)

    def decide(
        self,
        record: DecisionRecord,
        attempt: AttemptRecord | None,
        *,
        reservation: LocationReservation | None = None,
        replaces: LocationReservation | None = None,
    ) -> bool:
        written = MemoryRunStore.decide(self, record, attempt, reservation=reservation, replaces=replaces)
        if written:
            self.check(record, attempt)
            self.stream.append({"alert": decision_item(record, None)})
        return written

    def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
        before = MemoryRunStore.record_stop_intent(self, record)
        self.after_note(record.job)
        return before

    def record_outcome(self, outcome: Outcome) -> None:
        if outcome.job not in self.outcomes:
            self.check_words(outcome.job, outcome.summary)
            self.stream.append({"alert": outcome_item(outcome, None)})
        MemoryRunStore.record_outcome(self, outcome)

    def notice(self, job: JobId, kind: NoticeKind, summary: str) -> None:
        if (job, kind) not in self.notices:
            self.stream.append({"alert": notice_item(job, kind, summary, now=self.clock(), retention=None)})
        MemoryRunStore.notice(self, job, kind, summary)
