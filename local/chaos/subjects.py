"""The jobs of a round: the demo's, several of each, and what is missing, doubled or wrong about them in the end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from local.chaos.faults import Fault
from local.demo import scenarios
from local.demo.deployed import DeployedAccount
from local.demo.scenarios import SCENARIOS, Scenario
from local.demo.verification import JobOutcome, Key, fingerprint, key_of, observe_run, receive_alerts, sent_alerts
from local.sagemaker.service import DELIVERY_TAG, SPEED_TAG
from respot.alerting.alert import AlertOutcome

Fates = Mapping[str, Sequence[str]]
"""What the ledger says of each kind of job and run, without names and times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The scenarios of a round, `copies` of each, at a multiple of the demo's speed."""

    copies: int = 2
    scenarios: Sequence[Scenario] = SCENARIOS
    speed: float = 2


SMALL: Final = Cast(
    copies=1, speed=4, scenarios=[each for each in SCENARIOS if each.name in {"restarted", "no-capacity", "overnight"}]
)
"""For the short form: jobs of a few seconds."""

VERDICTS: Final = ("lost", "doubled", "wrong")


@dataclass(slots=True)
class Judgement:
    """What is missing, what is there twice, and what else differs from what was demanded.

    `delivered_again` counts deliveries beyond the first, each with its alert's own id, which subscribers drop it by.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    delivered_again: int = 0
    fates: dict[str, Sequence[str]] = field(default_factory=dict)

    def compare(self, what: str, wanted: Iterable[str], found: Iterable[str]) -> None:
        """Count what is wanted once each against what was found."""
        wanted_counts, found_counts = Counter(wanted), Counter(found)
        self.lost += [f"{what}: {each}" for each in (wanted_counts - found_counts).elements()]
        self.doubled += [f"{what}: {each}" for each in (found_counts - wanted_counts).elements()]

    def note_fate(self, kind: str, fate: Sequence[str], undisturbed: Fates | None) -> None:
        """Keep the first of each kind; every other one must be the same, and the same as undisturbed."""
        expected = (undisturbed or {}).get(kind, self.fates.setdefault(kind, fate))
        if fate != expected:
            self.wrong.append(f"{kind}: the ledger says {fate}, undisturbed it says {expected}")


class Subjects:
    """The jobs of one round, whose names begin with the fault's, and no others."""

    def __init__(self, at: DeployedAccount, fault: Fault, cast: Cast, documents: list[dict[str, Any]]) -> None:
        """Name the jobs after the fault. `documents` are the alerts received in all rounds; more are added to them."""
        self._at = at
        self._prefix = f"{fault.name}-"
        tags = {SPEED_TAG: f"{cast.speed:g}"} | ({DELIVERY_TAG: fault.delivery} if fault.delivery else {})
        self._kinds = {
            f"{self._prefix}{each.name}-{number + 1}": each for number in range(cast.copies) for each in cast.scenarios
        }
        self.scenarios = {
            name: replace(kind, name=name, tags={**kind.tags, **tags}) for name, kind in self._kinds.items()
        }
        self._documents = documents

    def create(self) -> None:
        """Create all of them, as their owners would."""
        for scenario in self.scenarios.values():
            scenarios.start(self._at, scenario)

    def is_settled(self, name: str) -> bool:
        """Whether nothing more is to come from this job or run."""
        return scenarios.is_settled(self.scenarios[name], observe_run(self._at, name))

    def last_end(self) -> float:
        """When the last of the jobs changed its status for the last time, in seconds since the epoch."""
        describe = self._at.client("sagemaker").describe_training_job
        described = (describe(TrainingJobName=name) for name in self._at.job_names(self._prefix))
        return max(float(each["SecondaryStatusTransitions"][-1]["StartTime"].timestamp()) for each in described)

    def are_deliveries_missing(self) -> bool:
        """Whether an alert that the ledger says was sent has not arrived at the subscriber or in Slack yet."""
        found = Judgement()
        self._judge_deliveries(found, [each for name in self.scenarios for each in observe_run(self._at, name)])
        return bool(found.lost)

    def judge(self, undisturbed: Fates | None) -> Judgement:
        """Judge everything once the queues are empty; `undisturbed` is what the ledger said without a fault."""
        found, outcomes = Judgement(), list[JobOutcome]()
        for name, scenario in self.scenarios.items():
            run = observe_run(self._at, name)
            outcomes += run
            for each in run:
                found.compare(f"{each.name}, transition", each.statuses, (t.status for t in each.record.transitions))
                found.compare(f"{each.name}, alert", each.expected_alerts, (one.kind for one in each.alert_records))
            found.wrong += scenarios.differences(self._at, scenario, run)
            fate = [line.replace(name, "JOB") for each in run for line in fingerprint(each)]
            found.note_fate(self._kinds[name].name, fate, undisturbed)
        demanded = [name for scenario in self.scenarios.values() for name in scenario.names]
        found.compare("job in SageMaker", demanded, self._at.job_names(self._prefix))
        self._judge_deliveries(found, outcomes)
        found.lost += [f"{name}: {depth} dead letters" for name, depth in self._at.dead_letters().items()]
        return found

    def _judge_deliveries(self, found: Judgement, outcomes: Sequence[JobOutcome]) -> None:
        self._documents += receive_alerts(self._at)
        received: defaultdict[Key, list[str]] = defaultdict(list)
        for document in self._documents:
            if document["job"]["name"].startswith(self._prefix):
                received[key_of(document)].append(document["id"])
        found.compare("alert at the subscriber", map(" ".join, set(sent_alerts(outcomes))), map(" ".join, received))
        several = (" ".join(key) for key, ids in received.items() if len(set(ids)) > 1)
        found.doubled += [f"alert at the subscriber under several ids: {key}" for key in several]
        # Two alerts of one job may have the same headline: Slack must have as many of them at least.
        records = (record for outcome in outcomes for record in outcome.alert_records)
        sent = Counter(each.headline or "" for each in records if each.outcome is AlertOutcome.SENT)
        texts = (str(message.get("text")) for message in self._at.slack.messages)
        posted = Counter(text for text in texts if text.startswith(self._prefix))
        found.lost += [f"alert in Slack: {each}" for each in (sent - posted).elements()]
        found.delivered_again = sum(len(ids) - 1 for ids in received.values()) + (posted - sent).total()
