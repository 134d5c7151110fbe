"""What others cannot make of Respot in a local AWS account, and what Respot's own faults cannot do there."""

from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from local.demo.deployed import DeployedAccount, policy
from local.demo.verification import JobOutcome, observe_run
from respot.jobs.description import moment
from respot.jobs.job import JobId
from respot.recovery.planning.attempt import LINEAGE_TAGS, RUN_TAG, Lineage
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import OutcomeKind
from tests.support.deployed import function_of
from tests.support.roles import credentials_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

OUT_OF_TIME: Final = "Starting=0.1 Stopping=0.1 MaxWaitTimeExceeded"
LATER_OUT_OF_TIME: Final = "Starting=2 Stopping=0.1 MaxWaitTimeExceeded"
JOBS: Final = "arn:aws:sagemaker:*:*:training-job/*"


def somebody(at: DeployedAccount, name: str, *actions: str, **also: str) -> Any:  # noqa: ANN401 - as boto3 types it
    """The SageMaker client of another principal, with these permissions on jobs, and others as action and resource."""
    iam = at.client("iam")
    iam.create_user(UserName=name)
    for number, (action, resource) in enumerate([(list(actions), JOBS), *also.items()]):
        document = policy(Action=action, Resource=resource)
        iam.put_user_policy(UserName=name, PolicyName=f"may-{number}", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    return at.account.client("sagemaker", **keys)


def settled(at: DeployedAccount, name: str) -> tuple[JobOutcome, ...]:
    assert eventually(lambda: all(attempt.is_settled for attempt in observe_run(at, name))), name
    return observe_run(at, name)


def kinds(attempt: JobOutcome) -> list[str]:
    return sorted(record.kind.value for record in attempt.alert_records)


def test_a_run_of_two_attempts_ends_with_two_jobs_although_somebody_removes_its_tags(
    deployed: DeployedAccount,
) -> None:
    robot = somebody(deployed, "tag-robot", "sagemaker:DeleteTags")
    tags = {"respot:resume": "on", "respot:max-attempts": "2"}
    arn = deployed.ground.create("stripped", lifecycle=f"{OUT_OF_TIME} / {LATER_OUT_OF_TIME}", tags=tags)
    assert eventually(lambda: deployed.job_names("stripped") == ["stripped", "stripped-r2"])
    for each in (arn, f"{arn}-r2"):
        robot.delete_tags(ResourceArn=each, TagKeys=sorted(LINEAGE_TAGS))
    _, second = settled(deployed, "stripped")
    assert LINEAGE_TAGS & second.tags.keys() == set()
    assert second.decision
    assert (second.decision.decision.action, second.decision.decision.reason) == (
        Action.REFUSE,
        "all 2 attempts are spent",
    )
    assert deployed.job_names("stripped") == ["stripped", "stripped-r2"]


def test_a_job_forged_under_the_next_attempts_name_is_reported_and_not_taken_for_it(deployed: DeployedAccount) -> None:
    forger = somebody(
        deployed,
        "forger",
        *("sagemaker:CreateTrainingJob", "sagemaker:AddTags", "sagemaker:DescribeTrainingJob"),
        **{"iam:PassRole": deployed.ground.role_arn},
    )
    deployed.ground.create("copied", lifecycle=LATER_OUT_OF_TIME, tags={"respot:resume": "on"})
    created = moment(forger.describe_training_job(TrainingJobName="copied")["CreationTime"])
    assert created
    first = JobId(region=deployed.account.region, name="copied", created=created)
    marks = Lineage(run=run_id(first), attempt=2, parent="copied").to_tags()
    quick = "Starting=0.1 Downloading=0.1 Training=0.2"
    request = deployed.ground.request("copied-r2", lifecycle=quick, tags=marks, checkpoints="elsewhere/", spot=False)
    forger.create_training_job(**request)
    (attempt,) = settled(deployed, "copied")
    assert attempt.outcome
    assert attempt.outcome.kind is OutcomeKind.FAILED
    assert attempt.outcome.summary == (
        "not resubmitted: a job named copied-r2 exists that is none of this run's, by its role, image or checkpoint "
        "location; delete it or choose another job name"
    )
    assert kinds(attempt) == ["max-wait-time-exceeded", "not-resubmitted"]
    (forged,) = settled(deployed, "copied-r2")
    assert forged.decision
    assert (forged.decision.run, forged.decision.number) == (run_id(forged.decision.job), 1)
    assert deployed.job_names("copied") == ["copied", "copied-r2"]


def test_recover_creates_no_job_without_the_tag_of_its_run(deployed: DeployedAccount) -> None:
    """A guard against faults of Respot's own: anyone who has its role can write any tag."""
    sagemaker = recover(deployed)
    for tags in ({}, {"respot:attempt": "2"}):
        request = deployed.ground.request("no-attempt", tags=tags)
        with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:CreateTrainingJob"):
            sagemaker.create_training_job(**request)
    without = deployed.ground.request("no-attempt", Tags=None)
    with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:CreateTrainingJob"):
        sagemaker.create_training_job(**without)
    assert deployed.job_names("no-attempt") == []
    tagged = deployed.ground.request("an-attempt", tags={RUN_TAG: "us-east-1/somebody/0"}, lifecycle=OUT_OF_TIME)
    sagemaker.create_training_job(**tagged)


def test_recover_stops_only_what_is_tagged_if_it_is_set_so(deployed: DeployedAccount) -> None:
    sagemaker = recover(deployed)
    tags: dict[str, dict[str, str]] = {
        "asked": {"respot:resume": "on"},
        "unasked": {},
        "refusing": {"respot:resume": "off"},
    }
    for name, own in tags.items():
        deployed.ground.create(name, lifecycle="Starting=600", tags=own)
    for name in ("unasked", "refusing"):
        with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:StopTrainingJob"):
            sagemaker.stop_training_job(TrainingJobName=name)
    sagemaker.stop_training_job(TrainingJobName="asked")
    for name in ("unasked", "refusing"):
        deployed.client("sagemaker").stop_training_job(TrainingJobName=name)


def recover(at: DeployedAccount) -> Any:  # noqa: ANN401 - as boto3 types it
    """The SageMaker client of the function `recover`."""
    keys = credentials_of(at, function_of(at, "recover")["Role"])
    return at.account.client("sagemaker", **keys)
