"""Recovery in a local AWS account: jobs that end, what is decided on them, and the attempts that follow."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from local.demo.deliveries import compare_deliveries, receive_alerts
from local.demo.deployed import DeployedAccount
from local.demo.verification import (
    JobOutcome,
    Trained,
    observe_run,
    run_differences,
    trained,
    training_differences,
)
from respot.handlers.recover import KILL_SWITCH_KEPT_FOR
from respot.jobs.message import write_message
from respot.recovery.planning.attempt import ATTEMPT_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.records import OutcomeKind
from respot.settings import FIRST_RETRY_SECONDS
from tests.support.roles import credentials_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

RETRY_SECONDS: Final = 2
POLICY: Final = {"version": 1, "defaults": {"back_off": {"capacity": {"first": "0 s", "longest": "0 s"}}}}
ON: Final = {"respot:resume": "on"}

OUT_OF_TIME = "Starting=0.1 Stopping=0.1 MaxWaitTimeExceeded"
QUICK = "Starting=0.1 Downloading=0.1 Training=0.2"
TWICE_INTERRUPTED = (
    "Starting=0.2 Downloading=0.2 Training=1 Interrupted=0.2 Downloading=0.2 Training=1 Interrupted=0.2 "
    "Downloading=0.2 Training=1 Stopping=0.1 MaxWaitTimeExceeded / Starting=0.2 Downloading=0.3 Training=1.3"
)
FRUITLESS = "Starting=0.1 Downloading=0.1 Training=0.2 Interrupted=0.1 Stopping=0.1 MaxWaitTimeExceeded"

# The work takes MaxRuntime, 1 min. With 10 min for a start and 5 for a handover, an attempt on demand need not start in
# the first 10 min 15 s. That is 15 s more than a start takes: the second attempt still has time to wait for spot,
# some 10 min, or 13 s at this scale. By then the 15 s are over, and the third one goes on demand. (On a machine that
# creates the second attempt only after 15 s, that one goes on demand.)
DEADLINE = timedelta(minutes=26, seconds=15)
LATE: Final[Mapping[str, Any]] = {
    "lifecycle": f"Starting=600 / Starting=600 / {QUICK}",
    "tags": {**ON, "respot:deadline": "26 min 15 s", "local:time-scale": "45"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
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
    "not-asked": {"lifecycle": OUT_OF_TIME},
    "over-quota": {"lifecycle": f"{OUT_OF_TIME} / {QUICK}", "tags": {**ON, "local:refuse": "quota=0 / quota=2"}},
    "without-quota": {
        "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
        "tags": {**ON, "respot:ladder": "spot:3 on-demand:1", "local:refuse": "quota=0 / none=spot"},
    },
    "tripled": {
        "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
        "tags": {**ON, "local:delivery": "copies=3 shuffle=1 seed=7"},
    },
    "careless": {"lifecycle": QUICK, "CheckpointConfig": None},
    "foreign-role": {"lifecycle": OUT_OF_TIME, "tags": ON},
    "foreign-type": {
        "lifecycle": f"{OUT_OF_TIME} / {QUICK}",
        "tags": {**ON, "respot:ladder": "spot:1 on-demand/ml.p5.48xlarge"},
    },
}


@dataclass(slots=True)
class Recovering:
    """The account with recovery's pauses shortened, and all alerts that the machine subscriber has received."""

    at: DeployedAccount
    function: dict[str, Any]
    policy: str
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def settled(self, name: str) -> tuple[JobOutcome, ...]:
        """Wait until a run has come to its end."""
        eventually(lambda: all(attempt.is_settled for attempt in observe_run(self.at, name)))
        return observe_run(self.at, name)

    def follow(self, policy: Mapping[str, Any]) -> None:
        """Change the account's policy, and have the function start again: it keeps the old one for a minute."""
        self.put(json.dumps(policy))
        self.restart(**{FIRST_RETRY_SECONDS: str(RETRY_SECONDS)})

    def put(self, policy: str) -> None:
        """Change the parameter."""
        name = self.at.outputs["PolicyParameterName"]
        self.at.client("ssm").put_parameter(Name=name, Value=policy, Type="String", Overwrite=True)

    def turn(self, position: str) -> None:
        """Set the kill switch."""
        name = self.at.outputs["KillSwitchParameterName"]
        self.at.client("ssm").put_parameter(Name=name, Value=position, Overwrite=True)

    def restart(self, **variables: str) -> None:
        """Give the function its environment again, with these variables changed: its processes are replaced."""
        functions, name = self.at.client("lambda"), self.function["FunctionName"]
        environment = {**self.function["Environment"]["Variables"], **variables}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": environment})
        assert eventually(
            lambda: functions.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful"
        )

    def received(self, name: str, kind: str) -> list[dict[str, Any]]:
        """The alerts of that kind on a job that the subscriber has by now."""
        self.alerts += receive_alerts(self.at)
        return [alert for alert in self.alerts if (alert["job"]["name"], alert["kind"]) == (name, kind)]

    def exists(self, name: str) -> bool:
        with suppress(ClientError):
            self.at.client("sagemaker").describe_training_job(TrainingJobName=name)
            return True
        return False


@pytest.fixture(scope="module", name="recovering")
def recovering_account(deployed: DeployedAccount) -> Iterator[Recovering]:
    functions = deployed.client("lambda").list_functions()["Functions"]
    resubmit = next(each for each in functions if "handlers.recover.handler" in each["Handler"])
    parameter = deployed.client("ssm").get_parameter(Name=deployed.outputs["PolicyParameterName"])["Parameter"]
    receive_alerts(deployed)
    recovering = Recovering(at=deployed, function=resubmit, policy=parameter["Value"])
    recovering.follow(POLICY)
    yield recovering
    recovering.put(recovering.policy)
    recovering.restart()


@pytest.fixture(scope="module", name="runs")
def runs_side_by_side(recovering: Recovering) -> Recovering:
    """All runs but those that need another policy, created together: they take as long as the longest of them."""
    deployed = recovering.at
    for name in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
        key = f"checkpoints/fruitless/checkpoint-100/{name}"
        deployed.client("s3").put_object(Bucket=deployed.ground.bucket, Key=key, Body=b"from before the run")
    role = _role_that_may_not_be_passed(deployed)
    for name, options in RUNS.items():
        more = {"RoleArn": role} if name == "foreign-role" else {}
        deployed.ground.create(name, **options, **more)
    return recovering


def _role_that_may_not_be_passed(deployed: DeployedAccount) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = deployed.client("iam").create_role(RoleName="AdminForTraining", AssumeRolePolicyDocument=document)["Role"]
    return str(role["Arn"])


def actions(run: tuple[JobOutcome, ...]) -> list[Action | None]:
    return [attempt.decision.decision.action if attempt.decision else None for attempt in run]


def reason(attempt: JobOutcome) -> str:
    assert attempt.decision
    return attempt.decision.decision.reason


def test_an_interrupted_run_goes_on_from_its_latest_checkpoint_until_it_is_done(runs: Recovering) -> None:
    run = runs.settled("resumed")
    assert [attempt.described["SecondaryStatus"] for attempt in run] == ["MaxWaitTimeExceeded", "Completed"]
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    assert run_differences(run) == []
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
    run = runs.settled("late")
    assert run_differences(run) == []
    never, cut_short, on_demand = run
    assert [attempt.described["SecondaryStatus"] for attempt in run] == [
        *("MaxWaitTimeExceeded", "MaxWaitTimeExceeded", "Completed"),
    ]
    # The second attempt may wait just as long as there is time; SageMaker ends it, by its (scaled) clock.
    wait = cut_short.described["StoppingCondition"]["MaxWaitTimeInSeconds"]
    assert 600 <= wait <= 615
    assert "spot for at most 10 min, then on demand" in reason(never)
    assert "on demand from here" in reason(cut_short)
    assert on_demand.described["EnableManagedSpotTraining"] is False
    assert on_demand.described["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert on_demand.described["TrainingEndTime"] <= never.described["CreationTime"] + DEADLINE


def test_an_on_demand_job_that_ran_out_of_pending_time_is_reported_and_resumed(runs: Recovering) -> None:
    run = runs.settled("pended")
    assert run_differences(run) == []
    assert [attempt.described["SecondaryStatus"] for attempt in run] == ["MaxPendingTimeExceeded", "Completed"]
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    assert reason(run[0]) == "ran out of pending time; next: on-demand ml.g5.2xlarge"
    assert eventually(lambda: len(runs.received("pended", "ended")) == 1)
    (alert,) = runs.received("pended", "ended")
    assert alert["headline"] == "pended ended as MaxPendingTimeExceeded"
    assert "longer than MaxPendingTimeInSeconds of 30 min: SageMaker stopped it" in alert["what_happened"]


def test_a_run_without_progress_ends_after_two_attempts(runs: Recovering) -> None:
    run = runs.settled("fruitless")
    assert actions(run) == [Action.RESUBMIT, Action.REFUSE]
    assert reason(run[-1]) == "the last 2 attempts that trained saved no newer checkpoint: another would do no better"
    assert run_differences(run) == []
    assert not runs.exists("fruitless-r3")


def test_nothing_is_done_about_a_job_whose_owner_has_not_asked_for_it(runs: Recovering) -> None:
    run = runs.settled("not-asked")
    assert actions(run) == [Action.NOTHING]
    assert reason(run[0]).startswith("not asked to resume this job")
    assert run_differences(run) == []
    assert not runs.exists("not-asked-r2")


def test_an_attempt_that_a_quota_refuses_twice_is_created_later(runs: Recovering) -> None:
    run = runs.settled("over-quota")
    assert [attempt.described["TrainingJobStatus"] for attempt in run] == ["Stopped", "Completed"]
    assert run_differences(run) == []
    assert run[0].decision
    pause = run[1].described["CreationTime"] - run[0].decision.decided_at
    assert pause >= timedelta(seconds=RETRY_SECONDS + 2 * RETRY_SECONDS - 1)


def test_a_market_without_quota_is_passed_over_at_once(runs: Recovering) -> None:
    run = runs.settled("without-quota")
    assert run_differences(run) == []
    assert [attempt.described["TrainingJobStatus"] for attempt in run] == ["Stopped", "Completed"]
    assert not run[1].described["EnableManagedSpotTraining"]
    assert run[0].outcome
    assert "cannot use spot ml.g5.2xlarge (the quota " in run[0].outcome.summary


def test_events_delivered_thrice_in_any_order_make_one_attempt_and_one_decision(runs: Recovering) -> None:
    run = runs.settled("tripled")
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    time.sleep(1.5)  # events are held back for a second at most: by then a second attempt would have had to come
    run = runs.settled("tripled")
    assert run_differences(run) == []
    jobs = runs.at.client("sagemaker").list_training_jobs(NameContains="tripled", MaxResults=100)
    assert len(jobs["TrainingJobSummaries"]) == 2


def test_a_spot_job_without_checkpoints_is_advised_once(runs: Recovering) -> None:
    (attempt,) = run = runs.settled("careless")
    assert run_differences(run) == []
    assert [alert_record.kind.value for alert_record in attempt.alert_records] == ["advice"]
    assert eventually(lambda: len(runs.received("careless", "advice")) == 1, seconds=5)
    (alert,) = runs.received("careless", "advice")
    assert alert["advice"][0].startswith("No checkpoint location is configured")


def test_a_role_outside_the_settings_is_not_passed_on(runs: Recovering) -> None:
    run = runs.settled("foreign-role")
    assert run_differences(run) == []
    (attempt,) = run
    assert attempt.outcome
    assert attempt.outcome.kind is OutcomeKind.FAILED
    assert "the permission iam:PassRole on arn:aws:iam::111122223333:role/AdminForTraining is missing" in (
        attempt.outcome.summary
    )
    assert not runs.exists("foreign-role-r2")


def test_an_instance_type_outside_the_settings_is_not_created(runs: Recovering) -> None:
    run = runs.settled("foreign-type")
    assert run_differences(run) == []
    (attempt,) = run
    assert attempt.outcome
    assert attempt.outcome.kind is OutcomeKind.FAILED
    assert "the permission sagemaker:CreateTrainingJob" in attempt.outcome.summary
    assert not runs.exists("foreign-type-r2")


def test_the_resubmit_functions_role_is_denied_what_it_has_no_need_of(runs: Recovering) -> None:
    at = runs.at
    keys = credentials_of(at, runs.function["Role"])
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
    runs.settled("resumed")
    sagemaker = runs.at.account.client("sagemaker", **credentials_of(runs.at, runs.function["Role"]))
    for name, attempt in (("resumed", None), ("resumed-r2", "2")):
        arn = sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobArn"]
        before = sagemaker.list_tags(ResourceArn=arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in before}.get(ATTEMPT_TAG) == attempt
        with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:AddTags"):
            sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "respot:resume", "Value": "off"}])
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == before


def test_each_decision_and_outcome_is_alerted_once_to_machines_and_in_slack(runs: Recovering) -> None:
    attempts = [attempt for name in RUNS for attempt in runs.settled(name)]
    headlines = Counter(alert_record.headline for attempt in attempts for alert_record in attempt.alert_records)

    def posted() -> Counter[str | None]:
        texts = (message["text"] for message in runs.at.slack.messages)
        return Counter(text for text in texts if text in headlines)

    assert eventually(lambda: posted().total() >= headlines.total())
    assert posted() == headlines
    runs.received("", "")
    assert compare_deliveries(attempts, runs.alerts) == []


# --- What follows changes the policy of the whole account, and all other runs have to be over.


@pytest.fixture(name="alone")
def alone_in_the_account(runs: Recovering) -> Recovering:
    for name in RUNS:
        runs.settled(name)
    # A function that is replaced while it works leaves its message hidden for twelve minutes.
    assert eventually(lambda: runs.at.queue_depth(runs.at.outputs["RecoveryQueueUrl"]) == 0)
    return runs


def test_the_kill_switch_postpones_without_a_deployment_and_loses_nothing(alone: Recovering) -> None:
    alone.turn("on")
    time.sleep(KILL_SWITCH_KEPT_FOR.total_seconds())
    alone.at.ground.create("killed", lifecycle=f"{OUT_OF_TIME} / {QUICK}", tags=ON)
    assert eventually(lambda: len(alone.received("killed", "postponed")) == 1)
    (attempt,) = observe_run(alone.at, "killed")
    assert attempt.decision is None
    assert not alone.exists("killed-r2")
    alone.turn("off")
    time.sleep(KILL_SWITCH_KEPT_FOR.total_seconds())
    # Its message comes back within half an hour. Anyone who cannot wait sends another one.
    sqs, queue, state = alone.at.client("sqs"), alone.at.outputs["RecoveryQueueUrl"], attempt.record.state
    assert state
    sqs.send_message(QueueUrl=queue, MessageBody=write_message(state.job))
    assert eventually(lambda: len(observe_run(alone.at, "killed")) == 2)
    run = alone.settled("killed")
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    assert len(alone.received("killed", "postponed")) == 1
    sqs.purge_queue(QueueUrl=queue)


def test_an_invalid_policy_decides_nothing_is_alerted_once_and_keeps_the_work(alone: Recovering) -> None:
    alone.follow({"version": 1, "defaults": {"resum": True}})
    alone.at.ground.create("undecided", lifecycle=f"{OUT_OF_TIME} / {QUICK}", tags=ON)
    assert eventually(lambda: len(alone.received("undecided", "policy-invalid")) == 1)
    (attempt,) = observe_run(alone.at, "undecided")
    assert attempt.decision is None
    (alert,) = alone.received("undecided", "policy-invalid")
    assert "defaults.resum: there is no such setting; did you mean resume?" in alert["story"]
    alone.follow(POLICY)
    assert eventually(lambda: len(observe_run(alone.at, "undecided")) == 2)
    run = alone.settled("undecided")
    assert actions(run) == [Action.RESUBMIT, Action.NOTHING]
    assert len(alone.received("undecided", "policy-invalid")) == 1


def test_the_judge_sees_steps_that_were_trained_twice_or_not_at_all() -> None:
    entries = [
        Trained(job="a", from_step=0, to_step=50),
        Trained(job="a", from_step=50, to_step=100),
        Trained(job="b", from_step=50, to_step=100),
        Trained(job="b", from_step=150, to_step=200),
    ]
    assert training_differences(entries) == ["b trained steps 51 to 100 again", "no job trained steps 101 to 150"]
