"""SageMaker's training jobs, and the request for the next one."""
