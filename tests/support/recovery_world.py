"""Respot on twins, and a world that does its worst to it: schedules played at random, with rules that must hold.

Events are lost, doubled, delayed and reordered; every port fails now and then, before or after it has done its work;
the process dies between any two calls; owners change their minds. `python -m tests.support.recovery_world` plays many.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from random import Random
from typing import Any, Final, NoReturn

from respot.adapters.ledger_items import state_item, transition_item
from respot.adapters.memory import (
    MemoryCheckpoints,
    MemoryDelayQueue,
    MemoryLedger,
    MemoryPolicies,
    MemoryRuns,
    MemoryTopic,
)
from respot.adapters.run_items import decision_item, notice_item, outcome_item
from respot.alerter import Alerter
from respot.domain.alert_kinds import KIND_BY_STATUS, AlertKind
from respot.domain.checkpoints import StoredObject
from respot.domain.decision import Action
from respot.domain.ending import TRIGGERS_TO_CHOOSE, Budget, ending_of
from respot.domain.job import JobId, Market
from respot.domain.lifecycle import DELETING, ENDS, WAITING, is_terminal
from respot.domain.lineage import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.domain.policy import AccountPolicy, BackOff, Policy, Rung, parse_ladder, resolve
from respot.domain.reconciliation import Change
from respot.domain.resubmission import AttemptRecord, DecisionRecord, Outcome, OutcomeKind, Writer
from respot.domain.run import run_id
from respot.domain.waiting import STOP_WINDOW, GivingUp
from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    LedgerUnavailableError,
    LookFailedError,
    MalformedObservationError,
    PolicyInvalidError,
    Postponement,
    QueueUnavailableError,
    RespotError,
    StopFailedError,
    TopicUnavailableError,
)
from respot.handlers.alert import alert_on
from respot.intake import Intake
from respot.job_message import read_message, write_message
from respot.patience import Patience
from respot.ports import Checkpoints, Clock
from respot.recorder import Recorder
from respot.recovery import Recovery
from respot.recovery_intake import RecoveryIntake
from respot.recovery_situation import Situations
from respot.redelivery import Delivery, Redelivery
from tests.support.builders import ACCOUNT, CREATED, REGION, arn_of, milliseconds
from tests.support.clock import FakeClock
from tests.support.interposed import interposed
from tests.support.played_sagemaker import PlayedJob, PlayedSageMaker, clone
from tests.support.troubled import DiedError

PLENTY: Final = timedelta(minutes=15)
MOST_ROUNDS: Final = 60
"""Rounds of calm after which everything must be settled: a chain of five attempts with pauses takes about twenty."""
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "Starting": (
        *("Downloading", "Downloading", "Training", "MaxWaitTimeExceeded", "MaxWaitTimeExceeded", "Failed"),
        *("Pending", "Pending", "Stopping"),
    ),
    "Pending": ("Starting", "Starting", "Downloading", "MaxWaitTimeExceeded", "Stopping"),
    "Downloading": ("Training",),
    "Training": ("Interrupted", "Interrupted", "Uploading", "Stopping", "MaxRuntimeExceeded", "Failed"),
    "Interrupted": ("Starting", "Starting", "MaxWaitTimeExceeded", "MaxWaitTimeExceeded", "Stopping"),
    "Uploading": ("Completed",),
    "Stopping": ("Stopped", "MaxWaitTimeExceeded"),
}
"""Where a job may go from each status; whatever begins to stop here is stopped by its user."""
REASONS: Final = ("AlgorithmError: boom", "CapacityError: no capacity", "InternalServerError: sorry", "ClientError: no")


LADDERS: Final = ("spot on-demand:1", "spot:3 spot/ml.g5.4xlarge:1 on-demand:2", "spot:1 spot:1 on-demand")


class BrokenRuleError(BaseException):
    """A rule did not hold: no `except Exception` hides this."""


@dataclass(slots=True, kw_only=True)
class _Ledger(MemoryLedger):
    """The ledger, with its stream; the process may die between any two of its writes."""

    clock: Clock
    stream: list[dict[str, Any]]
    pause: Callable[[], None]

    def save(self, change: Change) -> bool:
        job = change.facts.job
        if change.facts_changed:
            if self.states.get(job, (None, 0))[1] != change.version:
                return False
            if job not in self.states and change.facts.market is Market.SPOT:
                self.stream.append({"alert": state_item(change, None)})
            self.states[job] = change.facts, change.version + 1
        for stay in change.inserted:
            self.pause()
            if (stay.status, stay.started) in self.stays[job]:
                continue
            self.stays[job][stay.status, stay.started] = stay
            seen: dict[str, Any] = {}
            if stay.status in KIND_BY_STATUS:
                seen["alert"] = transition_item(job, stay, now=self.clock(), retention=None)
            if stay.status in ENDS:
                seen["ended"] = job
            self.stream.append(seen)
        return True


@dataclass(slots=True, kw_only=True)
class _Runs(MemoryRuns):
    """Decisions and outcomes, with their stream; each decision is held against the truth."""

    clock: Clock
    stream: list[dict[str, Any]]
    check: Callable[[DecisionRecord, AttemptRecord | None], None]
    check_words: Callable[[JobId, str], None]
    after_note: Callable[[JobId], None]

    def decide(
        self,
        record: DecisionRecord,
        attempt: AttemptRecord | None,
        *,
        writer: Writer | None = None,
        over: Writer | None = None,
    ) -> bool:
        written = MemoryRuns.decide(self, record, attempt, writer=writer, over=over)
        if written:
            self.check(record, attempt)
            self.stream.append({"alert": decision_item(record, None)})
        return written

    def give_up(self, record: GivingUp) -> None:
        MemoryRuns.give_up(self, record)
        self.after_note(record.job)

    def settle(self, outcome: Outcome) -> None:
        if outcome.job not in self.outcomes:
            self.check_words(outcome.job, outcome.story)
            self.stream.append({"alert": outcome_item(outcome, None)})
        MemoryRuns.settle(self, outcome)

    def notice(self, job: JobId, kind: AlertKind, story: str) -> None:
        if (job, kind) not in self.notices:
            self.stream.append({"alert": notice_item(job, kind, story, now=self.clock(), retention=None)})
        MemoryRuns.notice(self, job, kind, story)


@dataclass(slots=True)
class _Message:
    """A message of a queue."""

    body: str
    received: int = 0


@dataclass(slots=True)
class _Stop:
    """Who truly stopped a job.

    Attributes:
        at: when.
        ladder: of Respot's stop, the ladder it went by.
        too_late: instances came just before the stop.
    """

    by_respot: bool
    at: datetime
    ladder: tuple[Rung, ...] = ()
    too_late: bool = False


@dataclass(slots=True)
class _Origin:
    """What a job truly is: the number-th attempt of the run that `root` began."""

    root: JobId
    number: int


class World:
    """One schedule: `play()` raises BrokenRuleError if a rule does not hold."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - a schedule that can be played again, not a secret
        self.seen: Counter[str] = Counter()
        self.calm = False
        self.faulty = self.random.choice((0, 0.02, 0.1, 0.3))
        self.deadly = self.random.choice((0, 0.01, 0.05))
        self.lossy = self.random.choice((0, 0.1, 0.5, 0.9))
        self.doubling = self.random.choice((0, 0.1, 0.5))
        self.starved = self.random.random() < 0.4
        self.forbidden = self.random.random() < 0.2
        self.down: set[str] = set()
        self.clock = FakeClock(CREATED)
        self.origins: dict[JobId, _Origin] = {}
        self.attempts: dict[JobId, list[int]] = {}
        self.lied: set[JobId] = set()
        self.observations: list[_Message] = []
        self.endings: list[_Message] = []
        self.stream: list[dict[str, Any]] = []
        self.positions = {"alert": 0, "recover": 0}
        self.stopped: dict[JobId, _Stop] = {}
        self.sagemaker = PlayedSageMaker(
            clock=self.clock, before_creation=self._check_creation, before_stop=self._check_stop
        )
        self.policies = MemoryPolicies(policy=self._policy())
        self.ledger = _Ledger(created=CREATED, clock=self.clock, stream=self.stream, pause=self._pause)
        self.runs = _Runs(
            ledger=self.ledger,
            clock=self.clock,
            stream=self.stream,
            check=self._check_decision,
            check_words=self._check_words,
            after_note=self._after_note,
        )
        self.checkpoints = MemoryCheckpoints(buckets={"ml-bucket": []})
        self.topic = MemoryTopic()
        self._compose()
        for number in range(self.random.choice((1, 1, 2, 3))):
            self._submit(f"job-{number}")

    def _compose(self) -> None:
        jobs = interposed(self.sagemaker, partial(self._gate, "sagemaker"))
        ledger = interposed(self.ledger, partial(self._gate, "ledger"))
        runs = interposed(self.runs, partial(self._gate, "ledger"))
        listing: Checkpoints = interposed(self.checkpoints, partial(self._gate, "s3"))
        redelivery = Redelivery(queue=MemoryDelayQueue(), first=timedelta(seconds=30), longest=timedelta(minutes=30))
        self.intake = Intake(recorder=Recorder(jobs=jobs, ledger=ledger), redelivery=redelivery)
        self.alerter = Alerter(
            ledger=ledger,
            runs=runs,
            topic=interposed(self.topic, partial(self._gate, "sns")),
            clock=self.clock,
            kinds=frozenset(AlertKind),
            max_age=timedelta(days=30),
            lease=timedelta(minutes=2),
        )
        situations = Situations(
            jobs=jobs,
            ledger=ledger,
            runs=runs,
            checkpoints=listing,
            policies=interposed(self.policies, partial(self._gate, "ssm")),
        )
        recovery = Recovery(
            jobs=jobs,
            ledger=ledger,
            runs=runs,
            situations=situations,
            patience=Patience(
                jobs=jobs, runs=runs, situations=situations, clone=clone, clock=self.clock, note=self._note
            ),
            clone=clone,
            clock=self.clock,
            max_age=timedelta(days=3650),
        )
        self.recovery = RecoveryIntake(recovery=recovery, redelivery=redelivery)
        self.send = interposed(self, partial(self._gate, "sqs")).enqueue

    # --- trouble

    def _gate(self, service: str, method: str, done: bool) -> None:  # noqa: FBT001 - see Gate
        if self.calm:
            return
        if self.forbidden and (method, done) == ("stop", False):
            raise self._error(service, method, done=done)
        drawn = self.random.random()
        if (method, done) == ("create", True):
            drawn /= 5  # the moment on which most depends
        if drawn < self.deadly:
            self.seen["deaths"] += 1
            raise DiedError
        if (service in self.down and not done) or drawn < self.deadly + self.faulty:
            self.seen["faults"] += 1
            raise self._error(service, method, done=done)

    def _error(self, service: str, method: str, *, done: bool) -> Exception:
        match service:
            case "sagemaker" if method == "create":
                if done or service in self.down:
                    if done:
                        self.seen["created without an answer"] += 1
                    return CreateLaterError("no answer", reason=Postponement.UNANSWERED)
                if self.random.random() < 0.1:
                    return CreateRefusedError("AccessDeniedException: no", permission="iam:PassRole")
                return CreateLaterError("ThrottlingException", reason=Postponement.THROTTLED)
            case "sagemaker" if method == "stop":
                return StopFailedError("no answer")
            case "ledger":
                return LedgerUnavailableError("DynamoDB did not answer")
            case "sns":
                return TopicUnavailableError("SNS did not answer")
            case "sqs":
                return QueueUnavailableError("SQS did not answer")
            case "ssm" if self.random.random() < 0.3:
                return PolicyInvalidError("settings: no such member")
            case _:
                return LookFailedError(f"{service} did not answer")

    def _note(self, job: JobId, words: str) -> None:
        """The log is nobody's to check."""

    def _pause(self) -> None:
        if not self.calm and self.random.random() < self.deadly:
            raise DiedError

    # --- the truth

    def _policy(self) -> AccountPolicy:
        chance = self.random
        ladders: tuple[tuple[Rung, ...], ...] = (
            *((), (), ()),
            *(parse_ladder(words) for words in LADDERS),
            (Rung(market=Market.SPOT, attempts=1), Rung(market=Market.ON_DEMAND)),
            (Rung(market=Market.SPOT, attempts=2),),
        )
        pause = timedelta(minutes=chance.choice((0, 0, 1, 60)))
        defaults = Policy(
            resume=chance.random() < 0.9,
            max_attempts=chance.choice((1, 2, 3, 5)),
            triggers=frozenset(TRIGGERS_TO_CHOOSE) if chance.random() < 0.5 else Policy().triggers,
            budgets=dict.fromkeys(Budget, chance.choice((1, 2, 5))),
            back_off=dict.fromkeys(Budget, BackOff(first=pause, longest=pause * 4)),
            require_checkpoint=chance.random() < 0.3,
            require_progress=chance.random() < 0.3,
            ladder=chance.choice(ladders),
            deadline=chance.choice((None, None, timedelta(hours=5), timedelta(hours=20))),
            give_up_waiting_after=chance.choice((None, *(timedelta(minutes=minutes) for minutes in (1, 20, 90)))),
            dry_run=chance.random() < 0.05,
        )
        if self.starved and chance.random() < 0.8:  # jobs wait long, and their owners would rather go elsewhere
            defaults = replace(
                defaults,
                resume=True,
                max_attempts=5,
                budgets=dict.fromkeys(Budget, 5),
                require_checkpoint=False,
                ladder=parse_ladder(chance.choice(LADDERS)),
                give_up_waiting_after=timedelta(minutes=chance.choice((1, 20, 90))),
            )
        return AccountPolicy(kill_switch=chance.random() < 0.05, defaults=defaults)

    def _submit(self, name: str, *, forged: bool = True) -> None:
        chance = self.random
        own: dict[str, str] = {}
        if chance.random() < 0.1:
            own["respot:resume"] = chance.choice(("on", "off", "yes"))
        if chance.random() < 0.05:
            own["sagemaker:pipeline-execution-arn"] = "arn:of:pipeline"
        if forged and chance.random() < 0.1 and self.origins:  # somebody else's marks
            run = run_id(chance.choice(list(self.origins.values())).root)
            own |= {RUN_TAG: run, ATTEMPT_TAG: str(chance.choice((2, 3))), PARENT_TAG: "job-0"}
        where = chance.choice((name, name, name, name, "shared", None))
        job = self.sagemaker.submit(
            name,
            own,
            market=chance.choice((Market.SPOT, Market.SPOT, Market.SPOT, Market.ON_DEMAND)),
            checkpoint_uri=where and f"s3://ml-bucket/checkpoints/{where}/",
        )
        self.sagemaker.jobs[name].unclonable = chance.random() < 0.03
        self.origins[job] = _Origin(root=job, number=1)
        self._emit(name)

    def _move(self) -> None:
        live = [played for played in self.sagemaker.jobs.values() if played.is_live]
        if not live:
            return
        played = self.random.choice(live)
        name, now = played.facts.job.name, self.clock()
        if played.facts.secondary_status == "Training" and played.facts.checkpoint_uri and self.random.random() < 0.7:
            key = f"{played.facts.checkpoint_uri.removeprefix('s3://ml-bucket/')}checkpoint-{milliseconds(now)}.pt"
            self.checkpoints.buckets["ml-bucket"].append(StoredObject(key=key, size=1000, last_modified=now))
        self.clock.pass_by(timedelta(seconds=self.random.choice((1, 30, 600, 3600))))
        status = self.random.choice(PATHS[played.facts.secondary_status])
        if self.starved and not self.calm and played.facts.secondary_status in WAITING and self.random.random() < 0.7:
            status = "Starting" if played.facts.secondary_status == "Pending" else "Pending"
        if status == "Stopping":
            self._stop_by_user(played)
            return
        self.sagemaker.move(name, status, self.random.choice(REASONS) if status == "Failed" else None)
        self._emit(name)

    def _stop_by_user(self, played: PlayedJob) -> None:
        job = played.facts.job
        self.stopped[job] = _Stop(by_respot=False, at=self.clock())
        self.seen["users' stops"] += 1
        self.seen["users' stops after a note"] += job in self.runs.given_up
        self.sagemaker.move(job.name, "Stopping")
        self._emit(job.name)

    def _after_note(self, job: JobId) -> None:
        """Instances come, or its user stops it, before Respot does."""
        played = self._existing(job)
        if self.calm or played is None or self.random.random() >= 0.1:
            return
        self.seen["overtaken"] += 1
        if self.random.random() < 0.5:
            self._stop_by_user(played)
        else:
            self.sagemaker.move(job.name, "Downloading")

    def _emit(self, name: str) -> None:
        """The event of a job's present stay, if it comes, as often as it comes."""
        if not self.calm and self.random.random() < self.lossy:
            self.seen["events lost"] += 1
            return
        body = _event(self.sagemaker.jobs[name])
        self.observations.append(_Message(body))
        if self.random.random() < self.doubling:
            self.observations.append(_Message(body))

    def _check_decision(self, record: DecisionRecord, attempt: AttemptRecord | None) -> None:
        self.seen[f"decided {record.decision.action}"] += 1
        played = self._existing(record.job)
        resubmit = record.decision.action is Action.RESUBMIT
        if played and played.is_live and (resubmit or record.job not in self.lied):
            self._broken(f"a decision on {record.job}, which is {played.facts.status}")
        if resubmit and played is None:
            self._broken(f"a resubmission of {record.job}, which is gone")
        self._check_words(record.job, record.decision.reason)
        if (attempt is not None) is not (resubmit and not record.decision.dry_run):
            self._broken(f"decision and attempt do not go together: {record}")

    def _check_words(self, job: JobId, words: str) -> None:
        """Nobody may be told that a job is gone because SageMaker gave no answer."""
        played = self._existing(job)
        if "was deleted" in words and played and played.facts.status != DELETING:
            self._broken(f"of {job}, which is there: {words}")

    def _check_creation(self, request: Mapping[str, Any]) -> None:  # noqa: C901 - a list of rules
        """Whether this very moment is one at which this very job may be created."""
        name = str(request["TrainingJobName"])
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        parent = self.sagemaker.jobs.get(tags[PARENT_TAG])
        if parent is None or parent.is_live:
            self._broken(f"{name} is created while {tags[PARENT_TAG]} has not ended")
        job = parent.facts.job
        origin = self.origins[job]
        root, number = origin.root, origin.number + 1
        made = self.attempts.setdefault(root, [])
        live = [
            each.facts.job.name
            for each in self.sagemaker.jobs.values()
            if each.is_live and self.origins[each.facts.job].root == root
        ]
        if live:
            self._broken(f"{name} is created beside {live}")
        beside = [
            each.facts.job.name
            for each in self.sagemaker.jobs.values()
            if each.is_live
            and each.facts.checkpoint_uri == parent.facts.checkpoint_uri is not None
            and self.origins[each.facts.job].number > 1
        ]
        if beside:
            self._broken(f"{name} is to write where {beside} writes")
        if number != len(made) + 2:
            self._broken(f"{name} is attempt {number} after {made}")
        if (tags[RUN_TAG], tags[ATTEMPT_TAG]) != (run_id(root), str(number)):
            self._broken(f"{name} is attempt {number} of {run_id(root)}, and says {tags}")
        if name != f"{root.name}-r{number}":
            self._broken(f"attempt {number} of {run_id(root)} is named {name}")
        decided, planned = self.runs.decisions.get(job), self.runs.planned.get((run_id(root), number))
        if decided is None or planned is None or decided.decision.action is not Action.RESUBMIT:
            self._broken(f"{name} is created without a decision")
        account = self.policies.policy
        policy = resolve(account, replace(parent.facts, tags=parent.tags), role=None)
        if account.kill_switch or not policy.policy.resume or policy.bad_tags or policy.policy.dry_run:
            self._broken(f"{name} is created against its owner's will")
        if number > policy.policy.max_attempts:
            self._broken(f"{name} is attempt {number} of {policy.policy.max_attempts}")
        self._check_author(parent, request)
        goes_on = ending_of(parent.facts).trigger is not None or job in self.stopped
        if job not in self.lied and (not goes_on or parent.facts.parent):
            self._broken(f"{name} follows {parent.facts.status} {parent.facts.failure_reason} {parent.facts.parent}")
        made.append(number)
        self.seen["created in calm" if self.calm else "created in trouble"] += 1
        self.origins[JobId(region=REGION, name=name, created=self.clock())] = _Origin(root=root, number=number)

    def _check_stop(self, name: str) -> None:
        """Whether this very moment is one at which this very job may be stopped."""
        played = self.sagemaker.jobs[name]
        job, facts = played.facts.job, played.facts
        account = self.policies.policy
        found = resolve(account, replace(facts, tags=played.tags), role=None)
        limit, note = found.policy.give_up_waiting_after, self.runs.given_up.get(job)
        if facts.status != "InProgress" or facts.secondary_status not in WAITING:
            self._broken(f"{job} is stopped in {facts.status}/{facts.secondary_status}")
        spell = [stay.started for stay in takewhile(lambda stay: stay.status in WAITING, reversed(played.stays))]
        if limit is None or self.clock() - spell[-1] <= limit:
            self._broken(f"{job} is stopped after {self.clock() - spell[-1]} of waiting, of {limit}")
        if note is None or (note.waiting_since, note.decided_at) != (spell[-1], self.clock()):
            self._broken(f"{job} is stopped without a note: {note}")
        if account.kill_switch or not found.policy.resume or found.bad_tags or found.policy.dry_run or facts.parent:
            self._broken(f"{job} is stopped against its owner's will")
        if self.origins[job].number >= found.policy.max_attempts or not found.policy.ladder or played.unclonable:
            self._broken(f"{job} is stopped, and nothing can follow")
        if facts.checkpoint_uri is None and found.policy.require_checkpoint:
            self._broken(f"{job} is stopped, and starts from scratch")
        self.stopped[job] = _Stop(by_respot=True, at=self.clock(), ladder=found.policy.ladder)
        self.seen["gave up"] += 1
        if not self.calm and self.random.random() < 0.1:  # between the look and the stop
            self.sagemaker.move(name, "Downloading")
            self.stopped[job].too_late = True
            self.seen["instances came too late"] += 1

    def _check_author(self, parent: PlayedJob, request: Mapping[str, Any]) -> None:
        """Whether the run may go on after a job that somebody stopped."""
        stop = self.stopped.get(parent.facts.job)
        if stop is None or parent.facts.job in self.lied or parent.facts.secondary_status != "Stopped":
            return
        name, note = request["TrainingJobName"], self.runs.given_up.get(parent.facts.job)
        if stop.too_late:
            self._broken(f"{name} follows a job that had instances")
        if not stop.by_respot and (note is None or abs(stop.at - note.decided_at) > STOP_WINDOW):
            self._broken(f"{name} follows a job that its user stopped")
        self.seen["went on after giving up"] += 1
        if not stop.by_respot:
            self.seen["a user's stop in the moment of Respot's"] += 1
            return
        placement, policy = request["placement"], resolve(self.policies.policy, parent.facts, role=None).policy
        pool = (placement.market, placement.instance_type)
        if (
            policy.ladder == stop.ladder
            and policy.deadline is None
            and pool
            == (
                parent.facts.market,
                parent.facts.instance_type,
            )
        ):
            self._broken(f"{name} waits for the same pool again: {pool}")

    def _existing(self, job: JobId) -> PlayedJob | None:
        played = self.sagemaker.jobs.get(job.name)
        return played if played and played.facts.job == job else None

    def _broken(self, words: str) -> NoReturn:
        message = f"schedule {self.seed}: {words}"
        raise BrokenRuleError(message)

    # --- Respot at work

    def _record(self) -> None:
        batch = [
            self._pick(self.observations) for _ in range(min(len(self.observations), self.random.choice((1, 2, 5))))
        ]
        left = {str(number): each for number, each in enumerate(batch)}
        try:
            outcome = self.intake.take(
                [_delivery(identifier, each) for identifier, each in left.items()], time_left=lambda: PLENTY
            )
        except DiedError:
            self.observations += batch
            return
        self.observations += [
            left[failure.delivery.id]
            for failure in outcome.failures
            if not isinstance(failure.error, MalformedObservationError)
        ]

    def _alert(self) -> None:
        self._read("alert", self._alert_one)

    def _alert_one(self, item: Mapping[str, Any]) -> None:
        if "alert" in item:
            alert_on(self.alerter, item["alert"])

    def _recover(self) -> None:
        self._read("recover", self._recover_one)

    def _recover_one(self, item: Mapping[str, Any]) -> None:
        if "ended" in item:
            self.send(write_message(item["ended"]))

    def enqueue(self, body: str) -> None:
        """The recovery queue takes a message, sometimes twice."""
        self.endings.append(_Message(body))
        if self.random.random() < self.doubling:
            self.endings.append(_Message(body))

    def _read(self, reader: str, take: Callable[[Mapping[str, Any]], None]) -> None:
        """A batch of the stream: what fails is repeated with all that comes after it."""
        start = self.positions[reader]
        batch = self.stream[start : start + (10 if self.calm else self.random.choice((1, 3, 10)))]
        failed: list[int] = []
        for place, item in enumerate(batch):
            try:
                take(item)
            except RespotError:
                failed.append(place)
            except DiedError:
                return
        self.positions[reader] = start + (failed[0] if failed else len(batch))

    def _resubmit(self) -> None:
        if not self.endings:
            return
        each = self._pick(self.endings)
        try:
            postponed = self.recovery.take([_delivery("m", each)], time_left=lambda: PLENTY)
        except DiedError:
            self.endings.append(each)
            return
        if postponed:
            self.seen["postponed"] += 1
            self.endings.append(each)

    def _pick(self, queue: list[_Message]) -> _Message:
        picked = queue.pop(self.random.randrange(len(queue)))
        picked.received += 1
        return picked

    # --- owners and operators

    def _meddle(self) -> None:  # noqa: C901, PLR0912 - a list of what people do
        chance = self.random
        jobs = list(self.sagemaker.jobs.values())
        played = chance.choice(jobs) if jobs else None
        match chance.randrange(12):
            case 0 | 1:
                self.policies.policy = self._policy()
            case 2:
                policy = self.policies.policy
                self.policies.policy = replace(policy, kill_switch=not policy.kill_switch)
            case 3 | 4:
                service = chance.choice(("sagemaker", "ledger", "s3", "ssm", "sns", "sqs"))
                self.down ^= {service}
            case 5 if played and not played.is_live and self._may_go(played):
                name = played.facts.job.name
                if played.facts.status != DELETING and chance.random() < 0.7:
                    self.sagemaker.move(name, DELETING)
                    self._emit(name)
                    return
                del self.sagemaker.jobs[name]
                self.seen["deleted"] += 1
                if chance.random() < 0.5:  # and submits another one under the same name
                    # With an attempt's name and all of its marks, it would be that attempt to anybody.
                    self._submit(name, forged=not any(each.name == name for each in self.runs.planned.values()))
            case 6 if played:
                played.tags["respot:resume"] = chance.choice(("on", "off", "maybe"))
            case 7 if played:  # a stranger takes the name that the next attempt would have
                name = f"{self.origins[played.facts.job].root.name}-r{chance.choice((2, 3))}"
                if name not in self.sagemaker.jobs and name not in self.sagemaker.created:
                    self._submit(name, forged=False)
                    self.seen["names taken"] += 1
                    self.clock.pass_by(timedelta(minutes=10))
            case 8 if played:  # somebody asks for the recovery of a job that may not have ended
                self.endings.append(_Message(write_message(played.facts.job)))
            case 9 if played and played.is_live:
                self._lie(played)
            case 10 if played and played.facts.secondary_status in WAITING:  # its user has waited long enough, too
                self.clock.pass_by(timedelta(minutes=chance.choice((1, 10, 120))))
                self._stop_by_user(played)
            case _:
                self.clock.pass_by(timedelta(minutes=chance.choice((1, 10, 120))))

    def _may_go(self, played: PlayedJob) -> bool:
        """Whether it may be deleted: what goes before anybody saw it, nothing could tell of."""
        record = self.ledger.load(played.facts.job)
        if (
            record.facts
            and is_terminal(record.facts.status)
            and not any(each.status in ENDS for each in record.transitions)
        ):
            return False
        planned = [
            each
            for each in self.runs.planned.values()
            if each.name == played.facts.job.name and self.origins[played.facts.job].number == each.number
        ]
        return all(
            each.parent in self.runs.outcomes or (each.run, each.number + 1) in self.runs.planned for each in planned
        )

    def _lie(self, played: PlayedJob) -> None:
        """SageMaker denies a job that is there, and an event tells its end."""
        name = played.facts.job.name
        told = replace(played, facts=replace(played.facts, status="Stopped", secondary_status="MaxWaitTimeExceeded"))
        del self.sagemaker.jobs[name]
        self.observations.append(_Message(_event(told)))
        self.lied.add(played.facts.job)
        for _ in range(3):
            self._record() if self.observations else None
        self.sagemaker.jobs[name] = played
        self.seen["lies"] += 1

    # --- a schedule

    def play(self) -> Counter[str]:
        """Trouble, then calm; the calm must settle everything."""
        for _ in range(self.random.choice((40, 80, 120))):
            self.clock.pass_by(timedelta(seconds=self.random.choice((1, 60, 1800))))
            actions = self._possible()
            if self.down and self.random.random() < 0.1:
                self.down.clear()
            (action,) = self.random.choices([each for each, _ in actions], [weight for _, weight in actions])
            action()
            self.seen["steps"] += 1
        self._calm_down()
        self._check_the_end()
        self.seen["schedules"] += 1
        return self.seen

    def _possible(self) -> list[tuple[Callable[[], None], int]]:
        """What can happen next, with how often it does."""
        behind = len(self.stream)
        actions = [(self._meddle, 3)]
        if any(played.is_live for played in self.sagemaker.jobs.values()):
            actions.append((self._move, 20))
        if self.observations:
            actions.append((self._record, 20))
        if self.positions["alert"] < behind:
            actions.append((self._alert, 8))
        if self.positions["recover"] < behind:
            actions.append((self._recover, 15))
        if any(played.facts.secondary_status in WAITING for played in self.sagemaker.jobs.values()):
            actions.append((self._sweep_waiting, 8))
        if self.endings:
            actions.append((self._resubmit, 25))
        elif not self.observations and self.random.random() < 0.2:  # a sweep, with the same chance of being lost
            actions.append((self._sweep, 20))
        return actions

    def _sweep(self) -> None:
        self.observations += [_Message(_look(name)) for name in self.sagemaker.jobs]

    def _sweep_waiting(self) -> None:
        """The sweep asks for a closer look at jobs that seem to wait, by a ledger that may be behind."""
        for job, (facts, _) in self.ledger.states.items():
            if facts.secondary_status in WAITING and self.random.random() < 0.7:
                with suppress(RespotError, DiedError):
                    self.send(write_message(job))
        if self.random.random() < 0.5:
            self.clock.pass_by(timedelta(minutes=self.random.choice((1, 30, 120))))

    def _calm_down(self) -> None:
        self.calm = True
        self.down.clear()
        for _ in range(MOST_ROUNDS):
            quiet = len(self.stream), len(self.sagemaker.created), len(self.endings)
            while any(played.is_live for played in self.sagemaker.jobs.values()):
                self._move()
            self._sweep()
            while self.observations:
                self._record()
            for reader in (self._alert, self._recover):
                for _ in range(len(self.stream) // 10 + 1):
                    reader()
            # Of a job that went before anybody saw it, nothing will ever be known: its message ends among the dead.
            self.endings = [each for each in self.endings if read_message(each.body) in self.ledger.states]
            for _ in range(len(self.endings)):
                self._resubmit()
            self.clock.pass_by(timedelta(hours=3))
            settled = quiet == (len(self.stream), len(self.sagemaker.created), 0)
            if settled and not self.endings and set(self.positions.values()) == {len(self.stream)}:
                return
        self._broken(f"not settled: {[each.body for each in self.endings]} {self.positions} of {len(self.stream)}")

    def _check_the_end(self) -> None:
        for played in self.sagemaker.jobs.values():
            facts = self.ledger.load(played.facts.job).facts
            if facts is None or not is_terminal(facts.status):
                self._broken(f"the ledger does not know that {played.facts.job} has ended")
        for job, (facts, _) in self.ledger.states.items():
            # Of a job that was gone when its deletion was first heard of, nobody knows how it ended.
            ended = any(stay.status in ENDS for stay in self.ledger.stays[job].values())
            if is_terminal(facts.status) and (ended or facts.status != DELETING) and job not in self.runs.decisions:
                self._broken(f"no decision on {job}")
        for job, record in self.runs.decisions.items():
            due = record.decision.action is Action.RESUBMIT and not record.decision.dry_run
            if due is not (job in self.runs.outcomes):
                self._broken(f"{record.decision.action} of {job} with outcome {self.runs.outcomes.get(job)}")
        told = {outcome.name for outcome in self.runs.outcomes.values() if outcome.kind is OutcomeKind.CREATED}
        if told != set(self.sagemaker.created):
            self._broken(f"created {self.sagemaker.created}, and said so of {told}")
        for outcome in self.runs.outcomes.values():
            self.seen[f"outcome {outcome.kind}"] += 1
        self._check_own_stops()
        self._check_alerts()

    def _check_own_stops(self) -> None:
        for job, stop in self.stopped.items():
            ours = stop.by_respot and not stop.too_late and job not in self.lied and self._existing(job) is not None
            decided = self.runs.decisions.get(job)
            if ours and decided and decided.decision.reason == "stopped by its user":
                self._broken(f"{job}, which Respot stopped, is taken for a job that its user stopped")

    def _check_alerts(self) -> None:
        expected: Counter[tuple[JobId, AlertKind]] = Counter()
        for job, stays in self.ledger.stays.items():
            expected.update(
                (job, KIND_BY_STATUS[stay.status]) for stay in stays.values() if stay.status in KIND_BY_STATUS
            )
        for job, outcome in self.runs.outcomes.items():
            created = outcome.kind is OutcomeKind.CREATED
            expected[job, AlertKind.RESUBMITTED if created else AlertKind.NOT_RESUBMITTED] += 1
        for job, record in self.runs.decisions.items():
            decision = record.decision
            if decision.action is not Action.RESUBMIT and decision.notify:
                expected[job, AlertKind.NOT_RESUBMITTED] += 1
            if decision.dry_run:
                expected[job, AlertKind.WOULD_RESUBMIT] += 1
        expected.update(self.runs.notices.keys())
        settled: Counter[tuple[JobId, AlertKind]] = Counter(
            (job, kind) for job, kind, _ in self.ledger.receipts if kind is not AlertKind.ADVICE
        )
        for job in self.lied:  # it has two ends: what is told as of its end may be told as of either
            for kind in AlertKind:
                settled[job, kind] = min(settled[job, kind], expected[job, kind])
        if +settled != +expected:
            self._broken(f"alerts: missing {expected - settled}, too many {settled - expected}")
        advised = Counter(job for job, kind, _ in self.ledger.receipts if kind is AlertKind.ADVICE)
        if any(count > 1 for count in advised.values()):
            self._broken(f"advised more than once: {advised}")


def _delivery(identifier: str, message: _Message) -> Delivery:
    return Delivery(id=identifier, receipt=identifier, body=message.body, receive_count=message.received)


def _event(played: PlayedJob) -> str:
    facts, stay = played.facts, played.stays[-1]
    detail = {
        "TrainingJobName": facts.job.name,
        "TrainingJobArn": facts.arn,
        "TrainingJobStatus": facts.status,
        "SecondaryStatus": facts.secondary_status,
        "FailureReason": facts.failure_reason,
        "CreationTime": milliseconds(facts.job.created),
        "LastModifiedTime": milliseconds(facts.last_modified),
        "SecondaryStatusTransitions": [{"Status": facts.secondary_status, "StartTime": milliseconds(stay.started)}],
        "Tags": played.tags,
    }
    return _envelope(facts.job.name, detail)


def _look(name: str) -> str:
    """A reason to look at a job that tells nothing of it, as a sweep gives."""
    return _envelope(name, {"TrainingJobName": name})


def _envelope(name: str, detail: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "detail-type": "SageMaker Training Job State Change",
            "source": "aws.sagemaker",
            "account": ACCOUNT,
            "region": REGION,
            "resources": [arn_of(name)],
            "detail": detail,
        }
    )


# --- many schedules


@dataclass(slots=True)
class Report:
    """What became of many schedules."""

    seen: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def soak(seeds: range) -> Report:
    """Play a schedule for each seed."""
    report = Report()
    for seed in seeds:
        world = World(seed)
        try:
            report.seen += world.play()
        except BrokenRuleError as error:
            report.broken.append(str(error))
    return report


def main() -> int:
    """Play many schedules on several processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first schedule's number")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    ends = options.first + options.schedules
    chunks = [range(start, min(start + 500, ends)) for start in range(options.first, ends, 500)]
    total, began = Report(), time.monotonic()
    with ProcessPoolExecutor(max_workers=options.processes) as pool:
        for done, report in enumerate(pool.map(soak, chunks), start=1):
            total.seen += report.seen
            total.broken += report.broken
            if done % 20 == 0 or done == len(chunks):
                spent = time.monotonic() - began
                sys.stderr.write(
                    f"{total.seen['schedules']:>9,} schedules, {len(total.broken)} broken, {spent:.0f} s\n"
                )
    width = max(len(name) for name in total.seen)
    for name, count in sorted(total.seen.items()):
        sys.stdout.write(f"{name:<{width}}  {count:>12,}\n")
    sys.stdout.write("\n".join(["", *total.broken[:20], f"{len(total.broken)} broken rules", ""]))
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main())
