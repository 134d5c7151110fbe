"""A job whose events are all lost, in a local AWS account: no attempt is created beside it."""

from typing import Final

import pytest

from local.demo.deployed import DeployedAccount
from local.demo.verification import observe_run
from respot.recovery.planning.decision import Action
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

LONG: Final = "Starting=0.1 Downloading=0.1 Training=600"
OUT_OF_TIME: Final = "Starting=0.2 Downloading=0.1 Training=0.5 Stopping=0.1 MaxWaitTimeExceeded"


def test_no_attempt_is_created_beside_a_live_job_that_the_ledger_does_not_know(deployed: DeployedAccount) -> None:
    location = {"S3Uri": f"s3://{deployed.ground.bucket}/checkpoints/contested/"}
    deployed.ground.create(
        "unseen", lifecycle=LONG, tags={"local:delivery": "drop=all"}, spot=False, CheckpointConfig=location
    )
    deployed.ground.create("contested", lifecycle=OUT_OF_TIME, tags={"respot:resume": "on"}, CheckpointConfig=location)
    assert eventually(lambda: any(attempt.is_settled for attempt in observe_run(deployed, "contested")))
    (attempt,) = observe_run(deployed, "contested")
    assert attempt.decision
    assert attempt.decision.decision.action is Action.REFUSE
    assert attempt.decision.decision.reason == "another job writes to an overlapping checkpoint location: unseen"
    assert deployed.ledger().find(deployed.account.region, "unseen") == ()
    assert deployed.job_names("contested") == ["contested"]
    deployed.client("sagemaker").stop_training_job(TrainingJobName="unseen")
