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
from respot.recording.observation import Observation, SweepObservation, parse, write_recheck
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


def seen(jobs: FaultyJobs, described: JobSnapshot | None, name: str = NAME) -> None:
    """SageMaker returns this from now on."""
    if described is None:
        jobs.snapshots.pop((REGION, name), None)
    else:
        jobs.snapshots[REGION, name] = described


class Environment:
    """A recorder on fakes."""

    def __init__(self) -> None:
        self.jobs = FaultyJobs()
        self.memory = MemoryLedger(created=CREATED)
        self.ledger = FaultyLedger(ledger=self.memory)
        self.recorder = Recorder(jobs=self.jobs, ledger=self.ledger)

    def record(self, described: JobSnapshot | None, *observations: Observation) -> tuple[Recorded, ...]:
        seen(self.jobs, described)
        return self.recorder.record(REGION, NAME, observations or (observation(),))


@pytest.fixture
def env() -> Environment:
    return Environment()


# --- what is written ------------------------------------------------------------------------------------------------


def test_one_event_recovers_all_that_were_lost_before_it(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    (recorded,) = env.record(snapshot(ENDED))
    assert recorded.inserted == history(ENDED)[1:]
    assert env.memory.load(JOB).transitions == history(ENDED)


def test_a_new_transition_costs_at_most_two_writes(env: Environment) -> None:
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


def test_a_late_event_never_moves_a_job_back(env: Environment) -> None:
    env.record(snapshot(ENDED))
    after = env.memory.load(JOB)
    env.record(snapshot("Starting=0 Downloading=250", last_modified=at(99_999)))
    assert env.memory.load(JOB) == after


def test_deleting_follows_the_end_and_keeps_what_was_known(env: Environment) -> None:
    env.record(snapshot(ENDED))
    env.record(snapshot(ENDED, status="Deleting", last_modified=at(90_000)))
    env.record(snapshot(ENDED, last_modified=at(99_000)))
    record = env.memory.load(JOB)
    assert record.state is not None
    assert record.state.status == "Deleting"
    assert record.transitions == history(ENDED)


# --- tags -----------------------------------------------------------------------------------------------------------


def test_tags_are_read_when_the_job_is_new_and_when_it_has_ended(env: Environment) -> None:
    env.jobs.tags_by_arn[arn_of()] = {"team": "vision"}
    asked = []
    for described in ("Starting=0", "Starting=0 Downloading=250", SEEN, ENDED, ENDED):
        env.record(snapshot(described))
        asked.append(env.jobs.tags_asked)
    assert asked == [1, 1, 1, 2, 2]
    state = env.memory.load(JOB).state
    assert state is not None
    assert state.tags == {"team": "vision"}


def test_changed_tags_are_known_when_the_job_has_ended(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    env.jobs.tags_by_arn[arn_of()] = {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn:states"}
    env.record(snapshot(ENDED))
    state = env.memory.load(JOB).state
    assert state is not None
    assert state.parent == Parent(owner=Owner.STEP_FUNCTIONS, identifier="arn:states")


def test_sagemakers_own_parent_has_priority_over_that_of_the_tags(env: Environment) -> None:
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


def test_nothing_is_written_if_the_tags_cannot_be_read(env: Environment) -> None:
    env.jobs.tag_faults[arn_of()] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


# --- deleted jobs and names used again ------------------------------------------------------------------------------


def test_a_deleted_job_is_recorded_from_its_event(env: Environment) -> None:
    env.record(None, observation("Interrupted", 3720.148))
    record = env.memory.load(JOB)
    assert record.transitions == (transition("Interrupted", 3720.148, provisional=True),)
    assert record.state is not None
    assert record.state.secondary_status == "Interrupted"


def test_a_deleted_jobs_events_give_the_same_result_in_any_order(env: Environment) -> None:
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


def test_what_describe_returned_before_the_deletion_is_kept(env: Environment) -> None:
    env.record(snapshot(SEEN))
    env.record(None, observation("Stopped", 9000))
    state = env.memory.load(JOB).state
    assert state is not None
    assert (state.status, state.market, state.checkpoint_uri) == (
        "Stopped",
        "spot",
        "s3://ml-bucket/checkpoints/spot-job/",
    )


def test_a_message_that_cannot_identify_a_deleted_job_is_malformed(env: Environment) -> None:
    with pytest.raises(MalformedMessageError, match="knows no such job"):
        env.record(None, observation(CreationTime=None))
    assert env.memory.writes == 0


def test_one_event_that_identifies_a_deleted_job_is_enough(env: Environment) -> None:
    assert len(env.record(None, observation(CreationTime=None), observation("Interrupted", 3720))) == 1


def test_a_name_used_again_is_another_job(env: Environment) -> None:
    again = job_id(created=at(100_000))
    described = JobSnapshot(
        state=replace(snapshot("Starting=0").state, job=again, last_modified=at(100_000)),
        history=(transition("Starting", 100_000),),
    )
    first, second = env.record(described, observation("Stopped", 9000), observation("Starting", 0))[:2]
    assert (first.job, second.job) == (again, JOB)
    assert env.memory.find(REGION, NAME) == (again, JOB)
    assert [each.status for each in env.memory.load(JOB).transitions] == ["Starting", "Stopped"]
    assert env.memory.load(again).transitions == described.history


def test_an_event_of_the_described_job_records_no_other_job(env: Environment) -> None:
    recorded = env.record(snapshot(SEEN), observation("Interrupted", 3720.9), observation("Training", 390))
    assert len(recorded) == 1
    assert env.memory.load(JOB).transitions == history(SEEN)


@pytest.mark.parametrize("rounding", [0.037, 0.999, 1.0, -0.037, -1.0])
@pytest.mark.parametrize("first", ["event", "describe"])
def test_a_creation_time_rounded_differently_is_one_job(env: Environment, rounding: float, first: str) -> None:
    from_event = observation("Training", 390, CreationTime=milliseconds(at(rounding)))
    if first == "event":
        env.record(None, from_event)
        env.record(snapshot(SEEN), from_event)
    else:
        env.record(snapshot(SEEN), from_event)
        env.record(None, from_event)
    (job,) = env.memory.find(REGION, NAME)
    assert [transition.status for transition in env.memory.load(job).transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Interrupted",
    ]
    writes = env.memory.writes
    env.record(snapshot(SEEN), from_event)
    assert env.memory.writes == writes


@pytest.mark.parametrize("rounding", [0.0, 0.037, -0.037, 1.0, -1.0])
def test_an_event_recorded_before_describe_is_one_transition(env: Environment, rounding: float) -> None:
    env.record(None, observation("Interrupted", 3720 + rounding))
    env.record(snapshot(SEEN))
    transitions = [transition.status for transition in env.memory.load(JOB).transitions]
    assert transitions.count("Interrupted") == 1
    assert sorted(transitions) == sorted(transition.status for transition in history(SEEN))


# --- failures -------------------------------------------------------------------------------------------------------


def test_nothing_is_written_if_describe_fails(env: Environment) -> None:
    env.jobs.faults[NAME] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


@pytest.mark.parametrize("method", ["load", "save", "find"])
def test_an_unavailable_ledger_raises(env: Environment, method: str) -> None:
    env.ledger.faults[method] = LedgerUnavailableError("down")
    with pytest.raises(LedgerUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


@pytest.mark.parametrize("written", range(4))
def test_a_crash_before_the_transitions_is_corrected_by_the_next_describe(env: Environment, written: int) -> None:
    env.ledger.dies_after = written
    with pytest.raises(ProcessCrashError):
        env.record(snapshot(SEEN))
    env.ledger.dies_after = None
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded.inserted == history(SEEN)[written:]
    assert env.memory.load(JOB).transitions == history(SEEN)


def test_two_racing_recorders_both_write_what_they_saw(env: Environment) -> None:
    """The other one sees less. It writes between this one's read and write."""
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


def test_a_recorder_overtaken_by_a_newer_snapshot_changes_nothing(env: Environment) -> None:
    newer = Recorder(jobs=FaultyJobs(), ledger=env.memory)
    newer_jobs = newer.jobs
    assert isinstance(newer_jobs, FaultyJobs)
    seen(newer_jobs, snapshot(ENDED))
    env.ledger.first["save"] = lambda: newer.record(REGION, NAME, ())
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded == Recorded(job=JOB, inserted=(), state_changed=False)
    assert env.memory.load(JOB).transitions == history(ENDED)


def test_a_recorder_that_always_loses_the_race_raises(env: Environment) -> None:
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


def test_times_are_kept_to_the_millisecond(env: Environment) -> None:
    env.record(snapshot("Starting=0.001 Downloading=250.0369"))
    first, second = env.memory.load(JOB).transitions
    assert second.started - first.started == timedelta(seconds=250, microseconds=35_900)


# --- observations of the sweep --------------------------------------------------------------------------------------


def swept(*, since: float = 0, due: float = 99_999, unlisted: JobId | None = None) -> Observation:
    observation = SweepObservation(
        region=REGION,
        name=NAME,
        watched_since=at(since),
        event_due_by=at(due),
        unlisted=unlisted.created if unlisted else None,
    )
    return parse(write_recheck(observation))


def test_transitions_that_only_the_sweep_found_were_missed_by_events(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    (recorded,) = env.record(snapshot(SEEN), swept())
    assert recorded.missed_by_events == recorded.inserted == history(SEEN)[1:]


def test_what_began_before_the_region_was_watched_was_not_missed(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(since=390))
    assert recorded.inserted == history(SEEN)
    assert recorded.missed_by_events == history(SEEN)[2:]


def test_what_has_just_begun_was_not_missed_yet(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(due=390))
    assert recorded.inserted == history(SEEN)
    assert recorded.missed_by_events == history(SEEN)[:3]


def test_of_two_sweep_observations_the_later_due_time_counts(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(due=0), swept(due=390))
    assert recorded.missed_by_events == history(SEEN)[:3]


def test_of_two_sweep_observations_the_later_watch_counts(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(since=390), swept(since=0))
    assert recorded.missed_by_events == history(SEEN)[2:]


def test_what_an_event_reports_as_well_was_not_missed(env: Environment) -> None:
    (recorded,) = env.record(snapshot(SEEN), swept(), observation("Interrupted", 3720))
    assert recorded.inserted == history(SEEN)
    assert recorded.missed_by_events == ()


def test_a_job_deleted_before_the_sweeps_describe_is_no_error(env: Environment) -> None:
    assert env.record(None, swept()) == ()


@pytest.mark.parametrize("instead", [None, snapshot("Starting=9000", job=job_id(created=at(9000)))])
def test_a_live_job_that_list_and_describe_lack_was_deleted(env: Environment, instead: JobSnapshot | None) -> None:
    env.record(snapshot(SEEN))
    env.record(instead, swept(unlisted=JOB))
    record = env.memory.load(JOB)
    assert record.state is not None
    assert (record.state.status, record.state.secondary_status) == ("Deleting", "Interrupted")
    assert record.state.last_modified == at(99_999)  # recent: the sweep checks it, and recovery decides on it
    assert record.transitions == history(SEEN)


def test_a_job_that_the_list_lacks_and_describe_has_is_alive(env: Environment) -> None:
    env.record(snapshot(SEEN))
    (recorded,) = env.record(snapshot(SEEN), swept(unlisted=JOB))
    assert (recorded.inserted, recorded.state_changed) == ((), False)


def test_a_job_that_had_ended_keeps_its_end(env: Environment) -> None:
    env.record(snapshot(ENDED))
    assert env.record(None, swept(unlisted=JOB)) == ()
    record = env.memory.load(JOB)
    assert record.state is not None
    assert record.state.status == "Stopped"


def test_no_answer_does_not_mean_deleted(env: Environment) -> None:
    env.record(snapshot(SEEN))
    env.jobs.faults[NAME] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(None, swept(unlisted=JOB))
    record = env.memory.load(JOB)
    assert record.state is not None
    assert record.state.status == "InProgress"
