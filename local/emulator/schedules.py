"""EventBridge Scheduler: schedules fire at their second, as their role; who creates one must be allowed to pass it.

ministack fires every ten seconds, asks no policy, and takes every schedule for one of the group `default`. Two
differences from AWS remain: a delivery that is refused is not tried again, and a schedule fires without the delay of up
to a minute.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import arn as arns  # type: ignore[import-untyped]
from ministack.core import iam_actions, responses, router
from ministack.services import eventbridge, scheduler  # type: ignore[import-untyped]

from local.emulator import iam
from local.sagemaker.cloud import Scope

logger = logging.getLogger("scheduler")

_SERVICE: Final = "scheduler.amazonaws.com"
_TICK: Final = 0.2
_ACTIONS: Final = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}
"""What the role of a schedule must be allowed, by the service of its target."""


def fire_schedules() -> None:
    """Change Scheduler and IAM accordingly."""
    scheduler._SCHEDULE_TICK_INTERVAL = _TICK
    invoke, resource_of = eventbridge._invoke_target, iam_actions.extract_resource_arn
    handle = ministack.SERVICE_HANDLERS["scheduler"]

    def invoke_target(
        target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: object = None
    ) -> None:
        refusal = _cannot_send(target, rule) if event.get("Source") == "aws.scheduler" else None
        if refusal is None:
            invoke(target, event, rule, view)
        else:
            logger.warning("the schedule %s sent nothing: %s", rule["Name"], refusal)

    def resource(service: str, *request: Any) -> Any:
        found, (_, path, _, body, query, *_) = resource_of(service, *request), request
        group = _group(body, query) if _is_one(service, path) else "default"
        return found.replace(":schedule/default/", f":schedule/{group}/")

    async def handled(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        if _is_one("scheduler", path) and method in {"POST", "PUT"} and (why := _cannot_pass(headers, body, query)):
            return scheduler._error(403, "AccessDeniedException", why)
        return await handle(method, path, headers, body, query)

    # By these names ministack calls them.
    eventbridge._invoke_target = invoke_target
    iam_actions.extract_resource_arn = resource
    ministack.SERVICE_HANDLERS["scheduler"] = handled


def _is_one(service: str, path: str) -> bool:
    return service == "scheduler" and path.startswith("/schedules/")


def _group(body: bytes, query: Mapping[str, Any]) -> str:
    """The group that a request names, in its body or its query."""
    named = _request(body).get("GroupName") or query.get("groupName") or "default"
    return str(named[0] if isinstance(named, list) else named)


def _request(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:  # ministack refuses it later
        return {}
    return request if isinstance(request, dict) else {}


def _cannot_pass(headers: Any, body: bytes, query: Any) -> str | None:
    """Why the caller may not pass the role of the schedule in this request; None if it may."""
    role = _request(body).get("Target", {}).get("RoleArn", "")
    key = router.extract_access_key_id(headers, query)
    if denied := iam.denial(key, "iam:PassRole", role, {"iam:PassedToService": _SERVICE}):
        return denied
    account = responses.get_account_id()
    return None if iam.trusts(account, role, _SERVICE) else f"{role} does not let {_SERVICE} assume it"


def _cannot_send(target: Mapping[str, Any], schedule: Mapping[str, Any]) -> str | None:
    """Why Scheduler may not send what a schedule sends; None if it may.

    The source of a call is the schedule's group (Scheduler User Guide, "Confused deputy prevention").
    """
    role, account, region = target["RoleArn"], responses.get_account_id(), responses.get_region()
    group = f"arn:aws:scheduler:{region}:{account}:schedule-group/{schedule['GroupName']}"
    if not iam.trusts_source(account, role, _SERVICE, group):
        return f"Scheduler cannot assume {role!r}"
    action = _ACTIONS.get(arns.parse_arn(target["Arn"]).service)
    context = iam.role_context(Scope(account=account, region=region), role, str(action), target["Arn"])
    decision = iam.role_decision(context).decision
    return None if decision == "Allow" else f"{role} may not {action} there: {decision}"
