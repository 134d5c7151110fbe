"""The CDK app: settings, stacks, cdk-nag, synth."""

import infra  # noqa: F401 - first, since it refuses a Python that is too old for the other imports

# isort: split
import sys

from aws_cdk import App, Validations
from aws_cdk.aws_lambda import Code
from cdk_nag import AwsSolutionsChecks

from infra.config import Config
from infra.constructs.forwarding import stack_name
from infra.forwarder import RespotForwarderStack
from infra.packaging import ROOT, prepare_bundle
from infra.stack import RespotStack
from respot.errors import RespotError
from respot_cli.policy_file import policy_text


def build(app: App, config: Config, code: Code, policy: str) -> None:
    """Put the stacks into the app, one per region; a finding of cdk-nag that nobody acknowledged fails the synth."""
    hub = RespotStack(app, "Respot", config=config, code=code, policy=policy)
    for region in config.watched_regions:
        name = stack_name(hub.stack_name, str(hub.region), region)
        RespotForwarderStack(app, name, config=config, region=region, hub=hub)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


if __name__ == "__main__":
    app = App()
    try:
        config = Config.from_context(app.node.get_all_context())
        policy, bundle = policy_text(config.policy_file, ROOT), prepare_bundle()
    except RespotError as error:
        sys.exit(str(error))
    build(app, config, Code.from_asset(str(bundle.path), asset_hash=bundle.source_hash), policy)
    app.synth()
