"""Respot's own errors; each says what the caller may do about it."""

from datetime import timedelta
from enum import StrEnum


class RespotError(Exception):
    """The root of all errors that Respot raises."""


class ItemError(RespotError):
    """Concerns one item or message alone, and repeating it changes nothing: the others must not wait for it."""


class MalformedMessageError(ItemError):
    """The message can never be understood: leave it to the dead-letter queue, and read the reason."""


class NotShownError(MalformedMessageError):
    """SageMaker does not show the job of this message; a new one it may show some minutes later."""


class UnreadableItemError(ItemError):
    """This version cannot read an item of the ledger: skip it, count it, name it; the version that wrote it can.

    Attributes:
        partition: the item's partition key.
        sort_key: its sort key.
        why: what is wrong with it.
        version: its version as the store has it, of any type; only to see whether it was written since.
    """

    def __init__(self, partition: str, sort_key: str, why: str, version: object = None) -> None:
        """The message names the item."""
        super().__init__(f"the item {partition} {sort_key} cannot be read: {why}")
        self.partition = partition
        self.sort_key = sort_key
        self.why = why
        self.version = version


class UpstreamUnavailableError(RespotError):
    """SageMaker, S3 or Systems Manager gave no usable answer: conclude nothing, try again later."""


class UpstreamRefusedError(UpstreamUnavailableError):
    """It refused the call, and will until a person adds a permission or changes something else."""


class LedgerUnavailableError(RespotError):
    """DynamoDB refused or did not answer: what was to be written may be there or not, try again later."""


class LedgerRefusedError(LedgerUnavailableError, ItemError):
    """DynamoDB definitely does not take this request: nothing was written, and a person must check its item."""


class LedgerContentionError(RespotError):
    """Another invocation writes the same item: try again later."""


class LedgerIncompleteError(ItemError):
    """Items of a job or its run are missing: they have expired, or something else changed the table. Check them."""


class AlertInProgressError(RespotError):
    """Another invocation holds the lease on this alert or digest: try again once it has expired."""


class TopicUnavailableError(RespotError):
    """SNS did not accept the alert or digest: try again later."""


class TopicRefusedError(TopicUnavailableError, ItemError):
    """SNS definitely does not take this alert or digest: nothing was sent, and a person must check it."""


class WebhookRefusedError(RespotError):
    """The message could not be posted to Slack: it goes back to its queue, and the reason says what to fix.

    Attributes:
        retry_after: the pause that Slack asked for.
    """

    def __init__(self, message: str, *, retry_after: timedelta = timedelta()) -> None:
        """Without `retry_after`, Slack asked for no pause."""
        super().__init__(message)
        self.retry_after = retry_after


class PostRefusedError(WebhookRefusedError, MalformedMessageError):
    """Slack definitely does not take this one message; any other webhook would refuse it, too."""


class SettingsError(RespotError):
    """A setting is missing or invalid: correct the deployment."""


class OutOfTimeError(RespotError):
    """Too little of the function's time was left for this message: it goes back to the queue untouched."""


class StaleTokenError(UpstreamUnavailableError):
    """SageMaker does not know this page token any more: start the list again."""


class QueueUnavailableError(RespotError):
    """SQS refused or did not answer: the message may not have been sent, or its delay not set. Try again later."""


class ScheduleUnavailableError(RespotError):
    """EventBridge Scheduler refused or did not answer: a job's schedule may be missing or left over. Sweeps help."""


class Reach(StrEnum):
    """Which other attempts a final refusal rules out as well."""

    POOL = "pool"
    """Those of the same market and instance type."""
    MARKET = "market"
    """Those of the same market, on any instance type."""
    ANYWHERE = "anywhere"
    """All: the refusal is about the job itself."""


class CloneRefusedError(RespotError):
    """The next attempt cannot be built from this job in that place: final. The message says why, and what to do.

    Attributes:
        job: the job's name.
        field: the member of CreateTrainingJob that prevents it.
        reach: where else it cannot be built either.
        instance_types: those of a list that prevent it; empty if the words name them, or it is the list as such.
    """

    def __init__(self, why: str, *, job: str, field: str, reach: Reach = Reach.ANYWHERE) -> None:
        """`why` follows the job and the field in the message."""
        super().__init__(f"{job}: {field}: {why}")
        self.job = job
        self.field = field
        self.reach = reach
        self.instance_types: tuple[str, ...] = ()
        self.why = str(self)


class UnrecoverableFieldError(CloneRefusedError):
    """CreateTrainingJob needs a field that DescribeTrainingJob does not give back: final, submit the job by hand."""


class JobNameTakenError(RespotError):
    """A job of that name exists: check its lineage. If it is ours, the attempt was created before.

    A call that timed out and was repeated ends here too, although it created the job.
    """


class Postponement(StrEnum):
    """Why a job could not be created now."""

    QUOTA = "quota"
    CAPACITY = "capacity"
    THROTTLED = "throttled"
    UNANSWERED = "unanswered"


class CreateLaterError(RespotError):
    """The job may or may not have been created: ask again with the same name, later each time.

    The same name makes that safe: if the job was created after all, the answer is JobNameTakenError.

    Attributes:
        reason: a quota or capacity becomes free in minutes or hours, a throttle ends in seconds. UNANSWERED (an
            outage, a timeout) says nothing about when.
    """

    def __init__(self, message: str, *, reason: Postponement) -> None:
        """The message contains AWS's own text."""
        super().__init__(message)
        self.reason = reason


class CreateRefusedError(RespotError):
    """SageMaker will not create this job: final. The message contains AWS's own text; a person must fix the cause.

    Attributes:
        permission: the action that AWS names as not allowed, for example `iam:PassRole`.
        reach: what it rules out; for example only the pool, for a quota of 0 for one instance type.
        why: the refusal in short, to follow the name of the pool.
        unwanted: an optional member of the request that SageMaker does not accept.
    """

    def __init__(
        self,
        message: str,
        *,
        permission: str | None = None,
        reach: Reach = Reach.ANYWHERE,
        why: str | None = None,
        unwanted: str | None = None,
    ) -> None:
        """Without `permission` and `unwanted`, the refusal is about neither; `why` defaults to the message."""
        super().__init__(message)
        self.permission = permission
        self.reach = reach
        self.why = why or message
        self.unwanted = unwanted


class StopFailedError(RespotError):
    """SageMaker confirmed neither the stop nor that there is nothing to stop: describe the job, ask again later.

    The message contains AWS's own text; a person must add a missing permission.
    """


class StopRefusedError(StopFailedError):
    """SageMaker definitely refused the stop, which had no effect: a person must fix the cause."""


class PolicyInvalidError(RespotError):
    """The account's policy is invalid: decide nothing, alert, keep the message; a person must fix it.

    Attributes:
        place: where in the document, for example `rules[0].match`; empty for the whole of it.
    """

    def __init__(self, message: str, *, place: str = "") -> None:
        """The message names the place, too."""
        super().__init__(message)
        self.place = place
