"""Decides again about a job that has ended, with another policy: by the product's own planner, and without writing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from respot.jobs.formatting import in_words, readable
from respot.jobs.lifecycle import WAITING, status_periods
from respot.jobs.ports import JobStore
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.checkpoints.progress import Progress
from respot.recovery.load_context import PlanContextLoader
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import SWEEP_INTERVAL
from respot.recovery.planning.decision import Action, Decision, ending_the_wait, is_silent
from respot.recovery.planning.planner import plan
from respot.recovery.policy.policy import AccountPolicy, matching_rule
from respot.recovery.ports import Starts
from respot.recovery.unknown_writers import UnknownWriters
from respot_cli.policy.recorded import (
    NotAsked,
    Past,
    RecordedJobs,
    RecordedRuns,
    StartsUntil,
    as_recorded,
    read_only,
)

_MOST_PAUSES: Final = 5
"""After a pause the next attempt is due; more than one is a deadline's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What would have been decided.

    Attributes:
        decision: the decision; never WAIT, since pauses are over in it.
        decided_at: when: as the job ended, or after the pause.
        rule: the name of the rule that the job follows; `None` if none matches.
        sources: where its settings come from, in words.
        assumptions: what the decision depends on and the ledger does not know, in words.
        paused: whether it was decided after a pause.
    """

    decision: Decision
    decided_at: datetime
    rule: str | None
    sources: tuple[str, ...]
    assumptions: tuple[str, ...] = ()
    paused: bool = False

    @property
    def resumes(self) -> bool:
        """Whether another attempt would have followed."""
        return self.decision.creates_attempt

    def is_like(self, other: "Replayed") -> bool:
        """Whether both call for the same."""
        return _alike(self.decision, other.decision)


class _Fixed:
    """The ports `Policies` and `KillSwitch`: this policy, and a switch that is off."""

    def __init__(self, account: AccountPolicy) -> None:
        self._account = account

    def load(self) -> AccountPolicy:
        return self._account

    def why_on(self) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Decides again about one job.

    Attributes:
        past: the job.
        jobs: the ledger's records.
        runs: the ledger's records of recovery.
        starts: how long starting took earlier jobs.
        sweep_interval: between two of the deployment's sweeps.
        source: where all of this comes from, in words.
    """

    past: Past
    jobs: RecordedJobs
    runs: RecordedRuns
    starts: Starts
    sweep_interval: timedelta = SWEEP_INTERVAL
    source: str = "the ledger"

    def decide(self, account: AccountPolicy, *, at: datetime | None = None) -> Replayed:
        """The decision by that policy when the job ended, or at that moment, once the pauses are over.

        Where the ledger does not know what was saved, the decision assumes the best, and says so if that matters.

        Raises:
            LedgerIncompleteError: an earlier attempt has expired from the ledger.
            LedgerUnavailableError: the ledger did not answer.
        """
        past, began = self.past, at or self.past.ended
        context = self._loader(account, began).load(past.record, past.state, past.state.tags, now=began)
        best, when = self._plan(self._completed(context, best=True), began)
        worst, _ = self._plan(self._completed(context, best=False), began)
        rule = matching_rule(account, past.state, role=past.state.role_arn)
        return Replayed(
            decision=best,
            decided_at=when,
            rule=rule.name if rule else None,
            sources=context.resolved.sources,
            assumptions=tuple(self._assumptions(context, account, matters=not _alike(best, worst))),
            paused=when > began,
        )

    def _loader(self, account: AccountPolicy, moment: datetime) -> PlanContextLoader:
        fixed, nobody = _Fixed(account), cast("Any", NotAsked())
        jobs, runs = cast("JobStore", self.jobs), read_only(self.runs)
        unknown = UnknownWriters(
            lists=nobody, jobs=nobody, ledger=jobs, runs=runs, clock=lambda: moment, pause=lambda _: None
        )
        return PlanContextLoader(
            jobs=nobody,
            ledger=jobs,
            runs=runs,
            starts=cast("Starts", StartsUntil(self.starts, moment)),
            checkpoints=nobody,
            policies=fixed,
            kill_switch=fixed,
            unknown_writers=unknown,
            sweep_interval=self.sweep_interval,
        )

    def _completed(self, context: PlanContext, *, best: bool) -> PlanContext:
        """The context with what was saved: as recorded, else the best or the worst that there may have been."""
        past = self.past
        if not context.listed:
            return context
        if past.listed and past.decided:
            saved = (past.decided.checkpoint,) if past.decided.checkpoint else ()
            made = past.decided.made_progress
            evidence = past.input("progress") or "nothing new was saved"
            return as_recorded(context, past, saved, Progress(made=best if made is None else made, evidence=evidence))
        may_have = best and context.checkpoint_uri and context.run.last.has_trained
        saved = (_imagined(past.ended),) if may_have else ()
        evidence = "as assumed" if may_have else "nothing new was saved"
        return as_recorded(context, past, saved, Progress(made=bool(may_have), evidence=evidence))

    def _plan(self, context: PlanContext, began: datetime) -> tuple[Decision, datetime]:
        now = began
        decision = plan(context, now=now)
        for _ in range(_MOST_PAUSES):
            if decision.action is not Action.WAIT or decision.until is None:
                break
            now = decision.until
            decision = plan(context, now=now)
        ends_wait = self.past.owes_news and is_silent(decision)
        return ending_the_wait(decision) if ends_wait else decision, now

    def _assumptions(self, context: PlanContext, account: AccountPolicy, *, matters: bool) -> Iterator[str]:
        past, policy = self.past, context.resolved.policy
        if matters and past.listed:
            yield "that it made progress: not all objects were listed then"
        elif matters:
            where = context.checkpoint_uri
            yield f"a complete checkpoint in {where}: {self.source} does not know what was saved there"
        if not past.tags_known and (policy.resume or any(rule.tags for rule in account.rules)):
            yield f"that it has no tags: {self.source} does not know them"
        if policy.give_up_waiting_after and (waited := self._longest_wait()) > policy.give_up_waiting_after:
            limit = in_words(policy.give_up_waiting_after)
            yield f"that it ended as it did: it waited for {in_words(waited)}, and the wait limit is {limit}"

    def _longest_wait(self) -> timedelta:
        """The longest time without instances."""
        longest = waited = timedelta()
        for transition, over in status_periods(self.past.record.transitions):
            waits = transition.status in WAITING and over is not None
            waited = waited + (over - transition.started) if waits and over else timedelta()
            longest = max(longest, waited)
        return longest


def why_different(replay: Replay, today: AccountPolicy, replayed: Replayed) -> str | None:
    """Why today's policy decides otherwise than it was decided then; `None` if it decides the same.

    The decision's own reason stands beside it.
    """
    past, decided = replay.past, replay.past.decided
    if decided is None or _alike(decided.decision, replayed.decision):
        return None
    inputs = decided.decision.inputs
    if inputs.keys() == {"ended"}:
        return "what ended before Respot watched was left alone"
    if past.continued:
        return "another job of the run was followed by the next attempt"
    if "the ledger was restored from a backup" in decided.decision.reason:
        return "a restored ledger was not sure of what had happened"
    ending = f"{past.state.status}/{past.state.secondary_status}"
    if inputs.get("ending", ending) != ending:
        return f"the ledger knew another end then: {inputs['ending']}"
    if _alike(decided.decision, replay.decide(today, at=decided.decided_at).decision):
        late = in_words(decided.decided_at - past.ended)
        return f"it was decided {late} after the end, at {readable(decided.decided_at)}"
    if inputs.get("policy", "") != ", ".join(replayed.sources):
        return f"another policy or other tags counted then: {inputs.get('policy') or 'none was read'}"
    return "the settings of the policy, or of the job's tags, were others then"


def _alike(one: Decision, other: Decision) -> bool:
    """Whether they call for the same: an attempt in the same pool, a report, or nothing."""

    def of(decision: Decision) -> tuple[object, ...]:
        placement = decision.placement
        return decision.action, decision.dry_run, placement and (placement.market, placement.instance_type)

    return of(one) == of(other)


def _imagined(ended: datetime) -> Checkpoint:
    """The checkpoint that is assumed where the ledger knows of none: complete, saved as the job ended."""
    return Checkpoint(name="(assumed)", step=None, saved_at=ended, size=0, complete=True, objects=1, layout="assumed")
