"""The stack as it is synthesized, on the Node of the virtual environment."""

import os

from infra.cdk import node

# Before anything imports aws_cdk, which starts Node at that moment.
os.environ.setdefault("JSII_NODE", str(node()))
