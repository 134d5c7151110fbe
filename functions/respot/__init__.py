"""Respot: a controller for Amazon SageMaker managed spot training."""
