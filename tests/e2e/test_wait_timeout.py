"""The wait timeout in a local AWS account: a job that waits too long is stopped, and goes on in the next pool."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from local.demo.deployed import DeployedAccount
from local.demo.verification import JobOutcome, observe_run, run_differences
from respot.jobs.job import JobId
from respot.jobs.lifecycle import IN_PROGRESS
from respot.recovery.planning.decision import Action
from respot.recovery.records import NoticeKind
from tests.support.deployed import BY_POLICY_ALONE, denied
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

WAIT_LIMIT: Final = timedelta(seconds=2)
NEVER_ON_SPOT: Final = "Starting=600 / Starting=0.2 Downloading=0.1 Training=0.3"
IMPATIENT: Final[dict[str, str]] = {
    "respot:resume": "on",
    "respot:ladder": "spot:3 on-demand:1",
    "respot:give-up-waiting-after": "2 s",
}


def recorded(deployed: DeployedAccount, name: str) -> JobId:
    """The job, once the ledger has it with its first transition."""
    ledger, region = deployed.ledger(), deployed.account.region
    assert eventually(lambda: any(ledger.load(job).transitions for job in ledger.find(region, name)))
    return ledger.find(region, name)[0]


def settled(deployed: DeployedAccount, name: str) -> tuple[JobOutcome, ...]:
    eventually(lambda: all(attempt.is_settled for attempt in observe_run(deployed, name)))
    return observe_run(deployed, name)


def withdrawn(deployed: DeployedAccount, job: JobId) -> bool:
    intent = deployed.runs().stop_intent(job)
    return intent is not None and intent.withdrawn is not None


def test_a_job_that_waits_too_long_is_stopped_and_goes_on_in_the_next_pool(deployed: DeployedAccount) -> None:
    patient = IMPATIENT | {"respot:give-up-waiting-after": "1 h"}
    deployed.ground.create("impatient", lifecycle=NEVER_ON_SPOT, tags=IMPATIENT)
    deployed.ground.create("patient", lifecycle=NEVER_ON_SPOT, tags=patient)
    deployed.ground.create("untagged", lifecycle=NEVER_ON_SPOT, tags=BY_POLICY_ALONE)
    jobs = [recorded(deployed, name) for name in ("untagged", "impatient", "patient")]
    untagged, jobs = jobs[0], jobs[1:]
    time.sleep(max(0.0, (jobs[0].created + WAIT_LIMIT - datetime.now(UTC)).total_seconds()) + 0.5)
    for _ in range(2):
        deployed.sweep()

    run = settled(deployed, "impatient")
    assert run_differences(run) == []
    timed_out, on_demand = run
    assert [transition.status for transition in timed_out.record.transitions] == ["Starting", "Stopping", "Stopped"]
    assert on_demand.described["TrainingJobStatus"] == "Completed"
    assert on_demand.described["EnableManagedSpotTraining"] is False
    note = deployed.runs().stop_intent(jobs[0])
    assert note
    assert note.waiting_since == timed_out.record.transitions[0].started
    assert note.waiting_since + WAIT_LIMIT < note.decided_at
    assert note.reason.startswith("has waited for spot ml.g5.2xlarge since ")
    assert timed_out.decision
    assert timed_out.decision.decision.action is Action.RESUBMIT
    assert timed_out.decision.decision.reason.startswith("gave up waiting after ")
    assert timed_out.decision.decision.reason.endswith("for spot ml.g5.2xlarge; next: on-demand ml.g5.2xlarge")
    kinds = sorted(alert_record.kind.value for alert_record in timed_out.alert_records)
    assert kinds == ["resubmitted", "wait-limit-exceeded"]

    # With stop_only_tagged, a wait limit of the policy alone stops nothing.
    pages = deployed.client("logs").get_paginator("filter_log_events")
    arguments = {"logGroupName": deployed.outputs["RecoverLogGroupName"], "filterPattern": '"stop_only_tagged"'}
    assert eventually(
        lambda: any("untagged" in each["message"] for page in pages.paginate(**arguments) for each in page["events"])
    )
    assert deployed.runs().stop_intent(untagged) is None
    sagemaker = deployed.client("sagemaker")
    assert sagemaker.describe_training_job(TrainingJobName="untagged")["TrainingJobStatus"] == IN_PROGRESS
    sagemaker.stop_training_job(TrainingJobName="untagged")

    # The other one may wait on. What its user stops is over, although the policy would go on after a wait timeout.
    assert eventually(lambda: deployed.queue_depth(deployed.outputs["RecoveryQueueUrl"]) == 0)
    assert sagemaker.describe_training_job(TrainingJobName="patient")["TrainingJobStatus"] == IN_PROGRESS
    assert deployed.runs().stop_intent(jobs[1]) is None
    sagemaker.stop_training_job(TrainingJobName="patient")
    (stopped,) = settled(deployed, "patient")
    assert stopped.decision
    assert (stopped.decision.decision.action, stopped.decision.decision.reason) == (
        Action.REFUSE,
        "stopped by its user",
    )


def test_a_users_stop_is_the_users_where_respots_was_denied(deployed: DeployedAccount) -> None:
    sagemaker = deployed.client("sagemaker")
    with denied(deployed, "recover", "sagemaker:StopTrainingJob"):
        deployed.ground.create("denied-stop", lifecycle=NEVER_ON_SPOT, tags=IMPATIENT)
        job = recorded(deployed, "denied-stop")
        time.sleep(WAIT_LIMIT.total_seconds() + 0.5)
        deployed.sweep()
        assert eventually(lambda: withdrawn(deployed, job), seconds=30)
        assert sagemaker.describe_training_job(TrainingJobName="denied-stop")["TrainingJobStatus"] == IN_PROGRESS
        sagemaker.stop_training_job(TrainingJobName="denied-stop")
        (stopped,) = settled(deployed, "denied-stop")
    assert stopped.decision
    assert (stopped.decision.decision.action, stopped.decision.decision.reason) == (
        Action.REFUSE,
        "stopped by its user",
    )


LEADING_NOWHERE: Final = {
    "forbidden-type": "spot:1 on-demand/ml.p5.48xlarge:1",
    "unknown-type": "spot:1 on-demand/ml.g5.99xlarge:1",
}


def test_a_job_is_not_stopped_for_a_pool_that_iam_or_sagemaker_would_refuse(deployed: DeployedAccount) -> None:
    for name, ladder in LEADING_NOWHERE.items():
        deployed.ground.create(name, lifecycle=NEVER_ON_SPOT, tags=IMPATIENT | {"respot:ladder": ladder})
    jobs = [recorded(deployed, name) for name in LEADING_NOWHERE]
    time.sleep(max(0.0, (jobs[-1].created + WAIT_LIMIT - datetime.now(UTC)).total_seconds()) + 0.5)
    deployed.sweep()
    assert eventually(lambda: deployed.queue_depth(deployed.outputs["RecoveryQueueUrl"]) == 0)
    sagemaker = deployed.client("sagemaker")
    for job in jobs:
        assert sagemaker.describe_training_job(TrainingJobName=job.name)["TrainingJobStatus"] == IN_PROGRESS
        assert deployed.runs().stop_intent(job) is None
        assert deployed.runs().recovery_records(job).notices == ()
        sagemaker.stop_training_job(TrainingJobName=job.name)


def test_a_job_that_never_gets_spot_ends_on_demand_in_time_if_its_work_is_known(deployed: DeployedAccount) -> None:
    """A reserve of 28 min, 3 min on demand and 5 for the switch: the latest on-demand start is 2 s after creation."""
    starts = {"respot:restart-overhead": "1 min", "respot:on-demand-wait": "1 min"}
    unknown = {"respot:resume": "on", "respot:deadline": "36 min 2 s", **starts}
    deployed.ground.create("due", lifecycle=NEVER_ON_SPOT, tags=unknown | {"respot:work": "1 min"})
    deployed.ground.create("unknown", lifecycle=NEVER_ON_SPOT, tags=unknown)
    due, left = (recorded(deployed, name) for name in ("due", "unknown"))
    time.sleep(max(0.0, (due.created + WAIT_LIMIT - datetime.now(UTC)).total_seconds()) + 0.5)
    deployed.sweep()

    stopped, on_demand = settled(deployed, "due")
    assert [transition.status for transition in stopped.record.transitions] == ["Starting", "Stopping", "Stopped"]
    assert on_demand.described["EnableManagedSpotTraining"] is False
    assert on_demand.described["TrainingEndTime"] <= due.created + timedelta(minutes=36)
    assert eventually(lambda: bool(deployed.runs().recovery_records(left).notices))
    (notice,) = deployed.runs().recovery_records(left).notices
    assert notice.kind is NoticeKind.WORK_UNKNOWN
    assert "Set the tag respot:work" in notice.summary
    assert deployed.runs().stop_intent(left) is None


def test_an_interrupted_job_is_checked_for_its_deadline_at_once(deployed: DeployedAccount) -> None:
    """Its latest on-demand start passed while it trained. It may wait for less than the time between two sweeps."""
    tags = {"respot:restart-overhead": "1 min", "respot:on-demand-wait": "1 min", "respot:deadline": "36 min"}
    deployed.ground.create(
        "interrupted-late",
        lifecycle="Starting=0.1 Downloading=0.1 Training=1 Interrupted=600 / Starting=0.2 Downloading=0.1 Training=0.3",
        tags={"respot:resume": "on", "respot:work": "1 min"} | tags,
    )
    recorded(deployed, "interrupted-late")

    stopped, on_demand = settled(deployed, "interrupted-late")
    statuses = [transition.status for transition in stopped.record.transitions]
    assert statuses == ["Starting", "Downloading", "Training", "Interrupted", "Stopping", "Stopped"]
    assert on_demand.described["EnableManagedSpotTraining"] is False
    assert on_demand.described["TrainingEndTime"] <= stopped.described["CreationTime"] + timedelta(minutes=36)
