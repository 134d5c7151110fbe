"""Events that were met in public."""

import json
from typing import Any

import pytest

from respot.domain.alert_text import jobs_url
from respot.events import parse
from tests.support.public_cases import cases, compare


@pytest.mark.parametrize("case", cases("event", "hint"))
def test_the_event_is_read(case: dict[str, Any]) -> None:
    hint = parse(json.dumps(case["body"]))
    found: dict[str, Any] = {"name": hint.name, "region": hint.region, "claim": hint.claim is not None}
    if hint.claim:
        facts, parent = hint.claim.facts, hint.claim.facts.parent
        found |= {name: getattr(facts, name) for name in facts.__slots__}
        found |= {
            "parent": parent and parent.owner,
            "console": jobs_url(facts.job.region),
            "start_known": hint.claim.start_known,
            "stays": [[stay.status, stay.started.isoformat()] for stay in hint.claim.history],
        }
    compare(case["expect"], found)
