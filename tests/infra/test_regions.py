"""One stack for each region: what the hub has more than alone, and what the other regions have."""

import json
from itertools import product
from pathlib import Path

import boto3
import pytest

from infra.config import Config
from infra.constructs.forwarding import bus_name, role_name, rule_name, stack_name
from infra.constructs.recording import OBSERVED
from infra.review import review
from infra.version import version
from respot.recording import drill as drill_event
from respot.recording.observation import DETAIL_TYPE, SOURCE
from respot_cli.dead_letters import FORWARDER_OUTPUT
from respot_cli.deployment import Deployment
from tests.infra.synthesis import Synthesized, render, statements, synthesize, synthesize_all
from tests.infra.test_app import run_app
from tests.infra.test_permissions import granted

HUB = "us-east-1"
WATCHED = ("eu-west-1", "ap-northeast-1")
CONFIG = Config(regions=(HUB, *WATCHED), alert_emails=("ml@example.com",))

PATTERNS = {
    "Rule": {"account": ["${AWS::AccountId}"], "source": [SOURCE], "detail-type": [DETAIL_TYPE]},
    "DrillRule": {
        "account": ["${AWS::AccountId}"],
        "source": [drill_event.SOURCE],
        "detail-type": [drill_event.DETAIL_TYPE],
    },
}
SOURCES = sorted({SOURCE, drill_event.SOURCE})
DETAIL_TYPES = sorted({DETAIL_TYPE, drill_event.DETAIL_TYPE})
BUS = f"arn:aws:events:{HUB}:${{AWS::AccountId}}:event-bus/Respot-forwarded"
PUT = ("events:PutEvents",)


@pytest.fixture(scope="module", name="stacks")
def all_stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesized]:
    return synthesize_all(tmp_path_factory.mktemp("regions"), CONFIG)


@pytest.fixture(name="hub")
def hub_stack(stacks: dict[str, Synthesized]) -> Synthesized:
    return stacks["Respot"]


@pytest.fixture(name="forwarder", params=WATCHED)
def forwarder_stack(stacks: dict[str, Synthesized], request: pytest.FixtureRequest) -> Synthesized:
    return stacks[f"RespotForwarder-{HUB}-{request.param}"]


def region_of(forwarder: Synthesized) -> str:
    return forwarder.path.name.removeprefix(f"RespotForwarder-{HUB}-").removesuffix(".template.json")


def test_one_command_gives_a_stack_for_each_region(root: Path, tmp_path: Path) -> None:
    result = run_app(root, tmp_path, regions=[HUB, *WATCHED])
    assert result.returncode == 0, result.stderr
    artifacts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    stacks = {name: body for name, body in artifacts.items() if body["type"] == "aws:cloudformation:stack"}
    # No account: it is that of the person who deploys.
    assert {name: body["environment"] for name, body in stacks.items()} == {
        "Respot": f"aws://unknown-account/{HUB}",
        **{f"RespotForwarder-{HUB}-{region}": f"aws://unknown-account/{region}" for region in WATCHED},
    }
    # The bus is there before anything is sent to it.
    assert {name for name, body in stacks.items() if "Respot" in body["dependencies"]} == stacks.keys() - {"Respot"}


@pytest.mark.parametrize("regions", [(), (HUB,)], ids=["none named", "the hub alone"])
def test_without_other_regions_there_is_no_bus(tmp_path: Path, regions: tuple[str, ...]) -> None:
    stacks = synthesize_all(tmp_path, Config(regions=regions))
    assert stacks.keys() == {"Respot"}
    assert stacks["Respot"].of_type("Events::EventBus") == {}
    assert stacks["Respot"].of_type("Events::Rule").keys() == {f"Recording{rule}" for rule in PATTERNS}
    assert "WatchedRegions" not in stacks["Respot"].outputs


def test_the_hub_has_a_bus_and_its_rules_more_than_alone(hub: Synthesized, tmp_path: Path) -> None:
    alone = synthesize(tmp_path, Config(regions=(HUB,), alert_emails=CONFIG.alert_emails))
    more = {f"RecordingForwarded{rule}" for rule in PATTERNS}
    assert hub.resources.keys() - alone.resources.keys() == {"ForwardedBus"} | more
    assert {name for name, body in alone.resources.items() if hub.resources[name] != body} == {
        "RecordingObservationsQueuePolicy",
        "RecordingObservationsDeadLettersPolicy",
        "RecordingDrillsQueuePolicy",
        "RecordingDrillsDeadLettersPolicy",
        "SweepFunction",  # which gets the regions
    }
    assert hub.outputs == {**alone.outputs, "WatchedRegions": ",".join(WATCHED)}
    assert review([hub.path])[1] == []
    found = Deployment(session=boto3.Session(region_name=HUB), outputs={}, stack="Respot")
    assert [found.forwarder_stack(each) for each in WATCHED] == [stack_name("Respot", HUB, each) for each in WATCHED]


def test_what_is_forwarded_goes_where_the_hubs_own_events_go_and_the_queues_take_from_both_buses_alone(
    hub: Synthesized,
) -> None:
    for rule, pattern in PATTERNS.items():
        own, forwarded = (render(hub.properties(f"Recording{name}{rule}")) for name in ("", "Forwarded"))
        assert forwarded == {**own, "EventBusName": "${ForwardedBus}"}
        assert forwarded["EventPattern"] == pattern
    for name, rule in (("Observations", "Rule"), ("Drills", "DrillRule")):
        sources = [f"${{Recording{bus}{rule}.Arn}}" for bus in ("", "Forwarded")]
        for queue in (f"Recording{name}Queue", f"Recording{name}DeadLetters"):
            _, *allowed = list(statements(hub.properties(f"{queue}Policy")))
            assert [condition for *_, condition in allowed] == [
                {"ArnEquals": {"aws:SourceArn": each}} for each in sources
            ]


def test_the_bus_refuses_everybody_but_the_forwarders_and_everything_but_observations(hub: Synthesized) -> None:
    bus = hub.properties("ForwardedBus")
    assert bus["Name"] == "Respot-forwarded"
    assert [statement["Principal"] for statement in bus["Policy"]["Statement"]] == [{"AWS": "*"}] * 3
    roles = [f"arn:aws:iam::${{AWS::AccountId}}:role/RespotForwarder-{HUB}-{region}" for region in WATCHED]
    rules = [
        f"arn:aws:events:{region}:${{AWS::AccountId}}:rule/RespotForwarder-{HUB}-{rule}"
        for region in WATCHED
        for rule in PATTERNS
    ]
    # No Allow: another account has no way in, and one of this account needs none.
    assert list(statements({"PolicyDocument": bus["Policy"]})) == [
        # Both keys in one statement: it denies only what carries neither a forwarder's role nor one of its rules.
        ("Deny", PUT, BUS, {"ArnNotEquals": {"aws:PrincipalArn": roles, "aws:SourceArn": rules}}),
        ("Deny", PUT, BUS, {"ForAnyValue:StringNotEquals": {"events:source": SOURCES}}),
        ("Deny", PUT, BUS, {"ForAnyValue:StringNotEquals": {"events:detail-type": DETAIL_TYPES}}),
    ]


def test_a_forwarder_is_its_rules_a_role_and_what_reports_failure(forwarder: Synthesized) -> None:
    assert {name: body["Type"].removeprefix("AWS::") for name, body in forwarder.resources.items()} == {
        "ForwarderRule": "Events::Rule",
        "ForwarderDrillRule": "Events::Rule",
        "ForwarderRole": "IAM::Role",
        "ForwarderRoleDefaultPolicy": "IAM::Policy",
        "ForwarderDeadLetters": "SQS::Queue",
        "ForwarderDeadLettersPolicy": "SQS::QueuePolicy",
        "AlarmsForwarderDeadLetters": "CloudWatch::Alarm",
        "AlarmsTopic": "SNS::Topic",
        "AlarmsTopicPolicy": "SNS::TopicPolicy",
        "AlarmsTopicmlexamplecom": "SNS::Subscription",
    }
    assert review([forwarder.path])[1] == []
    outputs = {FORWARDER_OUTPUT: "${ForwarderDeadLetters}", "AlarmsTopicArn": "${AlarmsTopic}", "Version": version()}
    assert forwarder.outputs == outputs


@pytest.mark.parametrize("name", PATTERNS)
def test_a_forwarder_sends_what_the_hub_asks_for_itself(forwarder: Synthesized, hub: Synthesized, name: str) -> None:
    rule = render(forwarder.properties(f"Forwarder{name}"))
    assert rule["Name"] == f"RespotForwarder-{HUB}-{name}"
    assert rule["EventPattern"] == render(hub.properties(f"Recording{name}"))["EventPattern"] == PATTERNS[name]
    assert (rule["State"], "EventBusName" in rule) == ("ENABLED", False)
    # EventBridge takes no retry policy for a bus; its own is the longest there is.
    assert rule["Targets"] == [
        {
            "Id": "Target0",
            "Arn": BUS,
            "RoleArn": "${ForwarderRole.Arn}",
            "DeadLetterConfig": {"Arn": "${ForwarderDeadLetters.Arn}"},
        }
    ]


def test_a_forwarder_may_put_these_events_on_this_bus_and_nothing_else(forwarder: Synthesized) -> None:
    may = {"ForAllValues:StringEquals": {"events:source": SOURCES, "events:detail-type": DETAIL_TYPES}}
    assert granted(forwarder) == {"${ForwarderRole}": [(PUT, BUS, may)]}
    role = render(forwarder.properties("ForwarderRole"))
    assert role.keys() == {"AssumeRolePolicyDocument", "Description", "RoleName"}
    assert role["RoleName"] == f"RespotForwarder-{HUB}-{region_of(forwarder)}"
    # No condition: EventBridge documents none for a target's role.
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
    ]


def test_what_could_not_be_forwarded_waits_encrypted_with_an_alarm_on_it(forwarder: Synthesized) -> None:
    assert [(construct, finding) for construct, finding, _ in forwarder.acknowledged] == [
        (f"/RespotForwarder-{HUB}-{region_of(forwarder)}/Forwarder/DeadLetters", "AwsSolutions-SQS3")
    ]
    queue = forwarder.properties("ForwarderDeadLetters")
    assert queue == {"MessageRetentionPeriod": 14 * 86400, "SqsManagedSseEnabled": True}
    (policy,) = forwarder.of_type("SQS::QueuePolicy").values()
    assert list(statements(policy)) == [
        ("Deny", ("sqs:*",), "${ForwarderDeadLetters.Arn}", {"Bool": {"aws:SecureTransport": "false"}}),
        *(
            (
                "Allow",
                ("sqs:SendMessage",),
                "${ForwarderDeadLetters.Arn}",
                {"ArnEquals": {"aws:SourceArn": f"${{Forwarder{rule}.Arn}}"}},
            )
            for rule in PATTERNS
        ),
    ]
    alarm = render(forwarder.properties("AlarmsForwarderDeadLetters"))
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "${ForwarderDeadLetters.QueueName}"}]
    assert alarm["AlarmActions"] == ["${AlarmsTopic}"]
    assert alarm["AlarmDescription"].endswith("See docs/runbook.md.")
    (subscription,) = forwarder.of_type("SNS::Subscription").values()
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ml@example.com")
    # An alarm has no attributes, and no subscription with a filter on them is ever shown such a message.
    assert "FilterPolicy" not in subscription
    (topic,) = forwarder.of_type("SNS::TopicPolicy").values()
    allowed = [each for each in topic["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert [each["Principal"] for each in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]


# --- more than one hub in an account


def test_two_hubs_in_an_account_share_no_stack_role_rule_or_bus(tmp_path: Path) -> None:
    """A forwarder's stack of the same name would be taken over: the first hub would get no more events from there."""
    kinds = {"IAM::Role": "RoleName", "Events::Rule": "Name", "Events::EventBus": "Name"}
    deployed: list[set[tuple[str, ...]]] = []
    for regions in (("us-east-1", "eu-west-1", "ap-south-1"), ("eu-west-1", "us-east-1", "ap-south-1")):
        where = {stack_name("Respot", regions[0], each): each for each in regions[1:]} | {"Respot": regions[0]}
        stacks = synthesize_all(tmp_path / regions[0], Config(regions=regions))
        assert stacks.keys() == where.keys()
        # What has a fixed name, with its region; a role's name is the account's.
        named = {
            ("" if kind == "IAM::Role" else where[stack], kind, properties[member])
            for stack, template in stacks.items()
            for kind, member in kinds.items()
            for properties in template.of_type(kind).values()
            if member in properties
        }
        assert len(named) == 1 + 2 + 2 * len(OBSERVED)
        deployed.append({*where.items(), *named})
    assert deployed[0] & deployed[1] == set()


def all_regions() -> list[str]:
    session = boto3.Session()
    partitions = session.get_available_partitions()
    return sorted({region for each in partitions for region in session.get_available_regions("sqs", each)})


@pytest.mark.parametrize("hub", ["Respot", "R" * 128], ids=["as it is called", "the longest name of a stack"])
def test_every_name_is_of_one_hub_and_region_and_short_enough_in_every_region(hub: str) -> None:
    """IAM takes 64 characters for a role's name, EventBridge 64 for a rule's; a stack's name may have 128."""
    pairs = list(product(all_regions(), repeat=2))
    roles = {role_name(name, *pair) for name in (hub, f"{hub[1:]}x") for pair in pairs}
    rules = {
        rule_name(name, region, kind) for name in (hub, f"{hub[1:]}x") for region in all_regions() for kind in OBSERVED
    }
    assert len(roles) == 2 * len(pairs)
    assert len(rules) == 2 * len(all_regions()) * len(OBSERVED)
    assert max(map(len, roles | rules)) <= 64
    assert bus_name("Respot") != bus_name("Other")
