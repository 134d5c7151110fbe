"""A simulated SageMaker training service."""
