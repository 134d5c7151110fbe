"""EventBridge between regions: rules forward events to buses in other regions, and buses obey their policies.

ministack does neither: it drops such an event, and it stores a bus's policy without reading it (and, from a template,
without storing it). Three differences from AWS remain. The account's root user may do anything. A direct PutEvents is
judged by its caller, not by the events' source and detail-type, which ministack does not show to its evaluator.
A template's change to the policy of a bus that exists has no effect.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ministack.core import arn as arns  # type: ignore[import-untyped]
from ministack.core import iam_evaluator, responses
from ministack.services import eventbridge  # type: ignore[import-untyped]
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from local.emulator import iam
from local.sagemaker.cloud import Scope

logger = logging.getLogger("events")


def add_regions() -> None:
    """Change EventBridge, IAM and CloudFormation accordingly."""
    invoke = eventbridge._invoke_target  # what every matching rule does with each of its targets

    def invoke_target(
        target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: object = None
    ) -> None:
        bus = arns.parse_arn(target["Arn"])
        is_bus = bus.service == "events" and bus.resource.startswith("event-bus/")
        is_ours = bus.account_id == responses.get_account_id()
        if is_bus and is_ours and bus.region != responses.get_region():
            _forward(target, event, bus, rule["Arn"])
        else:
            invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_target
    eventbridge.bus_policy_for_arn = _bus_policy
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["events"] = ("eventbridge", "bus_policy_for_arn")
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"]
    create = handlers["create"]

    def create_bus(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        name, attributes = create(logical_id, properties, stack)
        if "Policy" in properties:
            eventbridge._event_bus_policies[name] = properties["Policy"]
        return name, attributes

    handlers["create"] = create_bus


def _forward(target: Mapping[str, Any], event: Mapping[str, Any], bus: Any, rule: str) -> None:
    """Put the event on the bus as the target's role. The event keeps its source, account, region, id and time.

    `bus` is a parsed ARN, `rule` the ARN of the rule. What AWS would retry for a day goes to the DLQ at once.
    """
    failure = _cannot_forward(target, event, bus, rule)
    if failure is None:
        name = bus.resource.removeprefix("event-bus/")
        forwarded = {member: value for member, value in event.items() if member != "_DispatchPath"}
        with responses.request_scope(bus.account_id, bus.region):
            eventbridge._dispatch_event({**forwarded, "EventBusName": name})
        return
    logger.warning("not forwarded to %s: %s", target["Arn"], failure)
    if queue := target.get("DeadLetterConfig", {}).get("Arn"):
        payload = json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
        eventbridge._dispatch_to_sqs(arns.parse_arn(queue), payload)


def _cannot_forward(target: Mapping[str, Any], event: Mapping[str, Any], bus: Any, rule: str) -> str | None:
    """Why the event may not be put on the bus; None if it may.

    EventBridge documents that a delivery carries its rule as aws:SourceArn, and does not say whether it carries the
    target's role as aws:PrincipalArn (User Guide, "Using IAM policy conditions"). Therefore the bus's policy is asked
    twice, with one of the keys each time, and must allow both. EventBridge documents no condition for the trust of a
    target's role either: a trust with conditions counts as none.
    """
    arn, role, account = target["Arn"], target.get("RoleArn", ""), bus.account_id
    if not iam.trusts(account, role, "events.amazonaws.com", conditions=False):
        return f"EventBridge cannot assume {role!r}"
    with responses.request_scope(account, bus.region):
        if bus.resource.removeprefix("event-bus/") not in eventbridge._event_buses:
            return "there is no such bus"
        policy = _bus_policy(arn)
    keys = {
        "events:source": [event["Source"]],
        "events:detail-type": [event["DetailType"]],
        "events:eventbusinvocation": "true",
    }
    context = iam.role_context(Scope(account=account, region=bus.region), role, "events:PutEvents", arn, keys=keys)
    decision = iam.role_decision(context)
    if decision.decision != "Allow":
        return f"{role} may not put events there: {decision.decision}"
    of_rule = replace(context, principal_arn="", service_context={**context.service_context, "aws:sourcearn": rule})
    if policy:
        for carried, delivery in ((role, context), (rule, of_rule)):
            combined = iam_evaluator.combine_resource_policy(decision, delivery, *policy)
            if combined.decision != "Allow":
                return f"the bus refuses what {carried} sends: {combined.decision}"
    return None


def _bus_policy(arn: str) -> tuple[Any, str] | None:
    """A bus's policy and owner, as ministack's evaluator asks for them; None without a policy."""
    bus = arns.parse_arn(arn)
    if not bus.resource.startswith("event-bus/"):
        return None
    with responses.request_scope(bus.account_id, bus.region):
        policy = eventbridge._event_bus_policies.get(bus.resource.removeprefix("event-bus/"))
    return (policy, bus.account_id) if policy else None
