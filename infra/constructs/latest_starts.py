"""One-time schedules that send waiting jobs to the recovery queue: their group, their role; `recover` creates them."""

from typing import Final

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.constructs.lambda_function import allow_any
from infra.constructs.queues import WorkQueue

_SERVICE: Final = "scheduler.amazonaws.com"
_ACTIONS: Final = ("CreateSchedule", "DeleteSchedule", "GetSchedule", "UpdateSchedule")


class LatestStarts(Construct):
    """The group of these schedules, and the role with which they send to the queue."""

    def __init__(self, scope: Construct, construct_id: str, *, queue: WorkQueue) -> None:
        """Deploys both; no schedule."""
        super().__init__(scope, construct_id)
        self._group: Final = scheduler.CfnScheduleGroup(self, "Group")
        self.group: Final = self._group.ref
        self._role: Final = iam.Role(
            self,
            "Role",
            # The service works for every account, and for any schedule that names this role: by its documentation,
            # the source is the schedule's group.
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={
                    "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
                    "ArnEquals": {"aws:SourceArn": self._group.attr_arn},
                },
            ),
            description="Lets schedules send waiting jobs to Respot's recovery queue",
        )
        self.role_arn: Final = self._role.role_arn
        group = scheduler.ScheduleGroup.from_schedule_group_name(self, "Named", self.group)
        self.dropped: Final = group.metric_dropped(period=Duration.minutes(5), statistic="Sum")
        queue.grant_send(self._role)

    def grant_keep(self, function: lambda_.Function) -> None:
        """Create, move and delete schedules of this group, which work with this role."""
        stack = Stack.of(self)
        # As cdk-nag writes them: both are known once the stack is bound to a region.
        partition = "<AWS::Partition>" if Token.is_unresolved(stack.partition) else stack.partition
        region = "<AWS::Region>" if Token.is_unresolved(stack.region) else stack.region
        account = "<AWS::AccountId>" if Token.is_unresolved(stack.account) else stack.account
        allow_any(
            function,
            *(f"scheduler:{action}" for action in _ACTIONS),
            resource=f"arn:{stack.partition}:scheduler:{stack.region}:{stack.account}:schedule/{self.group}/*",
            finding=f"arn:{partition}:scheduler:{region}:{account}:schedule/<{stack.get_logical_id(self._group)}>/*",
            reason="Each schedule is named after a hash of its job; the group holds no others.",
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": _SERVICE}},
            )
        )
