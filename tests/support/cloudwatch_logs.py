"""CloudWatch Logs as the API reference of FilterLogEvents describes it, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, Final

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from respot.jobs.ports import Clock

_NUMBERS: Final = count()


@cache
def _operation() -> Any:  # noqa: ANN401 - botocore has no types
    return botocore.session.get_session().get_service_model("logs").operation_model("FilterLogEvents")


def refusal(code: str, words: str = "no", status: int = 400) -> ClientError:
    """An error as CloudWatch Logs answers it."""
    answer: Any = {"Error": {"Code": code, "Message": words}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "FilterLogEvents")


@dataclass(slots=True, kw_only=True)
class MemoryLogs:
    """One log group, which exists once something was logged.

    Attributes:
        clock: what is ingested later than now is not there yet.
        page: events in a page, at most; each page that is not the first follows an empty one, which AWS may answer.
        refuse: gives an error for a call, or `None`.
    """

    clock: Clock
    page: int = 10_000
    refuse: Callable[[int], Exception | None] = lambda _: None
    calls: list[dict[str, Any]] = field(default_factory=list)
    _events: list[dict[str, Any]] = field(default_factory=list)

    def put(self, stream: str, milliseconds: int, *messages: str, ingested: int | None = None) -> None:
        """Log messages at a time, since 1970; they can be read from `ingested` on, at once without it."""
        for message in messages:
            event = {"logStreamName": stream, "timestamp": milliseconds, "message": message}
            at = milliseconds if ingested is None else ingested
            self._events.append(event | {"ingestionTime": at, "eventId": f"{next(_NUMBERS):056}"})

    def filter_log_events(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 has it
        report = ParamValidator().validate(request, _operation().input_shape)
        assert not report.has_errors(), report.generate_report()
        assert request["logGroupName"] == "/aws/sagemaker/TrainingJobs"
        self.calls.append(request)
        if error := self.refuse(len(self.calls)):
            raise error
        now = self.clock().timestamp() * 1000
        here = [event for event in self._events if event["ingestionTime"] <= now]
        if not here:
            raise refusal("ResourceNotFoundException", "The specified log group does not exist.")
        found = [
            event
            for event in here
            if event["logStreamName"].startswith(request.get("logStreamNamePrefix", ""))
            and request.get("startTime", 0) <= event["timestamp"] <= request.get("endTime", now * 2)
        ]
        found.sort(key=lambda event: (event["timestamp"], event["ingestionTime"], event["eventId"]))
        first, _, empty = request.get("nextToken", "0:").partition(":")
        if empty:
            return {"events": [], "searchedLogStreams": [], "nextToken": f"{first}:"}
        last = int(first) + self.page
        more = {"nextToken": f"{last}:empty"} if last < len(found) else {}
        return {"events": found[int(first) : last], "searchedLogStreams": [], **more}
