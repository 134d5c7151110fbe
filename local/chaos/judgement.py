"""What is missing, what is there twice, and what else is wrong with the jobs of a round."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from local.chaos.subjects import Subjects
from local.demo import scenarios
from local.demo.deliveries import Key, key_of, sent_alerts
from local.demo.verification import JobOutcome, fingerprint
from respot.alerting.alert import AlertOutcome

Fates = Mapping[str, tuple[str, ...]]
"""What the ledger says of each kind of job and run, without names and times."""


@dataclass(slots=True)
class Judgement:
    """What was found.

    Attributes:
        lost: alerts, transitions and jobs that are missing, and dead letters.
        doubled: those that are there twice.
        wrong: anything else that differs from what was demanded.
        delivered_again: deliveries beyond the first, each with its alert's own id, which subscribers drop it by.
        fates: what the ledger says.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    delivered_again: int = 0
    fates: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether all is as it should be."""
        return not (self.lost or self.doubled or self.wrong)

    def compare(self, what: str, wanted: Iterable[str], found: Iterable[str]) -> None:
        """Count what is wanted once each against what was found."""
        wanted_counts, found_counts = Counter(wanted), Counter(found)
        self.lost += [f"{what}: {each}" for each in (wanted_counts - found_counts).elements()]
        self.doubled += [f"{what}: {each}" for each in (found_counts - wanted_counts).elements()]

    def note_fate(self, kind: str, fate: Sequence[str], undisturbed: Fates | None) -> None:
        """Keep the first of each kind; every other one must be the same, and the same as undisturbed."""
        found = tuple(fate)
        expected = (undisturbed or {}).get(kind, self.fates.setdefault(kind, found))
        if found != expected:
            self.wrong.append(f"{kind}: the ledger says {found}, undisturbed it says {expected}")

    def compare_deliveries(self, outcomes: Sequence[JobOutcome], subjects: Subjects) -> None:
        """Whether each alert that the ledger says was sent arrived at the subscriber and in Slack."""
        received: defaultdict[Key, list[str]] = defaultdict(list)
        for document in subjects.documents():
            received[key_of(document)].append(document["id"])
        self.compare("alert at the subscriber", map(" ".join, set(sent_alerts(outcomes))), map(" ".join, received))
        several = (" ".join(key) for key, ids in received.items() if len(set(ids)) > 1)
        self.doubled += [f"alert at the subscriber under several ids: {key}" for key in several]
        # Two alerts of one job may have the same headline: Slack must have as many of them at least.
        records = (record for outcome in outcomes for record in outcome.alert_records)
        sent = Counter(each.headline or "" for each in records if each.outcome is AlertOutcome.SENT)
        posted = Counter(subjects.headlines())
        self.lost += [f"alert in Slack: {each}" for each in (sent - posted).elements()]
        self.delivered_again = sum(len(ids) - 1 for ids in received.values()) + (posted - sent).total()


def judge(subjects: Subjects, undisturbed: Fates | None) -> Judgement:
    """Judge everything once the queues are empty; `undisturbed` is what the ledger said without a fault."""
    found = Judgement()
    outcomes: list[JobOutcome] = []
    for name, scenario in subjects.scenarios.items():
        run = subjects.observe(name)
        outcomes += run
        for each in run:
            found.compare(f"{each.name}, transition", each.statuses, (one.status for one in each.record.transitions))
            found.compare(f"{each.name}, alert", each.expected_alerts, (one.kind for one in each.alert_records))
        found.wrong += scenarios.differences(subjects.at, scenario, run)
        fate = [line.replace(name, "JOB") for each in run for line in fingerprint(each)]
        found.note_fate(subjects.kinds[name], fate, undisturbed)
    demanded = [name for scenario in subjects.scenarios.values() for name in scenario.names]
    found.compare("job in SageMaker", demanded, subjects.job_names())
    found.compare_deliveries(outcomes, subjects)
    found.lost += [f"{name}: {depth} dead letters" for name, depth in subjects.at.dead_letters().items()]
    return found


def missing_deliveries(subjects: Subjects) -> bool:
    """Whether an alert that the ledger says was sent has not arrived at the subscriber or in Slack yet."""
    found = Judgement()
    found.compare_deliveries([each for name in subjects.scenarios for each in subjects.observe(name)], subjects)
    return bool(found.lost)
