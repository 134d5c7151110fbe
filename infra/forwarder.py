"""Stack `RespotForwarder-<hub region>-<region>`: what a watched region other than the hub's needs."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.config import Config
from infra.constructs.alarms import Alarms
from infra.constructs.forwarding import Forwarder
from infra.version import describe, mark


class RespotForwarderStack(Stack):
    """Forwards the region's events to the hub."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, region: str, hub: Stack) -> None:
        """`hub` is deployed first: its bus must be there before anything is sent to it."""
        super().__init__(
            scope,
            construct_id,
            description=describe(f"forwards SageMaker's events to the stack {hub.stack_name} in {hub.region}"),
            env=Environment(region=region),
            analytics_reporting=False,
        )
        self.add_stack_dependency(hub, "its bus must be there before events are sent to it")
        forwarder = Forwarder(self, "Forwarder", hub=hub.stack_name, hub_region=hub.region)

        # CloudWatch publishes to topics of its own region alone.
        alarms = Alarms(self, "Alarms", config=config)
        alarms.on_dead_letters(
            "Forwarder",
            forwarder.dead_letters,
            f"Events of {region} could not be forwarded to the hub: Respot lacks some changes of its jobs.",
        )

        CfnOutput(self, "ForwarderDlqUrl", value=forwarder.dead_letters.queue_url)
        CfnOutput(self, "AlarmsTopicArn", value=alarms.topic.topic_arn)
        mark(self)
