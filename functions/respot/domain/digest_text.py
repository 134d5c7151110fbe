"""What a digest says, in the words of a person who knows SageMaker."""

from typing import Final

from respot.domain.alert_kinds import AlertKind
from respot.domain.alert_text import jobs_url, one_line
from respot.domain.durations import in_words, iso, readable
from respot.domain.storm import Digest, Pool

LISTED: Final = 50
"""Members that an e-mail and the document list, oldest first; the ledger has them all."""
_LONGEST_TYPE: Final = 120


def headline(digest: Digest) -> str:
    """One line: how many more jobs of which pool."""
    count, jobs, pool = len(digest.members), digest.jobs, digest.window.pool
    where = f"on {instances(pool)} in {pool.region}"
    more = f"{jobs} more spot job{'s' if jobs != 1 else ''} {where}"
    if pool.kind is AlertKind.MAX_WAIT_TIME_EXCEEDED:
        return f"{more} ran out of waiting time"
    if count != jobs:
        return f"{count} more interruptions of {jobs} spot job{'s' if jobs != 1 else ''} {where}"
    return f"{more} {'were' if jobs != 1 else 'was'} interrupted"


def what_happened(digest: Digest) -> str:
    """What came together, and when."""
    window = digest.window
    length = in_words(window.closes - window.opened)
    told = f"Respot sent the first alert of this pool by itself at {readable(window.opened)}"
    rest = f"and gathered here what came within {length} of it."
    return f"Capacity is leaving {instances(window.pool)} in {window.pool.region}. {told}, {rest}"


def what_happens_next(digest: Digest) -> str:
    """Whether SageMaker goes on by itself."""
    if digest.window.pool.kind is AlertKind.INTERRUPTED:
        return (
            "SageMaker restarts each job by itself as soon as spot instances are there again, "
            "unless its MaxWaitTimeInSeconds passes first."
        )
    return (
        "These jobs have stopped for good; SageMaker does not restart them. "
        "What becomes of those whose owners asked Respot to resume them is told separately."
    )


def since(digest: Digest) -> str:
    """When the first of them happened."""
    return iso(digest.members[0].started)


def until(digest: Digest) -> str:
    """When the last of them happened."""
    return iso(digest.members[-1].started)


def console_url(digest: Digest) -> str:
    """The list of jobs in the AWS console of the pool's partition and region."""
    return jobs_url(digest.members[0].arn, digest.window.pool.region)


def names(digest: Digest, most: int) -> str:
    """The first jobs by name, and how many there are besides."""
    distinct = list(dict.fromkeys(member.job.name for member in digest.members))
    return ", ".join(distinct[:most]) + and_more(len(distinct) - most)


def and_more(left: int) -> str:
    """What follows a list that was cut."""
    return f" and {left} more" if left > 0 else ""


def instances(pool: Pool) -> str:
    """The pool's instance type."""
    return one_line(pool.instance_type or "unknown instances")[:_LONGEST_TYPE]


def subject(digest: Digest) -> str:
    """The e-mail's subject: SNS takes fewer than 100 printable ASCII characters."""
    return f"[Respot {digest.severity}] {headline(digest)}".encode("ascii", "replace").decode()[:99]


def plain(digest: Digest) -> str:
    """The whole digest for e-mail."""
    left = len(digest.members) - LISTED
    listed = [f"  {member.started:%H:%M:%S}  {member.headline}" for member in digest.members[:LISTED]]
    return "\n".join(
        [
            headline(digest),
            "",
            what_happened(digest),
            what_happens_next(digest),
            "",
            f"Region       {digest.window.pool.region}",
            f"Instances    {instances(digest.window.pool)}",
            f"Happened     {since(digest)} to {until(digest)}",
            f"Console      {console_url(digest)}",
            f"Digest       {digest.id}",
            "",
            *listed,
            *([f"  … {and_more(left).strip()}"] if left > 0 else []),
            "",
        ]
    )


def short(digest: Digest) -> str:
    """The digest for SMS: one line."""
    return f"Respot: {headline(digest)} ({since(digest)})"
