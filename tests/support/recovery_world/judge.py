"""The rules that must hold, at every step and in the end."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import takewhile
from typing import Any, Final, NoReturn

from respot.alerting.alert import AlertOutcome, kind_of
from respot.alerting.kinds import OF_RECOVERY, AlertKind
from respot.jobs.job import JobId, JobState, Market
from respot.jobs.lifecycle import DELETING, WAITING, is_end, is_terminal
from respot.recovery.checkpoints.location import may_collide
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import ending_of
from respot.recovery.planning.run import Attempt, run_id
from respot.recovery.planning.waiting import STOP_ATTRIBUTION_WINDOW
from respot.recovery.policy.policy import Policy, resolve
from respot.recovery.records import REMEMBERED_FOR, AttemptRecord, DecisionRecord, NoticeKind, OutcomeKind
from respot.runs.load import run_of
from respot.runs.summary import RunSummaries, RunSummary
from tests.support.builders import REGION
from tests.support.fake_sagemaker import FakeJob
from tests.support.recovery_world.world import Origin, Stop, World

_WARNINGS: Final = {NoticeKind.DEADLINE_AT_RISK, NoticeKind.WORK_UNKNOWN}
"""Of a job that goes on: nobody waits for news of its end."""


class BrokenRuleError(BaseException):
    """A rule did not hold: no `except Exception` hides this."""


class Judge:
    """Holds what Respot does against what is true of each job; writes down the attempts and stops that it passes."""

    def __init__(self, world: World) -> None:
        self.world = world

    def check_decision(self, record: DecisionRecord, attempt: AttemptRecord | None) -> None:
        """Whether this very decision may be written."""
        world = self.world
        world.seen[f"decided {record.decision.action}"] += 1
        world.seen["refused beside a neighbour"] += "location: neighbour" in record.decision.reason
        world.seen["decided by a wrong clock"] += world.host_clock.skew != timedelta()
        fake = world.existing(record.job)
        resubmit = record.decision.action is Action.RESUBMIT
        if fake and fake.is_live and (resubmit or record.job not in world.lied):
            self.broken(f"a decision on {record.job}, which is {fake.state.status}")
        if resubmit and fake is None:
            self.broken(f"a resubmission of {record.job}, which is gone")
        state, transitions = world.ledger.states[record.job][0], world.ledger.transitions[record.job].values()
        if state.status != DELETING and not any(is_end(transition) for transition in transitions):
            self.broken(f"a decision on {record.job}, whose end is not written down yet")
        self._check_silence(record, state)
        self._check_memory(record, state)
        self._check_wait(record)
        self.check_words(record.job, record.decision.reason)
        if (attempt is not None) is not (resubmit and not record.decision.dry_run):
            self.broken(f"decision and attempt do not go together: {record}")

    def _check_silence(self, record: DecisionRecord, state: JobState) -> None:
        """No run that its owner wants continued may end in silence, however long it had to wait."""
        found, decision = resolve(self.world.policies.policy, state, role=None), record.decision
        asked = found.policy.resume and not found.bad_tags and state.parent is None
        if not asked or ending_of(state).trigger not in found.policy.triggers or decision.action is Action.RESUBMIT:
            return
        if decision.action is not Action.REFUSE or not decision.notify:
            self.broken(f"{record.job} is forgotten in silence: {decision.action} {decision.reason}")
        self.world.seen["too late"] += "or not at all" in decision.reason

    def _check_memory(self, record: DecisionRecord, state: JobState) -> None:
        """Of a ledger that was restored: nothing is resubmitted that may have been, and people are notified."""
        world, decision = self.world, record.decision
        if world.restored is None or record.job in world.lied:
            return
        stop = world.stopped.get(record.job) if state.secondary_status == "Stopped" else None
        ended = min((each.started for each in world.ledger.load(record.job).transitions if is_end(each)), default=None)
        before = min(moment for moment in (world.clock(), ended, stop and stop.at) if moment)
        if before < world.restored:
            world.seen["unknown after a restore"] += decision.notify
            if decision.action is Action.RESUBMIT:
                self.broken(f"a resubmission of {record.job}, which ended or was stopped before the restore")
        if record.job in world.forgotten and RUN_TAG in (state.tags or {}) and decision.action is Action.RESUBMIT:
            world.seen["forgotten attempts resubmitted"] += 1
            known = record.number > 1 and state.tags and state.tags[RUN_TAG] == record.run
            if not known and "does not know" not in (decision.warning or ""):
                self.broken(f"{record.job}, which the ledger forgot, is resubmitted without a word: {decision.warning}")
        if record.job in world.forgotten and record.number > 1:
            self._count_to_another_run(record)

    def _count_to_another_run(self, record: DecisionRecord) -> None:
        """A forgotten attempt whose name an earlier run had planned counts as that run's: no budget begins again."""
        world, planned = self.world, self.world.runs.planned.get((record.run, record.number))
        if planned is None or planned.name != record.job.name:
            self.broken(f"{record.job}, which the ledger forgot, counts as {record.number} of {record.run}: {planned}")
        root = next(each.root for each in world.origins.values() if run_id(each.root) == record.run)
        world.origins[record.job] = Origin(root=root, number=record.number)
        world.forgotten.discard(record.job)
        world.seen["forgotten attempts of an earlier run"] += 1
        made = world.attempts.setdefault(root, [])
        made += [record.number] if record.number not in made else []

    def check_summary(self, summary: RunSummary, before: RunSummary | None) -> None:
        """Whether this very summary may be written: a run ends once, and not before its last job is over."""
        world = self.world
        if before and before.has_ended and (before.end_id, before.state) != (summary.end_id, summary.state):
            self.broken(f"{before.end_id} has ended as {before.state}, and now as {summary.end_id} {summary.state}")
        if not summary.has_ended or (before and before.has_ended):
            return
        world.seen[f"runs {summary.state}"] += 1
        world.ended.add(summary.run)
        live = [
            fake.state.job
            for fake in world.sagemaker.jobs.values()
            if fake.is_live and run_id(world.origins[fake.state.job].root) == summary.run
        ]
        if live and not world.lied.intersection(live):
            self.broken(f"{summary.end_id} has ended as {summary.state}, and {live} are running")

    def _check_wait(self, record: DecisionRecord) -> None:
        """People who were notified that a job waits are notified how the wait ended."""
        decision, notices = record.decision, self.world.runs.recovery_records(record.job).notices
        if decision.action is Action.RESUBMIT or not notices:
            return
        if all(each.kind in _WARNINGS for each in notices):
            if decision.action is Action.NOTHING and decision.notify:
                self.broken(f"an alert on {record.job}, which no one waits for: {decision.reason}")
            return
        if not decision.notify:
            self.broken(f"no alert says what became of {record.job}, which waited: {decision.reason}")
        self.world.seen["waits that ended in nothing"] += decision.action is Action.NOTHING

    def check_words(self, job: JobId, words: str) -> None:
        """No message may say that a job is gone because SageMaker gave no answer."""
        fake = self.world.existing(job)
        if "was deleted" in words and fake and fake.state.status != DELETING:
            self.broken(f"of {job}, which is there: {words}")

    def check_creation(self, request: Mapping[str, Any]) -> JobId:  # noqa: C901, PLR0912 - a list of rules
        """Whether this very moment is one at which this very job may be created; the job, if it is created now."""
        world = self.world
        name = str(request["TrainingJobName"])
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        parent = world.sagemaker.jobs.get(tags[PARENT_TAG])
        if parent is None or parent.is_live:
            self.broken(f"{name} is created while {tags[PARENT_TAG]} has not ended")
        job = parent.state.job
        origin = world.origins[job]
        root, number = origin.root, origin.number + 1
        made = world.attempts.setdefault(root, [])
        live = [
            each.state.job.name
            for each in world.sagemaker.jobs.values()
            if each.is_live and world.origins[each.state.job].root == root
        ]
        if live:
            self.broken(f"{name} is created beside {live}")
        beside = [
            each.state.job.name
            for each in world.sagemaker.jobs.values()
            if each.is_live and may_collide(each.state.checkpoint_uri, parent.state.checkpoint_uri)
        ]
        if beside:
            self.broken(f"{name} is to write where {beside} writes")
        if run_id(root) in world.ended and root not in {world.origins[each].root for each in world.lied}:
            self.broken(f"{name} is created after the end of {run_id(root)}")
        if number != len(made) + 2:
            self.broken(f"{name} is attempt {number} after {made}")
        if (tags[RUN_TAG], tags[ATTEMPT_TAG]) != (run_id(root), str(number)):
            self.broken(f"{name} is attempt {number} of {run_id(root)}, and says {tags}")
        if name != f"{root.name}-r{number}":
            self.broken(f"attempt {number} of {run_id(root)} is named {name}")
        decided, planned = world.runs.decisions.get(job), world.runs.planned.get((run_id(root), number))
        if decided is None or planned is None or decided.decision.action is not Action.RESUBMIT:
            self.broken(f"{name} is created without a decision")
        account = world.policies.policy
        policy = resolve(account, replace(parent.state, tags=parent.tags), role=None)
        if world.kill_switch.is_on:
            self.broken(f"{name} is created while the kill switch is on")
        if not policy.policy.resume or policy.bad_tags or policy.policy.dry_run:
            self.broken(f"{name} is created against its owner's will")
        if number > policy.policy.max_attempts:
            self.broken(f"{name} is attempt {number} of {policy.policy.max_attempts}")
        if (most := policy.policy.max_billable_hours) is not None and (billed := self._billed(root)) >= most:
            self.broken(f"{name} is created after {billed} instance-hours of {most}")
        self._check_author(parent, request)
        self._check_first(name, parent)
        goes_on = ending_of(parent.state).trigger is not None or job in world.stopped
        if job not in world.lied and (not goes_on or parent.state.parent):
            self.broken(f"{name} follows {parent.state.status} {parent.state.failure_reason} {parent.state.parent}")
        made.append(number)
        world.seen["created in calm" if world.calm else "created in trouble"] += 1
        created = JobId(region=REGION, name=name, created=world.clock())
        world.origins[created] = Origin(root=root, number=number)
        return created

    def _check_first(self, name: str, parent: FakeJob) -> None:
        """Nothing is created that may have been created before the ledger was restored."""
        restored, ended = self.world.restored, [each.started for each in parent.transitions if is_end(each)]
        if restored and ended and min(ended) < restored:
            self.broken(f"{name} follows {parent.state.job}, which ended before the restore")

    def _billed(self, root: JobId) -> float:
        """Instance-hours that the ledger knows of the jobs that truly are attempts of the run."""
        ledger, hours = self.world.ledger, 0.0
        for job, origin in self.world.origins.items():
            state = ledger.load(job).state
            if origin.root == root and state is not None:
                attempt = Attempt(
                    number=origin.number, state=state, transitions=ledger.load(job).transitions, checkpoint=None
                )
                hours += attempt.billable_hours
        return hours

    def check_stop(self, name: str) -> None:
        """Whether this very moment is one at which this very job may be stopped."""
        world = self.world
        fake = world.sagemaker.jobs[name]
        job, state = fake.state.job, fake.state
        account = world.policies.policy
        found = resolve(account, replace(state, tags=fake.tags), role=None)
        limit, intent = found.policy.give_up_waiting_after, world.runs.stop_intents.get(job)
        if state.status != "InProgress" or state.secondary_status not in WAITING:
            self.broken(f"{job} is stopped in {state.status}/{state.secondary_status}")
        spell = [
            transition.started
            for transition in takewhile(lambda transition: transition.status in WAITING, reversed(fake.transitions))
        ]
        within = limit is None or not found.policy.ladder or world.host_clock() - spell[-1] <= limit
        if within and not self._is_due(state, found.policy):
            self.broken(f"{job} is stopped after {world.clock() - spell[-1]} of waiting, of {limit}")
        self._check_alone(fake)
        if intent is None or (intent.waiting_since, intent.decided_at) != (spell[-1], world.host_clock()):
            self.broken(f"{job} is stopped without an intent: {intent}")
        if world.kill_switch.is_on:
            self.broken(f"{job} is stopped while the kill switch is on")
        if not found.policy.resume or found.bad_tags or found.policy.dry_run or state.parent:
            self.broken(f"{job} is stopped against its owner's will")
        if world.origins[job].number >= found.policy.max_attempts or fake.unclonable:
            self.broken(f"{job} is stopped, and nothing can follow")
        # With a deadline the work is repeated on demand rather than refused for want of a checkpoint.
        if state.checkpoint_uri is None and found.policy.require_checkpoint and found.policy.deadline is None:
            self.broken(f"{job} is stopped, and starts from scratch")
        for refusal in world.refusals.since(job.region, world.clock() - REMEMBERED_FOR):
            pool = f"{refusal.market} {refusal.instance_type or ''}".strip()
            if refusal.market and refusal.resource is None and f"; next: {pool}" in intent.reason:
                self.broken(f"{job} is stopped for a pool that SageMaker has just refused: {refusal}")
        world.stopped[job] = Stop(
            by_respot=True,
            at=world.clock(),
            ladder=found.policy.ladder,
            by_deadline=found.policy.deadline is not None,
            at_latest_start=within,
        )
        world.seen["stopped at the latest start" if within else "stopped after the wait limit"] += 1

    def _check_alone(self, fake: FakeJob) -> None:
        """A job that is stopped is the only one of its run that lives."""
        world = self.world
        root = world.origins[fake.state.job].root
        others = (each for each in world.sagemaker.jobs.values() if each.is_live and each is not fake)
        if twins := [each.state.job.name for each in others if world.origins[each.state.job].root == root]:
            self.broken(f"{fake.state.job} is stopped beside {twins} of its run")

    def _is_due(self, state: JobState, policy: Policy) -> bool:
        """Whether a deadline may have a job stopped that waits for spot.

        Not long before it. While the run has not trained, all it may waste is known: half an hour each for a start on
        demand, one on spot and the preparation, an hour for the wait, and 50 minutes for the rest. Afterwards what it
        took to start is known, and counts for both starts.
        """
        world, deadline = self.world, policy.deadline
        number = world.origins[state.job].number
        if deadline is None or state.market is not Market.SPOT or (policy.work is None and number == 1):
            return False
        root = world.origins[state.job].root
        by = root.created + deadline if isinstance(deadline, timedelta) else deadline
        work = policy.work or state.max_runtime or timedelta(days=1)
        run = [each for each in world.sagemaker.jobs.values() if world.origins[each.state.job].root == root]
        has_trained = any(transition.status not in WAITING for each in run for transition in each.transitions)
        spare = work + timedelta(hours=6) if has_trained else timedelta(hours=3, minutes=20)
        starts = 2 * max(_longest_start(each) for each in run) if has_trained else timedelta()
        return world.host_clock() >= by - work - spare - starts

    def _check_author(self, parent: FakeJob, request: Mapping[str, Any]) -> None:
        """Whether the run may go on after a job that somebody stopped."""
        world = self.world
        stop = world.stopped.get(parent.state.job)
        if stop is None or parent.state.job in world.lied or parent.state.secondary_status != "Stopped":
            return
        name, intent = request["TrainingJobName"], world.runs.stop_intents.get(parent.state.job)
        if stop.too_late:
            self.broken(f"{name} follows a job that had instances")
        if not stop.by_respot and (
            intent is None
            or intent.withdrawn
            or intent.refused_at
            or abs(stop.at - intent.decided_at) > STOP_ATTRIBUTION_WINDOW
        ):
            self.broken(f"{name} follows a job that its user stopped")
        world.seen["resumed after the latest start" if stop.at_latest_start else "resumed after the wait limit"] += 1
        if not stop.by_respot:
            world.seen["a user's stop in the moment of Respot's"] += 1
            return
        placement, policy = request["placement"], resolve(world.policies.policy, parent.state, role=None).policy
        pool = (placement.market, placement.instance_type)
        # With the same policy as when it was stopped: an owner who dropped the deadline may want the same pool again.
        if (
            policy.ladder == stop.ladder
            and policy.deadline is None
            and not stop.by_deadline
            and world.without_quota is None  # else the pool that it was stopped for may be refused
            and pool == (parent.state.market, parent.state.instance_type)
        ):
            self.broken(f"{name} waits for the same pool again: {pool}")

    def check_the_end(self) -> None:
        """Whether everything is settled, and said, as it should be."""
        world = self.world
        for job in self._sound(fake.state.job for fake in world.sagemaker.jobs.values()):
            known = world.ledger.load(job).state
            if known is None or not is_terminal(known.status):
                self.broken(f"the ledger does not know that {job} has ended")
        for job in self._sound(world.ledger.states):
            state, _ = world.ledger.states[job]
            # Of a job that was gone when its deletion was first reported, nobody knows how it ended.
            ended = any(is_end(transition) for transition in world.ledger.transitions[job].values())
            if is_terminal(state.status) and (ended or state.status != DELETING) and job not in world.runs.decisions:
                self.broken(f"no decision on {job}")
        for job in self._sound(world.runs.decisions):
            record = world.runs.decisions[job]
            due = record.decision.action is Action.RESUBMIT and not record.decision.dry_run
            if due is not (job in world.runs.outcomes):
                self.broken(f"{record.decision.action} of {job} with outcome {world.runs.outcomes.get(job)}")
        outcomes = [each for each in world.runs.outcomes.values() if each.kind is OutcomeKind.CREATED]
        announced = {outcome.name for outcome in outcomes}
        # Of a job that was deleted, or that SageMaker denied, the ledger alone says whether it was the attempt, and
        # people are warned of that.
        unsure = {each.name for each in outcomes if "judged by the ledger alone" in (each.warning or "")}
        created = set(world.sagemaker.created)
        hidden = {job.name for job in world.origins if world.is_poisoned(job)} | world.unannounced
        if announced - created - unsure or created - announced - hidden:
            self.broken(f"created {world.sagemaker.created}, and said so of {announced}")
        world.seen["alerts on postponed jobs"] += sum(kind is NoticeKind.POSTPONED for _, kind in world.runs.notices)
        for outcome in world.runs.outcomes.values():
            world.seen[f"outcome {outcome.kind}"] += 1
        self._check_causes()
        self._check_summaries()
        self._check_own_stops()
        self._check_alerts()
        self._check_advice()
        self._check_that_news_are_sent()

    def _sound(self, jobs: Iterable[JobId]) -> list[JobId]:
        """The jobs whose items can be read: the others may wait for ever."""
        return [job for job in jobs if not self.world.is_poisoned(job)] if self.world.poison else list(jobs)

    def _check_causes(self) -> None:
        """Where no attempt follows, what would change it can be said."""
        world = self.world
        for job in self._sound(world.runs.decisions):
            decision = world.runs.decisions[job].decision
            if decision.creates_attempt is not (decision.cause is None):
                self.broken(f"{decision.action} of {job} because of {decision.cause}: {decision.reason}")
        for outcome in world.runs.outcomes.values():
            if (outcome.kind is OutcomeKind.CREATED) is not (outcome.cause is None):
                self.broken(f"outcome {outcome.kind} of {outcome.job} because of {outcome.cause}: {outcome.summary}")

    def _check_summaries(self) -> None:
        """Each run has ended, and its summary is what the rest of the ledger says."""
        world = self.world
        lied = {world.origins[job].root for job in world.lied}
        summaries = RunSummaries(ledger=world.ledger, runs=world.runs, store=world.summaries)
        for job in self._sound(world.ledger.states):
            state, transitions = world.ledger.states[job][0], world.ledger.transitions[job].values()
            unknown = state.status == DELETING and not any(is_end(transition) for transition in transitions)
            if world.origins[job].root in lied or unknown:
                continue
            run = run_of(world.ledger, world.runs, state)
            stored, derived = world.summaries.stored.get(run), summaries.derive(run, job)
            last = world.ledger.states[derived.job][0] if derived else state
            if derived and not self._sound([derived.job]):
                continue
            gone = derived is not None and self._is_gone_unseen(derived.job)
            if stored is None or (is_terminal(last.status) and not gone and not stored.summary.has_ended):
                self.broken(f"the run {run} has not ended: {stored}")
            if stored.summary != derived:
                self.broken(f"the summary of {run} is {stored.summary}, and the rest of the ledger says {derived}")

    def _is_gone_unseen(self, job: JobId) -> bool:
        """Whether the attempt after it was deleted before anybody recorded it: how it ended will never be known."""
        outcome = self.world.runs.outcomes.get(job)
        if outcome is None or outcome.kind is not OutcomeKind.CREATED:
            return False
        fake = self.world.sagemaker.jobs.get(outcome.name)
        return fake is None or (outcome.job_created is not None and fake.state.job.created != outcome.job_created)

    def _check_own_stops(self) -> None:
        world = self.world
        for job, stop in world.stopped.items():
            ours = stop.by_respot and not stop.too_late and job not in world.lied and world.existing(job) is not None
            decided = world.runs.decisions.get(job)
            if ours and decided and decided.decision.reason == "stopped by its user":
                self.broken(f"{job}, which Respot stopped, is taken for a job that its user stopped")
            # A restored ledger may lack the intent and the notice; it says of the stop that it is unknown.
            forgotten = world.restored is not None and stop.at <= world.restored
            announced = (job, NoticeKind.WAIT_LIMIT_EXCEEDED) in world.runs.notices
            if ours and decided and not announced and not forgotten:
                self.broken(f"nobody was notified that Respot stopped {job}")

    def _check_alerts(self) -> None:
        world = self.world
        expected: Counter[tuple[JobId, AlertKind]] = Counter()
        for job, transitions in world.ledger.transitions.items():
            expected.update(
                (job, kind) for transition in transitions.values() if (kind := kind_of(transition)) is not None
            )
        for job, outcome in world.runs.outcomes.items():
            created = outcome.kind is OutcomeKind.CREATED
            expected[job, AlertKind.RESUBMITTED if created else AlertKind.NOT_RESUBMITTED] += 1
        for job, record in world.runs.decisions.items():
            decision = record.decision
            if decision.action is not Action.RESUBMIT and decision.notify:
                expected[job, AlertKind.NOT_RESUBMITTED] += 1
            if decision.dry_run:
                expected[job, AlertKind.WOULD_RESUBMIT] += 1
        expected.update(
            (job, AlertKind.DEADLINE_AT_RISK if kind in _WARNINGS else AlertKind(kind))
            for job, kind in world.runs.notices
        )
        settled: Counter[tuple[JobId, AlertKind]] = Counter(
            (job, kind) for job, kind, _ in world.ledger.alert_records if kind is not AlertKind.ADVICE
        )
        for job in world.lied:  # it has two ends: what is reported as of its end may be as of either
            for kind in AlertKind:
                settled[job, kind] = min(settled[job, kind], expected[job, kind])
        sound = set(self._sound({job for job, _ in (*settled, *expected)}))
        missing = [each for each in expected - settled if each[0] in sound]
        if excess := [each for each in settled - expected if each[0] in sound]:
            self.broken(f"alerts: too many {excess}")
        if missing:
            self.broken(f"alerts: missing {missing}")

    def _check_advice(self) -> None:
        world = self.world
        advised = Counter(job for job, kind, _ in world.ledger.alert_records if kind is AlertKind.ADVICE)
        if any(count > 1 for count in advised.values()):
            self.broken(f"advised more than once: {advised}")

    def _check_that_news_are_sent(self) -> None:
        """What Respot did is declined only for its age, or since such alerts are switched off."""
        for (job, kind, _), alert in self.world.ledger.alert_records.items():
            if kind in OF_RECOVERY and alert.outcome is AlertOutcome.DECLINED and "of the settings" not in alert.reason:
                self.broken(f"people are not notified of {kind} of {job}: {alert.reason}")

    def broken(self, words: str) -> NoReturn:
        """Say which rule did not hold, and in which schedule."""
        message = f"schedule {self.world.seed}: {words}"
        raise BrokenRuleError(message)


def _longest_start(fake: FakeJob) -> timedelta:
    """The longest time that the job had instances and did not train yet."""
    longest, began = timedelta(), None
    for transition in fake.transitions:
        if transition.status == "Training" and began:
            longest = max(longest, transition.started - began)
        starting = transition.status in {"Starting", "Downloading"}
        began = (began or transition.started) if starting else None
    return longest
