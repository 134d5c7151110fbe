"""CloudWatch Logs: FilterLogEvents respects `logStreamNamePrefix`, which ministack does not read.

`aws logs filter-log-events --log-stream-name-prefix JOB/` is how the AWS CLI shows the logs of one job.
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch_logs  # type: ignore[import-untyped]


def filter_logs_by_prefix() -> None:
    """Replace a prefix in a request by the names of the streams that have it."""
    filter_all = cloudwatch_logs._filter_log_events  # the request handler calls it by this name

    def filtered(request: Mapping[str, Any]) -> Any:
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(request))
        if group and (prefix := request.get("logStreamNamePrefix")):
            names = [name for name in group["streams"] if name.startswith(prefix)]
            # An empty list would mean all of them; no stream has an empty name.
            request = {**request, "logStreamNames": names or [""]}
        return filter_all(request)

    cloudwatch_logs._filter_log_events = filtered
