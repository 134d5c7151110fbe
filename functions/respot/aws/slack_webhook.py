"""Slack's incoming webhook, through slack_sdk."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.webhook import WebhookClient

from respot.errors import WebhookRefusedError
from respot.slack.blocks import SlackMessage

TIMEOUT: Final = timedelta(seconds=5)
PATIENCE: Final = timedelta(seconds=5)
"""How long a pause that Slack asks for is waited out at once; a longer one is spent in the queue."""
LONGEST_POST: Final = 3 * TIMEOUT + PATIENCE + timedelta(seconds=3)
"""One post, one more after a broken connection, one more after a brief pause, and slack_sdk's own pauses between."""
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class SlackWebhook:
    """The port `Chat`, on one webhook."""

    def __init__(self, secret: Callable[[], str], forget_secret: Callable[[], None]) -> None:
        """`secret` gives the webhook's address (cached), `forget_secret` makes it be read anew next time."""
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
            # The last two: an address that cannot be encoded, an answer in a character set that nobody knows.
            reason = f"Slack could not be reached ({type(error).__name__}); is the webhook's address right?"
            raise WebhookRefusedError(reason) from error
        if answer.status_code == 200 and not answer.body.lstrip().startswith("<"):
            return  # a page instead of a word is where a wrong address leads to, by way of a redirection
        # The address may have been replaced since it was read: 403, 404 and 410 are how Slack retires a webhook.
        self._forget_secret()
        reason = f"Slack answered {answer.status_code}: {answer.body[:200]!r}"
        raise WebhookRefusedError(reason, retry_after=_retry_after(answer.headers))


class _BriefRateLimitRetryHandler(RateLimitErrorRetryHandler):
    """slack_sdk's handler sleeps for as long as Slack asks, which may be longer than the function lives."""

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


def webhook_address(secret: str) -> str:
    """The address in a secret that is the address itself, or JSON with the address as `url`.

    Raises:
        WebhookRefusedError: there is none, or it would send alerts over the network in the clear.
    """
    address = secret.strip()
    if address.startswith("{"):
        try:
            address = str(json.loads(address).get("url", ""))
        except ValueError:
            address = ""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if (parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return address
    reason = 'the Slack secret must hold an https:// address, or JSON like {"url": "https://..."}'
    raise WebhookRefusedError(reason)


def _is_brief(headers: Mapping[str, str | list[str]]) -> bool:
    """Whether the pause is short, and said in the one way that slack_sdk reads: whole seconds."""
    said = _header(headers)
    return not said or (_SECONDS.fullmatch(said) is not None and _retry_after(headers) <= PATIENCE)


def _retry_after(headers: Mapping[str, str | list[str]]) -> timedelta:
    said = _header(headers)
    return timedelta(seconds=int(said)) if _SECONDS.fullmatch(said) else timedelta()


def _header(headers: Mapping[str, str | list[str]]) -> str:
    value = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return value if isinstance(value, str) else "".join(value[:1])
