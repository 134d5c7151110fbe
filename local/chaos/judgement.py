"""What is missing, what is there twice, and what else is wrong with the jobs of a round."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
        lost: alerts, transitions and jobs that are missing, and messages that were given up.
        doubled: those that are there twice.
        wrong: whatever else departs from what was demanded.
        told_again: deliveries beyond the first, each with its alert's own id, which subscribers drop it by.
        fates: what the ledger says.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    told_again: int = 0
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
        told = tuple(fate)
        expected = (undisturbed or {}).get(kind, self.fates.setdefault(kind, told))
        if told != expected:
            self.wrong.append(f"{kind}: the ledger says {told}, undisturbed it says {expected}")


def judge(subjects: Subjects, undisturbed: Fates | None) -> Judgement:
    """Look at everything once all is quiet; `undisturbed` is what the ledger said without a fault."""
    found = Judgement()
    told: list[JobOutcome | AttemptOutcome] = []
    for name, lifecycle in subjects.jobs.items():
        outcome = subjects.observe(name)
        told.append(outcome)
        _judge_one(found, outcome, outcome.lifecycle.statuses)
        found.wrong += differences(outcome)
        found.note_fate(lifecycle, [line.replace(name, "JOB") for line in fingerprint(outcome)], undisturbed)
    for root, (kind, expected) in subjects.runs.items():
        attempts = subjects.observe_run(root)
        told += attempts
        for attempt in attempts:
            _judge_one(
                found, attempt, [transition["Status"] for transition in attempt.described["SecondaryStatusTransitions"]]
            )
        found.wrong += demo_runs.differences(subjects.at, expected, attempts)
        found.note_fate(kind, _run_fate(attempts), undisturbed)
    found.compare("job in SageMaker", subjects.demanded_names, subjects.job_names())
    _judge_deliveries(found, told, subjects)
    for name, url in subjects.at.outputs.items():
        if name.endswith("DlqUrl") and (depth := subjects.at.queue_depth(url)):
            found.lost.append(f"{name}: {depth} dead letters")
    return found


def missing_deliveries(subjects: Subjects) -> bool:
    """Whether subscriber or Slack still lack an alert that the ledger says was sent."""
    found = Judgement()
    told = [subjects.observe(name) for name in subjects.jobs]
    _judge_deliveries(
        found, [*told, *(each for root in subjects.runs for each in subjects.observe_run(root))], subjects
    )
    return bool(found.lost)


def _judge_one(found: Judgement, outcome: JobOutcome | AttemptOutcome, statuses: Iterable[str]) -> None:
    name, transitions = outcome.name, outcome.record.transitions
    found.compare(f"{name}, transition", statuses, (transition.status for transition in transitions))
    found.compare(
        f"{name}, alert", outcome.expected_alerts, (alert_record.kind.value for alert_record in outcome.alert_records)
    )


def _judge_deliveries(found: Judgement, told: Sequence[JobOutcome | AttemptOutcome], subjects: Subjects) -> None:
    sent = {
        (outcome.name, alert_record.kind.value, iso(alert_record.transition.started)): alert_record.headline or ""
        for outcome in told
        for alert_record in outcome.alert_records
        if alert_record.outcome is AlertOutcome.SENT
    }
    received: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for document in subjects.documents():
        key = document["job"]["name"], document["kind"], document["transition"]["started"]
        received.setdefault(key, []).append(document)
    found.compare("alert at the subscriber", map(" ".join, sent), map(" ".join, received))
    found.doubled += [
        f"alert at the subscriber under several ids: {' '.join(key)}"
        for key, documents in received.items()
        if len({document["id"] for document in documents}) > 1
    ]
    posted = Counter(subjects.headlines())
    # Two alerts of one job may have the same headline: Slack must have as many of them at least.
    found.lost += [f"alert in Slack: {each}" for each in (Counter(sent.values()) - posted).elements()]
    found.told_again = sum(len(documents) - 1 for documents in received.values())
    found.told_again += sum((posted - Counter(sent.values())).values())


def _run_fate(attempts: Sequence[AttemptOutcome]) -> list[str]:
    lines = []
    for number, attempt in enumerate(attempts, start=1):
        record, decision = attempt.record, attempt.decision
        lines += [f"{number} {transition.status}" for transition in record.transitions]
        lines += sorted(
            f"{number} {alert_record.kind} {alert_record.outcome}" for alert_record in attempt.alert_records
        )
        lines.append(f"{number} {record.state and record.state.market} {decision and decision.decision.action}")
        lines.append(f"{number} {attempt.outcome and attempt.outcome.kind}")
    return lines
