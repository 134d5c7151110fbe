from datetime import timedelta

import pytest

from respot.redelivery import Delivery
from tests.support.builders import CREATED, redelivery


@pytest.mark.parametrize(("received", "seconds"), [(1, 0), (2, 5), (3, 15), (4, 35), (9, 1275), (10, 1275 + 900)])
def test_a_message_has_been_retried_for_the_sum_of_its_delays(received: int, seconds: int) -> None:
    delivery = Delivery(id="m", receipt="r", body="", receive_count=received, sent=CREATED)
    assert redelivery().retried_for(delivery) == timedelta(seconds=seconds)
