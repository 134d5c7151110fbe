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
from tests.support.deployed import denied
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
    jobs = [recorded(deployed, name) for name in ("impatient", "patient")]
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
    assert [alert_record.kind.value for alert_record in timed_out.alert_records] == ["resubmitted"]

    # The other one may wait on. What its user stops is over, although the policy would go on after a wait timeout.
    assert eventually(lambda: deployed.queue_depth(deployed.outputs["RecoveryQueueUrl"]) == 0)
    sagemaker = deployed.client("sagemaker")
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
