"""The errors that SageMaker answers with."""


class SageMakerError(Exception):
    """An error answer; its code is what the caller sees."""

    def __init__(self, code: str, message: str) -> None:
        """Answer with this code and message."""
        super().__init__(message)
        self.code = code


class ValidationError(SageMakerError):
    """The request is wrong, or names a job that does not exist."""

    def __init__(self, message: str) -> None:
        """Say what is wrong."""
        super().__init__("ValidationException", message)


def not_found() -> SageMakerError:
    """Build SageMaker's answer for a job that does not exist: a ValidationException, not ResourceNotFound."""
    return ValidationError("Requested resource not found.")
