"""Slack's incoming webhook, whose address is in a secret."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Final

from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.webhook import WebhookClient

from respot.aws.calls import raising
from respot.errors import PostRefusedError, WebhookRefusedError
from respot.slack.blocks import SlackMessage
from respot.slack.webhook_address import webhook_address

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

TIMEOUT: Final = timedelta(seconds=5)
MAX_INLINE_RETRY_AFTER: Final = timedelta(seconds=5)
"""The longest `Retry-After` to wait for in the function; a longer one delays the message in its queue."""
LONGEST_POST: Final = 3 * TIMEOUT + MAX_INLINE_RETRY_AFTER + timedelta(seconds=3)
"""A post, a retry after a broken connection, another after a brief pause, and slack_sdk's own pauses in between."""
_OF_ONE_MESSAGE: Final = ("invalid_payload", "invalid_blocks")
"""What Slack answers to a message that it does not take. Other refusals are about the webhook, which people replace."""
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


class SlackWebhook:
    """The port `Chat`, on one webhook."""

    def __init__(self, secret: Callable[[], str], forget_secret: Callable[[], None]) -> None:
        """`secret` returns the webhook's address (cached); after `forget_secret` it is read again."""
        self._secret = secret
        self._forget_secret = forget_secret

    def post(self, message: SlackMessage) -> None:
        """See `Chat.post`."""
        client = WebhookClient(
            webhook_address(self._secret()),
            timeout=int(TIMEOUT.total_seconds()),
            retry_handlers=[ConnectionErrorRetryHandler(), _BriefRateLimitRetryHandler()],
        )
        try:
            answer = client.send(text=message.text, blocks=message.blocks, unfurl_links=False, unfurl_media=False)
        except (OSError, HTTPException, SlackClientError, ValueError, LookupError) as error:
            # The last two: an address that cannot be encoded, an answer in an unknown character set.
            reason = f"Slack could not be reached ({type(error).__name__}); is the webhook's address right?"
            raise WebhookRefusedError(reason) from error
        if answer.status_code == 200 and not answer.body.lstrip().startswith("<"):
            return  # Slack answers "ok"; a wrong address may redirect to an HTML page
        # The address may have been replaced since it was read: Slack answers 403, 404 or 410 for a retired webhook.
        self._forget_secret()
        reason = f"Slack answered {answer.status_code}: {answer.body[:200]!r}"
        if answer.status_code == 400 and answer.body.startswith(_OF_ONE_MESSAGE):
            raise PostRefusedError(reason)
        raise WebhookRefusedError(reason, retry_after=_retry_after(answer.headers))


class _BriefRateLimitRetryHandler(RateLimitErrorRetryHandler):
    """Retries after brief pauses only: slack_sdk's handler may sleep for longer than the function's timeout."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        limited = super()._can_retry(state=state, request=request, response=response, error=error)
        return limited and response is not None and _is_brief(response.headers)


def _is_brief(headers: Mapping[str, str | list[str]]) -> bool:
    """Whether the pause is short, and in whole seconds: slack_sdk reads no other format."""
    value = _header(headers)
    return not value or (_SECONDS.fullmatch(value) is not None and _retry_after(headers) <= MAX_INLINE_RETRY_AFTER)


def _retry_after(headers: Mapping[str, str | list[str]]) -> timedelta:
    value = _header(headers)
    return timedelta(seconds=int(value)) if _SECONDS.fullmatch(value) else timedelta()


def _header(headers: Mapping[str, str | list[str]]) -> str:
    value = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return value if isinstance(value, str) else "".join(value[:1])


def read_secret(client: "SecretsManagerClient", name: str) -> str:
    """The secret's text; empty if it holds bytes.

    Raises:
        WebhookRefusedError: it cannot be read.
    """
    with raising(WebhookRefusedError, f"secret {name} cannot be read (does it exist, and hold the webhook's address?)"):
        return client.get_secret_value(SecretId=name).get("SecretString", "")
