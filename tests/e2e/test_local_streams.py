"""The local account's readers of streams work side by side, and repeat a failed batch in parts.

ministack's own functions are asked, in a process of its own: what a reader is given cannot be seen from outside.
"""

from typing import Any

import pytest

from tests.support.local_account import printed_beside_ministack

pytestmark = pytest.mark.xdist_group("local-account")

PROGRAM = """
import json, threading, time
from ministack.services import lambda_svc
from local.emulator import streams as emulator

gate = threading.Event()
given = {"slow": [], "failing": [], "whole": []}
ends = {"failing": ["FAILED"] * 4 + ["OK"] * 5, "whole": ["FAILED"] * 2 + ["OK"], "slow": ["OK"]}

def poll():
    for _, _, mapping in lambda_svc._iter_all_esms():
        name = mapping["UUID"]
        if not ends[name]:
            continue
        given[name].append(mapping["BatchSize"])
        if name == "slow":
            gate.wait()
        mapping["LastProcessingResult"] = ends[name].pop(0)
    return True

lambda_svc._poll_dynamodb_streams = poll
emulator._STREAM_PAUSE = 0.01
emulator.read_streams_side_by_side()
for name in given:
    lambda_svc._esms[name] = {
        "UUID": name, "FunctionName": name, "BatchSize": 8, "BisectBatchOnFunctionError": name != "whole",
        "EventSourceArn": "arn:aws:dynamodb:us-east-1:111122223333:table/t/stream/s",
    }
lambda_svc._esms["queue"] = {"UUID": "queue", "EventSourceArn": "arn:aws:sqs:us-east-1:111122223333:q"}
for _ in range(3):
    lambda_svc._poll_dynamodb_streams()
seen_by_queues = sorted(mapping["UUID"] for _, _, mapping in lambda_svc._iter_all_esms())
while ends["failing"] or ends["whole"]:
    time.sleep(0.01)
print(json.dumps({
    "slow is done": not ends["slow"], "given": given, "queues": seen_by_queues,
    "results": {name: lambda_svc._esms[name].get("LastProcessingResult") for name in given if name != "slow"},
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return printed_beside_ministack(PROGRAM, tmp_path_factory.mktemp("account"))


def test_a_slow_reader_holds_up_neither_queues_nor_other_readers(seen: dict[str, Any]) -> None:
    assert not seen["slow is done"]
    assert seen["given"]["slow"] == [8]
    assert seen["queues"] == ["failing", "queue", "slow", "whole"]


def test_a_failed_batch_is_halved_until_it_succeeds(seen: dict[str, Any]) -> None:
    assert seen["given"]["failing"] == [8, 4, 2, 1, 1, 2, 4, 8, 8]


def test_a_batch_is_repeated_whole_where_the_mapping_does_not_split(seen: dict[str, Any]) -> None:
    assert seen["given"]["whole"] == [8, 8, 8]


def test_the_mapping_shows_how_its_last_batch_ended(seen: dict[str, Any]) -> None:
    assert seen["results"] == {"failing": "OK", "whole": "OK"}
