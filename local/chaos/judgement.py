"""What is missing, what is there twice, and what else is wrong with the jobs of a round."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from local.chaos.subjects import Subjects
from local.demo import demo_runs
from local.demo.verification_jobs import JobOutcome, differences, fingerprint
from local.demo.verification_runs import AttemptOutcome
from respot.alerting.alert import AlertOutcome
from respot.jobs.formatting import iso

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


def judge(subjects: Subjects, undisturbed: Fates | None) -> Judgement:
    """Judge everything once the queues are empty; `undisturbed` is what the ledger said without a fault."""
    found = Judgement()
    outcomes: list[JobOutcome | AttemptOutcome] = []
    for name, lifecycle in subjects.jobs.items():
        outcome = subjects.observe(name)
        outcomes.append(outcome)
        _judge_one(found, outcome, outcome.lifecycle.statuses)
        found.wrong += differences(outcome)
        found.note_fate(lifecycle, [line.replace(name, "JOB") for line in fingerprint(outcome)], undisturbed)
    for root, (kind, expected) in subjects.runs.items():
        attempts = subjects.observe_run(root)
        outcomes += attempts
        for attempt in attempts:
            _judge_one(found, attempt, [each["Status"] for each in attempt.described["SecondaryStatusTransitions"]])
        found.wrong += demo_runs.differences(subjects.at, expected, attempts)
        found.note_fate(kind, _run_fate(attempts), undisturbed)
    found.compare("job in SageMaker", subjects.demanded_names, subjects.job_names())
    _judge_deliveries(found, outcomes, subjects)
    found.lost += [f"{name}: {depth} dead letters" for name, depth in subjects.at.dead_letters().items()]
    return found


def missing_deliveries(subjects: Subjects) -> bool:
    """Whether an alert that the ledger says was sent has not arrived at the subscriber or in Slack yet."""
    found = Judgement()
    jobs = [subjects.observe(name) for name in subjects.jobs]
    _judge_deliveries(
        found, [*jobs, *(each for root in subjects.runs for each in subjects.observe_run(root))], subjects
    )
    return bool(found.lost)


def _judge_one(found: Judgement, outcome: JobOutcome | AttemptOutcome, statuses: Iterable[str]) -> None:
    found.compare(f"{outcome.name}, transition", statuses, (each.status for each in outcome.record.transitions))
    found.compare(f"{outcome.name}, alert", outcome.expected_alerts, (each.kind for each in outcome.alert_records))


def _judge_deliveries(found: Judgement, outcomes: Sequence[JobOutcome | AttemptOutcome], subjects: Subjects) -> None:
    sent = {
        (outcome.name, record.kind.value, iso(record.transition.started)): record.headline or ""
        for outcome in outcomes
        for record in outcome.alert_records
        if record.outcome is AlertOutcome.SENT
    }
    received: dict[tuple[str, str, str], list[str]] = {}
    for document in subjects.documents():
        key = document["job"]["name"], document["kind"], document["transition"]["started"]
        received.setdefault(key, []).append(document["id"])
    found.compare("alert at the subscriber", map(" ".join, sent), map(" ".join, received))
    found.doubled += [
        f"alert at the subscriber under several ids: {' '.join(key)}"
        for key, ids in received.items()
        if len(set(ids)) > 1
    ]
    posted = Counter(subjects.headlines())
    # Two alerts of one job may have the same headline: Slack must have as many of them at least.
    found.lost += [f"alert in Slack: {each}" for each in (Counter(sent.values()) - posted).elements()]
    found.delivered_again = sum(len(ids) - 1 for ids in received.values())
    found.delivered_again += sum((posted - Counter(sent.values())).values())


def _run_fate(attempts: Sequence[AttemptOutcome]) -> list[str]:
    lines = []
    for number, attempt in enumerate(attempts, start=1):
        record, decision = attempt.record, attempt.decision
        lines += [f"{number} {transition.status}" for transition in record.transitions]
        lines += sorted(f"{number} {each.kind} {each.outcome}" for each in attempt.alert_records)
        lines.append(f"{number} {record.state and record.state.market} {decision and decision.decision.action}")
        lines.append(f"{number} {attempt.outcome and attempt.outcome.kind}")
    return lines
