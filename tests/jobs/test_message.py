import json
from datetime import timedelta

import pytest

from respot.errors import MalformedMessageError
from respot.jobs.message import read_message, write_message
from tests.support.builders import CREATED, job_id


@pytest.mark.parametrize("milliseconds", [0, 1, 37, 999])
def test_a_message_is_read_as_it_was_written(milliseconds: int) -> None:
    job = job_id(created=CREATED + timedelta(milliseconds=milliseconds))
    assert read_message(write_message(job)) == job


def test_an_operator_may_write_the_time_in_any_time_zone() -> None:
    body = json.dumps({"region": "us-east-1", "name": "spot-job", "created": "2026-09-16T11:00:00+02:00"})
    assert read_message(body) == job_id()


GOOD = {"region": "us-east-1", "name": "spot-job", "created": CREATED.isoformat()}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "poison",
        "null",
        "[]",
        "1",
        "[" * 100_000,
        *(json.dumps({key: value for key, value in GOOD.items() if key != left_out}) for left_out in GOOD),
        json.dumps(GOOD | {"created": "yesterday"}),
        json.dumps(GOOD | {"created": 1_789_549_200_000}),
        json.dumps(GOOD | {"created": None}),
        json.dumps(GOOD | {"created": "9999-12-31T23:59:59.999999Z"}),
    ],
    ids=lambda body: body[:60],
)
def test_any_other_text_is_malformed(body: str) -> None:
    with pytest.raises(MalformedMessageError, match="not a message that names a job"):
        read_message(body)
