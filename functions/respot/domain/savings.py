"""What spot saved, by SageMaker's own formula."""

from datetime import timedelta


def savings_percent(*, training: timedelta | None, billable: timedelta | None) -> float | None:
    """`(1 - BillableTimeInSeconds / TrainingTimeInSeconds) * 100`; no figure where either is missing or training is 0.

    Source: "Managed Spot Training in Amazon SageMaker", Amazon SageMaker Developer Guide: 100 and 500 give 80 %.
    """
    if training is None or billable is None or not training:
        return None
    return (training - billable) / training * 100
