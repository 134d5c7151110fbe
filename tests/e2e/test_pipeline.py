"""The whole pipeline in a local AWS account: events of simulated jobs to ledger, topic, subscriber and Slack."""

import json
import time
from collections.abc import Sequence

import pytest
from botocore.exceptions import ClientError

from local.demo.deployed import DeployedAccount
from local.demo.verification import (
    JobOutcome,
    compare_deliveries,
    differences,
    fingerprint,
    ledger_is_consistent,
    observe,
    receive_alerts,
)
from local.sagemaker.lifecycle import NAMED, parse
from tests.support.deployed import function_of, respot
from tests.support.roles import credentials_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

TWICE_INTERRUPTED = (
    "Starting=0.2 Downloading=0.1 Training=0.4 Interrupted=0.3 Downloading=0.1 Training=0.4 "
    "Interrupted=0.3 Starting=0.2 Downloading=0.1 Training=0.3 Stopping=0.1 MaxWaitTimeExceeded"
)


def settled(deployed: DeployedAccount, names: Sequence[str], lifecycle: str) -> list[JobOutcome]:
    fate = parse(lifecycle)

    def outcomes() -> list[JobOutcome]:
        return [observe(deployed, name, fate) for name in names]

    eventually(lambda: all(outcome.is_settled for outcome in outcomes()), seconds=fate.seconds + 30)
    return outcomes()


def posted(deployed: DeployedAccount, start: str) -> list[str]:
    """What Slack took about jobs whose names start with this; other tests' alerts may still be on their way."""
    return [text for message in deployed.slack.messages if (text := str(message["text"])).startswith(start)]


def send(deployed: DeployedAccount, body: str) -> None:
    deployed.client("sqs").send_message(QueueUrl=deployed.outputs["ObservationsQueueUrl"], MessageBody=body)


def test_the_five_lifecycles_are_exact_in_ledger_and_alerts(deployed: DeployedAccount) -> None:
    receive_alerts(deployed)
    for lifecycle in NAMED:
        deployed.ground.create(f"exact-{lifecycle}", lifecycle=lifecycle, tags={"local:speed": "3"})
    outcomes = [outcome for lifecycle in NAMED for outcome in settled(deployed, [f"exact-{lifecycle}"], lifecycle)]
    assert [difference for outcome in outcomes for difference in differences(outcome)] == []
    sent = sum(len(outcome.alert_records) for outcome in outcomes)
    assert sent == 6
    assert eventually(lambda: len(posted(deployed, "exact-")) == sent)
    assert compare_deliveries(outcomes, receive_alerts(deployed)) == []
    assert ledger_is_consistent(deployed) == []


def test_events_delivered_thrice_in_any_order_leave_the_same_ledger_and_alert_once(deployed: DeployedAccount) -> None:
    receive_alerts(deployed)
    deployed.ground.create("same", lifecycle=TWICE_INTERRUPTED)
    deployed.ground.create("same-x3", lifecycle=TWICE_INTERRUPTED, tags={"local:delivery": "copies=3 shuffle=1 seed=7"})
    (plain,), (tripled,) = (settled(deployed, [name], TWICE_INTERRUPTED) for name in ("same", "same-x3"))
    assert differences(plain) == []
    assert eventually(lambda: deployed.queue_depth(deployed.outputs["ObservationsQueueUrl"]) == 0)
    time.sleep(1)  # a second alert would have had to come by now
    tripled = observe(deployed, "same-x3", parse(TWICE_INTERRUPTED))
    assert differences(tripled) == []
    assert fingerprint(plain) == [line.replace("same-x3", "same") for line in fingerprint(tripled)]
    assert compare_deliveries([plain, tripled], receive_alerts(deployed)) == []


def test_one_last_event_heals_all_the_lost_ones(deployed: DeployedAccount) -> None:
    deployed.ground.create("lost", lifecycle=TWICE_INTERRUPTED, tags={"local:delivery": "drop=all"})
    fate = parse(TWICE_INTERRUPTED)
    assert eventually(
        lambda: observe(deployed, "lost", fate).described["TrainingJobStatus"] == "Stopped", seconds=fate.seconds + 10
    )
    assert observe(deployed, "lost", fate).record.state is None
    send(deployed, _event("lost", SecondaryStatus="MaxWaitTimeExceeded", TrainingJobStatus="Stopped"))
    (outcome,) = settled(deployed, ["lost"], TWICE_INTERRUPTED)
    assert differences(outcome) == []


def test_a_refusing_webhook_delays_slack_and_nothing_else(deployed: DeployedAccount) -> None:
    receive_alerts(deployed)
    refused = sum(post.status == 500 for post in deployed.slack.posts)
    deployed.slack.refuse(1, 500)
    lifecycle = "Starting=0.1 Downloading=0.1 Training=0.2 Interrupted=0.2 Training=0.2"
    deployed.ground.create("refused", lifecycle=lifecycle)
    (outcome,) = settled(deployed, ["refused"], lifecycle)
    assert differences(outcome) == []
    assert eventually(lambda: compare_deliveries([outcome], receive_alerts(deployed)) == [], seconds=5)
    assert eventually(lambda: len(posted(deployed, "refused ")) == 1)
    assert sum(post.status == 500 for post in deployed.slack.posts) == refused + 1


def test_the_functions_roles_are_denied_what_they_were_not_granted(deployed: DeployedAccount) -> None:
    """Enforcement is on, and each role ends where its function's duties end."""
    forbidden: list[tuple[str, str, str, dict[str, str]]] = [
        ("record", "sns", "publish", {"TopicArn": deployed.outputs["AlertsTopicArn"], "Message": "x"}),
        ("alert", "sagemaker", "describe_training_job", {"TrainingJobName": "x"}),
        ("slack", "dynamodb", "scan", {"TableName": deployed.outputs["LedgerTableName"]}),
    ]
    for function, service, operation, arguments in forbidden:
        keys = credentials_of(deployed, function_of(deployed, function)["Role"])
        with pytest.raises(ClientError) as denied:
            getattr(deployed.account.client(service, **keys), operation)(**arguments)
        assert denied.value.response["Error"]["Code"] in {
            "AccessDeniedException",
            "AuthorizationError",
            "AccessDenied",
        }


def _event(name: str, **detail: object) -> str:
    arn = f"arn:aws:sagemaker:us-east-1:111122223333:training-job/{name}"
    envelope = {"version": "0", "id": f"event-of-{name}", "source": "aws.sagemaker", "account": "111122223333"}
    return json.dumps(
        {
            **envelope,
            "detail-type": "SageMaker Training Job State Change",
            "time": "2026-09-16T10:02:00Z",
            "region": "us-east-1",
            "resources": [arn],
            "detail": {"TrainingJobName": name, "TrainingJobArn": arn, **detail},
        }
    )


def test_the_timeline_command_shows_a_job_and_reports_errors_to_scripts(deployed: DeployedAccount) -> None:
    lifecycle = "Starting=0.1 Downloading=0.1 Training=0.2 Interrupted=0.2 Training=0.2"
    deployed.ground.create("shown", lifecycle=lifecycle)
    settled(deployed, ["shown"], lifecycle)
    found = respot(deployed, "show", "shown", "--json")
    assert found.returncode == 0
    document = json.loads(found.stdout)
    assert [transition["status"] for transition in document["transitions"]] == list(parse(lifecycle).statuses)
    assert [alert["outcome"] for alert in document["alerts"]] == ["sent"]
    arn = f"arn:aws:sagemaker:us-east-1:{deployed.account.account_id}:training-job/shown"
    by_arn = respot(deployed, "show", arn)
    assert (by_arn.returncode, "shown  Completed" in by_arn.stdout) == (0, True)
    missing = respot(deployed, "show", "nobody")
    assert (missing.returncode, missing.stdout) == (3, "")
    assert "has no job nobody in us-east-1" in missing.stderr
    nowhere = respot(deployed, "show", "shown", "--stack", "NotRespot")
    assert nowhere.returncode == 3
    assert "is Respot deployed in this account and region?" in nowhere.stderr
