"""The kill switch's parameter, and that no deployment changes what an operator has set."""

from typing import Final

from infra.constructs.kill_switch import KillSwitchParameter
from tests.infra.synthesis import Synthesized

DEPLOYED: Final = {
    "Name": "/Respot/kill-switch",
    "Description": "on: Respot creates and stops no training job (docs/reference/policy.md)",
    "Tier": "Standard",
    "Type": "String",
    "Value": "off",
}


def test_the_parameters_definition_never_changes(either: Synthesized) -> None:
    """Any other definition, with any change, would have the next deployment write `off` over an operator's `on`.

    CloudFormation leaves a resource alone whose definition is the one that was deployed last:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    It sends all properties of one that differs, the value too, also if only a tag does:
    https://github.com/aws/aws-cdk/issues/25949
    """
    (logical_id,) = (name for name in either.of_type("SSM::Parameter") if name.startswith("KillSwitch"))
    assert logical_id == "KillSwitchParameter"
    assert either.properties(logical_id) == DEPLOYED, KillSwitchParameter.__doc__
    assert either.resources[logical_id].keys() <= {"Type", "Properties", "Metadata"}


def test_nothing_in_the_template_carries_a_tag_that_could_change(either: Synthesized) -> None:
    assert all("Tags" not in properties for properties in either.of_type("SSM::Parameter").values())
