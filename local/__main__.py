"""The command line of the local AWS account: `python -m local up`."""

import argparse
import shlex
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from local.bench import load
from local.chaos import runner as chaos
from local.clients import table as clients
from local.demo import demo, slack_rendering
from local.demo.deployed import DeployedAccount, DeploymentError, TrainingGround, deployed_account, prepare
from local.demo.slack_receiver import SlackReceiver
from local.emulator.account import LocalAccount, LocalAccountError
from local.proof import proof
from local.sagemaker.service import LIFECYCLE_TAG
from respot_cli.output import shielded


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    return shielded(lambda: _run(arguments), name="python -m local")


def _run(arguments: list[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description="A local AWS account for Respot.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the account and keep it until Ctrl-C")
    up.add_argument("--deploy", action="store_true", help="deploy Respot into it, and show what Slack would show")
    up.add_argument("--delivery", default="", metavar="FAULTS", help='for example "copies=3 shuffle=1 drop=0.1"')
    up.add_argument("--lifecycle", default="", metavar="FATE", help="of jobs without a tag that says so")
    up.add_argument("--directory", type=Path, help="keep the log and all data there (default: temporary)")
    up.set_defaults(run=_up)
    shown = commands.add_parser(
        "demo", help="run five jobs and three runs through the whole of Respot, and check the result"
    )
    shown.add_argument("--verbose", action="store_true", help="also show all timelines and Slack messages")
    shown.add_argument("--keep", action="store_const", const=_keep, help="then keep the account until Ctrl-C")
    shown.set_defaults(run=demo.run)
    measured = {
        "load": (load.run, "send the events of thousands of jobs, and report what becomes of them"),
        "chaos": (chaos.main, "run the demo's jobs under faults, and count what is lost or doubled"),
        "clients": (clients.main, "run the SageMaker SDKs, the AWS CLI and boto3 against an account"),
        "proof": (proof.main, "run everything that takes too long for `make test`, and judge it"),
    }
    for name, (run, what) in measured.items():
        command = commands.add_parser(name, help=what)
        command.set_defaults(run=run)
        if name == "load":
            command.add_argument("--jobs", type=int, action="append", metavar="N", help="a number of jobs (repeatable)")
        else:
            command.add_argument("--only", action="append", default=[], metavar="NAME", help="only this (repeatable)")
        if name == "chaos":
            command.add_argument("--quick", action="store_true", help="several faults at once, as in `make test`")
            command.add_argument("--times", type=int, default=1, metavar="N", help="how often to inject each fault")
        if name != "proof":
            command.add_argument("--figures", type=Path, help="leave the figures there, as JSON, for `make proof`")
    options = vars(parser.parse_args(arguments))
    try:
        return int(options.pop("run")(**options))
    except (LocalAccountError, DeploymentError, load.LoadError) as error:
        _say(str(error))
        return 1


EXAMPLES: Final = """\
Then run a job that Respot resumes, with the client that you have:
  python examples/boto3_job.py      boto3
  python examples/sagemaker_v2.py   SageMaker Python SDK v2
  python examples/sagemaker_v3.py   SageMaker Python SDK v3
AWS CLI v1 does not use AWS_ENDPOINT_URL for SQS: add --endpoint-url "$AWS_ENDPOINT_URL" to `aws sqs`."""


def _up(*, deploy: bool, delivery: str, lifecycle: str, directory: Path | None) -> int:
    with ExitStack() as stack:
        deployed: DeployedAccount | None = None
        if deploy:
            _say("Starting a local AWS account and deploying Respot into it ...")
            deployed = stack.enter_context(
                deployed_account(directory=directory, delivery=delivery, lifecycle=lifecycle)
            )
            account, ground = deployed.account, deployed.ground
        else:
            account = stack.enter_context(LocalAccount(directory=directory, delivery=delivery, lifecycle=lifecycle))
            ground = prepare(account)
        _say(f"Local AWS account {account.account_id} at {account.endpoint}, log in {account.log}")
        _say(f"Training jobs may use the role {ground.role_arn} and the bucket {ground.bucket}")
        if lifecycle:
            _say(f"Jobs without the tag {LIFECYCLE_TAG} go through: {lifecycle}")
        for name, value in (deployed.outputs if deployed else {}).items():
            _say(f"{name}: {value}")
        _keep(account, ground, deployed.slack if deployed else None)
    return 0


def _keep(account: LocalAccount, ground: TrainingGround, slack: SlackReceiver | None = None) -> None:
    """Say until Ctrl-C how to use the account, and show what Slack would show."""
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    _say("In another terminal, any AWS client talks to it after:\n")
    variables = {**account.environment(), **ground.environment()}
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    sys.stdout.writelines(["unset AWS_PROFILE AWS_SESSION_TOKEN\n", *exports])
    sys.stdout.flush()
    _say(f"\n{EXAMPLES}\n\nCtrl-C ends it.")
    console, shown = Console(stderr=True), 0
    while not done.wait(0.3):
        if account.process and account.process.poll() is not None:
            raise LocalAccountError(account.with_log("the local account ended unexpectedly"))
        messages = slack.messages if slack else ()
        for message in messages[shown:]:
            console.print(slack_rendering.render(message))
        shown = len(messages)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
