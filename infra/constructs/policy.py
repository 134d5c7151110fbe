"""The account's policy, in a parameter that can be changed without a deployment."""

from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct


class PolicyParameter(Construct):
    """The parameter `/<stack name>/policy`; a deployment writes it when the policy file has changed, and only then."""

    def __init__(self, scope: Construct, construct_id: str, *, text: str) -> None:
        """`text` is the policy's JSON: see `respot_cli.policy_file.policy_text`."""
        super().__init__(scope, construct_id)
        self.parameter: Final = ssm.StringParameter(
            self,
            "Parameter",
            # Named, unlike everything else: people type it, and two stacks of one account have two names.
            parameter_name=f"/{Stack.of(self).stack_name}/policy",
            description="What Respot does about training jobs that end early (docs/reference/policy.md)",
            string_value=text,
            tier=ssm.ParameterTier.STANDARD,
        )
        self.name: Final = self.parameter.parameter_name

    def grant_read(self, *grantees: iam.IGrantable) -> None:
        """Read the policy."""
        for grantee in grantees:
            iam.Grant.add_to_principal(
                grantee=grantee, actions=["ssm:GetParameter"], resource_arns=[self.parameter.parameter_arn]
            )
