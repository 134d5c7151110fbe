"""Two regions in a local account of their own: the hub, and one whose events are forwarded to it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from infra.preflight import ExitCode
from local import PROJECT
from local.demo.deliveries import compare_deliveries, receive_alerts
from local.demo.deployed import DeployedAccount, deployed_account
from local.demo.verification import (
    differences,
    observe,
    observe_run,
    run_differences,
    trained,
    training_differences,
)
from local.sagemaker.lifecycle import parse
from respot.recovery.planning.decision import Action
from tests.support.waiting import eventually
from tests.support.wheel import installed_command

pytestmark = pytest.mark.xdist_group("two-regions")

HUB: Final = "us-east-1"
FAR: Final = "eu-west-1"
BUS: Final = "Respot-forwarded"
POLICY: Final = {"version": 1, "defaults": {"back_off": {"capacity": {"first": "0 s", "longest": "0 s"}}}}

INTERRUPTED: Final = "Starting=0.1 Downloading=0.1 Training=0.4 Interrupted=0.2 Downloading=0.1 Training=0.3"
OUT_OF_TIME: Final = (
    "Starting=0.2 Downloading=0.2 Training=1 Interrupted=0.2 Stopping=0.1 MaxWaitTimeExceeded "
    "/ Starting=0.2 Downloading=0.3 Training=1"
)
QUICK: Final = "Starting=0.1 Downloading=0.1 Training=0.2"


@dataclass(slots=True)
class TwoRegions:
    """The account, and all alerts that the machine subscriber has received."""

    at: DeployedAccount
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def received(self, name: str, kind: str) -> list[dict[str, Any]]:
        """The alerts of that kind on a job that the subscriber has by now."""
        self.alerts += receive_alerts(self.at)
        return [alert for alert in self.alerts if (alert["job"]["name"], alert["kind"]) == (name, kind)]

    def jobs(self, region: str) -> set[str]:
        """The names of a region's jobs, as SageMaker has them."""
        pages = self.at.client("sagemaker", region).get_paginator("list_training_jobs").paginate()
        return {job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]}


@pytest.fixture(scope="module", name="regions")
def two_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoRegions]:
    policy = tmp_path_factory.mktemp("policy") / "policy.json"
    policy.write_text(json.dumps(POLICY))
    with deployed_account(watched=[FAR], context={"respot:policy_file": str(policy)}) as deployed:
        deployed.grounds[FAR].create("far", lifecycle=INTERRUPTED)
        deployed.grounds[FAR].create("resumed", lifecycle=OUT_OF_TIME, tags={"respot:resume": "on"})
        deployed.grounds[FAR].create("unheard", lifecycle=QUICK, tags={"local:delivery": "drop=all"})
        deployed.grounds[HUB].create("twin", lifecycle=QUICK)
        deployed.grounds[FAR].create("twin", lifecycle=INTERRUPTED)
        yield TwoRegions(at=deployed)


def test_a_job_elsewhere_is_recorded_and_alerted_on_where_it_runs(regions: TwoRegions) -> None:
    fate = parse(INTERRUPTED)
    assert eventually(lambda: observe(regions.at, "far", fate, region=FAR).is_settled)
    outcome = observe(regions.at, "far", fate, region=FAR)
    assert differences(outcome) == []
    assert outcome.record.state
    assert outcome.record.state.job.region == FAR
    assert eventually(lambda: len(regions.received("far", "interrupted")) == 1, seconds=30)
    (alert,) = regions.received("far", "interrupted")
    assert compare_deliveries([outcome], regions.alerts) == []
    assert alert["job"]["region"] == FAR
    assert alert["console_url"] == (
        "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/far"
    )
    assert eventually(lambda: _buttons(regions.at, "far") == [alert["console_url"]], seconds=30)


def test_a_run_is_resumed_in_its_own_region_from_its_checkpoints_there(regions: TwoRegions) -> None:
    assert eventually(lambda: _is_over(regions.at, "resumed"))
    run = observe_run(regions.at, "resumed", region=FAR)
    assert [attempt.name for attempt in run] == ["resumed", "resumed-r2"]
    assert [attempt.decision and attempt.decision.decision.action for attempt in run] == [
        Action.RESUBMIT,
        Action.NOTHING,
    ]
    assert run_differences(run) == []
    first, second = run
    assert first.decision
    assert first.decision.checkpoint
    assert second.described["TrainingJobArn"].startswith("arn:aws:sagemaker:eu-west-1:")
    entries = trained(regions.at, "checkpoints/resumed/", region=FAR)
    assert {entry.job for entry in entries} == {"resumed", "resumed-r2"}
    assert training_differences(entries) == []


def test_one_name_in_two_regions_is_two_jobs(regions: TwoRegions) -> None:
    fates = {HUB: parse(QUICK), FAR: parse(INTERRUPTED)}
    assert eventually(
        lambda: all(observe(regions.at, "twin", fate, region=region).is_settled for region, fate in fates.items())
    )
    outcomes = {region: observe(regions.at, "twin", fate, region=region) for region, fate in fates.items()}
    assert {region: differences(outcome) for region, outcome in outcomes.items()} == {HUB: [], FAR: []}
    assert eventually(lambda: len(regions.received("twin", "interrupted")) == 1, seconds=30)
    assert [alert["job"]["region"] for alert in regions.received("twin", "interrupted")] == [FAR]


def test_nothing_is_created_or_lost_in_the_wrong_region(regions: TwoRegions) -> None:
    assert eventually(lambda: _is_over(regions.at, "resumed"))
    assert regions.jobs(HUB) == {"twin"}
    assert regions.jobs(FAR) == {"twin", "far", "resumed", "resumed-r2", "unheard"}
    at = regions.at
    assert at.queue_depth(at.forwarders[FAR]["ForwarderDlqUrl"], FAR) == 0
    assert at.queue_depth(at.outputs["ObservationsDlqUrl"]) == 0


def test_a_sweep_of_the_hub_finds_what_no_event_reported_elsewhere(regions: TwoRegions) -> None:
    at, fate = regions.at, parse(QUICK)
    assert eventually(lambda: observe(at, "unheard", fate, region=FAR).described["TrainingJobStatus"] == "Completed")
    assert observe(at, "unheard", fate, region=FAR).record.state is None
    answer = at.client("lambda").invoke(FunctionName=at.outputs["SweepFunctionName"])
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert eventually(lambda: observe(at, "unheard", fate, region=FAR).is_settled)
    assert differences(observe(at, "unheard", fate, region=FAR)) == []


def test_the_timeline_command_finds_the_job_in_whichever_region_has_it(regions: TwoRegions) -> None:
    assert eventually(lambda: observe(regions.at, "far", parse(INTERRUPTED), region=FAR).is_settled)
    assert eventually(lambda: observe(regions.at, "twin", parse(QUICK), region=HUB).is_settled)
    found = _respot(regions.at, "timeline", "far", "--json")
    assert json.loads(found.stdout)["job"]["region"] == FAR
    either = _respot(regions.at, "timeline", "twin")
    assert (either.returncode, either.stdout) == (1, "")
    assert "there are jobs twin in us-east-1 and eu-west-1: choose with --region" in either.stderr
    chosen = _respot(regions.at, "timeline", "twin", "--region", FAR, "--json")
    assert json.loads(chosen.stdout)["job"]["region"] == FAR


def test_a_drill_goes_the_way_of_the_region_that_it_rehearses(regions: TwoRegions) -> None:
    drilled = _respot(regions.at, "drill", "--region", FAR, "--json")
    said = json.loads(drilled.stdout)
    assert (drilled.returncode, said["region"], said["slack"]) == (0, FAR, "accepted")
    assert eventually(lambda: len(regions.received(f"DRILL.{said['drill']}", "interrupted")) == 1, seconds=5)
    (alert,) = regions.received(f"DRILL.{said['drill']}", "interrupted")
    assert (alert["drill"], alert["job"]["region"]) == (True, FAR)


def test_the_dead_letters_of_each_region_are_listed(regions: TwoRegions) -> None:
    listed = _respot(regions.at, "dlq", "--json")
    document = json.loads(listed.stdout)
    assert (listed.returncode, document["unread"]) == (0, {})
    assert document["queues"][-1] == {"queue": f"forwarder-{FAR}", "count": 0, "messages": []}


@pytest.mark.parametrize(("region", "code"), [(HUB, 0), (FAR, 0), ("ap-south-1", ExitCode.NOT_BOOTSTRAPPED)])
def test_the_check_before_a_deployment_knows_where_the_account_is_bootstrapped(
    regions: TwoRegions, region: str, code: int
) -> None:
    account = regions.at.account
    environment = account.process_environment() | {"AWS_REGION": region}
    command = [sys.executable, "-m", "infra.preflight"]
    result = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert result.returncode == code, result.stderr
    if code:
        assert f"  .venv/bin/python -m infra.cdk bootstrap aws://{account.account_id}/{region}\n" in result.stderr
    else:
        assert result.stdout == f"Deploying to account {account.account_id}: {region}.\n"


def test_nobody_but_the_forwarders_puts_events_on_the_hubs_bus(regions: TwoRegions) -> None:
    """Even who may put events anywhere: Respot would take his word for what SageMaker says."""
    keys = _user_who_may(regions.at, "events:PutEvents", "*")
    someone = regions.at.account.client("events", region=HUB, **keys)
    entry = {"Source": "someone", "DetailType": "SageMaker Training Job State Change", "Detail": "{}"}
    assert someone.put_events(Entries=[entry])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy") as denied:
        someone.put_events(Entries=[{**entry, "EventBusName": BUS}])
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


# --- The local account's own way of forwarding, where ministack has none.


@dataclass(slots=True)
class Shop:
    """A rule in the far region that forwards the events of one source to a bus in the hub region, and its two ends."""

    at: DeployedAccount
    source: str
    arrived: str
    undelivered: str

    def put(self, source: str) -> str:
        entry = {"Source": source, "DetailType": "order", "Detail": json.dumps({"of": source})}
        (result,) = self.at.client("events", FAR).put_events(Entries=[entry])["Entries"]
        return str(result["EventId"])


OpenShop = Callable[..., Shop]


@pytest.fixture(name="open_shop")
def opener_of_shops(regions: TwoRegions) -> OpenShop:
    """Takes what the rule's role may do, as members of a statement, if that is not to put events on the bus."""
    at = regions.at

    def open_shop(**statement: object) -> Shop:
        name = f"shop-{uuid4().hex[:8]}"
        shop = Shop(at=at, source=name, arrived=_queue(at, HUB, name), undelivered=_queue(at, FAR, name))
        bus = at.client("events").create_event_bus(Name=name)["EventBusArn"]
        to_queue = {"Id": "arrived", "Arn": _queue_arn(at, HUB, shop.arrived)}
        _rule(at, HUB, {"detail-type": ["order"]}, to_queue, Name=name, EventBusName=name)
        to_bus = {
            "Id": "elsewhere",
            "Arn": bus,
            "RoleArn": _role(at, name, {"Action": "events:PutEvents", "Effect": "Allow", "Resource": bus, **statement}),
            "DeadLetterConfig": {"Arn": _queue_arn(at, FAR, shop.undelivered)},
        }
        _rule(at, FAR, {"source": [name]}, to_bus, Name=name)
        return shop

    return open_shop


def test_a_rule_forwards_what_its_pattern_matches_as_it_is(open_shop: OpenShop) -> None:
    shop = open_shop()
    shop.put("market")
    event_id = shop.put(shop.source)
    (event,) = _messages(shop.at, HUB, shop.arrived)
    assert {name: event[name] for name in ("id", "source", "detail-type", "region", "account", "detail")} == {
        "id": event_id,
        "source": shop.source,
        "detail-type": "order",
        "region": FAR,
        "account": shop.at.account.account_id,
        "detail": {"of": shop.source},
    }
    assert _messages(shop.at, FAR, shop.undelivered) == []


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param({"Resource": "arn:aws:events:us-east-1:111122223333:event-bus/another"}, id="another bus"),
        pytest.param({"Condition": {"StringEquals": {"events:source": "market"}}}, id="another source"),
        pytest.param({"Effect": "Deny"}, id="denied"),
    ],
)
def test_what_the_rules_role_may_not_put_goes_to_the_dead_letter_queue(
    open_shop: OpenShop, statement: dict[str, Any]
) -> None:
    shop = open_shop(**statement)
    event_id = shop.put(shop.source)
    assert [event["id"] for event in _messages(shop.at, FAR, shop.undelivered)] == [event_id]
    assert _messages(shop.at, HUB, shop.arrived) == []


@pytest.mark.parametrize("role", ["someone's", "the forwarder's"])
def test_what_the_hubs_bus_refuses_goes_to_the_dead_letter_queue(
    regions: TwoRegions, open_shop: OpenShop, role: str
) -> None:
    """Someone who may put events anywhere has found out about the bus, or about the role that may put events there."""
    shop = open_shop(Resource="*")
    client = regions.at.client("events", FAR)
    (target,) = client.list_targets_by_rule(Rule=shop.source)["Targets"]
    changed = {"Arn": target["Arn"].replace(shop.source, BUS)}
    if role == "the forwarder's":
        changed["RoleArn"] = target["RoleArn"].replace(shop.source, f"RespotForwarder-{HUB}-{FAR}")
    client.put_targets(Rule=shop.source, Targets=[target | changed])
    event_id = shop.put(shop.source)
    assert [event["id"] for event in _messages(shop.at, FAR, shop.undelivered)] == [event_id]


@pytest.mark.parametrize("named", [("role",), ("rule",), ("role", "rule")], ids=" and ".join)
def test_a_bus_must_take_a_delivery_by_its_role_or_by_its_rule_whichever_it_carries(
    open_shop: OpenShop, named: tuple[str, ...]
) -> None:
    """It is not known of both keys that EventBridge's deliveries carry them: a policy must be right with either."""
    shop = open_shop()
    at, account = shop.at, shop.at.account.account_id
    keys = {
        "role": ("aws:PrincipalArn", f"arn:aws:iam::{account}:role/{shop.source}"),
        "rule": ("aws:SourceArn", f"arn:aws:events:{FAR}:{account}:rule/{shop.source}"),
    }
    denial = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": f"arn:aws:events:{HUB}:{account}:event-bus/{shop.source}-guarded",
        "Condition": {"ArnNotEquals": dict(keys[each] for each in named)},
    }
    _guarded_bus(at, f"{shop.source}-guarded", denial, {"Id": "arrived", "Arn": _queue_arn(at, HUB, shop.arrived)})
    bus = denial["Resource"]
    _allow(at, shop.source, {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus})
    client = at.client("events", FAR)
    (target,) = client.list_targets_by_rule(Rule=shop.source)["Targets"]
    client.put_targets(Rule=shop.source, Targets=[target | {"Arn": bus}])
    event_id = shop.put(shop.source)
    arrived, undelivered = ([event_id], []) if len(named) == 2 else ([], [event_id])
    assert [event["id"] for event in _messages(shop.at, HUB, shop.arrived)] == arrived
    assert [event["id"] for event in _messages(shop.at, FAR, shop.undelivered)] == undelivered


def test_a_role_whose_trust_has_a_condition_forwards_nothing(open_shop: OpenShop) -> None:
    """EventBridge documents no condition key for the role of a rule's target."""
    shop = open_shop()
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "events.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": shop.at.account.account_id}},
    }
    shop.at.client("iam").update_assume_role_policy(RoleName=shop.source, PolicyDocument=_document(trust))
    event_id = shop.put(shop.source)
    assert [event["id"] for event in _messages(shop.at, FAR, shop.undelivered)] == [event_id]
    assert _messages(shop.at, HUB, shop.arrived) == []


def _is_over(at: DeployedAccount, name: str) -> bool:
    run = observe_run(at, name, region=FAR)
    return len(run) > 1 and all(attempt.is_settled for attempt in run)


def _buttons(at: DeployedAccount, name: str) -> list[str]:
    """Where the buttons lead of Slack's messages on a job's interruption."""
    messages = [message for message in at.slack.messages if str(message["text"]).startswith(f"{name} was interrupted")]
    elements = [element for m in messages for block in m["blocks"] for element in block.get("elements", ())]
    return [element["url"] for element in elements if "url" in element]


def _respot(at: DeployedAccount, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [installed_command(), *arguments],
        env=at.account.process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def _user_who_may(at: DeployedAccount, action: str, resource: str) -> dict[str, str]:
    iam = at.client("iam")
    iam.create_user(UserName="someone")
    document = _document({"Effect": "Allow", "Action": action, "Resource": resource})
    iam.put_user_policy(UserName="someone", PolicyName="may", PolicyDocument=document)
    key = iam.create_access_key(UserName="someone")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def _rule(at: DeployedAccount, region: str, pattern: object, target: Mapping[str, Any], **names: str) -> None:
    client = at.client("events", region)
    client.put_rule(EventPattern=json.dumps(pattern), **names)
    client.put_targets(Targets=[target], Rule=names.pop("Name"), **names)


def _role(at: DeployedAccount, name: str, statement: Mapping[str, Any]) -> str:
    iam = at.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "events.amazonaws.com"}}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
    _allow(at, name, statement)
    return arn


def _allow(at: DeployedAccount, role: str, statement: Mapping[str, Any]) -> None:
    at.client("iam").put_role_policy(RoleName=role, PolicyName="may", PolicyDocument=_document(statement))


def _guarded_bus(at: DeployedAccount, name: str, denial: Mapping[str, Any], target: Mapping[str, str]) -> None:
    """A bus with that statement as its policy, and a rule that sends what it takes to the target."""
    properties = {"Name": name, "Policy": json.loads(_document(denial))}
    template = {"Resources": {"Bus": {"Type": "AWS::Events::EventBus", "Properties": properties}}}
    at.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    at.client("cloudformation").get_waiter("stack_create_complete").wait(StackName=name)
    _rule(at, HUB, {"detail-type": ["order"]}, target, Name=name, EventBusName=name)


def _document(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _queue(at: DeployedAccount, region: str, name: str) -> str:
    return str(at.client("sqs", region).create_queue(QueueName=name)["QueueUrl"])


def _queue_arn(at: DeployedAccount, region: str, url: str) -> str:
    answer = at.client("sqs", region).get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def _messages(at: DeployedAccount, region: str, url: str) -> list[dict[str, Any]]:
    answer = at.client("sqs", region).receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]
