import json
from dataclasses import replace
from datetime import datetime

import pytest

from respot.errors import MalformedMessageError
from respot.recording.observation import SWEEP_SOURCE, Origin, RecheckRequest, parse, read_recheck, write_recheck
from tests.support.builders import NAME, REGION, at, job_id

LOOK = RecheckRequest(region=REGION, name=NAME, watched_since=at(0.037), overdue=at(9.001))


@pytest.mark.parametrize("missed", [None, at(-5)])
def test_what_is_written_is_read(missed: datetime | None) -> None:
    look = replace(LOOK, missed=missed)
    assert read_recheck(json.loads(write_recheck(look))) == look


def test_it_is_a_hint_without_a_claim() -> None:
    observation = parse(write_recheck(replace(LOOK, missed=job_id().created)))
    assert (observation.region, observation.name, observation.reported, observation.origin) == (
        REGION,
        NAME,
        None,
        Origin.SWEEP,
    )
    assert (observation.watched_since, observation.overdue, observation.missed) == (at(0.037), at(9.001), job_id())


DETAIL = json.loads(write_recheck(LOOK))["detail"]


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
def test_anything_else_is_malformed(detail: object) -> None:
    with pytest.raises(MalformedMessageError, match="names no job"):
        parse(json.dumps({"source": SWEEP_SOURCE, "detail": detail}))
