"""The address of a Slack incoming webhook, as the secret holds it."""

import json
from typing import Final
from urllib.parse import urlsplit

from respot.errors import WebhookRefusedError

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def webhook_address(secret: str) -> str:
    """The address in a secret, which is the address itself or JSON with the address as `url`.

    Raises:
        WebhookRefusedError: there is none, or it would send alerts unencrypted over the network.
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
