"""Messages that name a window whose time is over: the timers in the queue of due alerts."""

import json
from datetime import datetime
from typing import Final

from respot.domain.alert_kinds import AlertKind
from respot.domain.durations import iso
from respot.domain.job import at_milliseconds
from respot.domain.storm import CapacityPool, DigestWindow
from respot.errors import MalformedMessageError

_MEMBER: Final = "window"
"""What sets these messages apart from those that name a job."""


def write_message(window: DigestWindow) -> str:
    """The message that has a window closed."""
    pool = window.pool
    named = {
        "kind": pool.kind.value,
        "region": pool.region,
        "instance_type": pool.instance_type,
        "opened": iso(window.opened),
        "closes": iso(window.closes),
    }
    return json.dumps({_MEMBER: named})


def read_message(body: str) -> DigestWindow | None:
    """The window of a message; `None` if it is none of these messages.

    Raises:
        MalformedMessageError: it is one, and makes no sense.
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
