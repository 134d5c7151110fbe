"""Forwarding: events from a watched region's default bus to a bus in the hub region.

The two ends are in stacks of their own and in regions of their own, and neither can refer to the other's
resources. They agree on names, which are made here from the hub stack's.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, cast

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.queues import dead_letter_queue
from infra.constructs.recording import OBSERVED, Observed

_PUT: Final = "events:PutEvents"
_SOURCE: Final = "events:source"
_DETAIL_TYPE: Final = "events:detail-type"
_FORWARDED: Final = {
    _SOURCE: sorted({kind.source for kind in OBSERVED}),
    _DETAIL_TYPE: sorted({kind.detail_type for kind in OBSERVED}),
}
"""What may be forwarded, by the condition keys of PutEvents: a call has as many values of each as it has events."""


def bus_name(hub: str) -> str:
    """The bus in the hub region that takes what is forwarded to the stack `hub`."""
    return f"{hub}-forwarded"


def stack_name(hub: str, hub_region: str, region: str) -> str:
    """The stack that forwards a region's events to the stack `hub` in `hub_region`.

    The hub's region is part of it: stacks of the same name in two hub regions have forwarders of their own.
    """
    return f"{hub}Forwarder-{hub_region}-{region}"


def role_name(hub: str, hub_region: str, region: str) -> str:
    """The role as which a region's events are forwarded. Roles belong to no region."""
    return _within_64(stack_name(hub, hub_region, region))


def rule_name(hub: str, hub_region: str, kind: Observed) -> str:
    """The rule that forwards events of this kind, on the default bus of each watched region."""
    return _within_64(f"{hub}Forwarder-{hub_region}-{kind.rule}")


def _within_64(name: str) -> str:
    """`name`, or its beginning and a hash of it: neither a role's name nor a rule's may be longer."""
    return name if len(name) <= 64 else f"{name[:47]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


class ForwardedEvents(Construct):
    """The hub's end: a bus to which these regions' forwarders may put events, and nobody else."""

    def __init__(self, scope: Construct, construct_id: str, *, regions: Sequence[str]) -> None:
        """Deploys the bus and its policy."""
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        hub, hub_region = stack.stack_name, str(stack.region)
        arn = _bus_arn(stack, hub_region, hub)
        roles = [_role_arn(stack, role_name(hub, hub_region, region)) for region in regions]
        rules = [_rule_arn(stack, region, rule_name(hub, hub_region, kind)) for region in regions for kind in OBSERVED]
        self.bus: Final = events.EventBus(
            self,
            "Bus",
            event_bus_name=bus_name(stack.stack_name),
            description="SageMaker's events from the other regions that Respot watches",
        )
        # With the bus itself, and not a resource for each statement: there is no moment without it.
        cast("events.CfnEventBus", self.bus.node.default_child).policy = iam.PolicyDocument(
            statements=list(_denials(arn, roles=roles, rules=rules))
        )


def _denials(arn: str, *, roles: list[str], rules: list[str]) -> Iterator[iam.PolicyStatement]:
    """Who may not put events, and which.

    Within an account, a bus takes events from every principal whose own policies allow it to put events there: only a
    denial keeps them out. Other accounts would have to be allowed, and none is.

    A delivery of a rule carries the rule as aws:SourceArn (EventBridge User Guide, "Using IAM policy conditions").
    Whether it carries the target's role as aws:PrincipalArn is documented nowhere. A key that is absent counts as
    unequal, and both keys must be unequal for the denial: either key alone lets the forwarders through.
    """
    for name, conditions in (
        ("OthersThanTheForwarders", {"ArnNotEquals": {"aws:PrincipalArn": roles, "aws:SourceArn": rules}}),
        # True of a call if it is true of one of its events, and of none if the call does not say what is in it.
        ("OtherSources", {"ForAnyValue:StringNotEquals": {_SOURCE: _FORWARDED[_SOURCE]}}),
        ("OtherDetailTypes", {"ForAnyValue:StringNotEquals": {_DETAIL_TYPE: _FORWARDED[_DETAIL_TYPE]}}),
    ):
        yield iam.PolicyStatement(
            sid=name,
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=[_PUT],
            resources=[arn],
            conditions=conditions,
        )


class Forwarder(Construct):
    """A watched region's end: rules that send what Respot observes to the hub's bus."""

    def __init__(self, scope: Construct, construct_id: str, *, hub: str, hub_region: str) -> None:
        """Deploys the rules, the role as which they put events, and the queue for what they could not put.

        `hub` is the name of the stack in the hub region.
        """
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.dead_letters: Final[sqs.Queue] = dead_letter_queue(self, "DeadLetters")
        Validations.of(self.dead_letters).acknowledge(
            Acknowledgment(
                id="AwsSolutions-SQS3",
                reason="This is a dead-letter queue: that of the rules' targets, which the rule does not see.",
            )
        )
        bus = events.EventBus.from_event_bus_arn(self, "HubBus", _bus_arn(stack, hub_region, hub))
        role = iam.Role(
            self,
            "Role",
            role_name=role_name(hub, hub_region, str(stack.region)),
            # Without conditions: EventBridge documents none for a target's role, and one that it does not fulfil would
            # stop all forwarding. To give this role to a rule takes iam:PassRole in this account.
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
            description="Forwards SageMaker's events to Respot's bus in the hub region, and may do nothing else",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[_PUT],
                resources=[bus.event_bus_arn],
                conditions={"ForAllValues:StringEquals": _FORWARDED},
            )
        )
        for kind in OBSERVED:
            events.Rule(
                self,
                kind.rule,
                rule_name=rule_name(hub, hub_region, kind),
                description=kind.description,
                event_pattern=kind.pattern(self),
                targets=[
                    targets.EventBus(
                        bus,
                        # The role must not change: the target would allow it to put events of any kind.
                        role=role.without_policy_updates(),
                        # A bus as a target takes no retry policy; EventBridge's own is the one of Respot's other
                        # rules: 24 hours, 185 attempts.
                        dead_letter_queue=self.dead_letters,
                    )
                ],
            )


def _bus_arn(stack: Stack, region: str, hub: str) -> str:
    return stack.format_arn(service="events", region=region, resource="event-bus", resource_name=bus_name(hub))


def _rule_arn(stack: Stack, region: str, name: str) -> str:
    return stack.format_arn(service="events", region=region, resource="rule", resource_name=name)


def _role_arn(stack: Stack, name: str) -> str:
    return stack.format_arn(service="iam", region="", resource="role", resource_name=name)
