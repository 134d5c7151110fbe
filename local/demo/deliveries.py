"""What a machine subscriber received, against what the ledger says was sent."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from local.demo.deployed import DeployedAccount
from local.demo.verification import JobOutcome
from respot.alerting.alert import AlertOutcome
from respot.jobs.formatting import iso

Key = tuple[str, str, str]
"""An alert: its job's name, its kind, and the start of its transition."""


def sent_alerts(outcomes: Iterable[JobOutcome]) -> list[Key]:
    """The alerts that the ledger says were sent."""
    return [
        (outcome.name, record.kind.value, iso(record.transition.started))
        for outcome in outcomes
        for record in outcome.alert_records
        if record.outcome is AlertOutcome.SENT
    ]


def key_of(document: Mapping[str, Any]) -> Key:
    """The alert that a document is about."""
    return document["job"]["name"], document["kind"], document["transition"]["started"]


def compare_deliveries(outcomes: Sequence[JobOutcome], documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Whether a machine subscriber got each alert that the ledger says was sent exactly once, and nothing else."""
    names = {outcome.name for outcome in outcomes}
    sent = Counter(sent_alerts(outcomes))
    received = Counter(key_of(each) for each in documents if each["job"]["name"] in names)
    return [
        f"{' '.join(key)}: sent {sent[key]} times, received {received[key]} times"
        for key in sent | received
        if sent[key] != received[key]
    ]


def receive_alerts(deployed: DeployedAccount) -> list[dict[str, Any]]:
    """Take everything that the machine subscriber's queue holds by now."""
    sqs, queue = deployed.client("sqs"), deployed.subscriber_url
    documents: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            documents.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return documents
