"""Recovery in a local AWS account: jobs that end, what is decided on them, and the attempts that follow."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from local.demo.deployed import DeployedAccount
from local.demo.verification import (
    JobOutcome,
    Trained,
    compare_deliveries,
    observe_run,
    receive_alerts,
    run_differences,
    trained,
    training_differences,
)
from respot.handlers.recover import KILL_SWITCH_KEPT_FOR
from respot.jobs.message import write_message
from respot.recovery.planning.attempt import ATTEMPT_TAG, RUN_TAG
from respot.recovery.planning.decision import Action
from tests.support.deployed import POLICY, RETRY_SECONDS, ReceivedAlerts, function_of, restart
from tests.support.roles import create_role, credentials_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

ON: Final = {"respot:resume": "on"}

OUT_OF_TIME = "Starting=0.1 Stopping=0.1 MaxWaitTimeExceeded"
QUICK = "Starting=0.1 Downloading=0.1 Training=0.2"
TWICE_INTERRUPTED = (
    "Starting=0.2 Downloading=0.2 Training=1 Interrupted=0.2 Downloading=0.2 Training=1 Interrupted=0.2 "
    "Downloading=0.2 Training=1 Stopping=0.1 MaxWaitTimeExceeded / Starting=0.2 Downloading=0.3 Training=1.3"
)
FRUITLESS = "Starting=0.1 Downloading=0.1 Training=0.2 Interrupted=0.1 Stopping=0.1 MaxWaitTimeExceeded"

# Less than the reserve is left once MaxWait has ended the first attempt: the second one runs on demand.
DEADLINE = timedelta(minutes=12)
STARTS: Final = {"respot:restart-overhead": "1 min", "respot:on-demand-wait": "1 min"}
LATE: Final[Mapping[str, Any]] = {
    "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
    "tags": {**ON, **STARTS, "respot:deadline": "12 min", "respot:work": "1 min"},
}

# Half an hour, the least that SageMaker takes, is 1.5 s at this scale.
PENDED: Final[Mapping[str, Any]] = {
    "lifecycle": f"Starting=0.1 Pending=600 / {QUICK}",
    "tags": {**ON, "local:time-scale": "1200"},
    "spot": False,
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxPendingTimeInSeconds": 1800},
}

RUNS: Final[Mapping[str, Mapping[str, Any]]] = {
    "pended": PENDED,
    "late": LATE,
    "resumed": {"lifecycle": TWICE_INTERRUPTED, "tags": ON},
    "fruitless": {"lifecycle": FRUITLESS, "tags": ON},
    "over-quota": {"lifecycle": f"{OUT_OF_TIME} / {QUICK}", "tags": {**ON, "local:refuse": "quota=0 / quota=2"}},
    "without-quota": {
        "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
        "tags": {**ON, "respot:ladder": "spot:3 on-demand:1", "local:refuse": "quota=0 / none=spot"},
    },
    "several-types": {
        "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
        "tags": {
            **ON,
            "respot:ladder": "spot:1 on-demand/ml.p5.48xlarge/ml.g5.4xlarge/ml.g5.8xlarge/ml.g5.16xlarge:1",
            "local:refuse": "quota=0 / none=ml.g5.4xlarge",
        },
    },
    "tripled": {
        "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
        "tags": {**ON, "local:delivery": "copies=3 shuffle=1 seed=7"},
    },
    "foreign-role": {"lifecycle": OUT_OF_TIME, "tags": ON},
    "foreign-type": {
        "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
        "tags": {**ON, "respot:ladder": "spot:1 on-demand/ml.p5.48xlarge"},
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovering:
    """The account, and all alerts that the machine subscriber has received since the runs were created."""

    at: DeployedAccount
    alerts: ReceivedAlerts

    def settled(self, name: str) -> tuple[JobOutcome, ...]:
        """Wait until a run has come to its end."""
        assert eventually(lambda: all(attempt.is_settled for attempt in observe_run(self.at, name))), name
        return observe_run(self.at, name)

    def checked(self, name: str) -> tuple[JobOutcome, ...]:
        """The same, for a run to which nothing but its own lifecycle happened."""
        run = self.settled(name)
        assert run_differences(run) == []
        return run

    def put(self, output: str, value: str) -> None:
        """Change a parameter of the account."""
        name = self.at.outputs[output]
        self.at.client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def exists(self, name: str) -> bool:
        return name in self.at.job_names(name)


@pytest.fixture(scope="module", name="runs")
def runs_side_by_side(deployed: DeployedAccount) -> Recovering:
    """All runs but those that need another policy, created together: they take as long as the longest of them."""
    receive_alerts(deployed)
    for name in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
        key = f"checkpoints/fruitless/checkpoint-100/{name}"
        deployed.client("s3").put_object(Bucket=deployed.ground.bucket, Key=key, Body=b"from before the run")
    role = create_role(deployed.account, "AdminForTraining")
    for name, options in RUNS.items():
        deployed.ground.create(name, **options, **({"RoleArn": role} if name == "foreign-role" else {}))
    return Recovering(at=deployed, alerts=ReceivedAlerts(deployed))


def actions(run: tuple[JobOutcome, ...]) -> list[Action | None]:
    return [attempt.decision.decision.action if attempt.decision else None for attempt in run]


def reason(attempt: JobOutcome) -> str:
    assert attempt.decision
    return attempt.decision.decision.reason


def test_an_interrupted_run_goes_on_from_its_latest_checkpoint_until_it_is_done(runs: Recovering) -> None:
    run = runs.checked("resumed")
    assert [attempt.described["SecondaryStatus"] for attempt in run] == ["MaxWaitTimeExceeded", "Completed"]
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    assert all(attempt.described["EnableManagedSpotTraining"] for attempt in run)
    # Checkpoints name the job that wrote them, and the steps that it had trained since the one before.
    entries = trained(runs.at, "checkpoints/resumed/")
    assert training_differences(entries) == []
    assert [entry.job for entry in entries] == sorted(entry.job for entry in entries)
    first, second = ([entry for entry in entries if entry.job == attempt.name] for attempt in run)
    assert first
    assert second
    assert run[0].outcome
    assert f"resumes from checkpoint-{first[-1].to_step} (" in run[0].outcome.summary
    assert second[0].from_step == first[-1].to_step


def test_a_run_that_never_gets_spot_instances_goes_on_demand_in_time(runs: Recovering) -> None:
    run = runs.checked("late")
    never, on_demand = run
    assert [attempt.described["SecondaryStatus"] for attempt in run] == ["MaxWaitTimeExceeded", "Completed"]
    assert "on demand from here" in reason(never)
    assert on_demand.described["EnableManagedSpotTraining"] is False
    assert on_demand.described["TrainingEndTime"] <= never.described["CreationTime"] + DEADLINE


def test_an_on_demand_job_that_ran_out_of_pending_time_is_reported_and_resumed(runs: Recovering) -> None:
    run = runs.checked("pended")
    assert [attempt.described["SecondaryStatus"] for attempt in run] == ["MaxPendingTimeExceeded", "Completed"]
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    assert reason(run[0]) == "ran out of pending time; next: on-demand ml.g5.2xlarge"
    assert eventually(lambda: len(runs.alerts.received("pended", "ended")) == 1)
    (alert,) = runs.alerts.received("pended", "ended")
    assert alert["headline"] == "pended ended as MaxPendingTimeExceeded"
    assert "longer than MaxPendingTimeInSeconds of 30 min: SageMaker stopped it" in alert["what_happened"]


def test_a_run_without_progress_ends_after_two_attempts(runs: Recovering) -> None:
    run = runs.checked("fruitless")
    assert actions(run) == [Action.RESUBMIT, Action.REFUSE]
    assert (
        reason(run[-1])
        == "the last 2 attempts that trained made no progress (nothing new was saved): another would do no better"
    )
    assert not runs.exists("fruitless-r3")


def test_an_attempt_that_a_quota_refuses_twice_is_created_later(runs: Recovering) -> None:
    run = runs.checked("over-quota")
    assert [attempt.described["TrainingJobStatus"] for attempt in run] == ["Stopped", "Completed"]
    assert run[0].decision
    pause = run[1].described["CreationTime"] - run[0].decision.decided_at
    assert pause >= timedelta(seconds=RETRY_SECONDS + 2 * RETRY_SECONDS - 1)


def test_a_market_without_quota_is_passed_over_at_once(runs: Recovering) -> None:
    run = runs.checked("without-quota")
    assert [attempt.described["TrainingJobStatus"] for attempt in run] == ["Stopped", "Completed"]
    assert not run[1].described["EnableManagedSpotTraining"]
    assert run[0].outcome
    assert "cannot use spot ml.g5.2xlarge (the quota " in run[0].outcome.summary


def test_a_listed_type_without_quota_or_outside_the_settings_leaves_the_list(runs: Recovering) -> None:
    run = runs.checked("several-types")
    assert [attempt.described["TrainingJobStatus"] for attempt in run] == ["Stopped", "Completed"]
    resources = run[1].described["ResourceConfig"]
    assert resources["InstancePreferences"] == [{"InstanceType": "ml.g5.8xlarge"}, {"InstanceType": "ml.g5.16xlarge"}]
    assert "InstanceType" not in resources
    assert resources["SelectedInstanceType"] == "ml.g5.8xlarge"
    assert run[0].outcome
    assert "on-demand ml.g5.8xlarge/ml.g5.16xlarge" in run[0].outcome.summary
    assert "cannot use on-demand ml.g5.4xlarge (the quota " in run[0].outcome.summary
    assert "ml.p5.48xlarge is outside the setting training_instance_types" in run[0].outcome.summary


def test_events_delivered_thrice_in_any_order_make_one_attempt_and_one_decision(runs: Recovering) -> None:
    run = runs.checked("tripled")
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    time.sleep(1.5)  # events are held back for a second at most: by then a second attempt would have had to come
    runs.checked("tripled")
    assert runs.at.job_names("tripled") == ["tripled", "tripled-r2"]


def test_a_role_outside_the_settings_is_not_passed_on(runs: Recovering) -> None:
    assert "the role AdminForTraining is outside the setting training_roles" in not_created(runs, "foreign-role")


def test_an_instance_type_outside_the_settings_is_not_created(runs: Recovering) -> None:
    assert "ml.p5.48xlarge is outside the setting training_instance_types" in not_created(runs, "foreign-type")


def not_created(runs: Recovering, name: str) -> str:
    """Why a run has no second attempt, although its owner wants one."""
    (attempt,) = runs.checked(name)
    assert actions((attempt,)) == [Action.REFUSE]
    assert not runs.exists(f"{name}-r2")
    return reason(attempt)


OF_A_RUN: Final = [{"Key": RUN_TAG, "Value": "a run"}]
"""Without it, no creation is allowed at all."""


@pytest.mark.parametrize(
    ("members", "permission"),
    [
        ({"RoleArn": "arn:aws:iam::111122223333:role/AdminForTraining"}, "iam:PassRole"),
        ({"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1}}, "sagemaker:CreateTrainingJob"),
        (
            {
                "ResourceConfig": {
                    "InstancePreferences": [{"InstanceType": "ml.g5.2xlarge"}, {"InstanceType": "ml.p5.48xlarge"}],
                    "InstanceCount": 1,
                }
            },
            "sagemaker:CreateTrainingJob",
        ),
        ({"ResourceConfig": {"InstanceCount": 1}}, "sagemaker:CreateTrainingJob"),
    ],
    ids=["role", "instance type", "a listed type", "no type"],
)
def test_iam_denies_the_resubmit_function_what_the_settings_exclude(
    runs: Recovering, members: dict[str, Any], permission: str
) -> None:
    """The function's own check is the same, and no replacement."""
    sagemaker = runs.at.account.client("sagemaker", **credentials_of(runs.at, function_of(runs.at, "recover")["Role"]))
    with pytest.raises(ClientError, match=f"AccessDenied.*{permission}"):
        sagemaker.create_training_job(**runs.at.ground.request("excluded", Tags=OF_A_RUN, **members))


def test_the_resubmit_functions_role_is_denied_what_it_has_no_need_of(runs: Recovering) -> None:
    at = runs.at
    keys = credentials_of(at, function_of(at, "recover")["Role"])
    bucket, name = at.ground.bucket, "resumed"
    denied: list[tuple[str, str, dict[str, Any]]] = [
        ("sagemaker", "delete_training_job", {"TrainingJobName": name}),
        ("s3", "get_object", {"Bucket": bucket, "Key": "checkpoints/fruitless/checkpoint-100/optimizer.pt"}),
        ("s3", "put_object", {"Bucket": bucket, "Key": "checkpoints/fruitless/x", "Body": b""}),
        ("s3", "delete_object", {"Bucket": bucket, "Key": "checkpoints/fruitless/checkpoint-100/optimizer.pt"}),
        ("ssm", "put_parameter", {"Name": at.outputs["PolicyParameterName"], "Value": "{}", "Overwrite": True}),
        ("dynamodb", "scan", {"TableName": at.outputs["LedgerTableName"]}),
        ("sns", "publish", {"TopicArn": at.outputs["AlertsTopicArn"], "Message": "x"}),
    ]
    for service, operation, arguments in denied:
        with pytest.raises(ClientError, match=r"AccessDenied|AuthorizationError"):
            getattr(at.account.client(service, **keys), operation)(**arguments)
    listing = at.account.client("s3", **keys).list_objects_v2(Bucket=bucket, Prefix="checkpoints/fruitless/")
    assert listing["KeyCount"] == 3
    described = at.account.client("sagemaker", **keys).describe_training_job(TrainingJobName=name)
    assert described["TrainingJobName"] == name


def test_the_resubmit_functions_role_tags_what_it_creates_and_nothing_that_is_there(runs: Recovering) -> None:
    runs.checked("resumed")
    keys = credentials_of(runs.at, function_of(runs.at, "recover")["Role"])
    sagemaker = runs.at.account.client("sagemaker", **keys)
    for name, attempt in (("resumed", None), ("resumed-r2", "2")):
        arn = sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobArn"]
        before = sagemaker.list_tags(ResourceArn=arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in before}.get(ATTEMPT_TAG) == attempt
        with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:AddTags"):
            sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "respot:resume", "Value": "off"}])
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == before


def test_each_decision_and_outcome_is_alerted_once_to_machines_and_in_slack(runs: Recovering) -> None:
    attempts = [attempt for name in RUNS for attempt in runs.checked(name)]
    headlines = Counter(alert_record.headline for attempt in attempts for alert_record in attempt.alert_records)

    def posted() -> Counter[str | None]:
        texts = (message["text"] for message in runs.at.slack.messages)
        return Counter(text for text in texts if text in headlines)

    assert eventually(lambda: posted().total() >= headlines.total())
    assert posted() == headlines
    runs.alerts.received()
    assert compare_deliveries(attempts, runs.alerts.documents) == []


# --- What follows changes the policy of the whole account, and all other runs have to be over.


@pytest.fixture(name="alone")
def alone_in_the_account(runs: Recovering) -> Recovering:
    for name in RUNS:
        runs.settled(name)
    # A function that is replaced while it works leaves its message hidden for twelve minutes.
    assert eventually(lambda: runs.at.queue_depth(runs.at.outputs["RecoveryQueueUrl"]) == 0)
    return runs


def test_the_kill_switch_postpones_without_a_deployment_and_loses_nothing(alone: Recovering) -> None:
    alone.put("KillSwitchParameterName", "on")
    restart(alone.at, "recover")  # a running function would keep the position for a while
    alone.at.ground.create("killed", lifecycle=f"{OUT_OF_TIME} / {QUICK}", tags=ON)
    assert eventually(lambda: len(alone.alerts.received("killed", "postponed")) == 1)
    (attempt,) = observe_run(alone.at, "killed")
    assert attempt.decision is None
    assert not alone.exists("killed-r2")
    alone.put("KillSwitchParameterName", "off")
    time.sleep(KILL_SWITCH_KEPT_FOR.total_seconds())
    # Its message comes back within half an hour. Anyone who cannot wait sends another one.
    sqs, queue, state = alone.at.client("sqs"), alone.at.outputs["RecoveryQueueUrl"], attempt.record.state
    assert state
    sqs.send_message(QueueUrl=queue, MessageBody=write_message(state.job))
    assert eventually(lambda: len(observe_run(alone.at, "killed")) == 2)
    assert actions(alone.settled("killed")) == [Action.RESUBMIT, Action.NOTHING]
    assert len(alone.alerts.received("killed", "postponed")) == 1
    sqs.purge_queue(QueueUrl=queue)


def test_an_invalid_policy_decides_nothing_is_alerted_once_and_keeps_the_work(alone: Recovering) -> None:
    adopt(alone, {"version": 1, "defaults": {"resum": True}})
    alone.at.ground.create("undecided", lifecycle=f"{OUT_OF_TIME} / {QUICK}", tags=ON)
    assert eventually(lambda: len(alone.alerts.received("undecided", "policy-invalid")) == 1)
    (attempt,) = observe_run(alone.at, "undecided")
    assert attempt.decision is None
    (alert,) = alone.alerts.received("undecided", "policy-invalid")
    assert "defaults.resum: there is no such setting; did you mean resume?" in alert["story"]
    adopt(alone, POLICY)
    assert eventually(lambda: len(observe_run(alone.at, "undecided")) == 2)
    assert actions(alone.settled("undecided")) == [Action.RESUBMIT, Action.NOTHING]
    assert len(alone.alerts.received("undecided", "policy-invalid")) == 1


def adopt(alone: Recovering, policy: Mapping[str, Any]) -> None:
    """Change the account's policy. A running function would keep the one before for a minute."""
    alone.put("PolicyParameterName", json.dumps(policy))
    restart(alone.at, "recover")


def test_the_judge_sees_steps_that_were_trained_twice_or_not_at_all() -> None:
    entries = [
        Trained(job=job, from_step=start, to_step=start + 50)
        for job, start in (("a", 0), ("a", 50), ("b", 50), ("b", 150))
    ]
    assert training_differences(entries) == ["b trained steps 51 to 100 again", "no job trained steps 101 to 150"]
