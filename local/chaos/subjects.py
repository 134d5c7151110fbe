"""The jobs of a round: the demo's, several of each, and what can be seen of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from local.chaos.faults import Fault
from local.demo import scenarios
from local.demo.deliveries import receive_alerts
from local.demo.deployed import DeployedAccount
from local.demo.scenarios import SCENARIOS, Scenario
from local.demo.verification import JobOutcome, observe_run
from local.sagemaker.service import DELIVERY_TAG, SPEED_TAG


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The scenarios of a round, `copies` of each, at a multiple of the demo's speed."""

    copies: int = 2
    scenarios: Sequence[Scenario] = SCENARIOS
    speed: float = 2


SMALL: Final = Cast(
    copies=1, scenarios=[each for each in SCENARIOS if each.name in {"restarted", "no-capacity", "overnight"}], speed=4
)
"""For the short form: jobs of a few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The jobs of one round, whose names begin with `prefix`, and no others.

    Attributes:
        kinds: by the name of each job or run, the name of the demo's scenario that it repeats.
        scenarios: by the same name, its own scenario.
    """

    at: DeployedAccount
    prefix: str
    kinds: Mapping[str, str]
    scenarios: Mapping[str, Scenario]
    _documents: list[dict[str, Any]] = field(default_factory=list)

    def create(self) -> None:
        """Create all of them, as their owners would."""
        for scenario in self.scenarios.values():
            scenarios.start(self.at, scenario)

    def observe(self, name: str) -> tuple[JobOutcome, ...]:
        """The attempts of a job or run, from both sides."""
        return observe_run(self.at, name)

    def is_settled(self, name: str) -> bool:
        """Whether nothing more is to come from this job or run."""
        return scenarios.is_settled(self.scenarios[name], self.observe(name))

    def last_end(self) -> float:
        """When the last of the jobs that ended did so, in seconds since the epoch."""
        describe = self.at.client("sagemaker").describe_training_job
        described = (describe(TrainingJobName=name) for name in self.job_names())
        return max(float(each["SecondaryStatusTransitions"][-1]["StartTime"].timestamp()) for each in described)

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
    """The jobs of one round, named after the fault."""
    prefix = f"{fault.name}-"
    tags = {SPEED_TAG: f"{cast.speed:g}"} | ({DELIVERY_TAG: fault.delivery} if fault.delivery else {})
    kinds = {f"{prefix}{each.name}-{number + 1}": each for number in range(cast.copies) for each in cast.scenarios}
    return Subjects(
        at=at,
        prefix=prefix,
        kinds={name: each.name for name, each in kinds.items()},
        scenarios={name: replace(each, name=name, tags={**each.tags, **tags}) for name, each in kinds.items()},
    )
