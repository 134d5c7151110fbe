"""Separates errors of AWS that may pass from those that only a person can fix."""

from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from respot.aws.error_codes import Answer, answer_of

_MAY_PASS: Final = frozenset({Answer.THROTTLED, Answer.UNANSWERED, Answer.BUSY})
_CREDENTIALS: Final = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)


def may_pass(error: BaseException) -> bool:
    """Whether the next call may be answered although this one was not.

    Of an error of Respot's own, its cause counts; without one, nothing is known against the next call.
    """
    cause = error if isinstance(error, ClientError | BotoCoreError) else error.__cause__
    return cause is None or (answer_of(cause) in _MAY_PASS and not isinstance(cause, _CREDENTIALS))
