"""Every text for people is consistent, for every kind of alert, state of a job and policy."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from slack_sdk.models.blocks import Block

from local.demo.slack_rendering import render as show
from respot.alerting import text as alert_text
from respot.alerting.alert import Alert
from respot.alerting.digest import text as digest_text
from respot.alerting.digest.digest import GROUPED, Digest
from respot.alerting.document import digest_document, to_document
from respot.alerting.kinds import AlertKind
from respot.jobs.job import Owner, Parent
from respot.jobs.lifecycle import figures
from respot.recovery.planning.decision import Outlook
from respot.slack.blocks import SlackMessage, render
from tests.support.builders import alert_of, at, digest_of, history

KINDS: Final = [kind for kind in AlertKind if kind is not AlertKind.DIGEST]
QUOTED: Final = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different instance type.",
    "AlgorithmError: exit code 1",
    "ClientError: no such image!",
    "ClientError: is there such an image?",
    "InternalServerError: We encountered an internal error. Please try again...",
    "AlgorithmError: Exception: 'no.'",
    "...",
    "",
)
"""FailureReason's own words end in all of these ways."""
SUMMARIES: Final = (
    "resubmitted as spot-job-r2, attempt 2 of 5, spot, starts from scratch (failed: CapacityError: none.)",
    "resubmitted as spot-job-r2, attempt 2 of 5, spot, resumes from checkpoint-400; 2 min of training lost",
    "not resubmitted: no iam:PassRole.",
    "not resubmitted: its owner opted out: respot:resume = off",
    "the policy is not valid JSON...",
)
STATES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"status": "Stopping", "secondary_status": "Stopping"},
    {"status": "Completed", "secondary_status": "Completed"},
    {"status": "Stopped", "secondary_status": "MaxWaitTimeExceeded", "training_started": None},
    {"status": "Failed", "secondary_status": "Failed", "checkpoint_uri": None},
    {"status": "Deleting", "secondary_status": "Deleting"},
    {"status": "InProgress", "secondary_status": "Starting", "training_started": None, "described": None},
)
PARENT: Final = Parent(owner=Owner.PIPELINE, identifier="arn:pipeline")

ALERTS: Final = st.builds(
    lambda kind, outlook, state, reason, summary, warning, withdrawn, parent, idle: replace(
        (alert := alert_of(kind)),
        outlook=outlook,
        withdrawn=withdrawn and kind is AlertKind.NOT_RESUBMITTED,
        state=replace(alert.state, **({"failure_reason": reason, "parent": parent} | state)),
        summary="" if kind is AlertKind.ADVICE else summary,
        warning=None if kind is AlertKind.ADVICE else warning,
        figures=figures(history("Starting=0 MaxWaitTimeExceeded=100")) if idle else alert.figures,
        transitions=(*history("Starting=0"), alert.transition) if idle else alert.transitions,
    ),
    st.sampled_from(KINDS),
    st.sampled_from(Outlook),
    st.sampled_from(STATES),
    st.sampled_from(QUOTED) | st.none(),
    st.sampled_from(SUMMARIES),
    st.none() | st.sampled_from(["the deadline cannot be met any more", "late."]),
    st.booleans(),
    st.none() | st.just(PARENT),
    st.booleans(),
)

INVITATION: Final = re.compile(r"(?<!not start )a new job (with|starts)|(?<!not )start (a|the) new job", re.IGNORECASE)
WARNED_OFF: Final = re.compile(r"Do not start (a new job|new jobs)")
CONTRADICTIONS: Final = (
    ("from scratch", "reads the checkpoints"),
    ("from scratch", "read the checkpoints"),
    ("is not resubmitted", "Respot decides"),
    ("restarts the job automatically", "stopped for good"),
    ("nothing was billed", "does not say yet"),
    ("nothing was billed", "; billed"),
    ("opted out", "[Respot error]"),
    ("lost the spot instances", "never held an instance"),
    ("had been interrupted", "never launched"),
)


def texts(alert: Alert) -> Iterator[str]:
    yield alert_text.plain(alert)
    yield alert_text.subject(alert)
    yield shown(render(json.dumps(to_document(alert))))


def shown(message: SlackMessage) -> str:
    """As a terminal shows the message, with its notification."""
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(show({"blocks": message.blocks}))
    return f"{message.text}\n{console.export_text()}"


def holds_together(text: str) -> None:
    assert ".." not in text
    assert not re.search(r"[.!?…][;:,.]|[;:,]\.|\. \.", text), text
    # Slack shows an emoji's code as one in mrkdwn only, a Unicode emoji everywhere.
    assert not re.search(r":[a-z_]{3,}:", text)
    assert not re.search(r"(^|\W)0 s", text)
    for one, other in CONTRADICTIONS:
        assert not (one in text and other in text), (one, other)


def sentences_end(*paragraphs: str) -> None:
    for paragraph in filter(None, paragraphs):
        assert re.search(r"[.!?]['\")\]]*$", paragraph), paragraph


@given(ALERTS)
def test_no_message_contradicts_itself(alert: Alert) -> None:
    sentences_end(alert_text.what_happened(alert), alert_text.what_happens_next(alert), alert_text.cost(alert))
    for text in texts(alert):
        holds_together(text)


@given(ALERTS)
def test_nobody_is_invited_to_start_what_respot_may_start(alert: Alert) -> None:
    ended = alert_text.concludes(alert.kind)
    for text in (alert_text.plain(alert), shown(render(json.dumps(to_document(alert))))):
        invited, warned_off = INVITATION.search(text), WARNED_OFF.search(text)
        if not ended or alert.outlook is not Outlook.LEAVES or alert.state.parent:
            assert not invited
        else:
            assert invited
        may_follow = ended and alert.outlook is not Outlook.LEAVES
        follows = alert.kind in {AlertKind.WAIT_LIMIT_EXCEEDED, AlertKind.CREATION_POSTPONED}
        assert bool(warned_off) is (may_follow or follows)


MEMBERS: Final = st.lists(st.sampled_from(Outlook), min_size=1, max_size=14)


def digest(kind: AlertKind, outlooks: list[Outlook], said: list[str]) -> Digest:
    plain = digest_of(len(outlooks), kind=kind, said=said)
    pairs = zip(plain.entries, outlooks, strict=True)
    return replace(plain, entries=tuple(replace(entry, outlook=outlook) for entry, outlook in pairs))


@given(st.sampled_from(sorted(GROUPED)), MEMBERS, st.lists(st.sampled_from([*QUOTED[:-2], *SUMMARIES]), min_size=1))
def test_no_digest_contradicts_itself(kind: AlertKind, outlooks: list[Outlook], said: list[str]) -> None:
    alerts = [replace(alert_of(AlertKind.NOT_RESUBMITTED), summary=words) for words in said]
    built = digest(kind, outlooks, [alert_text.particulars(alert) for alert in alerts])
    sentences_end(digest_text.what_happened(built), digest_text.what_happens_next(built))
    for text in (digest_text.plain(built), shown(render(json.dumps(digest_document(built))))):
        holds_together(text)
        assert not INVITATION.search(text)


@given(st.sampled_from([AlertKind.MAX_WAIT_TIME_EXCEEDED, AlertKind.MAX_RUNTIME_EXCEEDED, AlertKind.FAILED]), MEMBERS)
def test_a_digest_of_ends_names_the_jobs_that_respot_may_resume(kind: AlertKind, outlooks: list[Outlook]) -> None:
    built = digest(kind, outlooks, [""])
    said, left = digest_text.what_happens_next(built), outlooks.count(Outlook.LEAVES)
    assert bool(WARNED_OFF.search(said)) is (left < len(outlooks))
    if 0 < left < len(outlooks):
        named = [m.job.name for m in built.entries if m.outlook is not Outlook.LEAVES][: digest_text.NAMED]
        assert f"may resume {len(outlooks) - left} of them ({', '.join(named)}" in said
        assert said.endswith("It does not resume the others.")
    if left == len(outlooks):
        assert said.endswith(f"Respot does not resume {'it' if left == 1 else 'them'}.")


@pytest.mark.parametrize("outlook", Outlook)
@pytest.mark.parametrize("kind", sorted(GROUPED))
def test_a_digest_of_one_job_speaks_of_one(kind: AlertKind, outlook: Outlook) -> None:
    one = digest(kind, [outlook], [""])
    for text in (digest_text.plain(one), shown(render(json.dumps(digest_document(one))))):
        said = re.split("Open the jobs|Console ", text)[0]
        assert not re.search(r"\b(jobs|them|their|ones|others)\b", said), said


# --- what was billed: one decision for all channels


def idle(**others: Any) -> Alert:  # noqa: ANN401
    """A job that waited for six hours and got nothing."""
    alert = alert_of(AlertKind.MAX_WAIT_TIME_EXCEEDED)
    transitions = history("Starting=0 MaxWaitTimeExceeded=21600")
    built = replace(alert.state, **({"training_started": None} | others))
    return replace(
        alert, transition=transitions[-1], state=built, figures=figures(transitions), transitions=transitions
    )


def test_slack_and_mail_say_when_nothing_was_billed() -> None:
    said = "Waited 6 h 00 min for capacity; nothing was billed, since the job never held an instance."
    for text in (alert_text.plain(idle()), shown(render(json.dumps(to_document(idle()))))):
        assert said in text
        assert "Billed" not in text


@pytest.mark.parametrize(
    "held", [{"training_started": at(250)}, {"described": None}, {"status": "InProgress"}], ids=str
)
def test_a_job_that_may_have_held_an_instance_is_not_called_free(held: dict[str, Any]) -> None:
    """Events alone do not show all starts. Which times and statuses need instances is a rule of its own."""
    assert "nothing was billed" not in alert_text.cost(idle(**held))


def test_a_job_that_has_just_begun_has_no_cost() -> None:
    started = replace(idle(status="InProgress", secondary_status="Starting"), kind=AlertKind.ADVICE, advice=("Do it.",))
    started = replace(started, figures=figures(history("Starting=0")))
    assert alert_text.cost(started) == ""
    assert "\n\n\n" not in alert_text.plain(started)


# --- Slack's own model of blocks


@given(ALERTS, st.sampled_from(sorted(GROUPED)), MEMBERS)
def test_slacks_own_sdk_accepts_every_block(alert: Alert, kind: AlertKind, outlooks: list[Outlook]) -> None:
    """`slack_sdk` checks the limits of Block Kit (docs.slack.dev/reference/block-kit) as it serializes a block."""
    for document in (to_document(alert), digest_document(digest(kind, outlooks, ["a reason."]))):
        for block in render(json.dumps(document)).blocks:
            parsed = Block.parse(block)
            assert parsed is not None
            parsed.validate_json()
