import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from respot.alerting.contract import VERSION, WEEKLY_KIND
from respot.alerting.digest.digest import GROUPED
from respot.alerting.document import digest_document, to_document
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.weekly.document import weekly_document
from respot.jobs.job import Market, Owner, Parent
from tests.support.builders import alert_of, alert_on, digest_of, job_id
from tests.support.weeks import weekly_digest

DOCS: Final = Path(__file__).parents[2] / "docs"
SCHEMA: Final[dict[str, Any]] = json.loads((DOCS / "reference" / "alert.schema.json").read_text(encoding="utf-8"))
VALIDATOR: Final = Draft202012Validator(SCHEMA)


def documented(document: dict[str, Any]) -> dict[str, Any]:
    """The document as its readers get it, held against the schema."""
    read: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    VALIDATOR.validate(read)
    return read


@pytest.mark.parametrize("kind", sorted(set(AlertKind) - {AlertKind.DIGEST}))
def test_every_kind_of_alert_keeps_to_the_schema(kind: AlertKind) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    documented(to_document(alert_of(kind)))


def test_an_alert_without_any_details_keeps_to_the_schema() -> None:
    unknown: dict[str, Any] = dict.fromkeys(
        ("market", "instance_type", "instance_count", "max_runtime", "max_wait", "checkpoint_uri", "training_started")
    )
    documented(to_document(alert_on(**unknown)))


def test_the_whole_document() -> None:
    alert = alert_on(
        "MaxWaitTimeExceeded",
        21_630.444,
        earlier=2,
        training_time=timedelta(seconds=8500),
        billable_time=timedelta(seconds=3100),
        parent=Parent(owner=Owner.PIPELINE, identifier="arn:pipeline"),
        tags={"team": "vision"},
    )
    document = documented(to_document(replace(alert, digest="digest/1")))
    assert (document["version"], document["digest_id"]) == (VERSION, "digest/1")
    assert document["id"] == alert.id
    assert document["transition"] == {"status": "MaxWaitTimeExceeded", "started": "2026-09-16T15:00:30.444Z"}
    assert document["job"] == {
        "name": "spot-job",
        "arn": "arn:aws:sagemaker:us-east-1:111122223333:training-job/spot-job",
        "account": "111122223333",
        "region": "us-east-1",
        "created": "2026-09-16T09:00:00.000Z",
        "status": "Stopped",
        "secondary_status": "MaxWaitTimeExceeded",
        "failure_reason": None,
        "market": "spot",
        "instance_type": "ml.g5.2xlarge",
        "instance_count": 1,
        "max_runtime_seconds": 14400.0,
        "max_wait_seconds": 21600.0,
        "checkpoint_uri": "s3://ml-bucket/checkpoints/spot-job/",
        "parent": {"owner": "pipeline execution", "identifier": "arn:pipeline"},
        "tags": {"team": "vision"},
    }
    assert document["figures"] == {
        "earlier_interruptions": 2,
        "trained_seconds": 21_240.444,
        "waited_seconds": 250.0,
        "training_time_seconds": 8500.0,
        "billable_time_seconds": 3100.0,
        "savings_percent": 63.53,
    }


def members(schema: dict[str, Any], path: str = "") -> set[str]:
    """The paths of all members that a schema names."""
    named: set[str] = set()
    for name, inner in schema.get("properties", {}).items():
        named |= {f"{path}{name}"} | members(inner, f"{path}{name}.")
    return named


def paths(document: dict[str, Any], path: str = "") -> set[str]:
    """The paths of all members that a document has."""
    found: set[str] = set()
    for name, value in document.items():
        found.add(f"{path}{name}")
        if isinstance(value, dict):
            found |= paths(value, f"{path}{name}.")
    return found


def test_the_schema_names_every_member_and_no_other() -> None:
    full = to_document(alert_on(parent=Parent(owner=Owner.TUNING, identifier="arn:t")))
    of_many = paths(digest_document(digest_of())) | paths(weekly_document(weekly_digest()))
    assert paths(full) | of_many == members(SCHEMA)


def test_the_manual_names_every_member() -> None:
    manual = (DOCS / "reference" / "alert-document.md").read_text(encoding="utf-8")
    assert [member for member in sorted(members(SCHEMA)) if f"`{member}`" not in manual] == []


def test_the_schema_has_the_kinds_statuses_severities_and_markets() -> None:
    properties = SCHEMA["properties"]
    assert properties["kind"]["enum"] == [*AlertKind, WEEKLY_KIND]
    assert properties["severity"]["enum"] == list(Severity)
    assert set(properties["digest"]["properties"]["of_kind"]["enum"]) == GROUPED
    manual = (DOCS / "reference" / "alert-document.md").read_text(encoding="utf-8")
    assert [kind for kind in (*AlertKind, WEEKLY_KIND) if f"| `{kind}` |" not in manual] == []
    assert properties["job"]["properties"]["market"]["enum"] == [*Market, None]


@pytest.mark.parametrize("member", ["digest", "headline", "digest.count"])
def test_a_digest_needs_each_of_its_members(member: str) -> None:
    document = digest_document(digest_of())
    inner, _, name = member.rpartition(".")
    del (document[inner] if inner else document)[name]
    assert not VALIDATOR.is_valid(document)


def test_the_document_of_a_digest() -> None:
    document = documented(digest_document(digest_of(3, again=1)))
    assert document["kind"] == "digest"
    assert document["severity"] == "warning"
    assert document["console_url"] == "https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/jobs"
    digest = document["digest"]
    assert {name: value for name, value in digest.items() if name != "alerts"} == {
        "of_kind": "interrupted",
        "account": "111122223333",
        "region": "us-east-1",
        "instance_type": "ml.g5.2xlarge",
        "opened": "2026-09-16T10:02:00.000Z",
        "since": "2026-09-16T10:02:01.000Z",
        "until": "2026-09-16T10:02:04.000Z",
        "count": 4,
        "job_count": 3,
    }
    assert [alert["job"] for alert in digest["alerts"]] == ["job-1", "job-2", "job-3", "job-1"]
    assert "job" not in document


def test_the_document_of_a_large_digest_lists_the_first_alerts() -> None:
    digest = documented(digest_document(digest_of(500)))["digest"]
    assert (digest["count"], digest["job_count"], len(digest["alerts"])) == (500, 500, 50)


@pytest.mark.parametrize("member", ["week", "headline", "week.runs", "week.lost_seconds"])
def test_a_weekly_digest_needs_each_of_its_members(member: str) -> None:
    document = weekly_document(weekly_digest())
    assert VALIDATOR.is_valid(document)
    inner, _, name = member.rpartition(".")
    del (document[inner] if inner else document)[name]
    assert not VALIDATOR.is_valid(document)


def test_the_document_of_a_weekly_digest() -> None:
    document = documented(weekly_document(weekly_digest(found=7, tried=5, unread=2)))
    assert (document["kind"], document["severity"], document["id"]) == ("weekly-digest", "info", "weekly/2026-W38")
    (pool,) = document["week"].pop("worst_pools")
    assert document["week"] == {
        "id": "2026-W38",
        "account": "111122223333",
        "region": "us-east-1",
        "since": "2026-09-14T00:00:00.000Z",
        "until": "2026-09-21T00:00:00.000Z",
        "runs": 2,
        "ended": {"completed": 1, "failed": 1, "stopped": 0, "refused": 0},
        "on_demand_runs": 1,
        "attempts": 3,
        "attempts_not_billed": 0,
        "interruptions": 1,
        "training_seconds": 19_360.0,
        "billed_seconds": 6_320.0,
        "saved_gross_seconds": 13_040.0,
        "saved_net_seconds": {"least": 8_000.0, "most": 11_840.0},
        "lost_seconds": {"least": 600.0, "most": 4_440.0},
        "runs_found": 7,
        "runs_tried": 5,
        "runs_not_read": 2,
    }
    assert pool == {
        "name": "ml.p3.2xlarge in us-east-1 (spot)",
        "region": "us-east-1",
        "instance_type": "ml.p3.2xlarge",
        "market": "spot",
        "interruptions": 1,
        "held_seconds": 7_600.0,
        "interruptions_per_hour": None,
        "waits_without_instances": 0,
        "median_wait_seconds": 60.0,
        "words": "1 interruption in 2.1 instance-hours; median wait 1 min",
    }


@given(st.text(), st.integers(0, 10**9), st.integers(0, 10**9), st.dictionaries(st.text(), st.text()))
def test_any_document_keeps_to_the_schema(words: str, training: int, billable: int, tags: dict[str, str]) -> None:
    documented(
        to_document(
            alert_on(
                "Failed",
                failure_reason=words,
                instance_type=words,
                checkpoint_uri=words,
                parent=Parent(owner=Owner.ACK, identifier=words),
                tags=tags,
                training_time=timedelta(seconds=training),
                billable_time=timedelta(seconds=billable),
                job=job_id("n" * 63),
            )
        )
    )
