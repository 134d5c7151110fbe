"""AWS calls: what `record` asks and writes for one message, for ten, and for a duplicate."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from botocore.awsrequest import AWSPreparedRequest

from local.bench.events import body_of
from local.demo.deployed import DeployedAccount
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.queueing import QueueMessage, RetrySchedule
from respot.recording.consumer import ObservationConsumer
from respot.recording.recorder import Recorder
from tests.support.memory import MemoryDelayQueue

_ROUNDS: Final = 9
"""Jobs that are measured: a single call may take ten times as long as usual on a machine with other things to do."""

Calls = Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What was delivered, how many transitions it brought, the calls it cost, and how long it took."""

    what: str
    messages: int
    inserted: int
    calls: Calls
    seconds: float


def measure(deployed: DeployedAccount) -> Iterator[Case]:
    """Each case, with the most calls that it took any of several jobs, and the median of their times."""
    rounds = [list(_measure_job(deployed, f"calls-{number}")) for number in range(_ROUNDS)]
    for cases in zip(*rounds, strict=True):
        worst = max(cases, key=lambda case: case.calls.total())
        yield replace(worst, seconds=statistics.median(case.seconds for case in cases))


def _measure_job(deployed: DeployedAccount, name: str) -> Iterator[Case]:
    """The handler's own shell and adapters against the local account, every call counted on its way out."""
    lifecycle = "Starting=0.3 Downloading=0.2 Training=30"
    arn = deployed.ground.create(name, lifecycle=lifecycle, tags={"local:delivery": "drop=all"})
    describe = deployed.client("sagemaker").describe_training_job
    counts: Calls = Counter()
    consumer = _intake(deployed, counts)
    bodies = [body_of(arn)] * 10

    def consume(what: str, messages: list[str]) -> Case:
        counts.clear()
        began = time.perf_counter()
        outcome = consumer.consume(
            [
                QueueMessage(id=str(index), receipt_handle="", body=body, receive_count=1, sent=datetime.now(UTC))
                for index, body in enumerate(messages)
            ],
            time_left=lambda: timedelta(minutes=1),
        )
        if outcome.retries:
            raise RuntimeError(outcome.retries[0].reason) from outcome.retries[0].error
        seconds = time.perf_counter() - began
        inserted = sum(len(recorded.inserted) for recorded in outcome.recorded)
        return Case(what=what, messages=len(messages), inserted=inserted, calls=Counter(counts), seconds=seconds)

    yield consume("a new job, 10 messages at once", bodies)
    while describe(TrainingJobName=name)["SecondaryStatus"] != "Training":
        pass
    yield consume("new transitions of a known job", bodies[:1])
    yield consume("a duplicate", bodies[:1])
    yield consume("10 duplicates at once", bodies)
    deployed.client("sagemaker").stop_training_job(TrainingJobName=name)


def _intake(deployed: DeployedAccount, counts: Calls) -> ObservationConsumer:
    dynamodb, sagemaker = deployed.account.client("dynamodb"), deployed.account.client("sagemaker")
    for client in (dynamodb, sagemaker):
        client.meta.events.register("before-send", lambda request, **_: _count(request, counts))
    table = deployed.outputs["LedgerTableName"]
    ledger = DynamoDbLedger(dynamodb, table, clock=lambda: datetime.now(UTC), retention=None)
    recorder = Recorder(jobs=SageMakerTrainingJobs(lambda _: sagemaker), ledger=ledger)
    unused = RetrySchedule(
        queue=MemoryDelayQueue(), first=timedelta(), longest=timedelta(), clock=lambda: datetime.now(UTC)
    )
    return ObservationConsumer(recorder=recorder, retry_schedule=unused)


def _count(request: AWSPreparedRequest, counts: Calls) -> None:
    target = request.headers["X-Amz-Target"]
    counts[(target.decode() if isinstance(target, bytes) else target).rsplit(".", 1)[-1]] += 1
