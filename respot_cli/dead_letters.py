"""The dead-letter queues of a deployment: reads their messages with the reasons, sends them back."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from respot.alerting.digest.timer import read_timer
from respot.alerting.text import one_line
from respot.aws.dynamodb.keys import job_of
from respot.aws.error_codes import Answer, answer_of
from respot.aws.sqs.dead_letters import read_dead_letter
from respot.errors import MalformedMessageError
from respot.jobs.formatting import clause
from respot.jobs.job import JobId
from respot.jobs.message import read_message, write_message
from respot.recording.observation import parse
from respot.schema import JOB_PARTITION, PK
from respot.slack.blocks import render
from respot_cli.deployment import Deployment, asking_aws
from respot_cli.errors import CommandError, ExitCode
from respot_cli.function_logs import last_reason

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_READ_FOR: Final = 60
"""Seconds. A listed message reappears at once; if the listing dies, after this time."""
_HELD_FOR: Final = 300
"""Seconds that a message is hidden while it is sent back."""
_BATCH: Final = 10
_MOST_PAGES: Final = 200
"""Of a stream's shard: more than a batch of ten items can lie apart in practice."""
_LONGEST: Final = 400
_OLDER: Final = {True: timedelta(days=1), False: timedelta()}
"""How long before a dead letter was sent its first reason may have been logged: Lambda sends a stream's at the end."""
_PART: Final = (
    "streamArn",
    "shardId",
    "startSequenceNumber",
    "endSequenceNumber",
    "batchSize",
    "approximateArrivalOfFirstRecord",
)
"""What is needed of Lambda's record of a part of the stream that it could not deliver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An asynchronous edge of the hub's stack that ends in a dead-letter queue.

    Attributes:
        name: how the commands call the queue.
        output: the stack's output with its URL.
        back: the output with the URL of the queue that its messages are sent back to, or with the name of the function
            that is called again.
        log: the output with the name of the log group that has the reasons.
        of_stream: whether its messages name parts of the ledger's stream, whose jobs are sent instead.
        of_calls: whether its messages are calls of a function on a schedule, which need no content.
    """

    name: str
    output: str
    back: str
    log: str
    of_stream: bool = False
    of_calls: bool = False


EDGES: Final = (
    Edge(name="observations", output="ObservationsDlqUrl", back="ObservationsQueueUrl", log="RecordLogGroupName"),
    Edge(name="drills", output="DrillsDlqUrl", back="DrillsQueueUrl", log="RecordLogGroupName"),
    Edge(name="alerts", output="AlertsDlqUrl", back="DueAlertsQueueUrl", log="AlertLogGroupName", of_stream=True),
    Edge(name="due-alerts", output="DueAlertsDlqUrl", back="DueAlertsQueueUrl", log="AlertLogGroupName"),
    Edge(
        name="ended-jobs",
        output="EndedJobsDlqUrl",
        back="RecoveryQueueUrl",
        log="EnqueueEndedLogGroupName",
        of_stream=True,
    ),
    Edge(name="recovery", output="RecoveryDlqUrl", back="RecoveryQueueUrl", log="RecoverLogGroupName"),
    Edge(name="slack", output="SlackDlqUrl", back="SlackQueueUrl", log="SlackLogGroupName"),
    Edge(name="weekly", output="WeeklyDlqUrl", back="WeeklyFunctionName", log="WeeklyLogGroupName", of_calls=True),
)
FORWARDER: Final = "forwarder"
FORWARDER_OUTPUT: Final = "ForwarderDlqUrl"
"""Of each forwarder's stack: what EventBridge could not put on the hub's bus. Its messages are observations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A dead-letter queue that exists.

    Attributes:
        edge: the edge that ends here.
        name: how the commands call it: the edge's name, or `forwarder-<region>`.
        url: its URL.
        region: where it is.
    """

    edge: Edge
    name: str
    url: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message of a dead-letter queue.

    Attributes:
        id: its message id.
        sent_at: when it was first sent.
        what: what it is about.
        reason: why it could not be processed, as far as it is known.
    """

    id: str
    sent_at: datetime
    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is in a dead-letter queue.

    Attributes:
        queue: which.
        count: how many messages there are.
        letters: those that could be shown.
        log_error: why the log could not be searched for reasons; `None` if it could, or was not.
    """

    queue: Queue
    count: int
    letters: tuple[DeadLetter, ...]
    log_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What became of a queue's messages.

    Attributes:
        sent: how many were sent back.
        trimmed: how many name a part that the stream no longer has; they remain in their queue.
        discarded: how many of these were deleted, as requested.
        unread: those that this version cannot read, by their ids, with the reason; they remain in their queue.
    """

    sent: int = 0
    trimmed: int = 0
    discarded: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)


class RedriveError(Exception):
    """A message could not be sent back; it is still a dead letter, those before it are on their way.

    Attributes:
        before: what became of the messages before it.
    """

    def __init__(self, message: str, before: Redriven) -> None:
        """`message` says why."""
        super().__init__(message)
        self.before = before


def names(found: Deployment) -> tuple[str, ...]:
    """What the dead-letter queues are called that this deployment should have, in the hub and in the other regions."""
    here = (edge.name for edge in EDGES if edge.output in found.outputs)
    return (*here, *(f"{FORWARDER}-{region}" for region in found.regions if region != found.region))


def find(found: Deployment, name: str) -> Queue:
    """The queue of one of these names; only for another region's is that region asked.

    Raises:
        CommandError: it is not there, or its region could not be asked.
    """
    for edge in EDGES:
        if edge.name == name:
            return Queue(edge=edge, name=name, url=found.outputs[edge.output], region=found.region)
    region = name.removeprefix(f"{FORWARDER}-")
    url = found.forwarder(region).get(FORWARDER_OUTPUT)
    if url is None:
        message = f"the stack that forwards from {region} has no output {FORWARDER_OUTPUT}: deploy it again"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return Queue(edge=EDGES[0], name=name, url=url, region=region)


def depth(found: Deployment, queue: Queue) -> int:
    """How many messages there are."""
    return found.messages(queue.url, region=queue.region)


def listing(found: Deployment, queue: Queue, *, limit: int) -> Listing:
    """Read a queue, and leave everything in it."""
    count = depth(found, queue)
    log = _Log(found, queue.edge.log)
    with asking_aws(), _Hold(found, queue, seconds=_READ_FOR) as hold:
        letters = [_read(queue, message, log) for message in hold.messages(min(limit, count))]
    shown = tuple(sorted(letters, key=lambda letter: letter.sent_at))
    return Listing(queue=queue, count=count, letters=shown, log_error=log.error)


def redrive(found: Deployment, queue: Queue, *, discard_trimmed: bool, on_progress: Callable[[int], None]) -> Redriven:
    """Send each message back and then delete it here: at any time it is in one of the two places.

    It handles as many as there are now: a message that comes straight back is not sent again. `on_progress` gets the
    number that is done.

    Raises:
        RedriveError: a message could not be sent back.
    """
    send_back, done = _way_back(found, queue.edge), Redriven()
    most = depth(found, queue)
    with asking_aws(), _Hold(found, queue, seconds=_HELD_FOR) as hold:
        for number, message in enumerate(hold.messages(most), start=1):
            on_progress(number)
            try:
                bodies = _bodies(found, queue, message["Body"])
            except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
                done = replace(done, unread={**done.unread, message["MessageId"]: str(error)})
                continue
            except (ClientError, BotoCoreError) as error:
                raise _not_sent(queue, message, error, done) from error
            try:
                for body in bodies or ():
                    send_back(body)
                if bodies is not None or discard_trimmed:
                    hold.delete(message)
            except (ClientError, BotoCoreError) as error:
                raise _not_sent(queue, message, error, done) from error
            done = replace(
                done,
                sent=done.sent + (bodies is not None),
                trimmed=done.trimmed + (bodies is None and not discard_trimmed),
                discarded=done.discarded + (bodies is None and discard_trimmed),
            )
    return done


def _way_back(found: Deployment, edge: Edge) -> Callable[[str], object]:
    """What sends a message back."""
    target = found.outputs[edge.back]
    if edge.of_calls:
        function = found.session.client("lambda")
        return lambda body: function.invoke(FunctionName=target, InvocationType="Event", Payload=body.encode())
    sqs = found.session.client("sqs")
    return lambda body: sqs.send_message(QueueUrl=target, MessageBody=body)


def _not_sent(queue: Queue, message: "MessageTypeDef", error: Exception, before: Redriven) -> RedriveError:
    why = f"message {message['MessageId']} of {queue.name} was not sent back: {clause(str(error))}"
    return RedriveError(why, before)


class _Hold:
    """Received messages: hidden from other readers until the end, unless they were deleted."""

    def __init__(self, found: Deployment, queue: Queue, *, seconds: int) -> None:
        """`seconds` is how long a message is hidden if this process dies."""
        self._sqs = found.session.client("sqs", region_name=queue.region)
        self._url = queue.url
        self._seconds = seconds
        self._receipt_handles: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Nothing is received yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Show again what was not deleted."""
        for receipt_handle in self._receipt_handles.values():
            # What could not be shown again is shown at the end of its time, or is already.
            with suppress(ClientError):
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=0
                )

    def messages(self, most: int) -> "Iterator[MessageTypeDef]":
        """Each message once, as long as there are any."""
        received = set[str]()
        while len(received) < most:
            batch = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(_BATCH, most - len(received)),
                VisibilityTimeout=self._seconds,
                # A short poll asks some of SQS's servers, and may find nothing where there is something.
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            self._receipt_handles |= {message["MessageId"]: message["ReceiptHandle"] for message in batch}
            new = [message for message in batch if message["MessageId"] not in received]
            if not new:
                return
            received |= {message["MessageId"] for message in new}
            yield from new

    def delete(self, message: "MessageTypeDef") -> None:
        """Take a message out of its queue for good."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        del self._receipt_handles[message["MessageId"]]


class _Log:
    """The log that has the reasons. A list without reasons is better than none."""

    def __init__(self, found: Deployment, output: str) -> None:
        """`output` is the deployment's output with the log group's name."""
        self._found = found
        self._output = output
        self.error: str | None = None

    def last_reason(self, word: str, *, since: datetime) -> str | None:
        """See `function_logs.last_reason`; `None`, too, once the log could not be read."""
        if self.error is None:
            try:
                return last_reason(self._found, self._output, word, since=since)
            except CommandError as error:
                self.error = str(error)
        return None

    def nothing(self) -> str:
        """The reason to show when the log has none."""
        group = self._found.outputs[self._output]
        return f"unknown: {group} could not be read" if self.error else f"unknown: {group} has nothing of it"


def _read(queue: Queue, message: "MessageTypeDef", log: _Log) -> DeadLetter:
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, tz=UTC)
    what, malformed = _about(queue, message["Body"])
    said = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    reason = (
        _of_sender(said)
        or log.last_reason(_in_log(queue, message), since=sent_at - _OLDER[queue.edge.of_stream])
        or malformed
        or _of_lambda(queue, message["Body"])
        or log.nothing()
    )
    return DeadLetter(id=message["MessageId"], sent_at=sent_at, what=_cut(what), reason=_cut(reason))


def _about(queue: Queue, body: str) -> tuple[str, str | None]:
    """What a message is about; and why, if it could not be read."""
    try:
        if queue.edge.of_stream:
            if item := read_dead_letter(body):
                return f"the item {' '.join(item)}", None
            part = _part(body)
            return f"{part['batchSize']} items of the stream, first at {part['approximateArrivalOfFirstRecord']}", None
        match queue.edge.name:
            case "observations" | "drills":
                observation = parse(body)
                return f"{observation.origin} about {observation.region}/{observation.name}", None
            case "slack":
                return render(body).text, None
            case "weekly":
                return "a call of weekly, which reports the week before", None
            case "due-alerts" if window := read_timer(body):
                return f"the digest {window.id}", None
            case _:
                return str(read_message(body)), None
    except (MalformedMessageError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        return body, str(error)


def _of_sender(said: Mapping[str, str]) -> str | None:
    """EventBridge and SNS write the reason on what they could not deliver."""
    words = [said[name] for name in ("ERROR_CODE", "ERROR_MESSAGE", "ErrorCode", "ErrorMessage") if said.get(name)]
    return ": ".join(words) or None


def _of_lambda(queue: Queue, body: str) -> str | None:
    """Lambda says what became of a part of the stream; of a call, also the error with which it ended.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    if not queue.edge.of_stream and not queue.edge.of_calls:
        return None
    try:
        record = json.loads(body)
        failure = record.get("responsePayload") or {}
        said = [str(failure[name]) for name in ("errorType", "errorMessage") if failure.get(name)]
        return ": ".join(said) or str(record["requestContext"]["condition"])
    except (ValueError, LookupError, TypeError):
        return None


def _in_log(queue: Queue, message: "MessageTypeDef") -> str:
    """How the function's log names the message: one of a stream by its first item."""
    try:
        return str(_part(message["Body"])["startSequenceNumber"]) if queue.edge.of_stream else message["MessageId"]
    except (ValueError, LookupError, TypeError):
        return message["MessageId"]


def _bodies(found: Deployment, queue: Queue, body: str) -> Sequence[str] | None:
    """What to send in place of a dead letter: itself, or its jobs; `None` if the stream no longer has them."""
    if queue.edge.of_calls:
        return ["{}"]
    if not queue.edge.of_stream:
        return [body]
    item = read_dead_letter(body)
    jobs = {job_of(item[0])} if item else _jobs(found, _part(body))
    return None if jobs is None else [write_message(job) for job in sorted(jobs)]


def _part(body: str) -> Mapping[str, Any]:
    part = json.loads(body)["DDBStreamBatchInfo"]
    return {name: part[name] for name in _PART}


def _jobs(found: Deployment, part: Mapping[str, Any]) -> set[JobId] | None:
    """The jobs of a part of the stream; the reader ignores the items that its filter would have left out."""
    streams, end = found.session.client("dynamodbstreams"), int(part["endSequenceNumber"])
    jobs: set[JobId] = set()
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=part["streamArn"],
            ShardId=part["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=part["startSequenceNumber"],
        ).get("ShardIterator")
        for _ in range(_MOST_PAGES):
            if iterator is None:
                return jobs
            page = streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                if int(record["dynamodb"]["SequenceNumber"]) > end:
                    return jobs
                partition = record["dynamodb"]["Keys"][PK]["S"]
                if partition.startswith(JOB_PARTITION):
                    jobs.add(job_of(partition))
                if int(record["dynamodb"]["SequenceNumber"]) == end:
                    return jobs
            iterator = page.get("NextShardIterator")
    except ClientError as error:
        if answer_of(error) is Answer.ABSENT:
            return None
        raise
    message = f"the stream did not come to {part['endSequenceNumber']} in {_MOST_PAGES} pages"
    raise ValueError(message)


def _cut(words: str) -> str:
    line = one_line(words)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
