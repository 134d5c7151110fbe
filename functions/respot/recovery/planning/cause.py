"""Why no next attempt is created, as one word: what would change it follows from that."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What keeps the next attempt from being created. Other versions may know others."""

    NOT_ENDED = "not-ended"
    COMPLETED = "completed"
    OPTED_OUT = "opted-out"
    """By a tag of the job, or by the account's policy."""
    NOT_ASKED = "not-asked"
    """Neither a tag nor the policy asks for another attempt."""
    BAD_TAGS = "bad-tags"
    """The job's own `respot:` tags cannot be read."""
    OWNED = "owned"
    """By a tuning job, a pipeline or the like, which decides itself."""
    STOPPED_BY_A_PERSON = "stopped-by-a-person"
    STOP_UNCLEAR = "stop-unclear"
    """Respot, SageMaker or somebody else stopped it."""
    NOT_REPEATABLE = "not-repeatable"
    """It would end in the same way again: the job's own code or request fails."""
    TRIGGER_NOT_CHOSEN = "trigger-not-chosen"
    """The policy does not resume after such an end."""
    HISTORY = "history"
    """It ended before Respot watched its region."""
    RESTORED = "restored"
    """It ended before the ledger was restored from a backup."""
    TOO_LATE = "too-late"
    KILL_SWITCH = "kill-switch"
    NOT_CREATABLE = "not-creatable"
    """SageMaker does not give back all that its request needs, or the job was deleted."""
    PERMISSION_MISSING = "permission-missing"
    NAME_TAKEN = "name-taken"
    """Another job has the next attempt's name."""
    CONCURRENT_WRITER = "concurrent-writer"
    OVERTAKEN = "overtaken"
    """The run goes on after another job of the same name."""
    NO_CHECKPOINT_LOCATION = "no-checkpoint-location"
    NO_CHECKPOINT = "no-checkpoint"
    NO_PROGRESS = "no-progress"
    ATTEMPTS_SPENT = "attempts-spent"
    BUDGET_SPENT = "budget-spent"
    HOURS_SPENT = "hours-spent"
    LADDER_SPENT = "ladder-spent"
    POOLS_REFUSED = "pools-refused"
    """By a quota, for example: no pool of the ladder is left."""
    DEADLINE_LOST = "deadline-lost"
    PAUSE = "pause"
    """The policy's pause after such an end is not over."""
    DRY_RUN = "dry-run"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps the next attempt from being created: a word for programs, and words for people."""

    cause: Cause
    reason: str
