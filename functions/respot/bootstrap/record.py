"""Composes `record`."""

from functools import cache

from respot.adapters.training_jobs import SageMakerTrainingJobs
from respot.bootstrap.clients import client
from respot.bootstrap.ledger import ledger
from respot.intake import Intake
from respot.recorder import Recorder


@cache
def intake() -> Intake:
    """What `record` hands its messages to."""
    jobs = SageMakerTrainingJobs(lambda region: client("sagemaker", region))
    return Intake(recorder=Recorder(jobs=jobs, ledger=ledger()))
