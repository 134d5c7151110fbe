"""The policy for readers: what each command needs that only reads, and nothing that changes anything."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from infra.config import Config
from infra.iam_statements import access_level
from infra.review import review
from respot_cli.doctor.checks import ACTIONS
from respot_cli.main import COMMANDS
from tests.e2e.test_reader import OTHERS, READING
from tests.infra.synthesis import Synthesized, dead_letter_queues, statements, synthesize
from tests.infra.test_permissions import BUCKETS, JOBS, KILL_SWITCH, LEDGER, POLICY_PARAMETER, READER, Row, in_one_order

HERE: Final = "${AWS::Region}:${AWS::AccountId}"
ARN: Final = "arn:${AWS::Partition}"
BOOTSTRAP: Final = "parameter/cdk-bootstrap/hnb659fds/version"
LOGS: Final = ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents")
TRAINING_LOGS: Final = "log-group:/aws/sagemaker/TrainingJobs:*"


def policy_of(template: Synthesized) -> dict[str, Any]:
    (policy,) = template.of_type("IAM::ManagedPolicy").values()
    return policy


def granted(template: Synthesized) -> list[Row]:
    rows: list[Row] = []
    for effect, actions, resource, condition in statements(policy_of(template)):
        assert (effect, condition) == ("Allow", None)
        rows.append((actions, resource))
    return in_one_order({"": rows})[""]


@pytest.fixture(scope="module", name="hub")
def hub_of_two_regions(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(
        tmp_path_factory.mktemp("readers"), Config(regions=("us-east-1", "eu-west-1"), reader_policy=True)
    )


def test_a_reader_may_do_exactly_this(full: Synthesized) -> None:
    dead_letters = {str(queue) for _, queue in dead_letter_queues(full)}
    assert (
        granted(full)
        == in_one_order(
            {
                "": [
                    (("dynamodb:BatchGetItem", "dynamodb:GetItem"), LEDGER),
                    # Wildcard: each index of this table.
                    (("dynamodb:Query",), [LEDGER, f"{LEDGER}/index/*"]),
                    # Wildcard: CloudFormation ends the ARN of a stack with an identifier.
                    (("cloudformation:DescribeStacks",), f"{ARN}:cloudformation:{HERE}:stack/Respot/*"),
                    (("ssm:GetParameter",), [KILL_SWITCH, POLICY_PARAMETER, f"{ARN}:ssm:{HERE}:{BOOTSTRAP}"]),
                    (("sns:ListSubscriptionsByTopic",), ["${AlarmsTopic}", "${AlertingAlertsTopic}"]),
                    (("sqs:GetQueueAttributes",), sorted(dead_letters)),
                    # Wildcard: CloudWatch compares every list of alarms with this.
                    (("cloudwatch:DescribeAlarms",), f"{ARN}:cloudwatch:{HERE}:alarm:*"),
                    # Wildcard: any job of the account, whose names others choose.
                    (("sagemaker:DescribeTrainingJob",), JOBS.replace("sagemaker:*", "sagemaker:${AWS::Region}")),
                    # Wildcard: the streams of one group.
                    (LOGS, f"{ARN}:logs:{HERE}:{TRAINING_LOGS}"),
                    # Wildcard: AWS's public price list has no resources.
                    (("pricing:GetProducts",), "*"),
                    (("s3:ListBucket",), [f"{BUCKETS}ml-*", f"{BUCKETS}models"]),
                    (
                        ("secretsmanager:DescribeSecret",),
                        f"{ARN}:secretsmanager:{HERE}:secret:respot/slack-webhook-??????",
                    ),
                ]
            }
        )[""]
    )


def test_in_other_regions_a_reader_sees_the_forwarders_and_the_jobs(hub: Synthesized) -> None:
    own, others = "us-east-1:${AWS::AccountId}", "*:${AWS::AccountId}"
    given = {actions[0]: [resource] if isinstance(resource, str) else resource for actions, resource in granted(hub)}
    forwarder = "RespotForwarder-us-east-1-*"
    assert given["cloudformation:DescribeStacks"] == [
        f"arn:aws:cloudformation:{others}:stack/{forwarder}/*",
        f"arn:aws:cloudformation:{own}:stack/Respot/*",
    ]
    assert given["ssm:GetParameter"][0] == f"arn:aws:ssm:{others}:{BOOTSTRAP}"
    assert given["sns:ListSubscriptionsByTopic"][0] == f"arn:aws:sns:{others}:{forwarder}"
    # CloudFormation shortens long names of queues: only their beginning is sure.
    assert given["sqs:GetQueueAttributes"][-1] == f"arn:aws:sqs:{others}:RespotForwarder-us-e*"
    assert given["cloudwatch:DescribeAlarms"] == [f"arn:aws:cloudwatch:{others}:alarm:*"]
    assert given["sagemaker:DescribeTrainingJob"] == [f"arn:aws:sagemaker:{others}:training-job/*"]
    assert given[LOGS[0]] == [f"arn:aws:logs:{others}:{TRAINING_LOGS}"]
    assert "secretsmanager:DescribeSecret" not in given
    assert review([hub.path])[1] == []


def test_by_awss_own_tables_a_reader_can_only_read(full: Synthesized, hub: Synthesized) -> None:
    for template in (full, hub):
        for actions, _ in granted(template):
            assert {access_level(action) for action in actions} <= {"Read", "List"}, actions
    assert access_level("sqs:SendMessage") == "Write"


def test_a_reader_can_use_respot_doctor(full: Synthesized) -> None:
    needed = {f"{service}:{operation}" for operation, service in ACTIONS.items()}
    assert needed <= {action for actions, _ in granted(full) for action in actions}


def test_every_command_is_tried_by_a_reader_or_there_is_a_reason() -> None:
    assert {words[0] for words in READING.values()} | OTHERS.keys() == COMMANDS.keys()
    assert not {words[0] for words in READING.values()} & OTHERS.keys()


def test_it_is_attached_to_nobody_and_there_only_if_the_setting_says_so(full: Synthesized, plain: Synthesized) -> None:
    assert policy_of(full).keys() == {"Description", "Path", "PolicyDocument"}
    assert plain.of_type("IAM::ManagedPolicy") == {}
    assert "ReaderPolicyArn" not in plain.outputs


def test_without_buckets_none_can_be_listed(tmp_path: Path) -> None:
    template = synthesize(tmp_path, Config(checkpoint_buckets=(), reader_policy=True))
    assert "s3:ListBucket" not in {action for actions, _ in granted(template) for action in actions}


def test_it_fits_into_a_policy_however_many_regions_are_watched(hub: Synthesized) -> None:
    """IAM counts 6,144 characters without white space (IAM and STS character quotas)."""
    text = json.dumps(policy_of(hub)["PolicyDocument"], separators=(",", ":"))
    assert len(text) < 6144 - 2000  # the references become longer, the settings may name buckets
    assert "eu-west-1" not in text


def test_accepted_are_the_wildcards_that_there_are(full: Synthesized, hub: Synthesized) -> None:
    for template in (full, hub):
        there = [
            resource
            for _, given in granted(template)
            for resource in ([given] if isinstance(given, str) else given)
            if "*" in resource
        ]
        accepted = [finding for construct, finding, _ in template.acknowledged if construct == READER]
        assert len(accepted) == len(there)
