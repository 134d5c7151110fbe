"""A fleet's month as a sample: runs on spot with interruptions, next attempts and checkpoints, the same each time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from respot.jobs.formatting import in_words
from respot.jobs.job import JobId, JobState, Market, Transition
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.run import RunId, run_id
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind
from respot.runs.run_state import RunAttempt
from tests.support.builders import PRIMARY, arn_of

NOW: Final = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Runs of one kind.

    Attributes:
        name: of its jobs, before the number.
        team: whose they are; `None` without a tag.
        region: where.
        instance_type: on what.
        count: on how many instances.
        hours: how much work each has, on average.
        hazard: interruptions per hour of training.
        wait: minutes until there are instances, on average.
        discount: of spot.
        weight: how many of the runs are of this kind.
    """

    name: str
    team: str | None
    region: str
    instance_type: str
    count: int = 1
    hours: float
    hazard: float
    wait: float
    discount: float
    weight: int


KINDS: Final = (
    Kind(
        name="resnet-nightly",
        team="vision",
        region="us-east-1",
        instance_type="ml.g5.2xlarge",
        hours=3.5,
        hazard=0.06,
        wait=6,
        discount=0.62,
        weight=6,
    ),
    Kind(
        name="detector-sweep",
        team="vision",
        region="us-east-1",
        instance_type="ml.g5.12xlarge",
        hours=7,
        hazard=0.09,
        wait=22,
        discount=0.66,
        weight=4,
    ),
    Kind(
        name="asr-conformer",
        team="speech",
        region="eu-west-1",
        instance_type="ml.p4d.24xlarge",
        count=2,
        hours=10,
        hazard=0.1,
        wait=75,
        discount=0.58,
        weight=3,
    ),
    Kind(
        name="wakeword-finetune",
        team="speech",
        region="eu-west-1",
        instance_type="ml.g5.2xlarge",
        hours=1.5,
        hazard=0.05,
        wait=5,
        discount=0.69,
        weight=5,
    ),
    Kind(
        name="ranker-daily",
        team="ranking",
        region="us-east-1",
        instance_type="ml.m5.4xlarge",
        count=4,
        hours=2.2,
        hazard=0.015,
        wait=3,
        discount=0.71,
        weight=7,
    ),
    Kind(
        name="ablation",
        team=None,
        region="us-east-1",
        instance_type="ml.g6.xlarge",
        hours=0.8,
        hazard=0.08,
        wait=9,
        discount=0.64,
        weight=3,
    ),
)


def sample(count: int = 150, *, days: int = 30, seed: int = 18, now: datetime = NOW) -> Iterator[Sequence[RunAttempt]]:
    """The attempts of so many runs that began in the days before `now`."""
    random = Random(seed)  # noqa: S311 - a sample
    for number in range(count):
        kind = random.choices(KINDS, [each.weight for each in KINDS])[0]
        age = timedelta(days=days) * (1 - (number + random.random()) / count)
        began = now - age
        yield _run(random, kind, f"{kind.name}-{began:%m%d}-{number:03}", began, now)


def identity_of(attempts: Sequence[RunAttempt]) -> RunId:
    """The run's id."""
    state = attempts[0].state
    if state is None:
        message = "a sample's first attempt has a state"
        raise ValueError(message)
    return run_id(state.job)


def _run(random: Random, kind: Kind, name: str, began: datetime, now: datetime) -> tuple[RunAttempt, ...]:
    work, saved, market, attempts = random.lognormvariate(0, 0.45) * kind.hours * _HOUR, 0.0, Market.SPOT, []
    fails = random.random() < 0.05
    created, first = began, None
    for attempt in range(1, 5):
        job = JobId(region=kind.region, name=name if attempt == 1 else f"{name}-r{attempt}", created=_rounded(created))
        first = first or job
        life = _Life(random, kind, job, market, work=work, saved=saved, fails=fails)
        life.live()
        transitions = tuple(each for each in life.transitions if each.started <= now)
        if not transitions:
            break
        state = life.state(transitions, now)
        row = RunAttempt(
            number=attempt, state=state, name=job.name, decision=None, outcome=None, transitions=transitions
        )
        ended = transitions[-1].ended_as is not None
        if not ended:
            attempts.append(row)
            break
        decision, outcome = _decided(first, job, attempt, life, transitions[-1])
        if decision.decided_at > now:
            attempts.append(row)
            break
        attempts.append(replace(row, decision=decision, outcome=outcome))
        if outcome is None:
            break
        saved = life.saved
        market = Market.ON_DEMAND if attempt >= 2 else Market.SPOT
        created = decision.decided_at + timedelta(seconds=20)
    return tuple(attempts)


def _rounded(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class _Life:
    """One job's life."""

    def __init__(
        self, random: Random, kind: Kind, job: JobId, market: Market, *, work: float, saved: float, fails: bool
    ) -> None:
        self._random, self._kind, self.job, self._market = random, kind, job, market
        self._work, self.saved, self._fails = work, saved, fails
        self._clock = 0.0
        self._held = 0.0
        self.transitions: list[Transition] = []
        self.checkpoint_at: datetime | None = None

    def live(self) -> None:
        is_spot = self._market is Market.SPOT
        longest_wait = 0.5 * _HOUR + 1.08 * self._work
        interval = 20 * _MINUTE
        self._enter("Starting")
        while True:
            busy = 1.6 if 13 <= (self.job.created + timedelta(seconds=self._clock)).hour <= 20 else 0.7
            again = 2.5 if len(self.transitions) > 1 else 1.0
            mean = self._kind.wait * _MINUTE * busy * again if is_spot else 2 * _MINUTE
            wait = self._random.expovariate(1 / mean) + 60
            if is_spot and self._clock + wait > longest_wait:
                self._clock = longest_wait
                self._enter("MaxWaitTimeExceeded", "Stopped")
                return
            self._clock += wait
            began = self._clock
            self._enter("DownloadingTrainingImage")
            self._clock += 35 + self._random.random() * 60
            self._enter("Downloading")
            self._clock += 70 + self._random.random() * 120
            self._enter("Training")
            left = self._work - self.saved
            lost_after = self._random.expovariate(self._kind.hazard) * _HOUR if is_spot else float("inf")
            if self._fails and lost_after > left * 0.4:
                self._clock += left * 0.4
                self._held += self._clock - began
                self._enter("Failed", "Failed")
                return
            if lost_after >= left:
                self._clock += left
                self.saved = self._work
                self._enter("Uploading")
                self._clock += 40 + self._random.random() * 60
                self._held += self._clock - began
                self._enter("Completed", "Completed")
                return
            self._clock += lost_after
            self._held += self._clock - began
            steps = int(lost_after // interval)
            if steps:
                self.saved += steps * interval
                at = self._clock - lost_after + steps * interval
                self.checkpoint_at = self.job.created + timedelta(seconds=at)
            self._enter("Interrupted")
            self._clock += 60
            self._enter("Starting")

    def _enter(self, status: str, ended_as: str | None = None) -> None:
        started = _rounded(self.job.created + timedelta(seconds=self._clock))
        self.transitions.append(Transition(status=status, started=started, ended_as=ended_as))

    def state(self, transitions: Sequence[Transition], now: datetime) -> JobState:
        last = transitions[-1]
        ended = last.ended_as is not None
        training = timedelta(seconds=round(self._held)) if ended else None
        rate = 1 - self._kind.discount if self._market is Market.SPOT else 1
        tags = {"respot:resume": "on"} | ({"team": self._kind.team} if self._kind.team else {})
        held = next((each.started for each in transitions if each.status == "DownloadingTrainingImage"), None)
        return JobState(
            job=self.job,
            arn=arn_of(self.job.name, self.job.region),
            status=PRIMARY.get(last.status, "InProgress"),
            secondary_status=last.status,
            last_modified=last.started if ended else now,
            training_started=held,
            training_ended=last.started if ended else None,
            market=self._market,
            instance_type=self._kind.instance_type,
            instance_count=self._kind.count,
            max_runtime=timedelta(days=2),
            max_wait=timedelta(days=3),
            checkpoint_uri=f"s3://ml-bucket/checkpoints/{self.job.name}/",
            training_time=training,
            billable_time=None if training is None else timedelta(seconds=round(training.total_seconds() * rate)),
            tags=tags,
            described=True,
        )


def _decided(
    first: JobId, job: JobId, number: int, life: _Life, end: Transition
) -> tuple[DecisionRecord, Outcome | None]:
    at = end.started + timedelta(seconds=35)
    step = int(life.saved)
    checkpoint = life.checkpoint_at and Checkpoint(
        name=f"checkpoint-{step}",
        step=step,
        saved_at=life.checkpoint_at,
        size=1_900_000_000,
        complete=True,
        objects=4,
        layout="Hugging Face Trainer",
        position=(step,),
        is_counted=True,
    )
    resumes = end.status == "MaxWaitTimeExceeded" and number < 4
    market = Market.ON_DEMAND if number >= 2 else Market.SPOT
    pool = f"{market} {life._kind.instance_type}"  # noqa: SLF001 - its own
    reasons = {
        "Completed": "the job completed",
        "Failed": "the job's own code failed: AlgorithmError is never resumed",
        "MaxWaitTimeExceeded": f"ran out of waiting time; next: {pool}",
    }
    following = f"{first.name}-r{number + 1}"
    placement = Placement(
        market=market,
        instance_type=life._kind.instance_type,  # noqa: SLF001 - its own
        max_runtime=timedelta(days=2),
        max_wait=timedelta(days=3) if market is Market.SPOT else None,
    )
    decision = Decision(
        action=Action.RESUBMIT if resumes else Action.NOTHING,
        reason=reasons[end.status],
        inputs={
            "fruitless_attempts": "0",
            "work_done": f"{in_words(timedelta(seconds=life.saved))}: training that checkpoints cover",
        },
        placement=placement if resumes else None,
        attempt=number + 1 if resumes else None,
    )
    start = f"resumes from {checkpoint.name}" if checkpoint else "from scratch"
    summary = f"resubmitted as {following}, attempt {number + 1} of 4, {pool}, {start}" if resumes else None
    record = DecisionRecord(
        job=job,
        run=run_id(first),
        number=number,
        decision=decision,
        decided_at=at,
        checkpoint=(checkpoint or None) if resumes else None,  # nothing is listed where nothing follows
        next_name=following if resumes else None,
        summary=summary,
    )
    outcome = Outcome(job=job, kind=OutcomeKind.CREATED, summary=summary or "", settled_at=at, name=following)
    return record, outcome if resumes else None
