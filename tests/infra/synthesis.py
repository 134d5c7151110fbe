"""Synthesizes the stacks, and reads templates."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aws_cdk import App
from aws_cdk.aws_lambda import Code

from app import build
from infra.config import Config
from infra.version import TAG

Resource = dict[str, Any]
POLICY = '{"version":1}'
_GENERATED = re.compile(r"[0-9A-F]{8}$")


class Synthesized:
    """A template of a stack, with logical ids as a reader would say them: `RecordingRecordRole`, without CDK's hash.

    The version's tag, which nearly every resource has, is in `tags` alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        template = json.loads(path.read_text())
        self.description: str = template["Description"]
        self.resources: dict[str, Resource] = {_plain(name): body for name, body in template["Resources"].items()}
        self.tags = {name: tags for name, body in self.resources.items() if (tags := _without_tags(body))}
        self.acknowledged = list(_acknowledged(path.with_name(path.name.replace("template", "metadata"))))
        self.outputs: dict[str, Any] = {name: render(body["Value"]) for name, body in template["Outputs"].items()}
        assert len(self.resources) == len(template["Resources"])

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Properties by logical id."""
        return {
            name: body.get("Properties", {}) for name, body in self.resources.items() if body["Type"] == f"AWS::{kind}"
        }

    def properties(self, name: str) -> Resource:
        return dict(self.resources[name]["Properties"])


def synthesize(directory: Path, config: Config) -> Synthesized:
    """The app as it is deployed, cdk-nag and all, but for a bundle that is empty."""
    return synthesize_all(directory, config)["Respot"]


def synthesize_all(directory: Path, config: Config) -> dict[str, Synthesized]:
    """The same of all stacks, by name."""
    new_app(directory, config).synth()
    suffix = ".template.json"
    return {
        path.name.removesuffix(suffix): Synthesized(path) for path in sorted((directory / "out").glob(f"*{suffix}"))
    }


def new_app(directory: Path, config: Config) -> App:
    flags = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]
    app = App(outdir=str(directory / "out"), context=flags)
    build(app, config, empty_bundle(directory), POLICY)
    return app


def empty_bundle(directory: Path) -> Code:
    bundle = directory / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "empty.py").touch()
    return Code.from_asset(str(bundle))


def render(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """A value with its intrinsic functions written out: `${RecordingRecordLogs.Arn}`."""
    match value:
        case {"Ref": str(name)}:
            return f"${{{_plain(name)}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{_plain(name)}.{attribute}}}"
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(render(part) for part in parts)
        case dict():
            return {key: render(item) for key, item in value.items()}
        case list():
            return [render(item) for item in value]
    return value


def statements(policy: Resource) -> Iterator[tuple[str, tuple[str, ...], Any, Any]]:
    """Each statement of a policy document: effect, actions, resources, conditions."""
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement.keys() <= {"Action", "Condition", "Effect", "Principal", "Resource", "Sid"}
        actions = statement["Action"]
        yield (
            statement["Effect"],
            (actions,) if isinstance(actions, str) else tuple(actions),
            render(statement["Resource"]),
            render(statement.get("Condition")),
        )


def dead_letter_queues(template: Synthesized) -> Iterator[tuple[str, object]]:
    """Each asynchronous edge with where its failures go."""
    for name, queue in template.of_type("SQS::Queue").items():
        if not name.endswith("DeadLetters"):
            yield name, render(queue["RedrivePolicy"]["deadLetterTargetArn"])
    for name, rule in template.of_type("Events::Rule").items():
        for target in rule["Targets"]:
            yield name, render(target["DeadLetterConfig"]["Arn"])
    for name, subscription in template.of_type("SNS::Subscription").items():
        if subscription["Protocol"] != "email":  # SNS has no answer from a mailbox that could be redriven
            yield name, render(subscription["RedrivePolicy"]["deadLetterTargetArn"])
    for name, mapping in template.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" in mapping:
            yield name, render(mapping["DestinationConfig"]["OnFailure"]["Destination"])
    yield from _dead_letter_queues_of_calls(template)


def _dead_letter_queues_of_calls(template: Synthesized) -> Iterator[tuple[str, object]]:
    """Those of functions that a schedule calls, but for the sweep: there the next call goes on, with its own alarm."""
    for name, invocation in template.of_type("Lambda::EventInvokeConfig").items():
        if name != "SweepFunctionEventInvokeConfig":
            yield name, render(invocation["DestinationConfig"]["OnFailure"]["Destination"])
    for name, schedule in template.of_type("Scheduler::Schedule").items():
        if name != "SweepSchedule":
            yield name, render(schedule["Target"]["DeadLetterConfig"]["Arn"])


def _acknowledged(path: Path) -> Iterator[tuple[str, str, str]]:
    """Findings of cdk-nag that somebody accepted: construct, finding, reason."""
    for construct, entries in json.loads(path.read_text()).items():
        for entry in entries:
            if entry["type"] == "aws:cdk:acknowledged-rules":
                for finding, reason in entry["data"].items():
                    yield construct, finding.removeprefix("Annotation::"), reason


def _without_tags(body: Resource) -> list[dict[str, str]]:
    """Take a resource's tags away, if they are the version's alone; those of a parameter would be a mapping."""
    tags = body.get("Properties", {}).get("Tags")
    if not (isinstance(tags, list) and [tag["Key"] for tag in tags] == [TAG]):
        return []
    del body["Properties"]["Tags"]
    return tags


def _plain(name: str) -> str:
    return _GENERATED.sub("", name)
