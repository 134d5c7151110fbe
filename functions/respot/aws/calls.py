"""AWS's errors as ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from respot.aws.error_codes import answer_of
from respot.errors import RespotError, UpstreamRefusedError, UpstreamUnavailableError

NONSENSE: Final = (AttributeError, LookupError, TypeError, ValueError, ResponseParserError)
"""What botocore's parser and ours raise when something other than AWS has answered."""


@contextmanager
def raising(error: Callable[[str], RespotError], message: str) -> Iterator[None]:
    """Raise this error, with AWS's own words, if AWS refuses the call or does not answer."""
    try:
        yield
    except (ClientError, BotoCoreError) as cause:
        raise error(f"{message}: {cause}") from cause


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Raise UpstreamUnavailableError if AWS does not answer or answers nonsense, UpstreamRefusedError if it refuses."""
    try:
        yield
    except (ClientError, BotoCoreError) as cause:
        if answer_of(cause).is_definite:
            message = f"{what} was refused; try again later: {cause}"
            raise UpstreamRefusedError(message) from cause
        message = f"{what} did not answer; try again later: {cause}"
        raise UpstreamUnavailableError(message) from cause
    except NONSENSE as cause:
        message = f"{what}: the answer makes no sense; try again later: {cause!r}"
        raise UpstreamUnavailableError(message) from cause
