import json

import pytest

from respot.alerting.digest.digest import read_message, write_message
from respot.alerting.kinds import AlertKind
from respot.errors import MalformedMessageError
from respot.jobs.message import write_message as write_job
from tests.support.builders import job_id, window_of


@pytest.mark.parametrize("instance_type", ["ml.g5.2xlarge", None, "<größer>"])
@pytest.mark.parametrize("kind", [AlertKind.INTERRUPTED, AlertKind.MAX_WAIT_TIME_EXCEEDED])
def test_what_is_written_is_read(kind: AlertKind, instance_type: str | None) -> None:
    window = window_of(kind, 3720.037, instance_type=instance_type)
    read = read_message(write_message(window))
    assert read == window
    assert read.id == window.id


@pytest.mark.parametrize("body", ["", "poison", "null", "[]", "1", "{}", "[" * 100_000, write_job(job_id())])
def test_other_messages_name_no_window(body: str) -> None:
    assert read_message(body) is None


GOOD = json.loads(write_message(window_of()))["window"]


BAD = [{"kind": "advice-to-all"}, {"opened": "yesterday"}, {"closes": 7}]


@pytest.mark.parametrize(
    "named",
    [
        *(None, [], "x"),
        *({key: value for key, value in GOOD.items() if key != left_out} for left_out in GOOD),
        *(GOOD | bad for bad in BAD),
    ],
)
def test_a_window_that_cannot_be_read_is_malformed(named: object) -> None:
    with pytest.raises(MalformedMessageError, match="names a window"):
        read_message(json.dumps({"window": named}))
