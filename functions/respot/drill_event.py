"""The event of a drill: what `respot drill` puts on the default bus, read with the suspicion that any event deserves.

Whoever may put events can forge one. All that it can say is an id, a kind, a region, an account and a time, each
bounded, and its job has a name that no real job can have.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from respot.domain.alert_kinds import AlertKind
from respot.domain.drill import STAYS, Drill
from respot.domain.drill_names import ID
from respot.domain.durations import iso
from respot.errors import MalformedMessageError
from respot.training_job_document import moment

SOURCE: Final = "respot.drill"
DETAIL_TYPE: Final = "Respot Drill"

_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
_KINDS: Final = {kind.value: kind for kind in STAYS}


def write_detail(drill: Drill) -> str:
    """The event's detail; EventBridge adds region and account."""
    return json.dumps({"id": drill.id, "kind": drill.kind.value, "sent_at": iso(drill.sent_at)})


def read_drill(envelope: Mapping[str, Any], *, region: str) -> Drill:
    """The drill of an event that names `SOURCE`.

    Raises:
        MalformedMessageError: it says something else than a drill does.
    """
    detail, account = envelope.get("detail"), envelope.get("account")
    said: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
    drill, word, sent_at = said.get("id"), said.get("kind"), moment(said.get("sent_at"))
    kind: AlertKind | None = _KINDS.get(word) if isinstance(word, str) else None
    if not (isinstance(drill, str) and ID.fullmatch(drill)) or kind is None or sent_at is None:
        message = f"a drill that names no id, no kind or no time: {str(detail)[:200]}"
        raise MalformedMessageError(message)
    if envelope.get("detail-type") != DETAIL_TYPE or not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
        message = f"a drill {drill} of no account, or of a form that Respot does not send"
        raise MalformedMessageError(message)
    return Drill(id=drill, kind=kind, region=region, account=account, sent_at=sent_at)
