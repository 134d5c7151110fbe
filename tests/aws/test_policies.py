from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from respot.aws.cached_text import CachedText
from respot.aws.ssm import ParameterPolicies, read_policy_text
from respot.bootstrap.clients import client as bootstrap_client
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.recovery.policy.policy import AccountPolicy, Policy
from respot.recovery.ports import Policies
from tests.support.builders import REGION
from tests.support.clock import FakeClock
from tests.support.memory import MemoryPolicies

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

NAME = "/Respot/policy"
KEPT_FOR = timedelta(seconds=60)
OTHER = '{"version":1,"defaults":{"dry_run":true}}'


@pytest.fixture
def ssm() -> "SSMClient":
    client = boto3.client("ssm", region_name=REGION)
    put(client, '{"version":1,"defaults":{"resume":true}}')
    return client


@pytest.fixture
def policies(ssm: "SSMClient", clock: FakeClock) -> ParameterPolicies:
    return ParameterPolicies(CachedText(lambda: read_policy_text(ssm, NAME), kept_for=KEPT_FOR, clock=clock).read)


def put(client: "SSMClient", text: str) -> None:
    client.put_parameter(Name=NAME, Value=text, Type="String", Overwrite=True)


@pytest.fixture(params=["parameter", "memory"])
def either(request: pytest.FixtureRequest) -> Policies:
    """Each implementation of the port, with a policy that resumes."""
    if request.param == "memory":
        return MemoryPolicies(policy=AccountPolicy(defaults=Policy(resume=True)))
    policies: ParameterPolicies = request.getfixturevalue("policies")
    return policies


def test_the_policy_is_what_its_owners_wrote(either: Policies) -> None:
    assert either.load() == either.load() == AccountPolicy(defaults=Policy(resume=True))


@pytest.mark.parametrize("fault", [PolicyInvalidError("no"), UpstreamUnavailableError("no")])
def test_policies_in_memory_raise_their_fault(fault: Exception) -> None:
    with pytest.raises(type(fault)):
        MemoryPolicies(fault=fault).load()


def test_a_change_counts_after_a_minute_and_not_before(
    ssm: "SSMClient", policies: ParameterPolicies, clock: FakeClock
) -> None:
    policies.load()
    put(ssm, OTHER)
    clock.pass_by(timedelta(seconds=59))
    assert not policies.load().defaults.dry_run
    clock.pass_by(timedelta(seconds=1))
    assert policies.load().defaults.dry_run


def test_a_policy_that_became_invalid_is_not_replaced_by_the_last_valid_one(
    ssm: "SSMClient", policies: ParameterPolicies, clock: FakeClock
) -> None:
    policies.load()
    put(ssm, '{"version":1,"defaults":{"resum":true}}')
    clock.pass_by(KEPT_FOR)
    for _ in range(2):
        with pytest.raises(PolicyInvalidError, match=r"defaults\.resum: there is no such setting"):
            policies.load()
    put(ssm, OTHER)
    clock.pass_by(KEPT_FOR)
    assert policies.load().defaults.dry_run


def test_a_parameter_that_was_deleted_is_no_policy_and_no_last_one_either(
    ssm: "SSMClient", policies: ParameterPolicies, clock: FakeClock
) -> None:
    policies.load()
    ssm.delete_parameter(Name=NAME)
    clock.pass_by(KEPT_FOR)
    with pytest.raises(PolicyInvalidError, match="parameter /Respot/policy does not exist: deploy again"):
        policies.load()


def test_an_encrypted_parameter_is_no_policy(ssm: "SSMClient", policies: ParameterPolicies) -> None:
    ssm.delete_parameter(Name=NAME)
    ssm.put_parameter(Name=NAME, Value=OTHER, Type="SecureString")
    with pytest.raises(PolicyInvalidError, match="is not valid JSON"):
        policies.load()


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalServerError"])
def test_a_parameter_that_cannot_be_read_is_no_answer_and_read_again(
    ssm: "SSMClient", policies: ParameterPolicies, code: str
) -> None:
    with Stubber(ssm) as stub:
        stub.add_client_error("get_parameter", code)
        with pytest.raises(UpstreamUnavailableError, match=f"parameter /Respot/policy could not be read: .*{code}"):
            policies.load()
    assert policies.load().defaults.resume


@pytest.mark.parametrize("answer", [{}, {"Parameter": {}}])
def test_an_answer_without_a_value_is_no_answer(
    ssm: "SSMClient", policies: ParameterPolicies, answer: dict[str, object]
) -> None:
    with Stubber(ssm) as stub:
        stub.add_response("get_parameter", answer)
        with pytest.raises(UpstreamUnavailableError):
            policies.load()


def test_a_network_that_is_down_is_no_answer(ssm: "SSMClient", monkeypatch: pytest.MonkeyPatch) -> None:
    def down(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="ssm")

    monkeypatch.setattr(ssm, "get_parameter", down)
    with pytest.raises(UpstreamUnavailableError, match="could not be read"):
        read_policy_text(ssm, NAME)


def test_the_functions_client_reads_it(ssm: "SSMClient") -> None:  # noqa: ARG001 - the parameter is there
    read: Callable[..., str] = read_policy_text
    assert '"resume":true' in read(bootstrap_client("ssm", REGION), NAME)
