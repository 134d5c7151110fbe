"""The functions as Lambda composes them: from the environment, on moto."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from respot import settings
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.job_items import transition_item
from respot.aws.dynamodb.run_summaries import summary_item
from respot.aws.dynamodb.sweeps import progress_item
from respot.aws.sagemaker.job_lists import SageMakerJobLists
from respot.bootstrap import clients, stores, summaries, time_budget
from respot.errors import CloneRefusedError, LedgerUnavailableError, SettingsError
from respot.handlers import alert, record, recover, slack, sweep
from respot.jobs.job import JobRecord, JobSnapshot, Market, at_milliseconds
from respot.jobs.merge import reconcile
from respot.recovery.checkpoints.location import CheckpointLocation
from respot.recovery.planning.attempt import AttemptRequest, Lineage
from respot.recovery.planning.decision import Placement
from respot.recovery.planning.run import run_id
from respot.settings import (
    KILL_SWITCH_PARAMETER,
    POLICY_PARAMETER,
    TRAINING_INSTANCE_TYPES,
    TRAINING_ROLES,
    Settings,
)
from respot.sweep.heartbeat import HEARTBEAT
from respot.sweep.progress import SweepProgress
from tests.support.builders import NAME, REGION, job_id, snapshot, state, transition
from tests.support.moto_aws import TABLE
from tests.support.printed import Printed, printed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["printed"]

CREATION: dict[str, Any] = {
    "TrainingJobName": NAME,
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/SageMakerTraining",
    "OutputDataConfig": {"S3OutputPath": "s3://ml-bucket/output"},
    "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}

COMPOSED = {
    part
    for module in (clients, stores, summaries, alert, record, recover, slack, sweep)
    for part in vars(module).values()
    if hasattr(part, "cache_clear")
}
"""What a cold start forgets."""


class Context:
    """Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.fixture(autouse=True)
def cold_start() -> Iterator[None]:
    for part in COMPOSED:
        part.cache_clear()
    yield
    for part in COMPOSED:
        part.cache_clear()
    time_budget._INVOCATION.time_left = None  # noqa: SLF001


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, dynamodb: "DynamoDBClient") -> "DynamoDBClient":
    """Everything that the functions need, and the environment that names it."""
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="slack")
    due = boto3.client("sqs", region_name=REGION).create_queue(QueueName="due")
    topic = boto3.client("sns", region_name=REGION).create_topic(Name="alerts")
    environment = Settings(
        ledger_table=TABLE,
        alerts_topic_arn=topic["TopicArn"],
        slack_secret="respot/slack-webhook",  # noqa: S106 - a name
        queue_url=queue["QueueUrl"],
        due_alerts_queue_url=due["QueueUrl"],
        policy_parameter="/Respot/policy",
    ).to_environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return dynamodb


def delivery(message_: Any) -> dict[str, Any]:  # noqa: ANN401
    """A message of SQS as Lambda delivers it."""
    renamed = {"messageId": "MessageId", "receiptHandle": "ReceiptHandle", "body": "Body", "attributes": "Attributes"}
    return {"Records": [{name: message_[member] for name, member in renamed.items()}]}


def test_a_job_without_events_is_found_by_the_sweep_and_recorded(
    monkeypatch: pytest.MonkeyPatch, deployed: "DynamoDBClient"
) -> None:
    sqs, sagemaker = boto3.client("sqs", region_name=REGION), boto3.client("sagemaker", region_name=REGION)
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("observations", "recoveries", "due-alerts")]
    environment = Settings(
        observations_queue_url=urls[0],
        recovery_queue_url=urls[1],
        due_alerts_queue_url=urls[2],
        policy_parameter="/Respot/policy",
        event_grace=timedelta(),
    ).to_environment()
    for name, value in (environment | {"AWS_REGION": REGION}).items():
        monkeypatch.setenv(name, value)
    sagemaker.create_training_job(**CREATION)
    sweep.handler({}, Context())
    beat, found = sqs.receive_message(QueueUrl=urls[0], AttributeNames=["All"], MaxNumberOfMessages=10)["Messages"]
    assert beat["Body"] == HEARTBEAT
    assert record.handler(delivery(found), Context()) == {"batchItemFailures": []}
    sqs.purge_queue(QueueUrl=urls[0])
    sweep.handler({}, Context())
    for url in urls:
        bodies = [each["Body"] for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
        assert set(bodies) == {HEARTBEAT}
    kept = [deserialize(item) for item in deployed.scan(TableName=TABLE)["Items"]]
    assert sorted(item["pk"] for item in kept if item["kind"] == "sweep") == ["sweep#checks", f"sweep#{REGION}"]
    assert stores.ledger().watched_since(REGION) == stores.ledger().created_at()


@pytest.mark.parametrize(
    ("variable", "value"),
    [(settings.DIGEST_SECONDS, "0"), (settings.ALERT_KINDS, "interrupted,max-wait-time-exceeded")],
    ids=["no window", "no digests"],
)
@pytest.mark.usefixtures("deployed")
def test_alerts_are_held_back_unless_windows_or_digests_are_switched_off(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    assert alert.alerter().digests is alert.digest_collector()
    for part in COMPOSED:
        part.cache_clear()
    monkeypatch.setenv(variable, value)
    assert alert.alerter().digests is None
    alert.digest_collector()  # alerts that were held back before must still be sent


def test_an_alert_makes_the_calls_that_its_time_budget_assumes(deployed: "DynamoDBClient") -> None:
    created = at_milliseconds(datetime.now(UTC) + timedelta(seconds=2))
    each = replace(transition("MaxWaitTimeExceeded", 0), started=created)
    boto3.client("ssm", region_name=REGION).put_parameter(
        Name="/Respot/policy", Type="String", Value='{"version": 1, "defaults": {"resume": true}}'
    )
    clients.client("ssm")  # recover's, which repeats its calls; an alert's does not
    swept = SweepProgress(scope=REGION, watched_since=created - timedelta(hours=1), leased_at=created)
    deployed.put_item(TableName=TABLE, Item=progress_item(swept, until=created))
    made: list[str] = []
    for name in ("first", "second"):  # the first one of a process also asks since when the region is watched
        job = job_id(name, created=created)
        known = state(job=job, status="Stopped", secondary_status=each.status, tags={})
        stores.ledger().save(reconcile(JobRecord(), JobSnapshot(state=known, history=(each,))))
        image = transition_item(job, each, now=created, retention=None)
        records = [{"dynamodb": {"SequenceNumber": "1", "NewImage": image}}]
        if name == "second":
            alert._policies.cache_clear()  # noqa: SLF001 - the policy is read once a minute
            alert._foresight.cache_clear()  # noqa: SLF001
        for service in ("dynamodb", "sns", "sqs", "ssm") if name == "second" else ():
            made_by = clients.once_ssm_client() if service == "ssm" else clients.client(service)
            made_by.meta.events.register("before-send", lambda service=service, **_: made.append(service))
        assert alert.handler({"Records": records}, Context()) == {"batchItemFailures": []}
    assert "sns" in made
    assert Counter(made) == Counter(alert.CALLS)
    (topic,) = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics.values()
    assert "Respot decides whether it resumes the job" in str(topic.sent_notifications[-1])


def test_a_summary_that_cannot_be_read_is_rebuilt_and_the_log_says_so(
    deployed: "DynamoDBClient", printed: Printed
) -> None:
    time_budget.begin(lambda: timedelta(minutes=1))
    stores.ledger().save(reconcile(JobRecord(), snapshot("Starting=0 Training=390")))
    summaries.refresh_summary(job_id())
    stored = summaries.summary_store().load(run_id(job_id()))
    assert stored
    item = summary_item(stored.summary, 1, None) | {"state": {"S": "melting"}}
    deployed.put_item(TableName=TABLE, Item=item)
    summaries.refresh_summary(job_id())
    assert summaries.summary_store().load(run_id(job_id())) == replace(stored, version=2)
    (line,) = printed()
    assert (line["level"], line["message"], line["partition"]) == ("WARNING", "summary_rebuilt", item["pk"]["S"])
    assert "melting" in line["reason"]


@pytest.mark.usefixtures("deployed")
def test_a_call_that_might_outlast_the_function_is_not_begun() -> None:
    time_budget.begin(lambda: timedelta(seconds=3))
    with pytest.raises(LedgerUnavailableError, match=r"3\.0 s of the function's time are left"):
        stores.ledger().load(job_id())
    time_budget.begin(lambda: timedelta(minutes=1))
    assert stores.ledger().load(job_id()) == JobRecord()


def test_each_client_waits_as_long_as_its_service_is_given() -> None:
    each = {service: (clients.client(service, REGION), limits) for service, limits in time_budget.CALL_LIMITS.items()}  # type: ignore[call-overload]
    each["ssm once"] = clients.once_ssm_client(), time_budget.ONCE_SSM
    for client, limits in each.values():
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (limits.connect_seconds, limits.read_seconds)
        assert config.retries == {"mode": "standard", "total_max_attempts": limits.attempts}
    # An alert does not wait for a policy: a call is made once, and takes a few seconds at most.
    assert (time_budget.ONCE_SSM.attempts, time_budget.ONCE_SSM.longest_call <= timedelta(seconds=4)) == (1, True)


@pytest.mark.usefixtures("deployed")
def test_a_secret_that_is_not_there_keeps_the_message_in_its_queue() -> None:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1790000000000"}
    posted = delivery({"MessageId": "m1", "ReceiptHandle": "r1", "Body": "words", "Attributes": attributes})
    assert slack.handler(posted, Context()) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


@pytest.mark.parametrize(
    ("function", "variable"),
    [
        (record.handler, "RESPOT_LEDGER_TABLE"),
        (slack.handler, "RESPOT_SLACK_SECRET"),
        (sweep.handler, settings.OBSERVATIONS_QUEUE_URL),
    ],
    ids=["record", "slack", "sweep"],
)
def test_a_function_without_its_settings_says_which_one(
    monkeypatch: pytest.MonkeyPatch, function: Any, variable: str  # noqa: ANN401
) -> None:  # fmt: skip
    for name in Settings().to_environment():
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=f"{variable} is not set"):
        function({"Records": []}, Context())


@pytest.mark.parametrize("variable", [TRAINING_ROLES, TRAINING_INSTANCE_TYPES])
@pytest.mark.usefixtures("deployed")
def test_nothing_is_recovered_without_the_limits_of_the_deployment(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A missing setting must not allow everything."""
    given = Settings(policy_parameter="/p", kill_switch_parameter="/k", training_roles=(), training_instance_types=())
    for name, value in given.to_environment().items():
        if name not in {settings.LEDGER_TABLE, variable}:
            monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{variable} is not set"):
        recover.recovery_consumer()


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
@pytest.mark.usefixtures("deployed")
def test_sagemaker_and_s3_are_asked_in_the_jobs_region_the_ledger_in_its_own(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv(POLICY_PARAMETER, "/Respot/policy")
    monkeypatch.setenv(KILL_SWITCH_PARAMETER, "/Respot/kill-switch")
    monkeypatch.setenv(TRAINING_ROLES, "SageMaker*")
    monkeypatch.setenv(TRAINING_INSTANCE_TYPES, "")
    asked: list[tuple[str, str]] = []
    retried: dict[str, list[Any]] = {}

    def note(**call: Any) -> None:  # noqa: ANN401 - botocore's own
        asked.append((call["model"].name, call["context"]["client_region"]))
        retried.setdefault(call["model"].name, []).append(call["context"]["client_config"].retries)

    clients._session().register("before-call", note)  # noqa: SLF001 - where every client comes from
    recovery = recover.recovery_consumer().recovery
    for jobs in (record.consumer().recorder.jobs, recovery.decider.contexts.jobs):
        assert jobs.describe(region, NAME) is None
    arn = recovery.creator.jobs.create(region, CREATION)
    assert arn.startswith(f"arn:aws:sagemaker:{region}:")
    assert retried["CreateTrainingJob"] == [{"total_max_attempts": 1, "mode": "standard"}]
    assert recovery.creator.jobs.description(region, NAME)
    assert recovery.creator.jobs.tags(region, arn) == {}
    for lists in (SageMakerJobLists(clients.once_client), recovery.unknown_writers.lists):
        assert [job.job.name for job in lists.page(region, None).summaries] == [NAME]
    location = CheckpointLocation(bucket="nobodys", prefix="runs/")
    assert not recovery.decider.contexts.checkpoints.list(region, location).bucket_exists
    assert recovery.ledger.find(region, NAME) == ()
    assert asked == [
        ("DescribeTrainingJob", region),
        ("DescribeTrainingJob", region),
        ("CreateTrainingJob", region),
        ("DescribeTrainingJob", region),
        ("ListTags", region),
        ("ListTrainingJobs", region),
        ("ListTrainingJobs", region),
        ("ListObjectsV2", region),
        ("Query", REGION),
    ]


@pytest.mark.usefixtures("deployed")
def test_a_request_is_held_against_the_settings_and_the_service_model(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        policy_parameter="/p",
        kill_switch_parameter="/k",
        training_roles=("*",),
        training_instance_types=("ml.g5.?xlarge",),
    )
    for name, value in given.to_environment().items():
        if name != settings.LEDGER_TABLE:
            monkeypatch.setenv(name, value)
    creator = recover.recovery_consumer().recovery.creator
    creator.jobs.create(REGION, CREATION)
    description = creator.jobs.description(REGION, NAME)
    assert description
    hour = timedelta(hours=1)
    placement = Placement(market=Market.SPOT, instance_type="ml.g5.99xlarge", max_runtime=hour, max_wait=hour)
    lineage = Lineage(run="run", attempt=2, parent=NAME)
    attempt = AttemptRequest(name=f"{NAME}-r2", lineage=lineage, placement=placement)
    assert creator.clone_any(description, {}, attempt).unknown_types == ("ml.g5.99xlarge",)
    with pytest.raises(CloneRefusedError, match="outside the setting training_instance_types"):
        creator.clone(description, {}, attempt)
    known = replace(attempt, placement=replace(placement, instance_type="ml.g5.4xlarge"))
    assert creator.clone(description, {}, known).unknown_types == ()


def test_a_client_is_made_once_for_each_region() -> None:
    here, there = clients.client("sagemaker", "us-east-1"), clients.client("sagemaker", "eu-west-1")
    assert clients.client("sagemaker", "us-east-1") is here
    assert there.meta.region_name == "eu-west-1"
