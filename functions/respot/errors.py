"""Every error of Respot's own, each saying what the caller may do about it."""

from datetime import timedelta


class RespotError(Exception):
    """The root: catch it to catch all of Respot's own errors."""


class MalformedObservationError(RespotError):
    """The message can never be understood: leave it to the dead-letter queue and read the reason."""


class LookFailedError(RespotError):
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


class QueueUnavailableError(RespotError):
    """SQS did not take a message's new delay: its old visibility timeout stays in force."""
