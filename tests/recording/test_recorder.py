from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.errors import (
    LedgerContentionError,
    LedgerUnavailableError,
    MalformedMessageError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId, JobSnapshot, Owner, Parent
from respot.recording.observation import Observation, RecheckRequest, parse, write_recheck
from respot.recording.recorder import Recorded, Recorder
from tests.support.builders import (
    CREATED,
    NAME,
    REGION,
    arn_of,
    at,
    event,
    history,
    job_id,
    message,
    milliseconds,
    snapshot,
    transition,
)
from tests.support.faulty import FaultyJobs, FaultyLedger, ProcessCrashError
from tests.support.memory import MemoryLedger

SEEN = "Starting=0 Downloading=250 Training=390 Interrupted=3720"
ENDED = f"{SEEN} Starting=3760 Stopping=21605 MaxWaitTimeExceeded=21620"
JOB = job_id()


def observation(status: str = "Training", seconds: float = 390, **detail: Any) -> Observation:  # noqa: ANN401
    return parse(message(event(status, seconds, **detail)).body)


def seen(jobs: FaultyJobs, look: JobSnapshot | None, name: str = NAME) -> None:
    """From now on, SageMaker answers this."""
    if look is None:
        jobs.snapshots.pop((REGION, name), None)
    else:
        jobs.snapshots[REGION, name] = look


class Environment:
    """A recorder on twins."""

    def __init__(self) -> None:
        self.jobs = FaultyJobs()
        self.memory = MemoryLedger(created=CREATED)
        self.ledger = FaultyLedger(ledger=self.memory)
        self.recorder = Recorder(jobs=self.jobs, ledger=self.ledger)

    def record(self, look: JobSnapshot | None, *observations: Observation) -> tuple[Recorded, ...]:
        seen(self.jobs, look)
        return self.recorder.record(REGION, NAME, observations or (observation(),))


@pytest.fixture
def env() -> Environment:
    return Environment()


# --- what is written ------------------------------------------------------------------------------------------------


def test_one_event_heals_all_that_were_lost_before_it(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    (recorded,) = env.record(snapshot(ENDED))
    assert recorded.inserted == history(ENDED)[1:]
    assert env.memory.load(JOB).transitions == history(ENDED)


def test_a_new_transition_costs_two_writes_at_most(env: Environment) -> None:
    env.record(snapshot("Starting=0 Downloading=250"))
    before = env.memory.writes
    env.record(snapshot("Starting=0 Downloading=250 Training=390"))
    assert env.memory.writes - before == 2


def test_a_duplicate_costs_no_write(env: Environment) -> None:
    env.record(snapshot(SEEN))
    before = env.memory.writes
    (recorded,) = env.record(snapshot(SEEN))
    assert env.memory.writes == before
    assert env.ledger.saves == 1
    assert recorded == Recorded(job=JOB, inserted=(), state_changed=False)


def test_a_late_event_never_takes_a_job_back(env: Environment) -> None:
    env.record(snapshot(ENDED))
    after = env.memory.load(JOB)
    env.record(snapshot("Starting=0 Downloading=250", last_modified=at(99_999)))
    assert env.memory.load(JOB) == after


def test_deleting_comes_after_the_end_and_keeps_all_that_was_known(env: Environment) -> None:
    env.record(snapshot(ENDED))
    env.record(snapshot(ENDED, status="Deleting", last_modified=at(90_000)))
    env.record(snapshot(ENDED, last_modified=at(99_000)))
    record = env.memory.load(JOB)
    assert record.state is not None
    assert record.state.status == "Deleting"
    assert record.transitions == history(ENDED)


# --- tags -----------------------------------------------------------------------------------------------------------


def test_tags_are_asked_for_once_when_the_job_is_new_and_once_when_it_has_ended(env: Environment) -> None:
    env.jobs.tags_by_arn[arn_of()] = {"team": "vision"}
    asked = []
    for look in ("Starting=0", "Starting=0 Downloading=250", SEEN, ENDED, ENDED):
        env.record(snapshot(look))
        asked.append(env.jobs.tags_asked)
    assert asked == [1, 1, 1, 2, 2]
    state = env.memory.load(JOB).state
    assert state is not None
    assert state.tags == {"team": "vision"}


def test_tags_that_changed_are_known_when_the_job_has_ended(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    env.jobs.tags_by_arn[arn_of()] = {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn:states"}
    env.record(snapshot(ENDED))
    state = env.memory.load(JOB).state
    assert state is not None
    assert state.parent == Parent(owner=Owner.STEP_FUNCTIONS, identifier="arn:states")


def test_sagemakers_own_parent_stands_before_that_of_the_tags(env: Environment) -> None:
    tuning = Parent(owner=Owner.TUNING, identifier="arn:tuning")
    env.jobs.tags_by_arn[arn_of()] = {"MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"}
    env.record(snapshot(SEEN, parent=tuning))
    state = env.memory.load(JOB).state
    assert state is not None
    assert state.parent == tuning


def test_a_job_deleted_between_description_and_tags_is_recorded_without_tags(env: Environment) -> None:
    env.jobs.deleted_arns.add(arn_of())
    env.record(snapshot(SEEN))
    state = env.memory.load(JOB).state
    assert state is not None
    assert state.tags is None


def test_tags_that_cannot_be_had_are_no_conclusion(env: Environment) -> None:
    env.jobs.tag_faults[arn_of()] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


# --- deleted jobs and names used again ------------------------------------------------------------------------------


def test_a_job_that_is_gone_is_recorded_from_its_event(env: Environment) -> None:
    env.record(None, observation("Interrupted", 3720.148))
    record = env.memory.load(JOB)
    assert record.transitions == (transition("Interrupted", 3720.148, provisional=True),)
    assert record.state is not None
    assert record.state.secondary_status == "Interrupted"


def test_the_events_of_a_job_that_is_gone_tell_the_same_in_any_order(env: Environment) -> None:
    observations = [
        observation("Interrupted", 3720),
        observation("Starting", 0),
        observation("Stopped", 9000),
        observation("Stopped", 9000),
    ]
    env.record(None, *observations)
    other = Environment()
    for each in reversed(observations):
        other.record(None, each)
    assert env.memory.load(JOB).state == other.memory.load(JOB).state
    assert env.memory.load(JOB).transitions == other.memory.load(JOB).transitions


def test_what_describe_told_before_the_deletion_is_kept(env: Environment) -> None:
    env.record(snapshot(SEEN))
    env.record(None, observation("Stopped", 9000))
    state = env.memory.load(JOB).state
    assert state is not None
    assert (state.status, state.market, state.checkpoint_uri) == (
        "Stopped",
        "spot",
        "s3://ml-bucket/checkpoints/spot-job/",
    )


def test_a_message_that_cannot_identify_a_job_that_is_gone_is_malformed(env: Environment) -> None:
    with pytest.raises(MalformedMessageError, match="knows no such job"):
        env.record(None, observation(CreationTime=None))
    assert env.memory.writes == 0


def test_one_witness_among_the_messages_is_enough(env: Environment) -> None:
    assert len(env.record(None, observation(CreationTime=None), observation("Interrupted", 3720))) == 1


def test_a_name_used_again_is_another_job(env: Environment) -> None:
    again = job_id(created=at(100_000))
    look = JobSnapshot(
        state=replace(snapshot("Starting=0").state, job=again, last_modified=at(100_000)),
        history=(transition("Starting", 100_000),),
    )
    first, second = env.record(look, observation("Stopped", 9000), observation("Starting", 0))[:2]
    assert (first.job, second.job) == (again, JOB)
    assert env.memory.find(REGION, NAME) == (again, JOB)
    assert [each.status for each in env.memory.load(JOB).transitions] == ["Starting", "Stopped"]
    assert env.memory.load(again).transitions == look.history


def test_an_event_of_the_described_job_needs_no_witness(env: Environment) -> None:
    recorded = env.record(snapshot(SEEN), observation("Interrupted", 3720.9), observation("Training", 390))
    assert len(recorded) == 1
    assert env.memory.load(JOB).transitions == history(SEEN)


@pytest.mark.parametrize("rounding", [0.037, 0.999, 1.0, -0.037, -1.0])
@pytest.mark.parametrize("first", ["event", "describe"])
def test_a_creation_that_event_and_describe_round_differently_is_one_job(
    env: Environment, rounding: float, first: str
) -> None:
    told = observation("Training", 390, CreationTime=milliseconds(at(rounding)))
    if first == "event":
        env.record(None, told)
        env.record(snapshot(SEEN), told)
    else:
        env.record(snapshot(SEEN), told)
        env.record(None, told)
    (job,) = env.memory.find(REGION, NAME)
    assert [transition.status for transition in env.memory.load(job).transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Interrupted",
    ]
    writes = env.memory.writes
    env.record(snapshot(SEEN), told)
    assert env.memory.writes == writes


@pytest.mark.parametrize("rounding", [0.0, 0.037, -0.037, 1.0, -1.0])
def test_an_event_recorded_first_and_described_later_is_one_stay(env: Environment, rounding: float) -> None:
    env.record(None, observation("Interrupted", 3720 + rounding))
    env.record(snapshot(SEEN))
    transitions = [transition.status for transition in env.memory.load(JOB).transitions]
    assert transitions.count("Interrupted") == 1
    assert sorted(transitions) == sorted(transition.status for transition in history(SEEN))


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_look_that_fails_is_no_conclusion(env: Environment) -> None:
    env.jobs.faults[NAME] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


@pytest.mark.parametrize("method", ["load", "save", "find"])
def test_a_ledger_that_is_down_is_said_to_be_down(env: Environment, method: str) -> None:
    env.ledger.faults[method] = LedgerUnavailableError("down")
    with pytest.raises(LedgerUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


@pytest.mark.parametrize("written", range(4))
def test_a_crash_between_the_state_and_its_stays_heals_at_the_next_look(env: Environment, written: int) -> None:
    env.ledger.dies_after = written
    with pytest.raises(ProcessCrashError):
        env.record(snapshot(SEEN))
    env.ledger.dies_after = None
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded.inserted == history(SEEN)[written:]
    assert env.memory.load(JOB).transitions == history(SEEN)


def test_two_recorders_that_race_both_get_their_say(env: Environment) -> None:
    """The other one sees less, and writes between this one's reading and its writing."""
    other = Recorder(jobs=FaultyJobs(), ledger=env.memory)
    other_jobs = other.jobs
    assert isinstance(other_jobs, FaultyJobs)
    seen(other_jobs, snapshot("Starting=0 Downloading=250"))
    env.ledger.first["save"] = lambda: other.record(REGION, NAME, ())
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded.inserted == history("Training=390 Interrupted=3720")
    assert env.memory.load(JOB).transitions == history(SEEN)
    state = env.memory.load(JOB).state
    assert state is not None
    assert state.secondary_status == "Interrupted"


def test_a_recorder_that_was_overtaken_by_a_newer_look_takes_nothing_back(env: Environment) -> None:
    newer = Recorder(jobs=FaultyJobs(), ledger=env.memory)
    newer_jobs = newer.jobs
    assert isinstance(newer_jobs, FaultyJobs)
    seen(newer_jobs, snapshot(ENDED))
    env.ledger.first["save"] = lambda: newer.record(REGION, NAME, ())
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded == Recorded(job=JOB, inserted=(), state_changed=False)
    assert env.memory.load(JOB).transitions == history(ENDED)


def test_a_recorder_that_always_loses_gives_up_and_says_so(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    rival = 1

    def overtake() -> None:
        nonlocal rival
        rival += 1
        state, version = env.memory.states[JOB]
        env.memory.states[JOB] = replace(state, last_modified=at(rival)), version + 1
        env.ledger.first["save"] = overtake

    env.ledger.first["save"] = overtake
    with pytest.raises(LedgerContentionError, match="5 attempts"):
        env.record(snapshot(SEEN))
    assert env.ledger.saves == 6


def test_waiting_since_creation_is_kept_to_the_millisecond(env: Environment) -> None:
    env.record(snapshot("Starting=0.001 Downloading=250.0369"))
    first, second = env.memory.load(JOB).transitions
    assert second.started - first.started == timedelta(seconds=250, microseconds=35_900)


# --- what the sweep asks for ----------------------------------------------------------------------------------------


def swept(*, since: float = 0, overdue: float = 99_999, missed: JobId | None = None) -> Observation:
    look = RecheckRequest(
        region=REGION,
        name=NAME,
        watched_since=at(since),
        overdue=at(overdue),
        missed=missed.created if missed else None,
    )
    return parse(write_recheck(look))


def test_what_the_sweep_alone_brings_was_told_by_no_event(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    (recorded,) = env.record(snapshot(SEEN), swept())
    assert recorded.untold == recorded.inserted == history(SEEN)[1:]


def test_what_began_before_the_region_was_watched_no_event_could_tell(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(since=390))
    assert recorded.inserted == history(SEEN)
    assert recorded.untold == history(SEEN)[2:]


def test_what_has_only_just_begun_may_have_an_event_on_its_way(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(overdue=390))
    assert recorded.inserted == history(SEEN)
    assert recorded.untold == history(SEEN)[:3]


def test_of_two_looks_asked_for_at_once_the_later_one_says_what_is_overdue(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(overdue=0), swept(overdue=390))
    assert recorded.untold == history(SEEN)[:3]


def test_what_an_event_tells_as_well_is_not_lost(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(), observation("Interrupted", 3720))
    assert recorded.inserted == history(SEEN)
    assert recorded.untold == ()


def test_a_job_that_vanishes_before_it_is_looked_at_is_no_fault_of_the_sweep(env: Environment) -> None:
    assert env.record(None, swept()) == ()


@pytest.mark.parametrize("instead", [None, snapshot("Starting=9000", job=job_id(created=at(9000)))])
def test_a_live_job_that_list_and_describe_lack_was_deleted(env: Environment, instead: JobSnapshot | None) -> None:
    env.record(snapshot(SEEN))
    env.record(instead, swept(missed=JOB))
    record = env.memory.load(JOB)
    assert record.state is not None
    assert (record.state.status, record.state.secondary_status) == ("Deleting", "Interrupted")
    assert record.state.last_modified == at(99_999)  # lately changed: so the sweep comes back to have it decided on
    assert record.transitions == history(SEEN)


def test_a_live_job_that_the_list_lacks_and_describe_has_stays_alive(env: Environment) -> None:
    env.record(snapshot(SEEN))
    (recorded,) = env.record(snapshot(SEEN), swept(missed=JOB))
    assert (recorded.inserted, recorded.state_changed) == ((), False)


def test_a_job_that_had_ended_keeps_its_end(env: Environment) -> None:
    env.record(snapshot(ENDED))
    assert env.record(None, swept(missed=JOB)) == ()
    record = env.memory.load(JOB)
    assert record.state is not None
    assert record.state.status == "Stopped"


def test_no_answer_is_no_absence(env: Environment) -> None:
    env.record(snapshot(SEEN))
    env.jobs.faults[NAME] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(None, swept(missed=JOB))
    record = env.memory.load(JOB)
    assert record.state is not None
    assert record.state.status == "InProgress"
