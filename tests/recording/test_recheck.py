import json
from dataclasses import replace
from datetime import datetime

import pytest

from respot.errors import MalformedMessageError
from respot.recording.observation import SWEEP_SOURCE, SweepObservation, parse, write_recheck
from tests.support.builders import NAME, REGION, at

OBSERVATION = SweepObservation(region=REGION, name=NAME, watched_since=at(0.037), event_due_by=at(9.001))


@pytest.mark.parametrize("unlisted", [None, at(-5)])
def test_a_sweep_observation_is_read_as_it_was_written(unlisted: datetime | None) -> None:
    observation = replace(OBSERVATION, unlisted=unlisted)
    assert parse(write_recheck(observation)) == observation


DETAIL = json.loads(write_recheck(OBSERVATION))["detail"]


def test_the_members_of_the_message_are_fixed() -> None:
    """Messages in the queue may be of an older version."""
    detail = json.loads(write_recheck(replace(OBSERVATION, unlisted=at(-5))))["detail"]
    assert list(detail) == ["region", "name", "watched_since", "overdue", "missed"]


@pytest.mark.parametrize(
    "detail",
    [
        None,
        [],
        *({key: value for key, value in DETAIL.items() if key != left_out} for left_out in DETAIL),
        DETAIL | {"watched_since": "yesterday"},
        DETAIL | {"overdue": "tomorrow"},
        DETAIL | {"missed": 5},
        DETAIL | {"name": "../x"},
        DETAIL | {"name": "n" * 64},
        DETAIL | {"region": "nowhere"},
    ],
    ids=str,
)
def test_any_other_detail_is_malformed(detail: object) -> None:
    with pytest.raises(MalformedMessageError, match="names no job"):
        parse(json.dumps({"source": SWEEP_SOURCE, "detail": detail}))
