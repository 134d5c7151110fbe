"""The local account's queues hand a backlog to a function from the front, and otherwise do what ministack does.

ministack's own functions are asked, in a process of its own: what a poller is given cannot be seen from outside.
"""

from typing import Any

import pytest

from tests.support.local_account import printed_beside_ministack

pytestmark = pytest.mark.xdist_group("local-account")

PROGRAM = """
import asyncio, json, sys, time
from ministack.services import sqs
from local.emulator import sqs as emulator

emulator.hand_out_from_the_front()

def act(action, **data):
    return asyncio.run(sqs._dispatch(action, data, ""))

def receive(most=10):
    return [(message["body"], message["receipt_handle"]) for message in sqs._receive_messages_for_esm(url, most)]

def bodies(received):
    return [body for body, _ in received]

def delete(*received):
    sqs._delete_messages_for_esm(url, {handle for _, handle in received})

dead = act("CreateQueue", QueueName="dead")["QueueUrl"]
arn = sqs._get_q(dead)["attributes"]["QueueArn"]
url = act("CreateQueue", QueueName="live", Attributes={
    "VisibilityTimeout": "1", "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2}),
})["QueueUrl"]
for number in range(25):
    act("SendMessage", QueueUrl=url, MessageBody=str(number))

first, second, third = receive(), receive(), receive()
seen = {"first": bodies(first), "second": bodies(second), "third": bodies(third), "then": bodies(receive())}
delete(*first[:9])
time.sleep(1.1)
again = receive() + receive()
delete(*second, *third)  # with handles of the reception before: they delete nothing
seen |= {"again": bodies(again), "left": [message["body"] for message in sqs._get_q(url)["messages"]]}
delete(again[0], again[-1])
time.sleep(1.1)
seen |= {"at last": bodies(receive()), "dead": [message["body"] for message in sqs._get_q(dead)["messages"]]}

url = act("CreateQueue", QueueName="returning", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
for number in range(4):
    act("SendMessage", QueueUrl=url, MessageBody=str(number))
receive(2)
time.sleep(1.1)
seen |= {"returned": bodies(receive(2))}
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return printed_beside_ministack(PROGRAM, tmp_path_factory.mktemp("account"))


def numbers(first: int, end: int) -> list[str]:
    return [str(number) for number in range(first, end)]


def test_a_backlog_is_handed_out_in_its_order_and_each_message_to_one_poller(seen: dict[str, Any]) -> None:
    assert [seen["first"], seen["second"]] == [numbers(0, 10), numbers(10, 20)]


def test_the_rest_is_handed_out_although_it_is_no_full_batch(seen: dict[str, Any]) -> None:
    assert seen["third"] == numbers(20, 25)
    assert seen["then"] == []


def test_what_was_not_deleted_comes_again_and_what_was_does_not(seen: dict[str, Any]) -> None:
    assert seen["again"] == numbers(9, 25)


def test_the_receipt_of_an_earlier_reception_deletes_nothing(seen: dict[str, Any]) -> None:
    assert seen["left"] == numbers(9, 25)


def test_what_was_received_too_often_goes_to_the_dead_letter_queue(seen: dict[str, Any]) -> None:
    assert seen["at last"] == []
    assert seen["dead"] == numbers(10, 24)


def test_what_has_come_back_stands_behind_what_still_waits(seen: dict[str, Any]) -> None:
    assert seen["returned"] == ["2", "3"]
