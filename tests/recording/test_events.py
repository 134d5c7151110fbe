import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.model import StructureShape
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from respot.errors import MalformedMessageError
from respot.jobs.description import moment
from respot.jobs.job import JobSnapshot, Market, Owner, Parent
from respot.recording.observation import SWEEP_SOURCE, EventObservation, SweepObservation, parse, write_recheck
from tests.support.builders import (
    ACCOUNT,
    CREATED,
    NAME,
    REGION,
    arn_of,
    at,
    event,
    job_id,
    milliseconds,
    payload,
    payload_names,
    transition,
)
from tests.support.scenarios import SCENARIOS, Scenario


def observation_of(envelope: object) -> EventObservation:
    observation = parse(json.dumps(envelope))
    assert isinstance(observation, EventObservation)
    return observation


def reported_by(envelope: object) -> JobSnapshot:
    reported = observation_of(envelope).reported
    assert reported is not None
    return reported


# --- the recorded payloads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", payload_names("[sv]*"))
def test_every_recorded_event_identifies_its_job(name: str) -> None:
    envelope = payload(name)
    detail, observation = envelope["detail"], observation_of(envelope)
    reported = reported_by(envelope)
    seen = reported.state
    assert (observation.region, observation.name) == ("us-east-1", detail["TrainingJobName"])
    assert (seen.job, seen.arn) == (job_id(detail["TrainingJobName"]), detail["TrainingJobArn"])
    assert (seen.status, seen.secondary_status) == (detail["TrainingJobStatus"], detail["SecondaryStatus"])
    assert [transition.status for transition in reported.history] == [detail["SecondaryStatus"]]
    assert all(transition.provisional for transition in reported.history)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_events_of_a_scenario_contain_its_transitions(scenario: Scenario) -> None:
    seen = dict.fromkeys(transition for name in scenario.events for transition in reported_by(payload(name)).history)
    words = [f"{transition.status}={(transition.started - CREATED).total_seconds():.3f}" for transition in seen]
    wanted = [
        f"{status}={float(seconds):.3f}" for status, seconds in (w.split("=") for w in scenario.transitions.split())
    ]
    assert words == wanted


def test_every_field_of_a_complete_event_is_read() -> None:
    seen = reported_by(payload("v4_hpo_child_interrupted")).state
    assert (seen.market, seen.instance_type, seen.instance_count) == (Market.SPOT, "ml.g5.2xlarge", 1)
    assert (seen.max_runtime, seen.max_wait) == (timedelta(hours=4), timedelta(hours=6))
    assert (seen.training_started, seen.training_ended, seen.failure_reason) == (at(250.074), None, None)
    assert seen.tags == {"project": "demo"}
    tuning_job = "arn:aws:sagemaker:us-east-1:111122223333:hyper-parameter-tuning-job/hpo-child"
    assert seen.parent == Parent(owner=Owner.TUNING, identifier=tuning_job)
    parent = reported_by(payload("v5_stepfunctions_child_maxwait")).state.parent
    assert parent is not None
    assert parent.owner is Owner.STEP_FUNCTIONS


def test_what_an_event_does_not_contain_is_unknown() -> None:
    seen = reported_by(payload("v6_confirmed_fields_only_interrupted"))
    assert seen.state.market is None
    assert seen.state.max_wait is None
    assert seen.history == (transition("Interrupted", 3720.148, provisional=True),)
    assert not seen.start_known


def test_all_forms_of_tags_and_times_read_alike() -> None:
    as_list = reported_by(payload("v8_tags_as_list_registry_schema")).state
    assert as_list == reported_by(payload("s2_04_interrupted")).state
    as_text = reported_by(payload("v7_docs_style_string_timestamps")).state
    as_numbers = reported_by(payload("s1_05_completed")).state
    assert (as_text.job, as_text.last_modified) == (as_numbers.job, as_numbers.last_modified)
    assert as_text.training_ended == as_numbers.training_ended


# --- what names a job -----------------------------------------------------------------------------------------------


def without(envelope: dict[str, Any], *members: str) -> dict[str, Any]:
    """The event without members of its envelope, or of its detail (`detail.TrainingJobArn`)."""
    for member in members:
        part, _, inner = member.partition(".")
        if inner:
            envelope[part].pop(inner)
        else:
            envelope.pop(part)
    return envelope


@pytest.mark.parametrize(
    ("envelope", "region"),
    [
        pytest.param(without(event(), "resources", "detail.TrainingJobArn"), REGION, id="name and region only"),
        pytest.param(without(event(), "region", "detail.TrainingJobName"), REGION, id="ARN only"),
        pytest.param(without(event(), "detail.TrainingJobArn", "detail.TrainingJobName"), REGION, id="resources only"),
        pytest.param(event() | {"region": "eu-west-1"}, REGION, id="the ARN's region before the envelope's"),
        pytest.param(event(TrainingJobArn=arn_of("another")), REGION, id="the name before the ARN's"),
        pytest.param(event(TrainingJobArn=7, TrainingJobName=NAME), REGION, id="an ARN that is a number"),
        pytest.param(event(TrainingJobArn="arn:nonsense"), REGION, id="an ARN that is none"),
        pytest.param(event() | {"resources": "odd"}, REGION, id="resources that are no list"),
        pytest.param(event(job=job_id(region="us-gov-west-1")), "us-gov-west-1", id="GovCloud"),
        pytest.param(event(job=job_id(region="eusc-de-east-1")), "eusc-de-east-1", id="European Sovereign Cloud"),
    ],
)
def test_a_job_is_found_by_name_or_arn(envelope: dict[str, Any], region: str) -> None:
    observation = observation_of(envelope)
    assert (observation.region, observation.name) == (region, NAME)
    assert observation.reported is not None


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),  # public case E06
        ("us-gov-west-1", "aws-us-gov"),
        ("us-isob-east-1", "aws-iso-b"),
    ],
)
def test_without_an_arn_one_is_built_from_region_and_account(region: str, partition: str) -> None:
    seen = reported_by(without(event(), "resources", "detail.TrainingJobArn") | {"region": region}).state
    assert seen.arn == f"arn:{partition}:sagemaker:{region}:{ACCOUNT}:training-job/spot-job"


NO_ACCOUNTS: tuple[object, ...] = (None, "", "12345678901", "١١١١٢٢٢٢٣٣٣٣", 111122223333, {})
NOT_IDENTIFIED = [
    *(without(event(), "resources", "detail.TrainingJobArn") | {"account": account} for account in NO_ACCOUNTS),
    *(without(event(), f"detail.{absent}") for absent in ("CreationTime", "TrainingJobStatus", "SecondaryStatus")),
]


@pytest.mark.parametrize("envelope", NOT_IDENTIFIED)
def test_an_event_that_does_not_identify_its_job_is_still_an_observation(envelope: dict[str, Any]) -> None:
    assert observation_of(envelope) == EventObservation(region=REGION, name=NAME, reported=None)


BAD_NAMES = ("n" * 64, "a#b", "a/b", "-leading", "trailing-", "", "new\nline", "line\n", "a b", "größe", "../x")


@pytest.mark.parametrize("name", [*BAD_NAMES, 7, True, ["job"], {"S": "job"}], ids=repr)
def test_a_name_that_no_job_can_have_is_refused(name: object) -> None:
    envelope = event(TrainingJobName=name, TrainingJobArn=None) | {"resources": []}
    with pytest.raises(MalformedMessageError, match="names no training job"):
        observation_of(envelope)


def test_the_longest_name_is_accepted() -> None:
    assert observation_of(event(job=job_id("n" * 63))).name == "n" * 63


@pytest.mark.parametrize("region", [None, "", "nowhere", "us-east-1\n", "US-EAST-1", "x" * 40, 1, "us-east-1#x"])
def test_an_event_without_a_region_is_refused(region: object) -> None:
    envelope = event(TrainingJobArn=None) | {"resources": [], "region": region}
    with pytest.raises(MalformedMessageError, match="names no region"):
        observation_of(envelope)


# --- what is no event -----------------------------------------------------------------------------------------------


NO_DETAILS: tuple[object, ...] = (None, "text", [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param('{"source": "aws.sagemaker"', "not JSON", id="cut off"),
        pytest.param("[" * 100_000 + "]" * 100_000, "not JSON", id="nested too deeply"),
        pytest.param("9" * 5000, "not JSON", id="a number too long"),
        pytest.param("[]", "a JSON object was expected, not list", id="array"),
        pytest.param("null", "a JSON object was expected, not NoneType", id="null"),
        pytest.param("{}", "not a training job event", id="empty object"),
        pytest.param(json.dumps(event() | {"source": "aws.ec2"}), "but .* of 'aws.ec2'", id="another source"),
        pytest.param(json.dumps(event() | {"detail-type": "X"}), "but 'X' of", id="another detail type"),
        pytest.param(json.dumps(event() | {"source": "x" * 10_000}), "not a training job event", id="a long source"),
        *(
            pytest.param(json.dumps(event() | {"detail": detail}), "has no detail object", id=f"detail is {detail!r}")
            for detail in NO_DETAILS
        ),
    ],
)
def test_other_messages_are_refused_with_a_short_reason(body: str, reason: str) -> None:
    with pytest.raises(MalformedMessageError, match=reason) as refused:
        parse(body)
    assert len(str(refused.value)) < 300


# --- odd members ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Reticulating", "interrupted", "x" * 128, "null\x00byte", "#", "größer"], ids=ascii)
def test_an_unknown_status_is_kept_as_it_is(status: str) -> None:
    seen = reported_by(event(status))
    assert seen.state.secondary_status == status
    assert seen.history == (transition(status, 390, provisional=True),)


@pytest.mark.parametrize(
    ("transitions", "known"),
    [
        pytest.param(None, False, id="null"),
        pytest.param([], False, id="empty"),
        pytest.param("Training", False, id="text"),
        pytest.param([None, 7, "Training"], False, id="no objects"),
        pytest.param([{"Status": "Training"}], False, id="no start"),
        pytest.param([{"StartTime": milliseconds(at(390))}], False, id="no status"),
        pytest.param([{"Status": "Starting", "StartTime": milliseconds(at(390))}], False, id="of another status"),
        pytest.param([{"Status": "Training", "StartTime": f"{milliseconds(at(390))}"}], True, id="start as text"),
        pytest.param(
            [
                {"Status": "Starting", "StartTime": CREATED.isoformat()},
                {"Status": "Training", "StartTime": 1789549590000},
            ],
            True,
            id="of several only the last",
        ),
    ],
)
def test_an_event_without_its_own_transition_does_not_show_its_start(transitions: object, *, known: bool) -> None:
    seen = reported_by(event("Training", 390, SecondaryStatusTransitions=transitions))
    assert seen.start_known is known
    assert seen.history == (transition("Training", 390, provisional=True),)


@pytest.mark.parametrize(
    ("tags", "read"),
    [
        pytest.param(None, None, id="null"),
        pytest.param({}, {}, id="empty map"),
        pytest.param([], {}, id="empty list"),
        pytest.param("team=vision", None, id="text"),
        pytest.param(7, None, id="number"),
        pytest.param({"team": "vision", "n": 7, "x": None}, {"team": "vision"}, id="map with odd values"),
        pytest.param([{"Key": "team", "Value": "vision"}], {"team": "vision"}, id="list"),
        pytest.param([{"Key": "team"}, {"Value": "x"}, None, "x", {"Key": 7, "Value": "x"}], {}, id="list of odd ones"),
        pytest.param({"k" * 129: "x", "y": "v" * 257, "": "z"}, {}, id="beyond AWS's limits"),
        pytest.param({"k" * 128: "v" * 256, "k": ""}, {"k" * 128: "v" * 256, "k": ""}, id="at AWS's limits"),
        pytest.param({"half\ud800": "\udfff"}, {"half?": "?"}, id="lone surrogates"),
    ],
)
def test_tags_are_read_in_either_form(tags: object, read: dict[str, str] | None) -> None:
    assert reported_by(event(Tags=tags)).state.tags == read


def test_no_more_tags_are_kept_than_a_job_may_have() -> None:
    tags = reported_by(event(Tags={f"key-{number}": "value" for number in range(1000)})).state.tags
    assert tags is not None
    assert len(tags) == 50


@pytest.mark.parametrize(
    "value", [None, True, "3", [], {}, -1, 1e300, 10**400, float("nan"), float("inf"), 1e10], ids=ascii
)
def test_an_invalid_number_is_unknown(value: object) -> None:
    seen = reported_by(
        event(
            ResourceConfig={"InstanceType": value if isinstance(value, dict) else 7, "InstanceCount": value},
            StoppingCondition={"MaxRuntimeInSeconds": value, "MaxWaitTimeInSeconds": value},
            TrainingTimeInSeconds=value,
            BillableTimeInSeconds=value,
        )
    ).state
    assert (seen.instance_type, seen.instance_count) == (None, None)
    assert (seen.max_runtime, seen.max_wait, seen.training_time, seen.billable_time) == (None,) * 4


@pytest.mark.parametrize("value", [None, [], "text", 7, {}])
def test_a_part_of_another_type_is_unknown(value: object) -> None:
    seen = reported_by(event(ResourceConfig=value, StoppingCondition=value, CheckpointConfig=value)).state
    assert (seen.instance_type, seen.max_wait, seen.checkpoint_uri) == (None, None, None)


def test_a_heterogeneous_cluster_reads_as_its_types_and_total() -> None:
    groups = [
        {"InstanceType": "ml.g5.xlarge", "InstanceCount": 2},
        {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1.0},
        "odd",
    ]
    seen = reported_by(event(ResourceConfig={"InstanceGroups": groups})).state
    assert (seen.instance_type, seen.instance_count) == ("ml.g5.xlarge+ml.c5.xlarge", 3)


CHOSEN = {"SelectedInstanceType": "ml.p4d.24xlarge", "SelectedInstanceCount": 4}


@pytest.mark.parametrize(
    ("resources", "known"),
    [
        pytest.param({"InstanceCount": 4}, (None, 4), id="one count, not chosen yet"),
        pytest.param({}, (None, None), id="a count each, not chosen yet"),
        pytest.param(CHOSEN, ("ml.p4d.24xlarge", 4), id="chosen"),
        pytest.param(CHOSEN | {"InstanceCount": 2}, ("ml.p4d.24xlarge", 4), id="chosen, and another count requested"),
        pytest.param(
            CHOSEN | {"SelectedInstanceCount": None, "InstanceCount": 4}, ("ml.p4d.24xlarge", 4), id="no count"
        ),
    ],
)
def test_a_job_with_preferences_has_the_type_and_count_selected(
    resources: dict[str, Any], known: tuple[str | None, int | None]
) -> None:
    """ "The job is billed for this instance type and count" (service model); until then the type is not known."""
    preferences = [{"InstanceType": "ml.p5.48xlarge"}, {"InstanceType": "ml.p4d.24xlarge"}]
    seen = reported_by(event(ResourceConfig={"InstancePreferences": preferences} | resources)).state
    assert (seen.instance_type, seen.instance_count) == known
    assert seen.preferred_types == ("ml.p5.48xlarge", "ml.p4d.24xlarge")
    assert seen.requested_type == "ml.p5.48xlarge/ml.p4d.24xlarge"


def test_the_members_of_a_selection_are_in_the_service_model() -> None:
    config = Session().get_service_model("sagemaker").shape_for("ResourceConfig")
    assert isinstance(config, StructureShape)
    assert {"InstancePreferences", "SelectedInstanceType", "SelectedInstanceCount"} <= config.members.keys()


@pytest.mark.parametrize(
    ("flag", "market"), [(True, "spot"), (False, "on-demand"), (None, None), ("true", None), (1, None)]
)
def test_the_market_is_known_only_from_a_plain_flag(flag: object, market: str | None) -> None:
    seen = reported_by(event(EnableManagedSpotTraining=flag)).state
    assert (seen.market, seen.described) == (market, None)


def test_a_detail_of_a_megabyte_is_read_and_cut() -> None:
    long = "half \ud83d of one" + "x" * 1_000_000
    groups = [{"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}] * 10_000
    seen = reported_by(
        event(
            HyperParameters={"data": long},
            FailureReason=long,
            CheckpointConfig={"S3Uri": long},
            ResourceConfig={"InstanceGroups": groups},
            TuningJobArn=long,
        )
    ).state
    assert seen.failure_reason is not None
    assert len(seen.failure_reason) == 1024
    assert seen.failure_reason.startswith("half ? of one")
    assert len(repr(seen)) < 10_000


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param(1789549200037, 0.037, id="milliseconds"),
        pytest.param(1789549200037.0, 0.037, id="milliseconds as float"),
        pytest.param(1789549200, 0, id="seconds"),
        pytest.param(1789549200.037, 0.037, id="seconds as float"),
        pytest.param("1789549200037", 0.037, id="milliseconds as text"),
        pytest.param(" 1789549200.037 ", 0.037, id="seconds as text"),
        pytest.param("2026-09-16T09:00:00Z", 0, id="ISO"),
        pytest.param("2026-09-16T09:00:00.037Z", 0.037, id="ISO with milliseconds"),
        pytest.param("2026-09-16T11:00:00.037+02:00", 0.037, id="ISO of another zone"),
        pytest.param("2026-09-16T09:00:00", 0, id="ISO without a zone"),
        pytest.param(CREATED.replace(tzinfo=None), 0, id="datetime without a zone"),
    ],
)
def test_times_are_read_in_every_format_that_sagemaker_writes(value: object, read: float) -> None:
    assert moment(value) == at(read)


BAD_NUMBERS = (0, -1, -1789549200037, float("nan"), float("inf"), float("-inf"), 10**20, 10**400, 1e300)
BAD_WORDS = ("", "soon", "nan", "1e9", "9" * 19, "9" * 400, "2026-13-45", "2026-09-16T09:00:00\ud800")
OUT_OF_RANGE = ("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "value",
    [None, True, False, [], {}, {"$date": 1}, *BAD_NUMBERS, *BAD_WORDS, *OUT_OF_RANGE],
    ids=lambda value: ascii(value)[:40],
)
def test_an_invalid_time_is_unknown(value: object) -> None:
    assert moment(value) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = [*payload("s1_05_completed")["detail"], "TrainingTimeInSeconds", "BillableTimeInSeconds"]


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON), st.dictionaries(st.sampled_from(sorted(event())), JSON))
def test_any_event_is_read_or_refused_with_a_reason(detail: Any, envelope: Any) -> None:  # noqa: ANN401
    whole = event(**detail)
    whole |= {name: value for name, value in envelope.items() if name != "detail"}
    with suppress(MalformedMessageError):
        assert observation_of(whole).name


@given(st.text() | JSON.map(json.dumps))
def test_any_other_message_is_refused_with_a_reason(body: str) -> None:
    with pytest.raises(MalformedMessageError):
        parse(body)


@pytest.mark.parametrize("seconds", [946_684_799, 946_684_800, 7_258_118_399, 7_258_118_400])
def test_epoch_times_from_2000_to_2199_are_read_in_either_unit(seconds: int) -> None:
    read = datetime.fromtimestamp(seconds, tz=UTC)
    assert {moment(seconds), moment(seconds * 1000)} == {read if 2000 <= read.year < 2200 else None}


def test_what_is_refused_is_quoted_in_80_characters() -> None:
    with pytest.raises(MalformedMessageError) as refused:
        parse(json.dumps(event() | {"source": "x" * 10_000}))
    kind = "SageMaker Training Job State Change"
    assert str(refused.value) == f"not a training job event, but {kind!r} of '{'x' * 79}"


# --- observations of the sweep

OBSERVATION = SweepObservation(region=REGION, name=NAME, watched_since=at(0.037), event_due_by=at(9.001))


@pytest.mark.parametrize("unlisted", [None, at(-5)])
def test_a_sweep_observation_is_read_as_it_was_written(unlisted: datetime | None) -> None:
    observation = replace(OBSERVATION, unlisted=unlisted)
    assert parse(write_recheck(observation)) == observation


DETAIL = json.loads(write_recheck(OBSERVATION))["detail"]


def test_the_members_of_the_message_are_fixed() -> None:
    """Messages in the queue may be of an older version."""
    detail = json.loads(write_recheck(replace(OBSERVATION, unlisted=at(-5))))["detail"]
    assert list(detail) == ["region", "name", "watched_since", "overdue", "missed"]


@pytest.mark.parametrize(
    "detail",
    [
        None,
        [],
        *({key: value for key, value in DETAIL.items() if key != left_out} for left_out in DETAIL),
        *(DETAIL | {member: "yesterday"} for member in ("watched_since", "overdue", "region")),
        *(DETAIL | {"name": name} for name in ("../x", "n" * 64)),
        DETAIL | {"missed": 5},
    ],
    ids=str,
)
def test_any_other_detail_is_malformed(detail: object) -> None:
    with pytest.raises(MalformedMessageError, match="names no job"):
        parse(json.dumps({"source": SWEEP_SOURCE, "detail": detail}))
