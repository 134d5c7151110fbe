"""The app as the CDK CLI runs it, and the checks that it must pass."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import Stack
from aws_cdk.aws_sqs import Queue

from infra.cdk import command, environment, node
from infra.config import Config
from respot_cli.policy_file import policy_text
from tests.infra.synthesis import Synthesized, new_app


def run_app(root: Path, outdir: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    context = json.loads((root / "cdk.json").read_text())["context"]
    context["respot"] |= settings
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=root,
        env=environment(os.environ) | {"CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(context)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_app_synthesizes_what_cdk_json_says(root: Path, tmp_path: Path) -> None:
    result = run_app(root, tmp_path)
    assert result.returncode == 0, result.stderr
    template = Synthesized(tmp_path / "Respot.template.json")
    assert template.properties("RecordFunction")["Handler"] == "respot.handlers.record.handler"
    assert template.properties("PolicyParameter")["Value"] == policy_text("policy.yaml", root)


def test_the_app_refuses_a_wrong_setting_in_one_line(root: Path, tmp_path: Path) -> None:
    result = run_app(root, tmp_path, record_concurrency=1)
    assert result.returncode == 1
    assert result.stderr == (
        "respot.record_concurrency in the CDK context must be a whole number from 2 to 1000; it is 1, and could be 2\n"
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(None, "cannot be read as YAML: ", id="no such file"),
        pytest.param("version: 1\ndefaults: {resum: on}", ": defaults.resum: there is no", id="no policy"),
    ],
)
def test_the_app_refuses_a_wrong_policy_and_deploys_nothing(
    root: Path, tmp_path: Path, words: str | None, complaint: str
) -> None:
    policy_file = tmp_path / "policy.yaml"
    if words:
        policy_file.write_text(words)
    result = run_app(root, tmp_path / "out", policy_file=str(policy_file))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{policy_file}{complaint}" if words else f"{policy_file} {complaint}")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_cdk_nag_stops_the_app_when_something_bad_is_in_it(tmp_path: Path) -> None:
    app = new_app(tmp_path, Config())
    Queue(Stack(app, "Bad"), "Queue")
    with pytest.raises(RuntimeError, match="does not require requests to use SSL"):
        app.synth()
    (report,) = json.loads((tmp_path / "out" / "validation-report.json").read_text())["pluginReports"]
    assert {(v["ruleName"], v["violatingConstructs"][0]["constructPath"]) for v in report["violations"]} == {
        ("AwsSolutions-SQS3", "Bad/Queue/Resource"),
        ("AwsSolutions-SQS4", "Bad/Queue/Resource"),
    }


def test_the_cli_and_jsii_need_no_node_but_the_virtual_environments() -> None:
    given = environment({"PATH": "/nowhere"})
    assert Path(given["JSII_NODE"]) == node()
    assert given["PATH"] == f"{node().parent}{os.pathsep}/nowhere"
    result = subprocess.run(command("--version"), env=given, check=True, capture_output=True, text=True)  # noqa: S603
    assert result.stdout.startswith("2.")
