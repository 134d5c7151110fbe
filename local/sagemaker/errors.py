"""The errors that SageMaker answers with."""

from typing import ClassVar


class SageMakerError(Exception):
    """An error answer; its class says which code the caller sees."""

    code: ClassVar[str]


class ValidationError(SageMakerError):
    """The request is wrong, or names a job that does not exist."""

    code = "ValidationException"


class ResourceInUseError(SageMakerError):
    """The name is taken."""

    code = "ResourceInUse"


class AccessDeniedError(SageMakerError):
    """The caller lacks a permission."""

    code = "AccessDeniedException"


class ResourceLimitExceededError(SageMakerError):
    """A quota of the account is used up."""

    code = "ResourceLimitExceeded"


class ThrottlingError(SageMakerError):
    """The caller asks too often."""

    code = "ThrottlingException"


class UnknownOperationError(SageMakerError):
    """The operation exists on AWS but is not simulated, or does not exist at all."""

    code = "UnknownOperationException"


def not_found() -> ValidationError:
    """Build SageMaker's answer for a job that does not exist: a ValidationException, not ResourceNotFound."""
    return ValidationError("Requested resource not found.")
