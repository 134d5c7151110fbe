"""Two regions in a local account of their own: the hub, and one whose events are forwarded to it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from infra.preflight import ExitCode
from local import PROJECT
from local.demo.deployed import DeployedAccount, policy
from local.demo.verification import (
    JobOutcome,
    compare_deliveries,
    differences,
    observe,
    observe_run,
    receive_alerts,
    run_differences,
    trained,
    training_differences,
)
from local.sagemaker.lifecycle import parse
from respot.recovery.planning.decision import Action
from tests.support.deployed import FAR, ReceivedAlerts, respot
from tests.support.roles import create_role
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("two-regions")

HUB: Final = "us-east-1"
ENDS: Final = (HUB, FAR)
BUS: Final = "Respot-forwarded"

INTERRUPTED: Final = "Starting=0.1 Downloading=0.1 Training=0.4 Interrupted=0.2 Downloading=0.1 Training=0.3"
OUT_OF_TIME: Final = (
    "Starting=0.2 Downloading=0.2 Training=1 Interrupted=0.2 Stopping=0.1 MaxWaitTimeExceeded "
    "/ Starting=0.2 Downloading=0.3 Training=1"
)
QUICK: Final = "Starting=0.1 Downloading=0.1 Training=0.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """The account, its jobs from before these tests, and all alerts that the machine subscriber has received since."""

    at: DeployedAccount
    alerts: ReceivedAlerts
    before: Mapping[str, frozenset[str]]

    def settled(self, name: str, lifecycle: str, region: str) -> JobOutcome:
        """Wait until nothing more is to come from a job, and check all that the ledger has of it."""
        fate = parse(lifecycle)
        assert eventually(lambda: observe(self.at, name, fate, region=region).is_settled)
        outcome = observe(self.at, name, fate, region=region)
        assert differences(outcome) == []
        return outcome

    def resumed(self) -> tuple[JobOutcome, ...]:
        """Wait until the run has come to its end."""

        def run() -> tuple[JobOutcome, ...]:
            return observe_run(self.at, "resumed", region=FAR)

        assert eventually(lambda: len(run()) > 1 and all(attempt.is_settled for attempt in run()))
        return run()


def jobs(at: DeployedAccount, region: str) -> frozenset[str]:
    """The names of a region's jobs, as SageMaker has them."""
    pages = at.client("sagemaker", region).get_paginator("list_training_jobs").paginate()
    return frozenset(job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"])


@pytest.fixture(scope="module", name="regions")
def regions_with_jobs(two_regions: DeployedAccount) -> Regions:
    at, before = two_regions, {region: jobs(two_regions, region) for region in (HUB, FAR)}
    receive_alerts(at)
    at.grounds[FAR].create("far", lifecycle=INTERRUPTED)
    at.grounds[FAR].create("resumed", lifecycle=OUT_OF_TIME, tags={"respot:resume": "on"})
    at.grounds[FAR].create("unheard", lifecycle=QUICK, tags={"local:delivery": "drop=all"})
    at.grounds[HUB].create("twin", lifecycle=QUICK)
    at.grounds[FAR].create("twin", lifecycle=INTERRUPTED)
    return Regions(at=at, alerts=ReceivedAlerts(at), before=before)


def test_a_job_elsewhere_is_recorded_and_alerted_on_where_it_runs(regions: Regions) -> None:
    outcome = regions.settled("far", INTERRUPTED, FAR)
    assert outcome.record.state
    assert outcome.record.state.job.region == FAR
    assert eventually(lambda: len(regions.alerts.received("far", "interrupted")) == 1, seconds=30)
    (alert,) = regions.alerts.received("far", "interrupted")
    assert compare_deliveries([outcome], regions.alerts.documents) == []
    assert alert["job"]["region"] == FAR
    assert alert["console_url"] == (
        "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/far"
    )
    assert eventually(lambda: _buttons(regions.at, "far") == [alert["console_url"]], seconds=30)


def test_a_run_is_resumed_in_its_own_region_from_its_checkpoints_there(regions: Regions) -> None:
    first, second = run = regions.resumed()
    assert run_differences(run) == []
    assert [attempt.name for attempt in run] == ["resumed", "resumed-r2"]
    assert first.decision
    assert second.decision
    assert [each.decision.action for each in (first.decision, second.decision)] == [Action.RESUBMIT, Action.NOTHING]
    assert first.decision.checkpoint
    assert second.described["TrainingJobArn"].startswith("arn:aws:sagemaker:eu-west-1:")
    entries = trained(regions.at, "checkpoints/resumed/", region=FAR)
    assert {entry.job for entry in entries} == {"resumed", "resumed-r2"}
    assert training_differences(entries) == []


def test_one_name_in_two_regions_is_two_jobs(regions: Regions) -> None:
    for region, lifecycle in ((HUB, QUICK), (FAR, INTERRUPTED)):
        regions.settled("twin", lifecycle, region)
    assert eventually(lambda: len(regions.alerts.received("twin", "interrupted")) == 1, seconds=30)
    assert [alert["job"]["region"] for alert in regions.alerts.received("twin", "interrupted")] == [FAR]


def test_nothing_is_created_or_lost_in_the_wrong_region(regions: Regions) -> None:
    regions.resumed()
    at = regions.at
    assert jobs(at, HUB) - regions.before[HUB] == {"twin"}
    assert jobs(at, FAR) - regions.before[FAR] == {"twin", "far", "resumed", "resumed-r2", "unheard"}
    assert at.queue_depth(at.forwarders[FAR]["ForwarderDlqUrl"], FAR) == 0
    assert at.queue_depth(at.outputs["ObservationsDlqUrl"]) == 0


def test_a_sweep_of_the_hub_finds_what_no_event_reported_elsewhere(regions: Regions) -> None:
    at, fate = regions.at, parse(QUICK)
    assert eventually(lambda: observe(at, "unheard", fate, region=FAR).described["TrainingJobStatus"] == "Completed")
    assert observe(at, "unheard", fate, region=FAR).record.state is None
    at.sweep()
    regions.settled("unheard", QUICK, FAR)


def test_the_timeline_command_finds_the_job_in_whichever_region_has_it(regions: Regions) -> None:
    regions.settled("far", INTERRUPTED, FAR)
    regions.settled("twin", QUICK, HUB)
    found = respot(regions.at, "show", "far", "--json")
    assert json.loads(found.stdout)["job"]["region"] == FAR
    either = respot(regions.at, "show", "twin")
    assert (either.returncode, either.stdout) == (2, "")
    assert "there are jobs twin in us-east-1 and eu-west-1: choose with --region" in either.stderr
    chosen = respot(regions.at, "show", "twin", "--region", FAR, "--json")
    assert json.loads(chosen.stdout)["job"]["region"] == FAR


def test_a_drill_goes_the_way_of_the_region_that_it_rehearses(regions: Regions) -> None:
    drilled = respot(regions.at, "drill", "--region", FAR, "--json")
    said = json.loads(drilled.stdout)
    assert (drilled.returncode, said["region"], said["slack"]) == (0, FAR, "accepted")
    job = f"DRILL.{said['drill']}"
    assert eventually(lambda: len(regions.alerts.received(job, "interrupted")) == 1, seconds=5)
    (alert,) = regions.alerts.received(job, "interrupted")
    assert (alert["drill"], alert["job"]["region"]) == (True, FAR)


def test_the_dead_letters_of_each_region_are_listed(regions: Regions) -> None:
    listed = respot(regions.at, "dlq", "--json")
    document = json.loads(listed.stdout)
    assert (listed.returncode, document["unread"]) == (0, {})
    assert document["queues"][-1] == {"queue": f"forwarder-{FAR}", "count": 0, "messages": []}


@pytest.mark.parametrize(("region", "code"), [(HUB, 0), (FAR, 0), ("ap-south-1", ExitCode.NOT_BOOTSTRAPPED)])
def test_the_check_before_a_deployment_knows_where_the_account_is_bootstrapped(
    two_regions: DeployedAccount, region: str, code: int
) -> None:
    account = two_regions.account
    environment = account.process_environment() | {"AWS_REGION": region}
    command = [sys.executable, "-m", "infra.preflight"]
    result = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert result.returncode == code, result.stderr
    if code:
        assert f"  .venv/bin/python -m infra.cdk bootstrap aws://{account.account_id}/{region}\n" in result.stderr
    else:
        assert result.stdout == f"Deploying to account {account.account_id}: {region}.\n"


def test_nobody_but_the_forwarders_puts_events_on_the_hubs_bus(two_regions: DeployedAccount) -> None:
    """Even who may put events anywhere: Respot would take his word for what SageMaker says."""
    iam = two_regions.client("iam")
    iam.create_user(UserName="someone")
    may = policy(Action="events:PutEvents", Resource="*")
    iam.put_user_policy(UserName="someone", PolicyName="may", PolicyDocument=may)
    key = iam.create_access_key(UserName="someone")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    someone = two_regions.account.client("events", **keys)
    entry = {"Source": "someone", "DetailType": "SageMaker Training Job State Change", "Detail": "{}"}
    assert someone.put_events(Entries=[entry])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy") as denied:
        someone.put_events(Entries=[{**entry, "EventBusName": BUS}])
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


def _buttons(at: DeployedAccount, name: str) -> list[str]:
    """Where the buttons lead of Slack's messages on a job's interruption."""
    messages = [message for message in at.slack.messages if str(message["text"]).startswith(f"{name} was interrupted")]
    elements = [element for m in messages for block in m["blocks"] for element in block.get("elements", ())]
    return [element["url"] for element in elements if "url" in element]


# --- The local account's own way of forwarding, where ministack has none.


class Shop:
    """A rule in the far region that forwards the events of one source to a bus in the hub region, and its two ends.

    `statement` changes what the rule's role may do; without one, it may put events on the bus.
    """

    def __init__(self, at: DeployedAccount, **statement: object) -> None:
        self.at, self.name = at, f"shop-{uuid4().hex[:8]}"
        self._arrived, self._undelivered = (at.client("sqs", each).create_queue(QueueName=self.name) for each in ENDS)
        self.bus = at.client("events").create_event_bus(Name=self.name)["EventBusArn"]
        self.receive_from(self.name)
        may = {"Action": "events:PutEvents", "Resource": self.bus, **statement}
        role = create_role(at.account, self.name, service="events", **may)
        at.client("events", FAR).put_rule(Name=self.name, EventPattern=json.dumps({"source": [self.name]}))
        dead = {"Arn": f"arn:aws:sqs:{FAR}:{at.account.account_id}:{self.name}"}
        self.target = {"Id": "elsewhere", "Arn": self.bus, "RoleArn": role, "DeadLetterConfig": dead}
        self.aim()

    def receive_from(self, bus: str) -> None:
        """Have a bus of the hub send its events to the queue there."""
        events, queue = self.at.client("events"), f"arn:aws:sqs:{HUB}:{self.at.account.account_id}:{self.name}"
        events.put_rule(Name=bus, EventBusName=bus, EventPattern=json.dumps({"detail-type": ["order"]}))
        events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "arrived", "Arn": queue}])

    def aim(self, **changed: str) -> None:
        """Change the rule's target."""
        self.at.client("events", FAR).put_targets(Rule=self.name, Targets=[self.target | changed])

    def put(self, source: str) -> str:
        entry = {"Source": source, "DetailType": "order", "Detail": json.dumps({"of": source})}
        (result,) = self.at.client("events", FAR).put_events(Entries=[entry])["Entries"]
        return str(result["EventId"])

    def delivered(self) -> dict[str, Any] | None:
        """Put an event; gives it as it arrived, `None` if it is in the dead-letter queue instead."""
        event_id = self.put(self.name)
        arrived, undelivered = (
            [json.loads(message["Body"]) for message in answer.get("Messages", [])]
            for answer in (
                self.at.client("sqs", region).receive_message(QueueUrl=queue["QueueUrl"], MaxNumberOfMessages=10)
                for region, queue in zip(ENDS, (self._arrived, self._undelivered), strict=True)
            )
        )
        (event,) = [*arrived, *undelivered]
        assert event["id"] == event_id
        return event if arrived else None


def test_a_rule_forwards_what_its_pattern_matches_as_it_is(two_regions: DeployedAccount) -> None:
    shop = Shop(two_regions)
    shop.put("market")
    event = shop.delivered()
    assert event
    assert {name: event[name] for name in ("source", "detail-type", "region", "account", "detail")} == {
        "source": shop.name,
        "detail-type": "order",
        "region": FAR,
        "account": two_regions.account.account_id,
        "detail": {"of": shop.name},
    }


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param({"Resource": "arn:aws:events:us-east-1:111122223333:event-bus/another"}, id="another bus"),
        pytest.param({"Condition": {"StringEquals": {"events:source": "market"}}}, id="another source"),
        pytest.param({"Effect": "Deny"}, id="denied"),
    ],
)
def test_what_the_rules_role_may_not_put_goes_to_the_dead_letter_queue(
    two_regions: DeployedAccount, statement: dict[str, Any]
) -> None:
    assert Shop(two_regions, **statement).delivered() is None


@pytest.mark.parametrize("role", ["someone's", "the forwarder's"])
def test_what_the_hubs_bus_refuses_goes_to_the_dead_letter_queue(two_regions: DeployedAccount, role: str) -> None:
    """Someone who may put events anywhere has found out about the bus, or about the role that may put events there."""
    shop = Shop(two_regions, Resource="*")
    forwarder = shop.target["RoleArn"].replace(shop.name, f"RespotForwarder-{HUB}-{FAR}")
    shop.aim(Arn=shop.bus.replace(shop.name, BUS), **({} if role == "someone's" else {"RoleArn": forwarder}))
    assert shop.delivered() is None


@pytest.mark.parametrize("named", [("role",), ("rule",), ("role", "rule")], ids=" and ".join)
def test_a_bus_must_take_a_delivery_by_its_role_or_by_its_rule_whichever_it_carries(
    two_regions: DeployedAccount, named: tuple[str, ...]
) -> None:
    """It is not known of both keys that EventBridge's deliveries carry them: a policy must be right with either."""
    shop = Shop(two_regions, Resource="*")
    account, guarded = two_regions.account.account_id, f"{shop.name}-guarded"
    keys = {
        "role": ("aws:PrincipalArn", f"arn:aws:iam::{account}:role/{shop.name}"),
        "rule": ("aws:SourceArn", f"arn:aws:events:{FAR}:{account}:rule/{shop.name}"),
    }
    bus = f"arn:aws:events:{HUB}:{account}:event-bus/{guarded}"
    unless = {"ArnNotEquals": dict(keys[each] for each in named)}
    denial = policy(Effect="Deny", Principal="*", Action="events:PutEvents", Resource=bus, Condition=unless)
    properties = {"Name": guarded, "Policy": json.loads(denial)}
    template = {"Resources": {"Bus": {"Type": "AWS::Events::EventBus", "Properties": properties}}}
    stacks = two_regions.client("cloudformation")
    stacks.create_stack(StackName=guarded, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName=guarded)
    shop.receive_from(guarded)
    shop.aim(Arn=bus)
    assert (shop.delivered() is not None) is (len(named) == 2)


def test_a_role_whose_trust_has_a_condition_forwards_nothing(two_regions: DeployedAccount) -> None:
    """EventBridge documents no condition key for the role of a rule's target."""
    shop = Shop(two_regions)
    condition = {"StringEquals": {"aws:SourceAccount": two_regions.account.account_id}}
    trust = policy(Principal={"Service": "events.amazonaws.com"}, Condition=condition)
    two_regions.client("iam").update_assume_role_policy(RoleName=shop.name, PolicyDocument=trust)
    assert shop.delivered() is None
