"""The policy and the kill switch as operators set them, on a Systems Manager as moto plays it."""

import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from respot.aws.cached_text import CachedText
from respot.aws.ssm import ParameterKillSwitch, ParameterPolicies, read_kill_switch, read_policy_text
from respot.bootstrap.policies import POLICY_KEPT_FOR
from respot.errors import PolicyInvalidError
from respot.handlers.recover import KILL_SWITCH_KEPT_FOR
from respot.recovery.policy.policy import AccountPolicy, Policy
from respot.recovery.ports import KillSwitch, Policies
from tests.support.builders import REGION
from tests.support.clock import FakeClock
from tests.support.memory import MemoryKillSwitch, MemoryPolicies

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

SWITCH: Final = "/Respot/kill-switch"
POLICY: Final = "/Respot/policy"
DOCS: Final = Path(__file__).parents[2] / "docs"
ON: Final = "the account's kill switch is on"


@pytest.fixture
def ssm() -> "SSMClient":
    """The parameters as they are deployed: tests/infra holds their names and values."""
    client = boto3.client("ssm", region_name=REGION)
    client.put_parameter(Name=SWITCH, Value="off", Type="String")
    client.put_parameter(Name=POLICY, Value='{"version":1,"defaults":{"resume":true}}', Type="String")
    return client


@pytest.fixture
def policies(ssm: "SSMClient", clock: FakeClock) -> ParameterPolicies:
    """The policy as `recover` composes it."""
    return ParameterPolicies(
        CachedText(lambda: read_policy_text(ssm, POLICY), kept_for=POLICY_KEPT_FOR, clock=clock).read
    )


@pytest.fixture
def switch(ssm: "SSMClient", clock: FakeClock) -> ParameterKillSwitch:
    """The switch as `recover` composes it."""
    read = CachedText(lambda: read_kill_switch(ssm, SWITCH), kept_for=KILL_SWITCH_KEPT_FOR, clock=clock).read
    return ParameterKillSwitch(read, parameter=SWITCH)


def put(client: "SSMClient", name: str, value: str) -> None:
    client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def test_a_text_is_read_once_for_its_time_until_it_is_forgotten_and_a_failure_is_not_kept(clock: FakeClock) -> None:
    readings: list[str | Exception] = ["third", "second", "first", ValueError("down")]

    def read() -> str:
        found = readings.pop()
        if isinstance(found, Exception):
            raise found
        return found

    text = CachedText(read, kept_for=timedelta(minutes=5), clock=clock)
    with pytest.raises(ValueError, match="down"):
        text.read()
    assert [text.read(), text.read()] == ["first", "first"]
    clock.pass_by(timedelta(minutes=5))
    assert text.read() == "second"
    text.forget()
    assert text.read() == "third"


# --- the policy


def test_the_policy_is_what_its_owners_wrote(policies: ParameterPolicies) -> None:
    written = AccountPolicy(defaults=Policy(resume=True))
    either: list[Policies] = [policies, MemoryPolicies(policy=written)]
    assert [each.load() for each in either] == [written] * 2


def test_a_change_counts_after_a_minute_and_not_before(
    ssm: "SSMClient", policies: ParameterPolicies, clock: FakeClock
) -> None:
    policies.load()
    put(ssm, POLICY, '{"version":1,"defaults":{"dry_run":true}}')
    clock.pass_by(timedelta(seconds=59))
    assert not policies.load().defaults.dry_run
    clock.pass_by(timedelta(seconds=1))
    assert policies.load().defaults.dry_run


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ({"Value": '{"version":1,"defaults":{"resum":true}}', "Type": "String"}, r"defaults\.resum: there is no such"),
        ({"Value": '{"version":1}', "Type": "SecureString"}, "is not valid JSON"),
        ({}, "parameter /Respot/policy does not exist: deploy again"),
    ],
    ids=["invalid", "encrypted", "deleted"],
)
def test_a_policy_that_became_invalid_is_not_replaced_by_the_last_valid_one(
    ssm: "SSMClient", policies: ParameterPolicies, clock: FakeClock, parameter: Any, words: str  # noqa: ANN401
) -> None:  # fmt: skip
    policies.load()
    ssm.delete_parameter(Name=POLICY)
    if parameter:
        ssm.put_parameter(Name=POLICY, **parameter)
    clock.pass_by(POLICY_KEPT_FOR)
    for _ in range(2):
        with pytest.raises(PolicyInvalidError, match=words):
            policies.load()


# --- the kill switch


def test_the_switch_in_memory_says_the_same() -> None:
    either: list[KillSwitch] = [MemoryKillSwitch(is_on=False), MemoryKillSwitch(is_on=True)]
    assert [each.why_on() for each in either] == [None, ON]


@pytest.mark.parametrize(
    ("value", "why"), [*((on, ON) for on in ("on", "ON", " On\n")), *((off, None) for off in ("off", "OFF", " Off\n"))]
)
def test_on_and_off_are_read_in_any_spelling(
    ssm: "SSMClient", switch: ParameterKillSwitch, value: str, why: str | None
) -> None:
    put(ssm, SWITCH, value)
    assert switch.why_on() == why


@pytest.mark.parametrize("value", ["true", "false", "0", "of", "offf", '{"version": 1}', " "])
def test_any_other_text_counts_as_on_and_the_reason_says_how_to_set_it(
    ssm: "SSMClient", switch: ParameterKillSwitch, value: str
) -> None:
    put(ssm, SWITCH, value)
    assert switch.why_on() == (
        f"the kill switch's parameter {SWITCH} says {value!r}, neither on nor off, which counts as on "
        f"(set it: aws ssm put-parameter --name {SWITCH} --type String --value off --overwrite)"
    )


def test_a_deleted_switch_counts_as_on_until_it_is_set_again(
    ssm: "SSMClient", switch: ParameterKillSwitch, clock: FakeClock
) -> None:
    ssm.delete_parameter(Name=SWITCH)
    words = switch.why_on() or ""
    assert words.startswith(f"the kill switch's parameter {SWITCH} does not exist, which counts as on")
    run(ssm, words.partition("(set it: ")[2].rstrip(")"))
    clock.pass_by(timedelta(seconds=5))
    assert switch.why_on() is None


def run(client: "SSMClient", command: str) -> None:
    """Run `aws ssm put-parameter …` as the AWS CLI does: options are members of the API's request in kebab case."""
    program, service, operation, *options = shlex.split(command)
    assert (program, service, operation) == ("aws", "ssm", "put-parameter")
    shape: Any = client.meta.service_model.operation_model("PutParameter").input_shape
    by_option = {"--" + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower(): name for name in shape.members}
    request: dict[str, Any] = {}
    while options:
        name = by_option[options.pop(0)]
        request[name] = True if shape.members[name].type_name == "boolean" else options.pop(0)
    client.put_parameter(**request)


@pytest.mark.parametrize("page", ["reference/policy.md", "runbook.md", "guides/pause-and-resume.md"])
def test_the_commands_in_the_docs_turn_it_on_and_off(
    ssm: "SSMClient", switch: ParameterKillSwitch, clock: FakeClock, page: str
) -> None:
    turned = []
    text = (DOCS / page).read_text(encoding="utf-8")
    for command in re.findall(rf"^\$ (aws ssm put-parameter --name {SWITCH} .*)$", text, re.MULTILINE):
        run(ssm, command)
        clock.pass_by(timedelta(seconds=5))
        turned.append(switch.why_on())
    assert turned == [ON, None]
