"""The account's kill switch, in a parameter of its own: nobody has to overwrite the policy to stop Respot."""

from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct


class KillSwitchParameter(Construct):
    """The parameter `/<stack name>/kill-switch`, which is deployed as `off`; a later deployment does not change it.

    CloudFormation updates a resource whose definition differs from the one that was deployed last, and this one never
    does. Any change of it (of the description or of a tag, too) would write `off` again.
    Sources: https://github.com/aws/aws-cdk/issues/25949 and
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Deploys the parameter."""
        super().__init__(scope, construct_id)
        self.parameter: Final = ssm.StringParameter(
            self,
            "Parameter",
            # Named, unlike most resources: people type it, and two stacks of one account have two names.
            parameter_name=f"/{Stack.of(self).stack_name}/kill-switch",
            description="on: Respot creates and stops no training job (docs/reference/policy.md)",
            string_value="off",
            tier=ssm.ParameterTier.STANDARD,
        )
        self.name: Final = self.parameter.parameter_name

    def grant_read(self, grantee: iam.IGrantable) -> None:
        """Read the kill switch."""
        iam.Grant.add_to_principal(
            grantee=grantee, actions=["ssm:GetParameter"], resource_arns=[self.parameter.parameter_arn]
        )
