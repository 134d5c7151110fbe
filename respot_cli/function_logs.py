"""The functions' logs: the last reason that one of them logged about a message or a job."""

import json
from datetime import datetime

from respot_cli.deployment import Deployment, asking_aws


def last_reason(found: Deployment, output: str, word: str, *, since: datetime) -> str | None:
    """The last reason that the log group of this output has about the thing that `word` names.

    CloudWatch may need some seconds before it finds what was logged.
    """
    last = None
    with asking_aws():
        for page in (
            found.session.client("logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=found.outputs[output],
                filterPattern=f'"{word}"',
                startTime=int(since.timestamp() * 1000),
            )
        ):
            for event in page["events"]:
                last = _reason(event["message"]) or last
    return last


def _reason(line: str) -> str | None:
    try:
        return str(json.loads(line)["reason"])
    except (ValueError, LookupError, TypeError):
        return None
