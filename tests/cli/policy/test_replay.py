"""A policy is tested by the product's own planner, on what the ledger knows, and writes nothing."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.errors import LedgerIncompleteError
from respot.jobs.job import JobId
from respot.jobs.lifecycle import DELETING
from respot.recovery.planning.decision import Action, RefusedPool
from respot.recovery.planning.start_history import MeasuredStart, StartPool, StartSample
from respot.recovery.policy.policy import AccountPolicy, Policy, Rule, parse_ladder
from respot.recovery.ports import RunStore, Starts
from respot.recovery.records import AttemptRecord, DecisionRecord
from respot_cli.policy.comparison import Compared, Comparison, Stores, tally
from respot_cli.policy.recorded import RecordedJobs, RecordedRuns, past_of, refused_pools
from respot_cli.policy.replay import Replay, Replayed, why_different
from tests.cli.policy.ledger import ended_and_decided, never_launched
from tests.support.builders import NAME
from tests.support.memory import MemoryLedger
from tests.support.recovery_environment import OPTED_IN, RecoveryEnvironment
from tests.support.recovery_world.schedule import Schedule

RESUME = AccountPolicy(defaults=Policy(resume=True))
NO_RESUME = AccountPolicy()
NOT_PROVED = "the ledger does not know what was saved there"


def replay_of(ledger: MemoryLedger, runs: RunStore, starts: Starts, job: JobId) -> Replay:
    jobs, recorded = RecordedJobs(ledger), RecordedRuns(runs)
    past = past_of(job, jobs, recorded)
    assert past is not None
    return Replay(past=past, jobs=jobs, runs=recorded, starts=starts)


class World(RecoveryEnvironment):
    """Jobs that Respot has decided on, and then other policies."""

    def replay(self, job: JobId) -> Replay:
        return replay_of(self.ledger, self.runs, self.starts, job)

    def decide(self, job: JobId, policy: AccountPolicy = RESUME) -> Replayed:
        return self.replay(job).decide(policy)

    def changed(self, job: JobId, change: Callable[[dict[str, str]], dict[str, str]], **others: Any) -> None:  # noqa: ANN401
        """Change what the decision on a job has recorded."""
        known = self.runs.decisions[job]
        decision = replace(known.decision, inputs=change(dict(known.decision.inputs)))
        self.runs.decisions[job] = replace(known, decision=decision, **others)


# --- the property


SCHEDULES = range(100)


@pytest.fixture(scope="module")
def replayed() -> Counter[str]:
    """All decisions of many schedules, decided again with the policy that counted then."""
    return sum((decided_again(seed) for seed in SCHEDULES), Counter[str]())


def decided_again(seed: int) -> Counter[str]:
    schedule, policies, seen = Schedule(seed), dict[JobId, AccountPolicy](), Counter[str]()
    world, check = schedule.world, schedule.judge.check_decision

    def note(record: DecisionRecord, attempt: AttemptRecord | None) -> None:
        policies[record.job] = world.policies.policy
        check(record, attempt)

    world.runs.check = note
    schedule.play()
    for job, policy in policies.items():
        if job not in world.runs.decisions:  # a restored ledger has lost it
            continue
        replay = replay_of(world.ledger, world.runs, world.starts, job)
        try:
            again = replay.decide(policy)
        except LedgerIncompleteError:  # a restored ledger has lost an earlier attempt
            seen["incomplete"] += 1
            continue
        difference = why_different(replay, policy, again)
        then = world.runs.decisions[job].decision
        assert difference is not None or (again.decision.action, again.decision.dry_run) == (then.action, then.dry_run)
        seen[f"same {then.action}" if difference is None else difference.partition(":")[0]] += 1
    return seen


def test_the_policy_of_the_decision_decides_the_same_again(replayed: Counter[str]) -> None:
    """In a hostile world, with other owners, restored ledgers, deletions, pauses; else it says what was different.

    That the settings were others is no reason here: they were not.
    """
    same = {name: count for name, count in replayed.items() if name.startswith("same ")}
    assert set(same) == {"same resubmit", "same refuse", "same nothing"}
    reasons = {name.partition(" it was decided")[0] for name in replayed if not name.startswith("same ")}
    known = {"a restored ledger was not sure of what had happened", "the ledger knew another end then", "incomplete"}
    late = {name for name in replayed if name.startswith("it was decided ") and " after the end, at " in name}
    assert reasons - known - late <= {"another job of the run was followed by the next attempt"}
    assert sum(same.values()) > 0.85 * replayed.total() > 350


# --- what the ledger does not know is an assumption, where it matters


def test_a_job_that_nobody_wanted_resumed_is_resumed_if_there_was_a_checkpoint() -> None:
    """S3 was not asked then: the ledger cannot know, and the decision must not pretend to."""
    world = World()
    job = ended_and_decided(world, NAME, {})
    assert world.decision(job).decision.action is Action.NOTHING
    again = world.decide(job)
    assert again.decision.action is Action.RESUBMIT
    (assumption,) = again.assumptions
    assert assumption == f"a complete checkpoint in s3://ml-bucket/checkpoints/{NAME}/: {NOT_PROVED}"
    assert not world.decide(job, NO_RESUME).assumptions


def test_what_does_not_matter_is_not_assumed() -> None:
    world = World()
    never = never_launched(world, "never", {})
    trained = ended_and_decided(world, NAME, {})
    anyway = AccountPolicy(defaults=Policy(resume=True, require_checkpoint=False))
    for job, policy in ((never, RESUME), (trained, anyway)):
        again = world.decide(job, policy)
        assert (again.decision.action, again.assumptions) == (Action.RESUBMIT, ())


def test_without_a_checkpoint_location_nothing_is_assumed() -> None:
    world = World()
    job = ended_and_decided(world, NAME, {}, checkpoint_uri=None)
    again = world.decide(job)
    assert (again.decision.action, again.assumptions) == (Action.REFUSE, ())
    assert "no checkpoint location is configured" in again.decision.reason


def test_what_the_decision_recorded_is_known() -> None:
    world = World()
    saved, nothing = ended_and_decided(world, NAME, OPTED_IN), never_launched(world, "other", OPTED_IN)
    world.changed(nothing, lambda inputs: inputs)
    for job in (saved, nothing):
        again = world.decide(job)
        assert (again.decision.action, again.assumptions) == (Action.RESUBMIT, ())
    world.changed(saved, lambda inputs: inputs, checkpoint=None, made_progress=False)
    again = world.decide(saved)
    assert (again.decision.action, again.assumptions) == (Action.REFUSE, ())
    assert "nothing to resume from" in again.decision.reason


def test_a_writer_an_obstacle_and_a_refused_pool_of_then_count() -> None:
    world = World()
    job = ended_and_decided(world, NAME, OPTED_IN)
    world.changed(job, lambda inputs: inputs | {"overlapping_jobs": "other-1, other-2"})
    assert "overlapping checkpoint location: other-1, other-2" in world.decide(job).decision.reason
    world.changed(job, lambda inputs: {k: v for k, v in inputs.items() if k != "overlapping_jobs"})
    world.changed(job, lambda inputs: inputs | {"obstacles": "it was deleted"})
    assert world.decide(job).decision.reason == "cannot be created again: it was deleted"
    world.changed(job, lambda inputs: {k: v for k, v in inputs.items() if k != "obstacles"})
    refused = RefusedPool(market="spot", instance_type=None, why="its quota is 0 (us; east)")  # type: ignore[arg-type]
    world.changed(job, lambda inputs: inputs | {"refused_pools": str(refused)})
    ladder = AccountPolicy(defaults=Policy(resume=True, ladder=parse_ladder("spot:3 on-demand:1")))
    again = world.decide(job, ladder)
    assert again.decision.placement is not None
    assert again.decision.placement.market == "on-demand"


@pytest.mark.parametrize("types", [("ml.g5.2xlarge",), (None,), ("ml.g5.2xlarge", None, "ml.g5.xlarge/ml.g6.xlarge")])
def test_refused_pools_are_read_as_they_were_written(types: tuple[str | None, ...]) -> None:
    pools = [RefusedPool(market="spot", instance_type=each, why="a quota; of (0)") for each in types]  # type: ignore[arg-type]
    assert list(refused_pools("; ".join(map(str, pools)))) == pools
    assert refused_pools("") == ()


def test_unknown_tags_are_an_assumption_if_a_rule_or_an_owner_may_ask() -> None:
    world = World()
    job = never_launched(world, NAME, {})
    state, version = world.ledger.states[job]
    world.ledger.states[job] = replace(state, tags=None), version
    again = world.decide(job)
    assert again.decision.action is Action.RESUBMIT
    assert again.assumptions == ("that it has no tags: the ledger does not know them",)
    assert not world.decide(job, NO_RESUME).assumptions
    by_tag = AccountPolicy(rules=(Rule(name="vision", tags={"team": "vision"}, settings={"resume": True}),))
    assert world.decide(job, by_tag).assumptions


def test_a_wait_limit_that_the_job_outlasted_is_said() -> None:
    """With this policy the job might have been stopped long before; that is not tested."""
    world = World()
    job = never_launched(world, NAME, {})
    limited = replace(
        RESUME.defaults, ladder=parse_ladder("spot:1 on-demand:1"), give_up_waiting_after=timedelta(hours=2)
    )
    again = world.decide(job, AccountPolicy(defaults=limited))
    assert again.assumptions == ("that it ended as it did: it waited for 6 h 00 min, and the wait limit is 2 h 00 min",)
    patient = replace(limited, give_up_waiting_after=timedelta(hours=7))
    assert not world.decide(job, AccountPolicy(defaults=patient)).assumptions


# --- when it is decided, and by what


def test_a_pause_is_waited_for() -> None:
    world = World()
    job = never_launched(world, NAME, OPTED_IN)
    again = world.decide(job)
    assert again.decision.action is Action.RESUBMIT
    assert again.paused
    assert timedelta(minutes=2) < again.decided_at - world.replay(job).past.ended <= timedelta(minutes=5)


def test_the_rule_and_the_sources_are_named() -> None:
    world = World()
    job = never_launched(world, NAME, {"team": "vision", "respot:max-attempts": "2"})
    rules = (
        Rule(name="others", job_name="no-*", settings={"resume": False}),
        Rule(name="vision", tags={"team": "vis*"}, settings={"resume": True}),
        Rule(name="later", job_name="*", settings={"resume": False}),
    )
    again = world.decide(job, AccountPolicy(rules=rules))
    assert again.rule == "vision"
    assert again.sources == ("defaults", "rule 'vision'", "tags respot:max-attempts")
    assert again.decision.action is Action.RESUBMIT
    assert world.decide(job, NO_RESUME).rule is None


def test_a_job_that_was_deleted_later_is_decided_on_as_it_ended() -> None:
    world = World()
    job = ended_and_decided(world, NAME, OPTED_IN)
    world.clock.pass_by(timedelta(days=1))
    world.sagemaker.move(NAME, DELETING)
    world.observe(NAME)
    assert world.ledger.load(job).state is not None
    again = world.decide(job)
    assert again.decision.action is Action.RESUBMIT
    assert why_different(world.replay(job), RESUME, again) is None


def test_the_budgets_count_the_attempts_that_there_were() -> None:
    world = World()
    first = never_launched(world, NAME, OPTED_IN)
    second = world.sagemaker.jobs[f"{NAME}-r2"].state.job
    world.observe(second.name)
    world.clock.pass_by(timedelta(hours=6))
    world.sagemaker.move(second.name, "MaxWaitTimeExceeded")
    world.observe(second.name)
    two = AccountPolicy(defaults=Policy(resume=True, max_attempts=2))
    assert world.decide(first, two).decision.action is Action.RESUBMIT
    again = world.decide(second, two)
    assert again.decision.action is Action.REFUSE
    assert again.decision.reason == "all 2 attempts are spent"


@pytest.mark.parametrize(("days", "source"), [(-1, "p95 of 12 jobs with this image"), (1, "nothing better is known")])
def test_only_what_was_measured_until_then_counts(days: int, source: str) -> None:
    """The starts of later jobs say nothing about what was known."""
    world = World()
    job = never_launched(world, NAME, {}, image="an image")
    pool = StartPool(region=job.region, instance_type="ml.g5.2xlarge", image="an image")
    sample = StartSample(took=timedelta(minutes=7), seen=world.clock() + timedelta(days=days))
    for number in range(12):
        world.starts.remember(MeasuredStart(job=replace(job, name=f"job-{number}"), pool=pool, sample=sample))
    late = AccountPolicy(defaults=Policy(resume=True, deadline=timedelta(hours=20)))
    assert source in world.decide(job, late).decision.inputs["restart_overhead"]


# --- why today's policy decides otherwise


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"ended": "2026"}, "what ended before Respot watched was left alone"),
        ({"ending": "Deleting/Deleting"}, "the ledger knew another end then: Deleting/Deleting"),
        ({"policy": "defaults, rule 'old'"}, "another policy or other tags counted then: defaults, rule 'old'"),
        ({"policy": "defaults"}, "the settings of the policy, or of the job's tags, were others then"),
    ],
)
def test_a_difference_has_its_reason(inputs: dict[str, str], words: str) -> None:
    world = World()
    job = never_launched(world, NAME, {})
    world.changed(job, lambda _: inputs)
    replay = world.replay(job)
    assert why_different(replay, RESUME, replay.decide(RESUME)) == words
    assert why_different(replay, NO_RESUME, replay.decide(NO_RESUME)) is None


def test_a_decision_that_came_late_says_so() -> None:
    world = World()
    world.turn_switch(on=True)
    job = never_launched(world, NAME, OPTED_IN)
    world.clock.pass_by(timedelta(days=4))
    world.recover(job)
    replay = world.replay(job)
    difference = why_different(replay, RESUME, replay.decide(RESUME))
    assert difference is not None
    assert difference.startswith("it was decided 4 d 00 h after the end")


# --- many jobs


def stores(world: World) -> Stores:
    return Stores(index=world.ledger, jobs=world.ledger, runs=world.runs, starts=world.starts)


def test_nothing_is_written() -> None:
    """Stores that know no other call than those that read: what is not there cannot be called."""
    world = World()
    jobs = [never_launched(world, "a", {}), ended_and_decided(world, "b", OPTED_IN)]
    allowed = {"changed", "state_of", "load", "newest"}
    of_runs = {"decision", "outcome", "stop_intent", "attempts", "attempts_named", "recovery_records"}

    class OnlyReads:
        def __init__(self, store: object, names: set[str]) -> None:
            self._store, self._names = store, names

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            assert name in self._names, f"{name} does not only read"
            return getattr(self._store, name)

    ledger: Any = OnlyReads(world.ledger, allowed)
    runs: Any = OnlyReads(world.runs, of_runs)
    starts: Any = OnlyReads(world.starts, allowed)
    guarded = Stores(index=ledger, jobs=ledger, runs=runs, starts=starts)
    before = world.ledger.writes, dict(world.runs.decisions), dict(world.runs.outcomes)
    late = AccountPolicy(defaults=Policy(resume=True, deadline=timedelta(hours=20)))
    comparison = Comparison(stores=guarded, today=NO_RESUME, proposed=late)
    (page,) = comparison.pages(since=world.clock() - timedelta(days=9), until=world.clock(), region=None)
    assert [each.job for each in page.found] == jobs
    assert (world.ledger.writes, world.runs.decisions, world.runs.outcomes) == before


def test_the_tally_counts_what_would_have_been_resumed() -> None:
    world = World()
    jobs = [
        never_launched(world, "a", {}),
        ended_and_decided(world, "b", {}),
        never_launched(world, "c", OPTED_IN),
        never_launched(world, "d", {"respot:resume": "off"}),
    ]
    comparison = Comparison(stores=stores(world), today=NO_RESUME, proposed=RESUME)
    compared = [each for job in jobs if isinstance(each := comparison.one(job), Compared)]
    counted = tally(compared)
    assert (counted.jobs, counted.then, counted.today, counted.proposed) == (4, 1, 1, 3)
    assert (counted.assuming, counted.changed) == (1, 2)
    unknown = Comparison(stores=stores(world), today=None, proposed=RESUME)
    compared = [each for job in jobs if isinstance(each := unknown.one(job), Compared)]
    assert tally(compared).today is None


def test_a_dry_run_resumes_nothing() -> None:
    world = World()
    job = never_launched(world, NAME, {})
    dry = world.decide(job, AccountPolicy(defaults=Policy(resume=True, dry_run=True)))
    assert dry.decision.action is Action.RESUBMIT
    assert not dry.resumes
    assert not dry.is_like(world.decide(job))
