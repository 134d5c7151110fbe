"""SageMaker: its training jobs, its lists of them, the request for the next one."""
