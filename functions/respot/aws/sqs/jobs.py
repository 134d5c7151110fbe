"""A queue of jobs, on SQS."""

from respot.aws.sqs.queue import SqsQueue
from respot.jobs.job import JobId
from respot.jobs.message import write_message


class SqsJobQueue(SqsQueue):
    """The port `JobQueue`."""

    def send(self, job: JobId) -> None:
        """See `JobQueue.send`."""
        self._send_message(write_message(job), f"{job}: SQS did not take it; try again later")
