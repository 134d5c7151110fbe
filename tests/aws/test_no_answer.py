"""A service that refuses, fails or is silent is the error of the port, and never a conclusion."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken
from respot.aws.dynamodb.drills import DynamoDbDrillPosts
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.table import Table
from respot.aws.s3 import S3Checkpoints
from respot.aws.sagemaker.job_lists import SageMakerJobLists
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.aws.slack_webhook import read_secret
from respot.aws.sns import SnsTopic
from respot.aws.sqs.digest_timers import SqsDigestTimers
from respot.aws.sqs.jobs import SqsJobQueue
from respot.aws.sqs.queue import SqsDeadLetterQueue, SqsDelayQueue
from respot.aws.sqs.sweep import SqsHeartbeatQueue, SqsRecheckQueue
from respot.aws.ssm import read_kill_switch, read_policy_text
from respot.errors import (
    LedgerUnavailableError,
    QueueUnavailableError,
    RespotError,
    StaleTokenError,
    StopFailedError,
    TopicUnavailableError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
    WebhookRefusedError,
)
from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.recording.observation import SweepObservation
from respot.recovery.checkpoints.location import CheckpointLocation
from tests.support.builders import CREATED, NAME, REGION, alert_on, arn_of, digest_of, job_id, snapshot, transition
from tests.support.builders import window_of as window
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE

LEASE: Final = (job_id(), AlertKind.INTERRUPTED, transition("Interrupted", 3720))
RECORD: Final = AlertRecord(
    job=job_id(), kind=LEASE[1], transition=LEASE[2], outcome=AlertOutcome.SENT, reason="", headline="",
    settled_at=CREATED, message_id=None,
)  # fmt: skip
RECHECK: Final = (SweepObservation(region=REGION, name=NAME, watched_since=CREATED, event_due_by=CREATED), timedelta())


def ledger(client: Any) -> DynamoDbLedger:  # noqa: ANN401
    return DynamoDbLedger(client, TABLE, clock=FakeClock(CREATED), retention=None)


def posts(client: Any) -> DynamoDbDrillPosts:  # noqa: ANN401
    return DynamoDbDrillPosts(client, TABLE, clock=FakeClock(CREATED))


def jobs(client: Any) -> SageMakerTrainingJobs:  # noqa: ANN401
    return SageMakerTrainingJobs(lambda _: client)


def lists(client: Any) -> SageMakerJobLists:  # noqa: ANN401
    return SageMakerJobLists(lambda _: client)


def checkpoints(client: Any) -> S3Checkpoints:  # noqa: ANN401
    return S3Checkpoints(lambda _: client, monotonic=lambda: 0)


LISTED: Final = "ListTrainingJobs (did not|was refused)"
STOPPED: Final = f"^{REGION}/{NAME}: .*(describe the job before|refuses to stop)"
PLACE: Final = CheckpointLocation(bucket="b", prefix="p/")
FAILURES: Final[dict[str, tuple[type[RespotError], dict[str, tuple[Callable[[Any], object], str]]]]] = {
    "sqs": (QueueUnavailableError, {
        "change_message_visibility": (lambda c: SqsDelayQueue(c, "q").delay("r", timedelta()), "could not be set"),
        "send_message timer": (lambda c: SqsDigestTimers(c, "q").send(window(), delay=timedelta()), "take its timer"),
        "send_message job": (lambda c: SqsJobQueue(c, "q").send(job_id()), "did not take it; try again later"),
        "send_message dead letter": (lambda c: SqsDeadLetterQueue(c, "q").bury("b", ""), "not take the dead letter"),
        "send_message heartbeat": (lambda c: SqsHeartbeatQueue(c, "q").beat(), "did not take the heartbeat"),
        "send_message_batch": (lambda c: SqsRecheckQueue(c, "q").send([RECHECK] * 3), "3 jobs were not sent"),
        "get_queue_attributes": (lambda c: SqsRecheckQueue(c, "q").backlog(), "how many observations wait"),
    }),
    "ssm": (UpstreamUnavailableError, {
        "get_parameter policy": (lambda c: read_policy_text(c, "/p"), "the policy's parameter /p could not be read: "),
        "get_parameter switch": (lambda c: read_kill_switch(c, "/k"), "kill switch's parameter /k could not be read"),
    }),
    "secretsmanager": (WebhookRefusedError, {
        "get_secret_value": (lambda c: read_secret(c, "webhook"), "secret webhook cannot be read"),
    }),
    "sns": (TopicUnavailableError, {
        "publish alert": (lambda c: SnsTopic(c, "arn").publish(alert_on()), "us-east-1/spot-job.*try again later"),
        "publish digest": (lambda c: SnsTopic(c, "arn").publish_digest(digest_of()), "digest/us-east-1"),
    }),
    "s3": (UpstreamUnavailableError, {
        "list_objects_v2": (lambda c: checkpoints(c).list(REGION, PLACE), f"in {REGION} did not|it was denied"),
    }),
    "sagemaker": (UpstreamUnavailableError, {
        "list_training_jobs from the beginning": (lambda c: lists(c).page(REGION, None), LISTED),
        "list_training_jobs from a token": (lambda c: lists(c).page(REGION, "token"), LISTED),
        "describe_training_job record": (lambda c: jobs(c).describe(REGION, NAME), "try again later"),
        "describe_training_job recover": (lambda c: jobs(c).description(REGION, NAME), "try again later"),
        "list_tags": (lambda c: jobs(c).tags(REGION, arn_of()), "try again later"),
    }),
    "sagemaker to stop": (StopFailedError, {
        "stop_training_job": (lambda c: jobs(c).stop(REGION, NAME), STOPPED),
    }),
    "dynamodb": (LedgerUnavailableError, {
        "query find": (lambda c: ledger(c).find(REGION, "x"), "try again later"),
        "query load": (lambda c: ledger(c).load(job_id()), "try again later"),
        "query alerts": (lambda c: ledger(c).alerts(job_id()), "try again later"),
        "put_item save": (lambda c: ledger(c).save(reconcile(JobRecord(), snapshot("Starting=0"))), "try again later"),
        "put_item lease": (lambda c: ledger(c).lease_alert(*LEASE, now=CREATED, lease=timedelta(1)), "try again later"),
        "put_item release": (lambda c: ledger(c).release_alert(*LEASE, LeaseToken("ours")), "try again later"),
        "put_item complete": (lambda c: ledger(c).complete_alert(RECORD), "try again later"),
        "describe_table": (lambda c: ledger(c).created_at(), "try again later"),
        "batch_get_item": (lambda c: list(Table(c, TABLE).get_all([("a", "b")] * 3)), "3 items"),
        "put_item note": (lambda c: posts(c).note("0123456789ab", None), "could not be written"),
        "get_item": (lambda c: posts(c).find("0123456789ab"), "could not be read"),
    }),
}  # fmt: skip


class Case(NamedTuple):
    """A call, and the error that it raises when its operation fails."""

    service: str
    operation: str
    call: Callable[[Any], object]
    error: type[RespotError]
    words: str


CASES: Final = {
    f"{service} {name}": Case(service.partition(" ")[0], name.partition(" ")[0], call, error, words)
    for service, (error, calls) in FAILURES.items()
    for name, (call, words) in calls.items()
}


@cache
def client_of(service: Any) -> Any:  # noqa: ANN401
    return boto3.client(service, region_name=REGION)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalFailure", "404"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_refusal_is_the_ports_error_with_the_words_of_aws(case: Case, code: str) -> None:
    client = client_of(case.service)
    with Stubber(client) as stub:
        stub.add_client_error(case.operation, code, "the training job is in status Stopped or not found")
        with pytest.raises(case.error, match=f"(?s){case.words}") as caught:
            case.call(client)
    assert code in str(caught.value)
    assert "is in status Stopped or not found" in str(caught.value)
    assert not isinstance(caught.value, StaleTokenError)


@pytest.mark.parametrize(("code", "refused"), [("ThrottlingException", False), ("AccessDeniedException", True)])
def test_a_refused_list_is_distinguished_from_one_without_an_answer(code: str, *, refused: bool) -> None:
    client = client_of("sagemaker")
    with Stubber(client) as stub:
        stub.add_client_error("list_training_jobs", code)
        with pytest.raises(UpstreamUnavailableError) as caught:
            lists(client).page(REGION, None)
    assert isinstance(caught.value, UpstreamRefusedError) is refused


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_silence_is_the_ports_error(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url=f"https://{case.service}")

    monkeypatch.setattr(client_of(case.service), "_make_api_call", hang)
    with pytest.raises(case.error, match=f"(?s){case.words}"):
        case.call(client_of(case.service))


@pytest.mark.parametrize("read", [read_policy_text, read_kill_switch])
@pytest.mark.parametrize("answer", [{}, {"Parameter": {}}], ids=str)
def test_a_parameter_without_a_value_is_no_answer(read: Callable[..., str], answer: dict[str, Any]) -> None:
    client = client_of("ssm")
    with Stubber(client) as stub:
        stub.add_response("get_parameter", answer)
        with pytest.raises(UpstreamUnavailableError):
            read(client, "/p")
