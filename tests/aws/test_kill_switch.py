"""The kill switch as operators set it, and what recovery does about it, on a Systems Manager as moto plays it."""

import json
import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from respot.alerting.kinds import AlertKind
from respot.alerting.required import news_of
from respot.aws.cached_text import CachedText
from respot.aws.ssm import ParameterKillSwitch, ParameterPolicies, read_kill_switch, read_policy_text
from respot.bootstrap.policies import POLICY_KEPT_FOR
from respot.errors import UpstreamUnavailableError
from respot.handlers.recover import KILL_SWITCH_KEPT_FOR
from respot.recovery.ports import KillSwitch
from respot.recovery.records import NoticeKind, OutcomeKind
from tests.support.builders import REGION
from tests.support.clock import FakeClock
from tests.support.memory import MemoryKillSwitch
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

NAME: Final = "/Respot/kill-switch"
POLICY: Final = "/Respot/policy"
DOCS: Final = Path(__file__).parents[2] / "docs"
ON: Final = "the account's kill switch is on"


@pytest.fixture
def ssm() -> "SSMClient":
    """The parameters as they are deployed: tests/infra holds their names and values."""
    client = boto3.client("ssm", region_name=REGION)
    client.put_parameter(Name=NAME, Value="off", Type="String")
    client.put_parameter(Name=POLICY, Value='{"version":1}', Type="String")
    return client


def switch_of(client: "SSMClient", clock: FakeClock) -> ParameterKillSwitch:
    """The switch as `recover` composes it."""
    read = CachedText(lambda: read_kill_switch(client, NAME), kept_for=KILL_SWITCH_KEPT_FOR, clock=clock).read
    return ParameterKillSwitch(read, parameter=NAME)


@pytest.fixture
def switch(ssm: "SSMClient", clock: FakeClock) -> ParameterKillSwitch:
    return switch_of(ssm, clock)


def put(client: "SSMClient", value: str, name: str = NAME) -> None:
    client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


@pytest.fixture(params=["parameter", "memory"])
def either(request: pytest.FixtureRequest) -> Callable[[bool], KillSwitch]:
    """Each implementation of the port, in a position."""
    if request.param == "memory":
        return lambda is_on: MemoryKillSwitch(is_on=is_on)
    ssm: SSMClient = request.getfixturevalue("ssm")
    clock: FakeClock = request.getfixturevalue("clock")

    def positioned(is_on: bool) -> KillSwitch:  # noqa: FBT001 - the position
        put(ssm, "on" if is_on else "off")
        return switch_of(ssm, clock)

    return positioned


def test_it_is_off_or_on(either: Callable[[bool], KillSwitch]) -> None:
    assert either(False).why_on() is None  # noqa: FBT003 - the position
    assert either(True).why_on() == ON  # noqa: FBT003 - the position


def test_the_switch_in_memory_raises_its_fault() -> None:
    with pytest.raises(UpstreamUnavailableError):
        MemoryKillSwitch(fault=UpstreamUnavailableError("no")).why_on()


@pytest.mark.parametrize("value", ["on", "ON", " On\n"])
def test_on_is_read_in_any_spelling(ssm: "SSMClient", switch: ParameterKillSwitch, value: str) -> None:
    put(ssm, value)
    assert switch.why_on() == ON


@pytest.mark.parametrize("value", ["off", "OFF", " Off\n"])
def test_off_is_read_in_any_spelling(ssm: "SSMClient", switch: ParameterKillSwitch, value: str) -> None:
    put(ssm, value)
    assert switch.why_on() is None


@pytest.mark.parametrize("value", ["true", "false", "0", "of", "offf", '{"version": 1}', " "])
def test_any_other_text_counts_as_on_and_the_reason_says_how_to_set_it(
    ssm: "SSMClient", switch: ParameterKillSwitch, value: str
) -> None:
    put(ssm, value)
    assert switch.why_on() == (
        f"the kill switch's parameter {NAME} says {value!r}, neither on nor off, which counts as on "
        f"(set it: aws ssm put-parameter --name {NAME} --type String --value off --overwrite)"
    )


def test_a_deleted_switch_counts_as_on_until_it_is_set_again(
    ssm: "SSMClient", switch: ParameterKillSwitch, clock: FakeClock
) -> None:
    ssm.delete_parameter(Name=NAME)
    words = switch.why_on()
    assert words
    assert words.startswith(f"the kill switch's parameter {NAME} does not exist, which counts as on")
    run(ssm, words.partition("(set it: ")[2].rstrip(")"))
    clock.pass_by(KILL_SWITCH_KEPT_FOR)
    assert switch.why_on() is None


def test_a_change_counts_within_five_seconds(ssm: "SSMClient", switch: ParameterKillSwitch, clock: FakeClock) -> None:
    assert switch.why_on() is None
    put(ssm, "on")
    clock.pass_by(timedelta(seconds=5))
    assert switch.why_on() == ON


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalServerError"])
def test_a_switch_that_cannot_be_read_now_is_neither_on_nor_off(
    ssm: "SSMClient", switch: ParameterKillSwitch, code: str
) -> None:
    with Stubber(ssm) as stub:
        stub.add_client_error("get_parameter", code)
        with pytest.raises(UpstreamUnavailableError, match=f"parameter {NAME} could not be read: .*{code}"):
            switch.why_on()
    assert switch.why_on() is None


@pytest.mark.parametrize("answer", [{}, {"Parameter": {}}])
def test_an_answer_without_a_value_is_no_answer(
    ssm: "SSMClient", switch: ParameterKillSwitch, answer: dict[str, object]
) -> None:
    with Stubber(ssm) as stub:
        stub.add_response("get_parameter", answer)
        with pytest.raises(UpstreamUnavailableError):
            switch.why_on()


def test_a_network_that_is_down_is_no_answer(
    ssm: "SSMClient", switch: ParameterKillSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="ssm")

    monkeypatch.setattr(ssm, "get_parameter", down)
    with pytest.raises(UpstreamUnavailableError, match="could not be read"):
        switch.why_on()


# --- the commands


def commands(page: str) -> list[str]:
    """The commands of a page that set the kill switch."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^\$ (aws ssm put-parameter --name {NAME} .*)$", text, re.MULTILINE)


def run(client: "SSMClient", command: str) -> None:
    """Run `aws ssm put-parameter …` as the AWS CLI does: options are members of the API's request in kebab case."""
    program, service, operation, *options = shlex.split(command)
    assert (program, service, operation) == ("aws", "ssm", "put-parameter")
    shape: Any = client.meta.service_model.operation_model("PutParameter").input_shape
    members = shape.members
    by_option = {"--" + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower(): name for name in members}
    request: dict[str, Any] = {}
    while options:
        name = by_option[options.pop(0)]
        request[name] = True if members[name].type_name == "boolean" else options.pop(0)
    client.put_parameter(**request)


@pytest.mark.parametrize("page", ["reference/policy.md", "runbook.md", "guides/pause-and-resume.md"])
def test_the_commands_in_the_docs_turn_it_on_and_off(
    ssm: "SSMClient", switch: ParameterKillSwitch, clock: FakeClock, page: str
) -> None:
    turned = []
    for command in commands(page):
        run(ssm, command)
        clock.pass_by(KILL_SWITCH_KEPT_FOR)
        turned.append(switch.why_on())
    assert turned == [ON, None]


# --- recovery, on both parameters


@pytest.fixture
def env(ssm: "SSMClient") -> RecoveryEnvironment:
    """Recovery whose policy and kill switch are parameters, composed as `recover` does it."""
    env = RecoveryEnvironment()
    text = CachedText(lambda: read_policy_text(ssm, POLICY), kept_for=POLICY_KEPT_FOR, clock=env.clock)
    switch = switch_of(ssm, env.clock)
    object.__setattr__(env.recovery.decider.contexts, "policies", ParameterPolicies(text.read))
    for part in (env.recovery.creator, env.recovery.decider.contexts, env.recovery.wait_timeout):
        object.__setattr__(part, "kill_switch", switch)
    return env


BY_RULE: Final = json.dumps(
    {
        "version": 1,
        "defaults": {"back_off": {"interruption": {"first": "0 s", "longest": "0 s"}}},
        "rules": [{"name": "nightly", "match": {"job_name": "spot-*"}, "settings": {"resume": True}}],
    }
)
AS_THE_DOCS_USED_TO_SAY: Final = '{"version": 1, "kill_switch": true}'


def test_a_policy_that_is_replaced_as_the_docs_used_to_say_forgets_no_job(
    ssm: "SSMClient", env: RecoveryEnvironment
) -> None:
    """The rule that opted the job in is gone with the rest of the policy, and is restored two days later."""
    put(ssm, AS_THE_DOCS_USED_TO_SAY, POLICY)
    job = env.ended(tags={})
    for _ in range(2 * 48):
        assert env.recover(job) is not None
        env.clock.pass_by(timedelta(minutes=30))
    assert (env.runs.decisions, env.sagemaker.created) == ({}, [])
    (notice,) = env.runs.recovery_records(job).notices
    assert notice.kind is NoticeKind.POLICY_INVALID
    assert f"aws ssm put-parameter --name {NAME} --value on --overwrite" in notice.summary
    put(ssm, BY_RULE, POLICY)
    env.clock.pass_by(POLICY_KEPT_FOR)
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.CREATED
    assert env.sagemaker.created == [SECOND]


def test_an_attempt_that_was_decided_on_outlives_such_a_policy_as_well(
    ssm: "SSMClient", env: RecoveryEnvironment
) -> None:
    put(ssm, BY_RULE, POLICY)
    job = env.decided(tags={})
    put(ssm, AS_THE_DOCS_USED_TO_SAY, POLICY)
    env.clock.pass_by(POLICY_KEPT_FOR)
    assert env.recover(job) is not None
    assert (env.runs.outcomes, env.sagemaker.created) == ({}, [])
    put(ssm, BY_RULE, POLICY)
    env.clock.pass_by(POLICY_KEPT_FOR)
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


def test_a_switch_that_is_not_there_postpones_and_the_alert_says_how_to_set_it(
    ssm: "SSMClient", env: RecoveryEnvironment
) -> None:
    put(ssm, BY_RULE, POLICY)
    ssm.delete_parameter(Name=NAME)
    job = env.ended(tags={})
    assert env.recover(job) is not None
    assert f"--name {NAME} --type String --value off --overwrite" in env.runs.notices[job, NoticeKind.POSTPONED].summary
    assert (env.runs.decisions, env.sagemaker.created) == ({}, [])
    put(ssm, "off")
    env.clock.pass_by(KILL_SWITCH_KEPT_FOR)
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]


def test_a_valid_policy_that_no_longer_asks_for_a_postponed_job_ends_its_wait_with_an_alert(
    ssm: "SSMClient", env: RecoveryEnvironment
) -> None:
    put(ssm, BY_RULE, POLICY)
    put(ssm, "on")
    job = env.ended(tags={})
    assert env.recover(job) is not None
    assert [news.kind for news in news_of(env.runs.recovery_records(job))] == [AlertKind.POSTPONED]
    put(ssm, '{"version": 1}', POLICY)
    env.clock.pass_by(POLICY_KEPT_FOR)
    assert env.recover(job) is None
    (news,) = (news for news in news_of(env.runs.recovery_records(job)) if news.kind is not AlertKind.POSTPONED)
    assert news.kind is AlertKind.NOT_RESUBMITTED
    assert (news.summary, news.withdrawn) == ("not resubmitted: not asked to resume this job (defaults)", True)
