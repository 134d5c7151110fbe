"""Every error of Respot's own, each saying what the caller may do about it."""

from datetime import timedelta
from enum import StrEnum


class RespotError(Exception):
    """The root: catch it to catch all of Respot's own errors."""


class MalformedMessageError(RespotError):
    """The message can never be understood: leave it to the dead-letter queue and read the reason."""


class UpstreamUnavailableError(RespotError):
    """SageMaker could not be asked, or did not answer sensibly: nothing is known, look again later."""


class LedgerUnavailableError(RespotError):
    """DynamoDB refused or did not answer: nothing may be assumed written, try again later."""


class LedgerContentionError(RespotError):
    """Others kept writing the same job: try again later."""


class LedgerIncompleteError(RespotError):
    """A job's items contradict each other: somebody else has changed the table; look at the job's items."""


class AlertInProgressError(RespotError):
    """Another invocation holds the claim on this alert: try again once its lease has run out."""


class TopicUnavailableError(RespotError):
    """SNS did not take the alert: try again later."""


class WebhookRefusedError(RespotError):
    """Slack did not take the message: it goes back to its queue, and the reason says what to mend.

    Attributes:
        retry_after: how long Slack asked to be left alone.
    """

    def __init__(self, message: str, *, retry_after: timedelta = timedelta()) -> None:
        """Without `retry_after`, Slack asked for no pause."""
        super().__init__(message)
        self.retry_after = retry_after


class SettingsError(RespotError):
    """A setting is missing or makes no sense: the deployment must be corrected."""


class OutOfTimeError(RespotError):
    """The function's time was running out before this message's turn: it goes back to the queue untouched."""


class StaleTokenError(UpstreamUnavailableError):
    """SageMaker does not know the place in its list any more: begin the list anew."""


class QueueUnavailableError(RespotError):
    """SQS did not take a message's new delay: its old visibility timeout stays in force."""


class Reach(StrEnum):
    """How far a final refusal of an attempt reaches: which other attempts it rules out as well."""

    POOL = "pool"
    """Those of the same market and instance type."""
    MARKET = "market"
    """Those of the same market, on any instance type."""
    ANYWHERE = "anywhere"
    """All: the refusal is about the job itself."""


class CloneRefusedError(RespotError):
    """No next attempt can be built of this job there: final; the message says why, and what a person can do.

    Attributes:
        job: the job's name.
        field: the member of CreateTrainingJob that stands in the way.
        reach: where else none can be built.
    """

    def __init__(self, why: str, *, job: str, field: str, reach: Reach = Reach.ANYWHERE) -> None:
        """`why` is told after the job and the field."""
        super().__init__(f"{job}: {field}: {why}")
        self.job = job
        self.field = field
        self.reach = reach
        self.why = str(self)


class UnrecoverableFieldError(CloneRefusedError):
    """CreateTrainingJob needs a field that DescribeTrainingJob does not give back: final, submit the job by hand."""


class JobNameTakenError(RespotError):
    """There is a job of that name: look at its lineage; if it is ours, the attempt was created before.

    A call that timed out and was repeated ends here too, although it created the job.
    """


class Postponement(StrEnum):
    """Why a job could not be created now."""

    QUOTA = "quota"
    CAPACITY = "capacity"
    THROTTLED = "throttled"
    UNANSWERED = "unanswered"


class CreateLaterError(RespotError):
    """The job may or may not have been created: ask again, by the same name, after a delay that grows.

    The same name makes that safe: what was created after all answers with JobNameTakenError.

    Attributes:
        reason: a quota or capacity frees up in minutes or hours, a throttle in seconds; no answer (an outage, a
            timeout) says nothing.
    """

    def __init__(self, message: str, *, reason: Postponement) -> None:
        """The message keeps AWS's own words."""
        super().__init__(message)
        self.reason = reason


class CreateRefusedError(RespotError):
    """SageMaker will not create this job: final; the message keeps AWS's own words, a person must mend it.

    Attributes:
        permission: the action that AWS names as not allowed, for example `iam:PassRole`.
        reach: what it rules out; of a quota of 0 for one instance type, for example, the pool alone.
        why: the refusal in short, to be told after the pool.
        unwanted: the member of the request that SageMaker does not take, and can do without.
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
        """Without `permission` and `unwanted`, the refusal is about neither; without `why`, the message is told."""
        super().__init__(message)
        self.permission = permission
        self.reach = reach
        self.why = why or message
        self.unwanted = unwanted


class StopFailedError(RespotError):
    """SageMaker did not say that it stops the job, nor that there is nothing to stop: look at the job, ask again later.

    The message keeps AWS's own words; a missing permission is a person's to mend.
    """


class PolicyInvalidError(RespotError):
    """The account's policy cannot be understood: decide nothing, alert, keep the work; a person must mend it."""
