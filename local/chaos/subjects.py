"""The jobs and runs of a round: the demo's, several of each, and what can be seen of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from local.chaos.faults import Fault
from local.demo import demo_runs
from local.demo.deliveries import receive_alerts
from local.demo.demo_runs import RUNS, ExpectedRun
from local.demo.deployed import DeployedAccount
from local.demo.verification_jobs import JobOutcome, is_settled, observe
from local.demo.verification_runs import AttemptOutcome, observe_run
from local.sagemaker.lifecycle import NAMED, parse
from local.sagemaker.service import DELIVERY_TAG, SPEED_TAG
from respot.jobs.lifecycle import is_terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The jobs and the runs of a round, `copies` of each, at a multiple of the demo's speed."""

    copies: int = 2
    lifecycles: Sequence[str] = tuple(NAMED)
    runs: Sequence[ExpectedRun] = RUNS
    speed: float = 2


SMALL: Final = Cast(
    copies=1,
    lifecycles=("interrupted-once", "never-launched"),
    runs=tuple(run for run in RUNS if run.root == "overnight"),
    speed=4,
)
"""For the short form: jobs of a few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The jobs and runs of one round, whose names begin with `prefix`, and no others.

    Attributes:
        jobs: each job's lifecycle, by its name.
        runs: each run's kind and expected fate, by its first job's name.
        tags: further tags of all jobs.
    """

    at: DeployedAccount
    prefix: str
    jobs: Mapping[str, str]
    runs: Mapping[str, tuple[str, ExpectedRun]]
    tags: Mapping[str, str]
    _documents: list[dict[str, Any]] = field(default_factory=list)

    def create(self) -> None:
        """Create all of them, as their owners would."""
        for name, lifecycle in self.jobs.items():
            self.at.ground.create(name, lifecycle=lifecycle, tags=self.tags)
        for _, expected in self.runs.values():
            demo_runs.start(self.at, expected)

    def observe(self, name: str) -> JobOutcome:
        """A job from both sides."""
        return observe(self.at, name, parse(self.jobs[name]))

    def observe_run(self, root: str) -> tuple[AttemptOutcome, ...]:
        """A run from both sides."""
        return observe_run(self.at, root)

    @property
    def demanded_names(self) -> list[str]:
        """The names of all the jobs that there must be in the end."""
        return [*self.jobs, *(name for _, expected in self.runs.values() for name in expected.names)]

    def is_settled(self, name: str) -> bool:
        """Whether nothing more is to come from this job or run."""
        if name in self.jobs:
            return is_settled(self.observe(name))
        return demo_runs.is_settled(self.runs[name][1], self.observe_run(name))

    def ends(self) -> list[float] | None:
        """When each job known to SageMaker ended, in seconds since the epoch; `None` while one has not."""
        sagemaker = self.at.client("sagemaker")
        described = [sagemaker.describe_training_job(TrainingJobName=name) for name in self.job_names()]
        if not all(is_terminal(each["TrainingJobStatus"]) for each in described):
            return None
        return [each["SecondaryStatusTransitions"][-1]["StartTime"].timestamp() for each in described]

    def job_names(self) -> list[str]:
        """All of its jobs that SageMaker has."""
        return self.at.job_names(self.prefix)

    def documents(self) -> list[dict[str, Any]]:
        """What the machine subscriber received about them so far."""
        self._documents.extend(receive_alerts(self.at))
        return [document for document in self._documents if document["job"]["name"].startswith(self.prefix)]

    def headlines(self) -> list[str]:
        """What Slack received about them so far."""
        texts = (str(message.get("text")) for message in self.at.slack.messages)
        return [text for text in texts if text.startswith(self.prefix)]


def subjects(at: DeployedAccount, fault: Fault, cast: Cast) -> Subjects:
    """The jobs and runs of one round, named after the fault."""
    prefix = f"{fault.name}-"
    tags = {SPEED_TAG: f"{cast.speed:g}"} | ({DELIVERY_TAG: fault.delivery} if fault.delivery else {})
    numbers = range(1, cast.copies + 1)
    runs = [
        (run.root, replace(run, root=f"{prefix}{run.root}-{number}", tags={**run.tags, **tags}))
        for number in numbers
        for run in cast.runs
    ]
    return Subjects(
        at=at,
        prefix=prefix,
        jobs={f"{prefix}{lifecycle}-{number}": lifecycle for lifecycle in cast.lifecycles for number in numbers},
        runs={run.root: (kind, run) for kind, run in runs},
        tags=tags,
    )
