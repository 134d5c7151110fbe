"""The texts of alerts on what Respot did."""

import re
from dataclasses import replace

import pytest

from respot.alerting.alert import Alert
from respot.alerting.digest import text as digest_text
from respot.alerting.document import to_document
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.text import headline, plain, short, subject, what_happened, what_happens_next
from tests.support.builders import alert_on, digest_of

SUMMARY = "resubmitted as spot-job-r2, attempt 2 of 5"


def about(kind: AlertKind, summary: str = SUMMARY, **others: object) -> Alert:
    alert = replace(alert_on("MaxWaitTimeExceeded", 21_630), kind=kind, summary=summary)
    return replace(alert, **others)  # type: ignore[arg-type] # each test names members that there are


WAITS = "spot-job waits: the account's policy is invalid"
STOPS = "spot-job waited too long for capacity: Respot stops it"
LATE = "spot-job waits: its next attempt cannot be created yet"
WOULD = "spot-job would have been resubmitted (dry run)"


@pytest.mark.parametrize(
    ("kind", "said", "severity", "follows"),
    [
        (AlertKind.RESUBMITTED, "spot-job was resubmitted", Severity.INFO, "Respot watches the new job"),
        (AlertKind.NOT_RESUBMITTED, "spot-job is not resubmitted", Severity.ERROR, "does nothing more"),
        (AlertKind.WOULD_RESUBMIT, WOULD, Severity.INFO, "Nothing was created"),
        (AlertKind.POLICY_INVALID, WAITS, Severity.ERROR, "as soon as the policy is valid"),
        (AlertKind.WAIT_LIMIT_EXCEEDED, STOPS, Severity.INFO, "Do not start a new job before that report"),
        (AlertKind.CREATION_POSTPONED, LATE, Severity.WARNING, "Respot keeps trying, and reports the outcome"),
        (AlertKind.DEADLINE_AT_RISK, "spot-job may miss its deadline", Severity.WARNING, "The job waits on"),
        (AlertKind.ADVICE, "spot-job ran on spot at a risk", Severity.WARNING, "keeps its settings"),
    ],
)
def test_each_kind_has_its_words(kind: AlertKind, said: str, severity: Severity, follows: str) -> None:
    alert = about(kind)
    assert headline(alert) == said
    assert what_happened(alert) == f"{SUMMARY}."
    assert follows in what_happens_next(alert)
    assert "checkpoint" not in what_happens_next(alert)  # the summary says from which it starts
    assert said in plain(alert)
    assert short(alert).startswith(f"Respot: {said}")
    assert subject(alert) == f"[Respot {severity}] {said}"
    document = to_document(alert)
    assert (document["kind"], document["severity"], document["story"]) == (kind.value, severity.value, SUMMARY)


@pytest.mark.parametrize("count", [1, 2])
def test_nobody_is_promised_a_decision_within_half_an_hour(count: int) -> None:
    """A pause of the policy, or a quota, may come after the kill switch."""
    for said in (
        what_happens_next(about(AlertKind.POSTPONED)),
        digest_text.what_happens_next(digest_of(count, kind=AlertKind.POSTPONED)),
    ):
        assert re.search(r"Respot checks (the|each) job again within half an hour after the kill switch is off", said)
        assert "a pause that the policy asks for may follow" in said
        assert "decides" not in said


def test_what_its_owner_wanted_is_no_error() -> None:
    alert = about(
        AlertKind.NOT_RESUBMITTED, "not resubmitted: its owner opted out: respot:resume = off", withdrawn=True
    )
    assert alert.severity is Severity.INFO
    assert subject(alert) == "[Respot info] spot-job is not resubmitted, as asked"
    assert what_happened(alert) == "not resubmitted: its owner opted out: respot:resume = off."
    assert to_document(alert)["severity"] == "info"


def test_advice_says_whether_the_job_still_runs() -> None:
    running = about(AlertKind.ADVICE)
    running = replace(running, state=replace(running.state, status="InProgress"))
    assert headline(running) == "spot-job runs on spot at a risk"


def test_a_warning_follows_the_summary() -> None:
    alert = about(AlertKind.RESUBMITTED, warning="the deadline cannot be met any more")
    assert what_happened(alert) == f"{SUMMARY}; the deadline cannot be met any more."
    assert to_document(alert)["warning"] == "the deadline cannot be met any more"


def test_advice_is_complete() -> None:
    alert = about(AlertKind.ADVICE, summary="", advice=("First.", "Second."))
    assert what_happened(alert) == "First. Second."
    assert to_document(alert)["advice"] == ["First.", "Second."]
    assert to_document(alert)["story"] is None


def test_words_of_others_cannot_pose_as_ours() -> None:
    alert = about(AlertKind.NOT_RESUBMITTED, "not resubmitted: \n\nCompleted\x1b[0m", warning="one\ntwo")
    assert "\n" not in what_happened(alert)
    assert "\x1b" not in what_happened(alert)
