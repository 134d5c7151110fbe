"""AWS calls: what `record` asks and writes for one message, for ten, and for a duplicate."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from botocore.awsrequest import AWSPreparedRequest

from local.bench.load import body_of
from local.demo.deployed import DeployedAccount
from local.proof.figures import Report
from local.sagemaker.runner import utc_now
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.queueing import QueueMessage, RetrySchedule
from respot.recording.consumer import ObservationConsumer
from respot.recording.recorder import Recorder
from respot.runs.summary import RunSummaries
from tests.support.memory import MemoryDelayQueue

_ROUNDS: Final = 9
"""Jobs that are measured: a single call may take ten times as long as usual on a machine with other things to do."""
_LIFECYCLE: Final = "Starting=0.3 Downloading=0.2 Training=30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What was delivered, how many transitions it brought, the calls it cost, and how long it took."""

    what: str
    messages: int
    inserted: int
    calls: Mapping[str, int]
    seconds: float


def report(cases: Sequence[Case]) -> Report:
    """The calls of each case: one Describe for any number of messages, at most two writes for each transition.

    And one for the summary of the run; none for a duplicate.
    """
    counted = ("DescribeTrainingJob", "ListTags", "Query", "PutItem")
    return Report(
        title="AWS calls of `record`",
        columns=("Delivered", "new transitions", "Describe", "ListTags", "reads", "writes"),
        rows=[(case.what, str(case.inserted), *(str(case.calls[name]) for name in counted)) for case in cases],
        excess=[
            f"{case.what}: too many calls"
            for case in cases
            if case.calls["DescribeTrainingJob"] != 1 or case.calls["PutItem"] > 2 * case.inserted + bool(case.inserted)
        ],
    )


def measure(deployed: DeployedAccount) -> Iterator[Case]:
    """Each case, with the most calls that it took any of several jobs, and the median of their times."""
    rounds = [list(_measure_job(deployed, f"calls-{number}")) for number in range(_ROUNDS)]
    for cases in zip(*rounds, strict=True):
        worst = max(cases, key=lambda case: sum(case.calls.values()))
        yield replace(worst, seconds=statistics.median(case.seconds for case in cases))


def _measure_job(deployed: DeployedAccount, name: str) -> Iterator[Case]:
    """The handler's own shell and adapters against the local account, every call counted on its way out."""
    arn = deployed.ground.create(name, lifecycle=_LIFECYCLE, tags={"local:delivery": "drop=all"})
    sagemaker = deployed.client("sagemaker")
    counts: Counter[str] = Counter()
    consumer = _consumer(deployed, counts)

    def consume(what: str, messages: int) -> Case:
        counts.clear()
        began = time.perf_counter()
        message = QueueMessage(id="", receipt_handle="", body=body_of(arn), receive_count=1, sent=datetime.now(UTC))
        batch = [replace(message, id=str(number)) for number in range(messages)]
        outcome = consumer.consume(batch, time_left=lambda: timedelta(minutes=1))
        if outcome.retries:
            raise RuntimeError(outcome.retries[0].reason) from outcome.retries[0].error
        seconds = time.perf_counter() - began
        inserted = sum(len(recorded.inserted) for recorded in outcome.recorded)
        return Case(what=what, messages=messages, inserted=inserted, calls=Counter(counts), seconds=seconds)

    yield consume("a new job, 10 messages at once", 10)
    while sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] != "Training":
        pass
    yield consume("new transitions of a known job", 1)
    yield consume("a duplicate", 1)
    yield consume("10 duplicates at once", 10)
    sagemaker.stop_training_job(TrainingJobName=name)


def _consumer(deployed: DeployedAccount, counts: Counter[str]) -> ObservationConsumer:
    def count(request: AWSPreparedRequest, **_: object) -> None:
        target = request.headers["X-Amz-Target"]
        counts[(target.decode() if isinstance(target, bytes) else target).rsplit(".", 1)[-1]] += 1

    dynamodb, sagemaker = deployed.account.client("dynamodb"), deployed.account.client("sagemaker")
    for client in (dynamodb, sagemaker):
        client.meta.events.register("before-send", count)
    table = deployed.outputs["LedgerTableName"]
    ledger = DynamoDbLedger(dynamodb, table, clock=utc_now, retention=None)
    runs = DynamoDbRunStore(dynamodb, table, clock=utc_now, retention=None)
    store = DynamoDbRunSummaries(dynamodb, table, clock=utc_now, retention=None)
    summaries = RunSummaries(ledger=ledger, runs=runs, store=store)
    jobs = SageMakerTrainingJobs(lambda _: sagemaker)
    recorder = Recorder(jobs=jobs, ledger=ledger)
    unused = RetrySchedule(queue=MemoryDelayQueue(), first=timedelta(), longest=timedelta(), clock=utc_now)
    return ObservationConsumer(recorder=recorder, retry_schedule=unused, on_recorded=summaries.refresh)
