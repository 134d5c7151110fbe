"""What a machine subscriber received, against what the ledger says was sent."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from local.demo.deployed import DeployedAccount
from local.demo.verification_jobs import JobOutcome
from local.demo.verification_runs import AttemptOutcome
from respot.alerting.alert import AlertOutcome
from respot.jobs.formatting import iso


def compare_deliveries(
    outcomes: Sequence[JobOutcome | AttemptOutcome], documents: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Whether a machine subscriber got each alert that the ledger says was sent exactly once, and nothing else."""
    sent = Counter(
        (outcome.name, alert_record.kind.value, iso(alert_record.transition.started))
        for outcome in outcomes
        for alert_record in outcome.alert_records
        if alert_record.outcome is AlertOutcome.SENT
    )
    names = {outcome.name for outcome in outcomes}
    received = Counter(
        (document["job"]["name"], document["kind"], document["transition"]["started"])
        for document in documents
        if document["job"]["name"] in names
    )
    return [
        f"{' '.join(key)}: sent {sent[key]} times, received {received[key]} times"
        for key in sent | received
        if sent[key] != received[key]
    ]


def receive_alerts(deployed: DeployedAccount) -> list[dict[str, Any]]:
    """Take everything that the machine subscriber's queue holds by now."""
    sqs = deployed.client("sqs")
    documents: list[dict[str, Any]] = []
    while True:
        answer = sqs.receive_message(QueueUrl=deployed.subscriber_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        messages = answer.get("Messages", [])
        if not messages:
            return documents
        for message in messages:
            documents.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=deployed.subscriber_url, ReceiptHandle=message["ReceiptHandle"])
