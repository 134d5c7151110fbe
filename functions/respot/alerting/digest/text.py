"""The texts of a digest."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from respot.alerting.digest.digest import CapacityPool, Digest, DigestEntry
from respot.alerting.kinds import KIND_BY_STATUS, OF_ANY_TYPE, AlertKind, moment_of
from respot.alerting.text import NEXT, jobs_url, one_line
from respot.jobs.formatting import in_words, iso, readable, sentence
from respot.recovery.planning.decision import DECIDED_WITHIN, Outlook

LISTED: Final = 50
"""Entries in an e-mail and in the document, oldest first; the ledger has all of them."""
NAMED: Final = 10
"""Jobs named in a sentence."""
QUOTED: Final = 3
"""Different descriptions that a digest quotes, the most frequent first."""
_LONGEST_TYPE: Final = 120

_SPOT_ONLY: Final = frozenset({*KIND_BY_STATUS.values(), AlertKind.ADVICE})
"""Kinds whose entries are spot jobs."""

_DONE: Final = {
    AlertKind.INTERRUPTED: ("was interrupted", "were interrupted"),
    AlertKind.MAX_WAIT_TIME_EXCEEDED: ("ran out of waiting time",) * 2,
    AlertKind.MAX_RUNTIME_EXCEEDED: ("reached its maximum runtime", "reached their maximum runtime"),
    AlertKind.FAILED: ("failed for lack of capacity",) * 2,
    AlertKind.ENDED: ("ended with an unusual status",) * 2,
    AlertKind.RESUBMITTED: ("was resubmitted", "were resubmitted"),
    AlertKind.NOT_RESUBMITTED: ("is not resubmitted", "are not resubmitted"),
    AlertKind.WOULD_RESUBMIT: ("would have been resubmitted (dry run)",) * 2,
    AlertKind.POLICY_INVALID: ("waits: the account's policy is invalid", "wait: the account's policy is invalid"),
    AlertKind.POSTPONED: ("waits: the account's kill switch is on", "wait: the account's kill switch is on"),
    AlertKind.WAIT_LIMIT_EXCEEDED: (
        "waited too long for capacity: Respot stops it",
        "waited too long for capacity: Respot stops them",
    ),
    AlertKind.CREATION_POSTPONED: (
        "waits: its next attempt cannot be created yet",
        "wait: their next attempts cannot be created yet",
    ),
    AlertKind.DEADLINE_AT_RISK: ("may miss its deadline", "may miss their deadlines"),
    AlertKind.ADVICE: ("runs at a risk", "run at a risk"),
}
"""What happened to one job, and to several, for the headline."""

_CAUSE: Final = {
    AlertKind.MAX_RUNTIME_EXCEEDED: ("Training reached MaxRuntimeInSeconds, which each job sets for itself.",) * 2,
    AlertKind.ENDED: ("SageMaker ended this job itself.", "SageMaker ended these jobs itself."),
    AlertKind.RESUBMITTED: (
        "Respot created the next attempt of this job.",
        "Respot created the next attempt of each of these jobs.",
    ),
    AlertKind.NOT_RESUBMITTED: (
        "Respot does not resume this job: it refused to, could not, or is not asked to.",
        "Respot does not resume these jobs: it refused to, could not, or is not asked to.",
    ),
    AlertKind.WOULD_RESUBMIT: (
        "Respot would have created the next attempt of this job.",
        "Respot would have created the next attempt of each of these jobs.",
    ),
    AlertKind.POLICY_INVALID: (
        "Respot cannot decide about this job.",
        "Respot can decide about none of these jobs.",
    ),
    AlertKind.POSTPONED: ("Respot creates nothing while the account's kill switch is on.",) * 2,
    AlertKind.WAIT_LIMIT_EXCEEDED: (
        "This job waited longer than its wait limit, and another pool may follow.",
        "These jobs waited longer than their wait limits, and another pool may follow.",
    ),
    AlertKind.CREATION_POSTPONED: ("What is to follow cannot be created now.",) * 2,
    AlertKind.DEADLINE_AT_RISK: (
        "This job still waits, and its deadline is near or cannot be kept as it is.",
        "These jobs still wait, and their deadlines are near or cannot be kept as they are.",
    ),
    AlertKind.ADVICE: (
        "This job has settings that make spot a bad bargain.",
        "These jobs have settings that make spot a bad bargain.",
    ),
}
"""The cause, for one job and for several; for all other kinds, capacity is leaving."""

_STOPPED: Final = (
    "This job has stopped for good; SageMaker does not restart it.",
    "These jobs have stopped for good; SageMaker does not restart them.",
)

_RESTARTS: Final = (
    "SageMaker restarts {} automatically as soon as spot instances are there again, "
    "unless its MaxWaitTimeInSeconds passes first."
)

_NEXT_OF_ONE: Final = NEXT | {AlertKind.INTERRUPTED: _RESTARTS.format("the job")}

_NEXT_OF_SEVERAL: Final = {
    AlertKind.INTERRUPTED: _RESTARTS.format("each job"),
    AlertKind.RESUBMITTED: "Respot watches the new jobs, too.",
    AlertKind.NOT_RESUBMITTED: "Respot does nothing more about these jobs.",
    AlertKind.WOULD_RESUBMIT: "Nothing was created: dry_run is on.",
    AlertKind.POLICY_INVALID: (
        "Respot decides on these jobs as soon as the policy is valid again, "
        f"if that is within {in_words(DECIDED_WITHIN)} of each job's end."
    ),
    AlertKind.POSTPONED: (
        "Respot checks each job again within half an hour after the kill switch is off; "
        "a pause that the policy asks for may follow. "
        f"If the switch is still on {in_words(DECIDED_WITHIN)} after a job's end, Respot refuses the job, and another "
        "alert says so."
    ),
    AlertKind.WAIT_LIMIT_EXCEEDED: (
        "SageMaker stops each job within minutes. Respot then decides again, creates its next attempt if nothing has "
        "changed, and reports that. Do not start new jobs before those reports."
    ),
    AlertKind.CREATION_POSTPONED: (
        "Respot keeps trying, and reports each outcome. Do not start new jobs before those reports. "
        "If the reason is a quota, a higher one in AWS Service Quotas ends the wait."
    ),
    AlertKind.DEADLINE_AT_RISK: "The jobs wait on. Respot does what their policies ask for, and reports that.",
    AlertKind.ADVICE: "These jobs keep their settings; they can be changed for the next ones.",
}


def headline(digest: Digest) -> str:
    """One line: how many more jobs of which pool."""
    count, jobs, pool = len(digest.entries), digest.jobs, digest.window.pool
    spot, where = "spot " if pool.kind in _SPOT_ONLY else "", _where(pool)
    noun = f"{spot}job{'s' if jobs != 1 else ''}"
    if pool.kind is AlertKind.INTERRUPTED and count != jobs:  # only interruptions happen to a job twice
        return f"{count} more interruptions of {jobs} {noun} {where}"
    return f"{jobs} more {noun} {where} {_for_count(digest, _DONE[pool.kind])}"


def what_happened(digest: Digest) -> str:
    """The cause, the time, and the descriptions of the entries where they may differ."""
    window = digest.window
    length = in_words(window.closes - window.opened)
    first = f"Respot sent the first alert of this pool separately at {readable(window.opened)}"
    rest = f"and gathered here what came within {length} of it."
    cause = _for_count(digest, _CAUSE.get(window.pool.kind, (f"Capacity is leaving {_pool(window.pool)}.",) * 2))
    return " ".join(filter(None, (cause, f"{first}, {rest}", _quoted(digest))))


def what_happens_next(digest: Digest) -> str:
    """What SageMaker and Respot do next, and what is left to do."""
    follows = _NEXT_OF_ONE if digest.jobs == 1 else _NEXT_OF_SEVERAL
    return follows.get(digest.window.pool.kind) or f"{_for_count(digest, _STOPPED)} {_after_the_end(digest)}"


def since(digest: Digest) -> str:
    """When the first entry happened."""
    return iso(digest.entries[0].started)


def until(digest: Digest) -> str:
    """When the last entry happened."""
    return iso(digest.entries[-1].started)


def console_url(digest: Digest) -> str:
    """The list of jobs in the AWS console of the pool's partition and region."""
    return jobs_url(digest.window.pool.region)


def names(entries: Sequence[DigestEntry], most: int) -> str:
    """The first jobs by name, and the number of the others."""
    distinct = list(dict.fromkeys(entry.job.name for entry in entries))
    return ", ".join(distinct[:most]) + (f" and {len(distinct) - most} more" if len(distinct) > most else "")


def instances(pool: CapacityPool) -> str:
    """The pool's instance type."""
    if pool.kind in OF_ANY_TYPE:
        return "of any type"
    return one_line(pool.instance_type or "unknown instances")[:_LONGEST_TYPE]


def subject(digest: Digest) -> str:
    """The e-mail's subject: SNS takes fewer than 100 printable ASCII characters."""
    return f"[Respot {digest.severity}] {headline(digest)}".encode("ascii", "replace").decode()[:99]


def plain(digest: Digest) -> str:
    """The whole digest for e-mail."""
    left = len(digest.entries) - LISTED
    differ = len({entry.description for entry in digest.entries}) > 1
    listed = [line for entry in digest.entries[:LISTED] for line in _listed(entry, differ=differ)]
    return "\n".join(
        [
            headline(digest),
            "",
            what_happened(digest),
            what_happens_next(digest),
            "",
            f"Region       {digest.window.pool.region}",
            f"Instances    {instances(digest.window.pool)}",
            f"{moment_of(digest.window.pool.kind):<13}{since(digest)} to {until(digest)}",
            f"Console      {console_url(digest)}",
            f"Digest       {digest.id}",
            "",
            *listed,
            *([f"  … and {left} more"] if left > 0 else []),
            "",
        ]
    )


def short(digest: Digest) -> str:
    """The digest for SMS: one line."""
    return f"Respot: {headline(digest)} ({since(digest)})"


def _for_count(digest: Digest, words: tuple[str, str]) -> str:
    """The words for one job, or for several."""
    one, several = words
    return one if digest.jobs == 1 else several


def _after_the_end(digest: Digest) -> str:
    """Whether Respot may resume the jobs, so that nobody starts them twice."""
    left = [entry for entry in digest.entries if entry.outlook is Outlook.LEAVES]
    open_ = [entry for entry in digest.entries if entry.outlook is not Outlook.LEAVES]
    if not open_:
        return _for_count(digest, ("Respot does not resume it.", "Respot does not resume them."))
    if digest.jobs == 1:
        return "Respot may resume it, and reports what it does. Do not start a new job for it before that."
    wait = "reports what it does. Do not start new jobs for them before that."
    if not left:
        return f"Respot may resume them, and {wait}"
    return f"Respot may resume {len(open_)} of them ({names(open_, NAMED)}), and {wait} It does not resume the others."


def _where(pool: CapacityPool) -> str:
    return f"in {pool.region}" if pool.kind in OF_ANY_TYPE else f"on {_pool(pool)}"


def _pool(pool: CapacityPool) -> str:
    return f"{instances(pool)} in {pool.region}"


def _listed(entry: DigestEntry, *, differ: bool) -> tuple[str, ...]:
    """An entry in an e-mail; its description follows on its own line, unless all are equal."""
    line = f"  {entry.started:%H:%M:%S}  {entry.headline}"
    return (line, f"            {entry.description}") if entry.description and differ else (line,)


def _quoted(digest: Digest) -> str:
    """The descriptions: nobody should have to open hundreds of jobs to learn one reason."""
    descriptions = Counter(entry.description for entry in digest.entries if entry.description)
    if not descriptions:
        return ""
    most = descriptions.most_common(QUOTED)
    if len(descriptions) == 1 and descriptions.total() == len(digest.entries):
        return sentence(f'{"All say" if descriptions.total() > 1 else "It says"}: "{most[0][0]}"')
    left = len(digest.entries) - sum(count for _, count in most)
    words = ", ".join(f'"{words}" ({count})' for words, count in most)
    return f"They say: {words}{f', and other things ({left})' if left else ''}."
