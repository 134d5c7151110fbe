"""Why Respot leaves a job alone, by the job and its policy alone: neither a wait nor an end of it changes that."""

from respot.jobs.job import JobState
from respot.recovery.planning.cause import Cause, Obstacle
from respot.recovery.policy.policy import Resolved


def why_left_alone(state: JobState, resolved: Resolved) -> Obstacle | None:
    """Why Respot neither stops nor continues the job, by job and policy alone; `None` if they give no reason.

    Unreadable tags are checked before "nobody asked", since one of them may ask, unless the owner opted out by a
    readable tag.
    """
    if not resolved.policy.resume and resolved.opted_out:
        return Obstacle(Cause.OPTED_OUT, resolved.opted_out)
    if resolved.bad_tags:
        return Obstacle(Cause.BAD_TAGS, "; ".join(resolved.bad_tags))
    if not resolved.policy.resume:
        return Obstacle(Cause.NOT_ASKED, f"not asked to resume this job ({', '.join(resolved.sources)})")
    if state.parent:
        owner = f"{state.parent.owner} ({state.parent.identifier})"
        return Obstacle(Cause.OWNED, f"owned by a {owner}, which decides itself")
    return None


def why_nothing_is_done(state: JobState, resolved: Resolved) -> Obstacle | None:
    """As `why_left_alone`, and also because of a dry run."""
    dry_run = Obstacle(Cause.DRY_RUN, "in a dry run, Respot only says what it would do")
    return why_left_alone(state, resolved) or (dry_run if resolved.policy.dry_run else None)
