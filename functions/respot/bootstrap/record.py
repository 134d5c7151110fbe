"""Composes `record`."""

from datetime import timedelta
from functools import cache
from typing import Final

from respot.adapters.training_jobs import SageMakerTrainingJobs
from respot.bootstrap.clients import client
from respot.bootstrap.ledger import ledger
from respot.bootstrap.redelivery import redelivery
from respot.consumer import ObservationConsumer
from respot.recorder import Recorder

LONGEST_DELAY: Final = timedelta(minutes=15)
"""Between two looks at a job that SageMaker does not tell of."""


@cache
def consumer() -> ObservationConsumer:
    """What `record` hands its messages to."""
    jobs = SageMakerTrainingJobs(lambda region: client("sagemaker", region))
    return ObservationConsumer(
        recorder=Recorder(jobs=jobs, ledger=ledger()), redelivery=redelivery(longest=LONGEST_DELAY)
    )
