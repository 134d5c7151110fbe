"""What goes wrong around a call: it fails before or after it has done its work, or the process dies."""

from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    LedgerUnavailableError,
    PolicyInvalidError,
    Postponement,
    QueueUnavailableError,
    StopFailedError,
    StopRefusedError,
    TopicUnavailableError,
    UpstreamUnavailableError,
)
from tests.support.faulty import ProcessCrashError
from tests.support.recovery_world.world import World


class Trouble:
    """Fails calls as badly as this world has it, until it is calm."""

    def __init__(self, world: World) -> None:
        self.world = world

    def gate(self, service: str, method: str, done: bool) -> None:  # noqa: FBT001 - see Gate
        """Stands around every call to a port."""
        world = self.world
        if world.calm:
            return
        if (service, done) == ("s3", True) and world.random.random() < 0.05:
            world.kill_switch.is_on = True  # somebody turns it on while Respot is at work
        if world.forbidden and (method, done) == ("stop", False):
            world.seen["stops refused"] += 1
            raise StopRefusedError("AccessDeniedException: no sagemaker:StopTrainingJob")
        drawn = world.random.random()
        if (method, done) == ("create", True):
            drawn /= 5  # the moment on which most depends
        if drawn < world.deadly:
            world.seen["deaths"] += 1
            raise ProcessCrashError
        if (service in world.down and not done) or drawn < world.deadly + world.faulty:
            world.seen["faults"] += 1
            raise self._error(service, method, done=done)

    def _error(self, service: str, method: str, *, done: bool) -> Exception:
        world = self.world
        match service:
            case "sagemaker" if method == "create":
                if done or service in world.down:
                    if done:
                        world.seen["created without an answer"] += 1
                    return CreateLaterError("no answer", reason=Postponement.UNANSWERED)
                if world.random.random() < 0.1:
                    return CreateRefusedError("AccessDeniedException: no", permission="iam:PassRole")
                return CreateLaterError("ThrottlingException", reason=Postponement.THROTTLED)
            case "sagemaker" if method == "stop":
                return StopFailedError("no answer")
            case "ledger":
                return LedgerUnavailableError("DynamoDB did not answer")
            case "sns":
                return TopicUnavailableError("SNS did not answer")
            case "sqs":
                return QueueUnavailableError("SQS did not answer")
            case "ssm" if world.random.random() < 0.3:
                return PolicyInvalidError("settings: no such member")
            case _:
                return UpstreamUnavailableError(f"{service} did not answer")
