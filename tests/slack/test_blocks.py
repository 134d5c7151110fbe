import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting.contract import VERSION
from respot.alerting.digest.digest import GROUPED
from respot.alerting.document import digest_document, to_document
from respot.alerting.kinds import AlertKind
from respot.alerting.weekly.document import weekly_document
from respot.jobs.job import Owner, Parent
from respot.slack.blocks import SlackMessage, escaped, render
from tests.support.builders import alert_on, digest_of, job_id
from tests.support.weeks import of_type, weekly_digest

ALARM = {
    "AlarmName": "Respot-ObservationsDlq",
    "AlarmDescription": "Messages that could not be recorded",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0).",
    "Region": "US East (N. Virginia)",
    "StateChangeTime": "2026-09-16T09:00:00.000+0000",
}


def keeps_slacks_rules(message: SlackMessage) -> None:
    """Slack's limits on blocks, and nothing of others that Slack would take for a mention or a link."""
    assert 1 <= len(message.text) <= 4000
    assert_escaped(message.text)
    assert 1 <= len(message.blocks) <= 50
    for block in message.blocks:
        match block["type"]:
            case "header":
                assert block["text"]["type"] == "plain_text"
                assert 1 <= len(block["text"]["text"]) <= 150
            case "section":
                fields = block.get("fields", [])
                assert len(fields) <= 10
                for field in fields:
                    mrkdwn(field, 2000)
                if "text" in block:
                    mrkdwn(block["text"], 3000)
                assert "text" in block or fields
            case "context":
                assert 1 <= len(block["elements"]) <= 10
                for element in block["elements"]:
                    mrkdwn(element, 3000)
            case "actions":
                (button,) = block["elements"]
                assert len(button["url"]) <= 3000
                assert len(button["text"]["text"]) <= 75
            case other:
                pytest.fail(f"unknown block {other}")
    json.dumps(message.blocks)


def mrkdwn(element: dict[str, Any], limit: int) -> None:
    assert element["type"] == "mrkdwn"
    assert element["verbatim"] is True
    assert element["text"].strip()
    assert len(element["text"]) <= limit
    assert_escaped(element["text"])


def assert_escaped(text: str) -> None:
    assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", text)


def words_of(message: SlackMessage) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


def rendered(status: str = "Interrupted", **others: Any) -> SlackMessage:  # noqa: ANN401
    return render(json.dumps(to_document(alert_on(status, **others))))


def test_an_alert_reads_like_one() -> None:
    message = rendered()
    assert message.text == "spot-job was interrupted (1st time)"
    header, said, fields, button, context = message.blocks
    assert header["text"]["text"] == "spot-job was interrupted (1st time)"
    assert said["text"]["text"].startswith("🟡 SageMaker lost the spot instances")
    assert said["text"]["text"].endswith(
        "\nTrained 55 min, waited 4 min for capacity; SageMaker does not say yet what it bills."
    )
    assert [field["text"] for field in fields["fields"]] == [
        "*Region*\nus-east-1",
        "*Instances*\n1 x ml.g5.2xlarge (spot)",
        "*Checkpoints*\ns3://ml-bucket/checkpoints/spot-job/",
    ]
    assert button["elements"][0]["url"].startswith("https://us-east-1.console.aws.amazon.com/")
    assert context["elements"][0]["text"] == "Interrupted at 2026-09-16T10:02:00.000Z · account 111122223333"
    keeps_slacks_rules(message)


def test_the_owner_of_a_job_is_named() -> None:
    assert "*Owned by*\\ntuning job arn:t" in words_of(rendered(parent=Parent(owner=Owner.TUNING, identifier="arn:t")))


@pytest.mark.parametrize("status", ["Interrupted", "MaxWaitTimeExceeded", "MaxRuntimeExceeded", "Failed"])
def test_the_longest_name_fits(status: str) -> None:
    message = rendered(status, job=job_id("n" * 63), earlier=1234)
    keeps_slacks_rules(message)
    assert "n" * 63 in message.text


HOSTILE = [
    "<!channel> <@U123> <https://evil.example|click>",
    "&lt;!channel&gt; &amp; &",
    "<" * 5000,
    "&" * 5000,
    "\x00\x1b[2J\u202e\ud800",
    "*bold* _it_ `code` ```\n> quote",
    "😀" * 3000,
    "<script>alert(1)</script><img src=x onerror=alert(1)> <b>&lt;i&gt;</b>",
]


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:20])
def test_hostile_words_of_a_job_are_never_markup(words: str) -> None:
    keeps_slacks_rules(
        rendered(
            "Failed",
            failure_reason=words,
            checkpoint_uri=words,
            instance_type=words,
            parent=Parent(owner=Owner.PIPELINE, identifier=words),
            tags={words: words},
        )
    )


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:20])
def test_hostile_words_of_a_publisher_are_never_markup(words: str) -> None:
    document = to_document(alert_on())
    keeps_slacks_rules(render(json.dumps(document | {"headline": words, "severity": words})))
    keeps_slacks_rules(render(json.dumps(dict.fromkeys(ALARM, words))))
    keeps_slacks_rules(render(words))


def test_a_link_that_is_too_long_is_left_out() -> None:
    document = to_document(alert_on()) | {"console_url": "https://console.example/" + "x" * 3000}
    message = render(json.dumps(document))
    keeps_slacks_rules(message)
    assert [block["type"] for block in message.blocks] == ["header", "section", "section", "context"]


def test_a_digest_reads_like_one() -> None:
    message = render(json.dumps(digest_document(digest_of(437))))
    assert message.text == "437 more spot jobs on ml.g5.2xlarge in us-east-1 were interrupted"
    header, said, fields, names, button, context = message.blocks
    assert header["text"]["text"] == message.text
    assert said["text"]["text"].startswith("🟡 Capacity is leaving ml.g5.2xlarge")
    assert [field["text"] for field in fields["fields"]] == [
        "*Region*\nus-east-1",
        "*Instances*\nml.g5.2xlarge",
        "*Alerts*\n437 of 437 jobs",
        "*Happened between*\n2026-09-16T10:02:01.000Z and 2026-09-16T10:09:17.000Z",
    ]
    assert names["text"]["text"].endswith(", job-19, job-20 and 417 more")
    assert button["elements"][0]["url"].endswith("#/jobs")
    assert context["elements"][0]["text"].startswith("digest/us-east-1/ml.g5.2xlarge/interrupted/")
    keeps_slacks_rules(message)


def test_a_digest_without_an_instance_type_is_described_without_one() -> None:
    digest = digest_of(1, kind=AlertKind.POLICY_INVALID, instance_type=None, said=["the policy <!channel> is none"])
    message = render(json.dumps(digest_document(digest)))
    fields = [field["text"] for field in message.blocks[2]["fields"]]
    assert fields[1:3] == ["*Instances*\nof any type", "*Alerts*\n1 of 1 job"]
    assert fields[3].startswith("*Ended between*\n")
    assert 'It says: "the policy &lt;!channel&gt; is none"' in message.blocks[1]["text"]["text"]


@pytest.mark.parametrize("kind", sorted(GROUPED))
@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:20])
def test_hostile_descriptions_are_never_markup(words: str, kind: AlertKind) -> None:
    keeps_slacks_rules(render(json.dumps(digest_document(digest_of(9, kind=kind, said=[words, f"{words}2", words])))))


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:20])
def test_hostile_words_of_a_digest_are_never_markup(words: str) -> None:
    document = digest_document(digest_of(instance_type=words))
    keeps_slacks_rules(render(json.dumps(document)))
    inner = document["digest"] | {"alerts": [{"job": words}] * 3, "region": words, "count": words, "account": words}
    keeps_slacks_rules(render(json.dumps(document | {"digest": inner, "headline": words, "id": words})))


def test_a_weekly_digest_reads_like_one() -> None:
    digest = weekly_digest(unread=1)
    message = render(json.dumps(weekly_document(digest)))
    assert message.text == "Week 2026-W38: 2 runs on spot ended, 1 interruption, 2.2 to 3.3 instance-hours saved net"
    header, said, fields, pools, context = message.blocks
    assert header["text"]["text"] == message.text
    assert said["text"]["text"].startswith("🔵 Of 2 runs on spot that ended, 1 completed and 1 failed.")
    assert "1 run could not be read; the log" in said["text"]["text"]
    assert [field["text"] for field in fields["fields"]] == [
        "*Runs on spot that ended*\n2",
        "*Interruptions*\n1",
        "*Billed*\n1.8 instance-hours",
        "*Saved, gross*\n3.6 instance-hours",
        "*Saved, net*\n2.2 to 3.3 instance-hours",
        "*Lost training*\n0.2 to 1.2 instance-hours",
    ]
    assert pools["text"]["text"].startswith("*Worst pools*\n• ml.p3.2xlarge in us-east-1 (spot): 1 interruption in 2.1")
    assert context["elements"][0]["text"] == "weekly/2026-W38 · account 111122223333"
    keeps_slacks_rules(message)
    keeps_slacks_rules(render(json.dumps(weekly_document(weekly_digest([], found=1)))))


def test_hours_are_never_a_zero_with_a_sign() -> None:
    document = weekly_document(weekly_digest())
    document["week"] |= {"saved_gross_seconds": -60, "saved_net_seconds": {"least": -120, "most": 60}}
    fields = [field["text"] for field in render(json.dumps(document)).blocks[2]["fields"]]
    assert "*Saved, gross*\n0.0 instance-hours" in fields
    assert "*Saved, net*\n0.0 instance-hours" in fields


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:20])
def test_hostile_words_of_a_weekly_digest_are_never_markup(words: str) -> None:
    document = weekly_document(weekly_digest([of_type(words)]))
    keeps_slacks_rules(render(json.dumps(document)))
    inner = document["week"] | {"worst_pools": [{"name": words, "words": words}] * 9, "account": words}
    keeps_slacks_rules(render(json.dumps(document | {"week": inner, "headline": words, "id": words})))


def test_a_cloudwatch_alarm_reads_like_one() -> None:
    message = render(json.dumps(ALARM))
    assert message.text == "Respot-ObservationsDlq is ALARM"
    assert "🚨 Respot-ObservationsDlq is ALARM\\nMessages that could not" in words_of(message)
    assert "🟢" in words_of(render(json.dumps(ALARM | {"NewStateValue": "OK"})))
    keeps_slacks_rules(message)


ALERT = to_document(alert_on())
NO_DIGESTS: tuple[Any, ...] = (None, [], "text", {}, {"alerts": 7}, {"alerts": [1], "job_count": "x"})
NO_FIGURES = weekly_document(weekly_digest())["week"] | {"saved_net_seconds": {"least": 1e400, "most": None}}
MEMBERS = ("job", "figures", "transition", "headline", "console_url", "what_happened", "cost", "severity")


@pytest.mark.parametrize(
    "document",
    [
        {"version": VERSION},
        *({name: value for name, value in ALERT.items() if name != absent} for absent in MEMBERS),
        ALERT | {"job": "text"},
        ALERT | {"job": None},
        ALERT | {"headline": None},
        ALERT | {"headline": ""},
        ALERT | {"severity": []},
        ALERT | {"console_url": 7},
        *(
            ALERT | {"figures": dict.fromkeys(ALERT["figures"], value)}
            for value in (None, "x", 1e300, float("nan"), True, -5)
        ),
        *(digest_document(digest_of()) | {"digest": inner} for inner in NO_DIGESTS),
        *(weekly_document(weekly_digest()) | {"week": inner} for inner in (*NO_DIGESTS, NO_FIGURES)),
        {"AlarmName": None, "NewStateValue": None, "AlarmDescription": None},
    ],
)
def test_a_malformed_message_is_shown_as_text(document: dict[str, Any]) -> None:
    keeps_slacks_rules(render(json.dumps(document)))


@pytest.mark.parametrize(
    "body", ["", " ", "\n", "text", "[]", "null", "{}", "[" * 100_000, '{"version": []}', '{"version": {}}'],
    ids=lambda body: repr(body)[:20],
)  # fmt: skip
def test_any_other_message_is_shown_as_text(body: str) -> None:
    message = render(body)
    keeps_slacks_rules(message)
    assert message.text.startswith(body[:100] if body.strip() else "(an empty message)")


@given(st.text(max_size=200).flatmap(lambda words: st.integers(1, 40).map(lambda times: words * times)))
def test_any_text_keeps_slacks_rules(words: str) -> None:
    keeps_slacks_rules(render(words))
    keeps_slacks_rules(rendered("Failed", failure_reason=words, checkpoint_uri=words, instance_type=words))
    keeps_slacks_rules(render(json.dumps(ALARM | {"AlarmName": words, "NewStateReason": words})))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*to_document(alert_on()), *ALARM]), ANYTHING))
def test_any_json_keeps_slacks_rules(members: dict[str, Any]) -> None:
    keeps_slacks_rules(render(json.dumps(members)))
    keeps_slacks_rules(render(json.dumps(to_document(alert_on()) | members | {"version": VERSION})))
    keeps_slacks_rules(render(json.dumps(ALARM | members)))


@given(st.text(), st.integers(1, 50))
def test_text_is_escaped_and_cut_to_the_limit(words: str, limit: int) -> None:
    cut = escaped(words, limit)
    assert len(cut) <= limit
    assert_escaped(cut)
    if not cut.endswith("…"):
        assert cut.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == words


def test_a_digest_of_one_counts_one_job() -> None:
    fields = render(json.dumps(digest_document(digest_of(1)))).blocks[2]["fields"]
    assert "*Alerts*\n1 of 1 job" in [field["text"] for field in fields]


@pytest.mark.parametrize(
    ("words", "limit", "cut"),
    [("abc", 4, "abc"), ("abcd", 4, "abc…"), ("a<b", 6, "a&lt;…"), ("a<b", 7, "a&lt;b"), ("<", 4, "…"), ("", 1, "")],
)
def test_text_is_cut_after_the_last_whole_character(words: str, limit: int, cut: str) -> None:
    assert escaped(words, limit) == cut
