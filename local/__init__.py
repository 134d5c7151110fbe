"""A local AWS account: an emulator with a simulated SageMaker, and what the demo needs around it."""
