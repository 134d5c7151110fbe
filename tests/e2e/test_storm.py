"""Capacity leaves: five hundred jobs of one pool are interrupted at once, in a local AWS account of its own."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.deployed import DeployedAccount, deployed_account
from local.verification import receive_alerts
from respot.adapters.ledger_items import read_receipt, state_item, transition_item
from respot.domain.alert import AlertReceipt
from respot.domain.job import JobId, JobRecord, Observation, Transition, at_milliseconds
from respot.domain.reconciliation import reconcile
from respot.schema import ItemKind
from tests.support.builders import facts

pytestmark = pytest.mark.xdist_group("storm-account")

JOBS = 500
WINDOW = 25
"""Seconds: the local account takes about as long for the storm, AWS far less than the three minutes of a deployment."""
POSTS_ALLOWED = 5


@pytest.fixture(scope="module")
def stormy() -> Iterator[DeployedAccount]:
    with deployed_account(context={"respot:digest_seconds": str(WINDOW)}) as account:
        yield account


def interrupt(deployed: DeployedAccount, count: int) -> list[JobId]:
    """Write what `record` would have written of so many jobs: each was interrupted just now."""
    now = at_milliseconds(datetime.now(UTC))
    stay = Transition(status="Interrupted", started=now)
    jobs = [JobId(region=deployed.account.region, name=f"storm-{number}", created=now) for number in range(count)]
    items: list[dict[str, Any]] = []
    for job in jobs:
        seen = Observation(facts=facts(job=job, secondary_status="Interrupted", last_modified=now), history=(stay,))
        items.append(state_item(reconcile(JobRecord(), seen), None))
    # A state is written before its transitions: whoever sees a transition finds the state.
    items += [transition_item(job, stay, now=now, retention=None) for job in jobs]
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        answer = deployed.client("dynamodb").batch_write_item(RequestItems={deployed.outputs["LedgerTableName"]: puts})
        assert not answer["UnprocessedItems"]
    return jobs


def settled(deployed: DeployedAccount) -> list[AlertReceipt]:
    """The ledger's alerts, all of them in a few calls."""
    pages = deployed.client("dynamodb").get_paginator("scan").paginate(TableName=deployed.outputs["LedgerTableName"])
    items = [item for page in pages for item in page["Items"]]
    return [read_receipt(item) for item in items if item["kind"] == {"S": ItemKind.ALERT}]


def test_five_hundred_interruptions_are_five_messages_to_people_at_most(stormy: DeployedAccount) -> None:
    jobs = interrupt(stormy, JOBS)
    documents: dict[str, dict[str, object]] = {}
    deadline = time.monotonic() + 90

    def owed() -> bool:
        digests = {str(document["digest_id"]) for document in documents.values() if document.get("digest_id")}
        return len(documents) < JOBS or not digests <= documents.keys()

    while owed() and time.monotonic() < deadline:
        documents |= {document["id"]: document for document in receive_alerts(stormy)}
        time.sleep(0.5)
    alone = [document for document in documents.values() if document.get("digest_id", "none") is None]
    digests = {str(document["id"]): document["digest"] for document in documents.values() if "digest" in document}
    assert len(documents) == JOBS + len(digests), "machines get all of them, and the digests"
    assert len(alone) + sum(digest["count"] for digest in digests.values()) == JOBS  # type: ignore[index]

    posts = stormy.slack.wait_for(len(alone) + len(digests), seconds=10)
    assert len(posts) == len(alone) + len(digests)
    assert 2 <= len(posts) <= POSTS_ALLOWED
    assert sum("more spot jobs on ml.g5.2xlarge in us-east-1 were interrupted" in m["text"] for m in posts) == len(
        digests
    )

    receipts = settled(stormy)
    assert {receipt.job for receipt in receipts} == set(jobs)
    assert len(receipts) == JOBS
    assert sum(receipt.digest is None for receipt in receipts) == len(alone)
    assert {receipt.digest for receipt in receipts} - {None} == digests.keys()
