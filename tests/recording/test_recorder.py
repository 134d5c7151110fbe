from dataclasses import dataclass, replace
from typing import Any

import pytest

from respot.errors import (
    LedgerContentionError,
    LedgerUnavailableError,
    MalformedMessageError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId, JobSnapshot, JobState, Owner, Parent, Transition
from respot.recording.observation import Observation, SweepObservation, parse
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
from tests.support.memory import MemoryLedger, MemoryTrainingJobs
from tests.support.with_hooks import Hooks, ProcessCrashError, with_hooks

SEEN = "Starting=0 Downloading=250 Training=390 Interrupted=3720"
ENDED = f"{SEEN} Starting=3760 Stopping=21605 MaxWaitTimeExceeded=21620"
JOB = job_id()


def observation(status: str = "Training", seconds: float = 390, **detail: Any) -> Observation:  # noqa: ANN401
    return parse(message(event(status, seconds, **detail)).body)


@dataclass(slots=True, kw_only=True)
class DyingLedger(MemoryLedger):
    """A ledger whose process dies after it has written this many transitions."""

    dies_after: int | None = None

    def save_transition(self, job: JobId, transition: Transition, *, is_new: bool) -> bool:
        if self.dies_after == len(self.transitions[job]):
            raise ProcessCrashError
        return MemoryLedger.save_transition(self, job, transition, is_new=is_new)


class Environment:
    """A recorder on fakes."""

    def __init__(self) -> None:
        self.jobs = MemoryTrainingJobs()
        self.memory = DyingLedger(created=CREATED)
        self.ledger = Hooks()
        self.recorder = Recorder(jobs=self.jobs, ledger=with_hooks(self.memory, self.ledger.gate))

    def record(self, described: JobSnapshot | None, *observations: Observation) -> tuple[Recorded, ...]:
        """Record observations while SageMaker returns this."""
        self.jobs.snapshots = {(REGION, NAME): described} if described else {}
        return self.recorder.record(REGION, NAME, observations or (observation(),))

    def overtaken_by(self, described: JobSnapshot) -> None:
        """Another recorder records this between the read and the write of the next one."""
        rival = Recorder(jobs=MemoryTrainingJobs(snapshots={(REGION, NAME): described}), ledger=self.memory)
        self.ledger.before["save"] = lambda: rival.record(REGION, NAME, ())

    @property
    def state(self) -> JobState:
        """The job's state in the ledger."""
        state = self.memory.load(JOB).state
        assert state
        return state

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """Its transitions there."""
        return self.memory.load(JOB).transitions


@pytest.fixture
def env() -> Environment:
    return Environment()


# --- what is written ------------------------------------------------------------------------------------------------


def test_one_event_recovers_all_that_were_lost_before_it(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    before = env.memory.writes
    (recorded,) = env.record(snapshot(ENDED))
    assert recorded.inserted == history(ENDED)[1:]
    assert env.transitions == history(ENDED)
    assert env.memory.writes - before == len(recorded.inserted) + 1


def test_a_duplicate_costs_no_write(env: Environment) -> None:
    env.record(snapshot(SEEN))
    before = env.memory.writes
    (recorded,) = env.record(snapshot(SEEN))
    assert env.memory.writes == before
    assert env.ledger.calls.count("save") == 1
    assert recorded == Recorded(job=JOB, inserted=(), state_changed=False)


# --- tags -----------------------------------------------------------------------------------------------------------


def test_tags_are_read_when_the_job_is_new_and_when_it_has_ended(env: Environment) -> None:
    asked = []
    for described in ("Starting=0", "Starting=0 Downloading=250", SEEN, ENDED, ENDED):
        env.record(snapshot(described))
        asked.append(env.jobs.tags_asked)
        env.jobs.tags_by_arn[arn_of()] = {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn:states"}
    assert asked == [1, 1, 1, 2, 2]
    assert env.state.tags == {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn:states"}
    assert env.state.parent == Parent(owner=Owner.STEP_FUNCTIONS, identifier="arn:states")


def test_sagemakers_own_parent_has_priority_over_that_of_the_tags(env: Environment) -> None:
    tuning = Parent(owner=Owner.TUNING, identifier="arn:tuning")
    env.jobs.tags_by_arn[arn_of()] = {"MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"}
    env.record(snapshot(SEEN, parent=tuning))
    assert env.state.parent == tuning


def test_a_job_deleted_between_description_and_tags_is_recorded_without_tags(env: Environment) -> None:
    env.jobs.deleted_arns.add(arn_of())
    env.record(snapshot(SEEN))
    assert env.state.tags is None


@pytest.mark.parametrize("call", ["describe", "tags"])
def test_nothing_is_written_if_sagemaker_does_not_answer(env: Environment, call: str) -> None:
    faults, of = (env.jobs.faults, NAME) if call == "describe" else (env.jobs.tag_faults, arn_of())
    faults[of] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


# --- deleted jobs and names used again ------------------------------------------------------------------------------


def test_a_deleted_job_is_recorded_from_its_event(env: Environment) -> None:
    env.record(None, observation("Interrupted", 3720.148))
    assert env.transitions == (transition("Interrupted", 3720.148, provisional=True),)
    assert env.state.secondary_status == "Interrupted"


def test_a_deleted_jobs_events_give_the_same_result_in_any_order(env: Environment) -> None:
    reports = [("Interrupted", 3720), ("Starting", 0), ("Stopped", 9000), ("Stopped", 9000)]
    observations = [observation(status, seconds) for status, seconds in reports]
    env.record(None, *observations)
    other = Environment()
    for each in reversed(observations):
        other.record(None, each)
    assert (env.state, env.transitions) == (other.state, other.transitions)


def test_what_describe_returned_before_the_deletion_is_kept(env: Environment) -> None:
    env.record(snapshot(SEEN))
    env.record(None, observation("Stopped", 9000))
    assert (env.state.status, env.state.market) == ("Stopped", "spot")
    assert env.state.checkpoint_uri == "s3://ml-bucket/checkpoints/spot-job/"


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
@pytest.mark.parametrize("described", [(None, snapshot(SEEN)), (snapshot(SEEN), None)], ids=["event", "describe"])
def test_a_creation_time_rounded_differently_is_one_job(
    env: Environment, rounding: float, described: tuple[JobSnapshot | None, ...]
) -> None:
    from_event = observation("Training", 390, CreationTime=milliseconds(at(rounding)))
    for each in described:
        env.record(each, from_event)
    (job,) = env.memory.find(REGION, NAME)
    statuses = [transition.status for transition in env.memory.load(job).transitions]
    assert statuses == ["Starting", "Downloading", "Training", "Interrupted"]
    writes = env.memory.writes
    env.record(snapshot(SEEN), from_event)
    assert env.memory.writes == writes


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["load", "save", "find"])
def test_an_unavailable_ledger_raises(env: Environment, method: str) -> None:
    env.ledger.faults[method] = LedgerUnavailableError("down")
    with pytest.raises(LedgerUnavailableError):
        env.record(snapshot(SEEN))
    assert env.memory.writes == 0


@pytest.mark.parametrize("written", range(4))
def test_a_crash_before_the_transitions_is_corrected_by_the_next_describe(env: Environment, written: int) -> None:
    env.memory.dies_after = written
    with pytest.raises(ProcessCrashError):
        env.record(snapshot(SEEN))
    env.memory.dies_after = None
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded.inserted == history(SEEN)[written:]
    assert env.transitions == history(SEEN)


def test_two_racing_recorders_both_write_what_they_saw(env: Environment) -> None:
    env.overtaken_by(snapshot("Starting=0 Downloading=250"))
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded.inserted == history("Training=390 Interrupted=3720")
    assert env.transitions == history(SEEN)
    assert env.state.secondary_status == "Interrupted"


def test_a_recorder_overtaken_by_a_newer_snapshot_changes_nothing(env: Environment) -> None:
    env.overtaken_by(snapshot(ENDED))
    (recorded,) = env.record(snapshot(SEEN))
    assert recorded == Recorded(job=JOB, inserted=(), state_changed=False)
    assert env.transitions == history(ENDED)


def test_a_recorder_that_always_loses_the_race_raises(env: Environment) -> None:
    env.record(snapshot("Starting=0"))
    rival = 1

    def overtake() -> None:
        nonlocal rival
        rival += 1
        state, version = env.memory.states[JOB]
        env.memory.states[JOB] = replace(state, last_modified=at(rival)), version + 1
        env.ledger.before["save"] = overtake

    env.ledger.before["save"] = overtake
    with pytest.raises(LedgerContentionError, match="5 attempts"):
        env.record(snapshot(SEEN))
    assert env.ledger.calls.count("save") == 6


# --- observations of the sweep --------------------------------------------------------------------------------------


def swept(*, since: float = 0, due: float = 99_999, unlisted: JobId | None = None) -> SweepObservation:
    return SweepObservation(
        region=REGION,
        name=NAME,
        watched_since=at(since),
        event_due_by=at(due),
        unlisted=unlisted.created if unlisted else None,
    )


@pytest.mark.parametrize(
    ("sweeps", "missed"),
    [
        pytest.param((swept(),), history(SEEN), id="only the sweep found them"),
        pytest.param((swept(since=390),), history(SEEN)[2:], id="not what began before the region was watched"),
        pytest.param((swept(due=390),), history(SEEN)[:3], id="not what has just begun"),
        pytest.param((swept(due=0), swept(due=390)), history(SEEN)[:3], id="of two the later due time"),
        pytest.param((swept(since=390), swept(since=0)), history(SEEN)[2:], id="of two the later watch"),
    ],
)
def test_transitions_that_an_event_should_have_reported_were_missed(
    env: Environment, sweeps: tuple[SweepObservation, ...], missed: tuple[Transition, ...]
) -> None:
    (recorded,) = env.record(snapshot(SEEN), *sweeps)
    assert recorded.inserted == history(SEEN)
    assert recorded.missed_by_events == missed


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
    assert (env.state.status, env.state.secondary_status) == ("Deleting", "Interrupted")
    assert env.state.last_modified == at(99_999)  # recent: the sweep checks it, and recovery decides on it
    assert env.transitions == history(SEEN)


def test_a_job_that_the_list_lacks_and_describe_has_is_alive(env: Environment) -> None:
    env.record(snapshot(SEEN))
    (recorded,) = env.record(snapshot(SEEN), swept(unlisted=JOB))
    assert (recorded.inserted, recorded.state_changed) == ((), False)


def test_a_job_that_had_ended_keeps_its_end(env: Environment) -> None:
    env.record(snapshot(ENDED))
    (recorded,) = env.record(None, swept(unlisted=JOB))
    assert (recorded.inserted, recorded.state_changed) == ((), False)
    assert env.state.status == "Stopped"


def test_no_answer_does_not_mean_deleted(env: Environment) -> None:
    env.record(snapshot(SEEN))
    env.jobs.faults[NAME] = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.record(None, swept(unlisted=JOB))
    assert env.state.status == "InProgress"
