"""What would change a decision against an attempt: advice for each cause."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from respot.jobs.formatting import clause
from respot.recovery.planning.cause import Cause, Obstacle
from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget

KILL_SWITCH: Final = "/Respot/kill-switch"
"""The parameter's name, unless the stack was renamed."""
_WORK_IS_LEFT: Final = frozenset(Cause) - {
    Cause.NOT_ENDED,
    Cause.COMPLETED,
    Cause.OWNED,
    Cause.OVERTAKEN,
    Cause.PAUSE,
    Cause.KILL_SWITCH,
}
"""After these causes the work is not done, nothing follows, and its owner may submit it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a decision says.

    Attributes:
        reason: its reason.
        inputs: its inputs.
        kill_switch: the name of the kill switch's parameter.
        lives: the job has not ended, so that what is changed counts for it.
    """

    reason: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    kill_switch: str = KILL_SWITCH
    lives: bool = False

    def limit(self, name: str) -> str:
        """The limit in an input like `3 of 3`, to follow a setting's name; empty if there is none."""
        _, _, limit = self.inputs.get(name, "").partition(" of ")
        return f" (now {limit})" if limit else ""


def advice(cause: Cause | None, facts: Facts) -> tuple[str, ...]:
    """What would change it: one thing to do in each sentence, any of which may be enough; the last one is for today."""
    if cause is None:
        return ("An earlier version of Respot decided this and recorded no more than the reason: act on that.",)
    return (*_for_the_next(cause, facts), *_for_today(cause, facts))


def while_it_lives(left: Obstacle | None) -> tuple[str, ...]:
    """What would change the course of a job that runs; `left` is why Respot does nothing about it."""
    if left:
        return _for_the_next(left.cause, Facts(reason=left.reason, lives=True))
    return ("Nothing: it runs, and Respot decides by this policy when it ends.",)


def while_it_waits(left: Obstacle | None, *, limited: bool) -> tuple[str, ...]:
    """The same for a job that waits; `limited` says whether Respot ends the wait before SageMaker does."""
    if left:
        return while_it_lives(left)
    if limited:
        return ("Capacity. Without it, Respot goes on by the limit or the deadline of its policy.",)
    return (
        "Capacity: SageMaker starts it then.",
        "For the next job, a `ladder` and `give_up_waiting_after` below MaxWait: Respot then goes to another pool.",
    )


def _for_today(cause: Cause, facts: Facts) -> tuple[str, ...]:
    """How to go on with the work of a run that has ended."""
    if cause not in _WORK_IS_LEFT:
        return ()
    where, newest = facts.inputs.get("checkpoint_location"), facts.inputs.get("newest_checkpoint")
    again = "The decision is final. To go on with this work, submit the job again"
    if where is None:
        return (f"{again}.",)
    found = f"; {newest.partition(',')[0]} is there to resume from" if newest else ""
    return (f"{again} with the checkpoint location {where}{found}.",)


def _for_the_next(cause: Cause, facts: Facts) -> tuple[str, ...]:  # noqa: C901, PLR0912 - one case for each cause
    """What to change, for the next time or while the job waits."""
    match cause:
        case Cause.NOT_ENDED:
            return ("Nothing: Respot decides once the job has ended.",)
        case Cause.COMPLETED:
            return ("Nothing: the work is done.",)
        case Cause.OPTED_OUT:
            return ("Take the tag respot:resume = off away, or `resume: false` out of the rule that matches the job.",)
        case Cause.NOT_ASKED:
            return (
                f"Set the tag respot:resume = on, {'before the job ends' if facts.lives else 'on the next job'}.",
                "Or set `resume: true` in policy.yaml, in `defaults` or in a rule that matches the job, and deploy.",
            )
        case Cause.BAD_TAGS:
            return ("Correct the tags that the reason names: no attempt follows while one cannot be read.",)
        case Cause.OWNED:
            return ("Configure a retry in the service that owns the job: Respot leaves its jobs to it.",)
        case Cause.STOPPED_BY_A_PERSON:
            return ("Do not stop a job that is to go on: Respot never continues what a person stopped or deleted.",)
        case Cause.STOP_UNCLEAR:
            return ("See in CloudTrail who called StopTrainingJob.",)
        case Cause.NOT_REPEATABLE:
            return ("Correct what SageMaker or the job's logs name as the failure: the job would fail again.",)
        case Cause.TRIGGER_NOT_CHOSEN:
            return (_trigger(facts),)
        case Cause.HISTORY:
            return ("Nothing: Respot leaves alone what ended before it watched the region.",)
        case Cause.RESTORED:
            return ("See first whether a job goes on with the work: the restored ledger cannot know it.",)
        case Cause.TOO_LATE:
            return ("A decision must follow within three days: respot doctor shows what holds decisions up.",)
        case Cause.KILL_SWITCH:
            off = f"aws ssm put-parameter --name {facts.kill_switch} --type String --value off --overwrite"
            return (f"Turn the kill switch off: {off}",)
        case Cause.NOT_CREATABLE:
            return ("Do without what the reason names in the next job, or submit the job by hand each time.",)
        case Cause.PERMISSION_MISSING:
            return ("Add the permission that the reason names, to Respot's role or to the job's own.",)
        case Cause.NAME_TAKEN:
            return (
                "Give jobs names to which -r2, -r3 and so on can be added: another job has the next attempt's name.",
            )
        case Cause.CONCURRENT_WRITER:
            return ("Give each job a checkpoint location of its own, or wait until the other job has ended.",)
        case Cause.OVERTAKEN:
            return ("Nothing: the run goes on with the other job.",)
        case Cause.NO_CHECKPOINT_LOCATION:
            return (
                "Give the job a CheckpointConfig with an S3Uri, and have its code save there and resume from there.",
                "Or set `require_checkpoint: false` (tag respot:require-checkpoint = off) if it may start over.",
            )
        case Cause.NO_CHECKPOINT:
            return (
                "Have the code save complete checkpoints below CheckpointConfig's LocalPath, more often.",
                "Or set `require_checkpoint: false` (tag respot:require-checkpoint = off) if it may start over.",
            )
        case Cause.NO_PROGRESS:
            return (
                "Have the code save more often, and resume from its newest checkpoint.",
                "Or set a `deadline`, with which the work is repeated on demand.",
                "Or set `require_progress: false` (tag respot:require-progress = off).",
            )
        case Cause.ATTEMPTS_SPENT:
            return (f"Raise `attempts.total`{facts.limit('attempts')}, or set the tag respot:max-attempts.",)
        case Cause.BUDGET_SPENT:
            return (_budget(facts), "Or give the run another pool to go to: `ladder`, or the tag respot:ladder.")
        case Cause.HOURS_SPENT:
            return ("Raise `max_billable_hours`, or the tag respot:max-billable-hours.",)
        case Cause.LADDER_SPENT:
            return ("Add a rung to `ladder`, or to the tag respot:ladder, or let its last rung have more attempts.",)
        case Cause.POOLS_REFUSED:
            return (
                "Request a quota for the pool that the reason names, in AWS Service Quotas.",
                "Or name another pool in `ladder`, or in the tag respot:ladder.",
            )
        case Cause.DEADLINE_LOST:
            return (
                "Set a later `deadline` (tag respot:deadline).",
                "Or set `when_deadline_missed: on-demand`, with which the work is done late.",
            )
        case Cause.PAUSE:
            return ("Nothing: the attempt follows after the pause, which `back_off` in the policy sets.",)
        case Cause.DRY_RUN:
            return ("Set `dry_run: false`, or the tag respot:dry-run = off: Respot only says what it would do.",)
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(cause)


def _trigger(facts: Facts) -> str:
    named = clause(facts.reason).rpartition(" ")[2]
    if named not in TRIGGERS_TO_CHOOSE:
        return "Add such an end to `triggers` in the policy, or to the tag respot:triggers."
    return f"Add {named} to `triggers` in the policy, or to the tag respot:triggers."


def _budget(facts: Facts) -> str:
    spent = next((each for each in Budget if re.search(rf"resubmissions for {each}\b", facts.reason)), None)
    if spent is None:
        return "Raise the budget that the reason names: `attempts` in the policy."
    limit = re.search(rf"\b{spent} \d+ of (\d+)", facts.inputs.get("budgets", ""))
    return f"Raise `attempts.{spent}`{f' (now {limit[1]})' if limit else ''} in the policy."
