"""Hundreds of drills, good and malformed: real jobs are recorded and alerted on meanwhile, and sweeps go on."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.demo.deployed import DeployedAccount
from local.demo.verification import differences, observe
from local.sagemaker.lifecycle import parse
from respot.jobs.formatting import iso
from respot.recording.drill import DETAIL_TYPE, SOURCE
from respot.recording.drill_limit import AT_ONCE
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

MANY = 300
LIFECYCLE = "Starting=0.1 Downloading=0.1 Training=0.2 Interrupted=0.2 Training=0.2"
COPIES = 7
"""Of `record`: five for observations, two for drills; each has a limit of its own."""


@pytest.fixture
def flooded(deployed: DeployedAccount) -> Iterator[DeployedAccount]:
    """As many good drills as malformed ones have just been sent; what remains of them is removed afterwards."""
    drills = [
        {"id": secrets.token_hex(6), "kind": kind, "sent_at": iso(datetime.now(UTC))}
        for _ in range(MANY)
        for kind in ("interrupted", "nothing")
    ]
    for first in range(0, len(drills), 10):
        entries = [
            {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(each)}
            for each in drills[first : first + 10]
        ]
        assert deployed.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    yield deployed
    for output in ("DrillsQueueUrl", "DrillsDlqUrl"):
        deployed.client("sqs").purge_queue(QueueUrl=deployed.outputs[output])


def test_many_drills_delay_no_job_and_no_sweep(flooded: DeployedAccount) -> None:
    dead = flooded.queue_depth(flooded.outputs["ObservationsDlqUrl"])  # of other tests
    flooded.ground.create("among-drills", lifecycle=LIFECYCLE)
    sqs, waiting = flooded.client("sqs"), "ApproximateNumberOfMessages"
    fate, most = parse(LIFECYCLE), 0

    def is_settled() -> bool:
        nonlocal most
        url = flooded.outputs["ObservationsQueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[waiting])
        most = max(most, int(answer["Attributes"][waiting]))
        return observe(flooded, "among-drills", fate).is_settled

    assert eventually(is_settled)
    assert differences(observe(flooded, "among-drills", fate)) == []
    assert most < AT_ONCE  # what a sweep counts before it compares: no drill is among it
    # Each drill is taken, recorded or not; the malformed ones twice.
    assert eventually(lambda: flooded.queue_depth(flooded.outputs["DrillsDlqUrl"]) >= MANY, seconds=120)
    assert flooded.queue_depth(flooded.outputs["ObservationsDlqUrl"]) == dead
    posted = {str(message["text"]) for message in flooded.slack.messages if "DRILL" in str(message["text"])}
    assert len(posted) <= 2 * COPIES * AT_ONCE
