"""Events that were met in public."""

import json
from typing import Any

import pytest

from respot.alerting.text import jobs_url
from respot.recording.observation import EventObservation, parse
from tests.support.public_cases import cases, compare


@pytest.mark.parametrize("case", cases("event", "hint"))
def test_the_event_is_read(case: dict[str, Any]) -> None:
    observation = parse(json.dumps(case["body"]))
    assert isinstance(observation, EventObservation)
    found: dict[str, Any] = {
        "name": observation.name,
        "region": observation.region,
        "claim": observation.reported is not None,
    }
    if observation.reported:
        state, parent = observation.reported.state, observation.reported.state.parent
        found |= {name: getattr(state, name) for name in state.__slots__}
        found |= {
            "parent": parent and parent.owner,
            "console": jobs_url(state.job.region),
            "start_known": observation.reported.start_known,
            "stays": [
                [transition.status, transition.started.isoformat()] for transition in observation.reported.history
            ],
        }
    compare(case["expect"], found)
