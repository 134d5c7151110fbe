"""The message that closes a digest's window when it is over."""

import json
from datetime import datetime
from typing import Final

from respot.alerting.digest.digest import CapacityPool, DigestWindow
from respot.alerting.kinds import AlertKind
from respot.errors import MalformedMessageError
from respot.jobs.formatting import iso
from respot.jobs.job import at_milliseconds

_MEMBER: Final = "window"
"""The JSON member that only these messages have: others name a job."""


def write_timer(window: DigestWindow) -> str:
    """The message that closes a window."""
    pool = window.pool
    named = {
        "kind": pool.kind.value,
        "region": pool.region,
        "instance_type": pool.instance_type,
        "opened": iso(window.opened),
        "closes": iso(window.closes),
    }
    return json.dumps({_MEMBER: named})


def read_timer(body: str) -> DigestWindow | None:
    """The window of a message; `None` for any other message.

    Raises:
        MalformedMessageError: the window cannot be read.
    """
    try:
        named = json.loads(body)[_MEMBER]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    try:
        instance_type = named["instance_type"]
        pool = CapacityPool(
            kind=AlertKind(named["kind"]),
            region=str(named["region"]),
            instance_type=None if instance_type is None else str(instance_type),
        )
        opened, closes = (at_milliseconds(datetime.fromisoformat(named[name])) for name in ("opened", "closes"))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        message = f"not a message that names a window: {error}"
        raise MalformedMessageError(message) from error
    return DigestWindow(pool=pool, opened=opened, closes=closes)
