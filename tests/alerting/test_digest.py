import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting.digest.digest import GROUPED, CapacityPool, pool_of
from respot.alerting.digest.text import headline, names, plain, short, subject, what_happened, what_happens_next
from respot.alerting.digest.timer import read_timer, write_timer
from respot.alerting.kinds import AlertKind, Severity
from respot.errors import MalformedMessageError
from respot.jobs.message import write_message as write_job
from tests.support.builders import a_drill, alert_of, alert_on, digest_of, job_id, member_of, window_of

MAX_WAIT = AlertKind.MAX_WAIT_TIME_EXCEEDED
STOPS = AlertKind.WAIT_LIMIT_EXCEEDED
LATE = AlertKind.CREATION_POSTPONED


CAPACITY = "CapacityError: Unable to provision requested ML compute capacity."


@pytest.mark.parametrize("kind", sorted(GROUPED - {AlertKind.FAILED}))
def test_alerts_are_grouped_by_pool_and_account_wide_ones_across_instance_types(kind: AlertKind) -> None:
    instance_type = None if kind in {AlertKind.POLICY_INVALID, AlertKind.POSTPONED} else "ml.g5.2xlarge"
    pool = pool_of(alert_of(kind))
    assert pool == CapacityPool(kind=kind, region="us-east-1", instance_type=instance_type)
    assert pool.key == f"us-east-1/{instance_type or 'any'}/{kind}"


@pytest.mark.parametrize(
    ("reason", "grouped"),
    [
        (CAPACITY, True),
        ("AlgorithmError: ExecuteUserScriptError: CapacityError", False),
        ("InternalServerError: We encountered an internal error.  Please try again.", False),
        (None, False),
    ],
)
def test_of_failures_only_capacity_errors_are_grouped(reason: str | None, *, grouped: bool) -> None:
    assert (pool_of(alert_on("Failed", failure_reason=reason)) is not None) == grouped


@pytest.mark.parametrize("kind", AlertKind)
def test_a_drill_opens_no_window_and_joins_none_and_a_digest_neither(kind: AlertKind) -> None:
    alert = alert_of(kind)
    assert pool_of(replace(alert, kind=AlertKind.DIGEST)) is None
    assert pool_of(replace(alert, state=replace(alert.state, job=a_drill().job, failure_reason=CAPACITY))) is None


def test_a_pool_is_kind_region_and_instance_type() -> None:
    pool = CapacityPool(kind=MAX_WAIT, region="eu-west-1", instance_type="ml.p4d.24xlarge")
    others = ({"kind": AlertKind.INTERRUPTED}, {"region": "eu-west-2"}, {"instance_type": None})
    assert len({pool.key, *(replace(pool, **other).key for other in others)}) == 4


@given(st.text())
def test_the_key_is_short_and_plain_for_any_instance_type(words: str) -> None:
    key = CapacityPool(kind=AlertKind.INTERRUPTED, region="us-east-1", instance_type=words).key
    assert len(key) <= 70
    assert key.isascii()
    assert ("#" in key, key.count("/")) == (False, 2)


@pytest.mark.parametrize(
    ("count", "again", "kind", "said"),
    [
        (437, 0, AlertKind.INTERRUPTED, "437 more spot jobs {pool} were interrupted"),
        (1, 0, AlertKind.INTERRUPTED, "1 more spot job {pool} was interrupted"),
        (2, 1, AlertKind.INTERRUPTED, "3 more interruptions of 2 spot jobs {pool}"),
        (1, 1, AlertKind.INTERRUPTED, "2 more interruptions of 1 spot job {pool}"),
        (2, 0, MAX_WAIT, "2 more spot jobs {pool} ran out of waiting time"),
        (2, 0, AlertKind.MAX_RUNTIME_EXCEEDED, "2 more spot jobs {pool} reached their maximum runtime"),
        (1, 0, AlertKind.MAX_RUNTIME_EXCEEDED, "1 more spot job {pool} reached its maximum runtime"),
        (2, 0, AlertKind.ENDED, "2 more jobs {pool} ended with an unusual status"),
        (2, 0, AlertKind.FAILED, "2 more spot jobs {pool} failed for lack of capacity"),
        (2, 0, AlertKind.RESUBMITTED, "2 more jobs {pool} were resubmitted"),
        (1, 0, AlertKind.RESUBMITTED, "1 more job {pool} was resubmitted"),
        (2, 0, AlertKind.NOT_RESUBMITTED, "2 more jobs {pool} are not resubmitted"),
        (2, 0, AlertKind.WOULD_RESUBMIT, "2 more jobs {pool} would have been resubmitted (dry run)"),
        (2, 0, AlertKind.POLICY_INVALID, "2 more jobs in us-east-1 wait: the account's policy is invalid"),
        (1, 0, AlertKind.POLICY_INVALID, "1 more job in us-east-1 waits: the account's policy is invalid"),
        (2, 0, AlertKind.POSTPONED, "2 more jobs in us-east-1 wait: the account's kill switch is on"),
        (1, 0, AlertKind.POSTPONED, "1 more job in us-east-1 waits: the account's kill switch is on"),
        (2, 0, STOPS, "2 more jobs {pool} waited too long for capacity: Respot stops them"),
        (1, 0, STOPS, "1 more job {pool} waited too long for capacity: Respot stops it"),
        (2, 0, LATE, "2 more jobs {pool} wait: their next attempts cannot be created yet"),
        (1, 0, LATE, "1 more job {pool} waits: its next attempt cannot be created yet"),
        (2, 1, AlertKind.ADVICE, "2 more spot jobs {pool} run at a risk"),
    ],
)
def test_the_headline_counts(count: int, again: int, kind: AlertKind, said: str) -> None:
    expected = said.format(pool="on ml.g5.2xlarge in us-east-1")
    assert headline(digest_of(count, again=again, kind=kind)) == expected


def test_a_digest_has_the_highest_severity_of_its_entries() -> None:
    assert digest_of().severity is Severity.WARNING
    assert digest_of(kind=MAX_WAIT).severity is Severity.ERROR
    withdrawn = digest_of(2, kind=AlertKind.NOT_RESUBMITTED)
    first, second = (replace(entry, severity=Severity.INFO) for entry in withdrawn.entries)
    assert replace(withdrawn, entries=(first, second)).severity is Severity.INFO
    assert replace(withdrawn, entries=(first, replace(second, severity=None))).severity is Severity.ERROR
    assert replace(withdrawn, entries=(first, replace(second, severity=Severity.WARNING))).severity is Severity.WARNING


def test_the_mail_names_the_pool_the_span_and_the_first_jobs() -> None:
    text = plain(digest_of(52))
    assert text.startswith("52 more spot jobs on ml.g5.2xlarge in us-east-1 were interrupted\n")
    assert "Happened     2026-09-16T10:02:01.000Z to 2026-09-16T10:02:52.000Z\n" in text
    assert "\n  10:02:50  job-50 was interrupted (1st time)\n  … and 2 more\n" in text
    assert "job-51" not in text
    assert "more" not in plain(digest_of(50)).split("Digest")[1]


def test_it_mentions_the_first_alert_and_what_sagemaker_does_next() -> None:
    assert "sent the first alert of this pool separately at 2026-09-16 10:02 UTC" in what_happened(digest_of())
    assert "within 3 min" in what_happened(digest_of())
    assert "restarts each job automatically" in what_happens_next(digest_of())
    assert "stopped for good" in what_happens_next(digest_of(kind=MAX_WAIT))


@pytest.mark.parametrize("kind", sorted(GROUPED))
def test_every_digest_has_its_words(kind: AlertKind) -> None:
    digest = digest_of(kind=kind)
    assert headline(digest) in plain(digest)
    assert what_happened(digest) in plain(digest)
    assert what_happens_next(digest) in plain(digest)
    leaves = kind in {AlertKind.INTERRUPTED, MAX_WAIT, AlertKind.FAILED}
    assert ("Capacity is leaving ml.g5.2xlarge in us-east-1." in what_happened(digest)) is leaves
    stopped = kind in {MAX_WAIT, AlertKind.FAILED, AlertKind.MAX_RUNTIME_EXCEEDED, AlertKind.ENDED}
    assert ("stopped for good" in what_happens_next(digest)) is stopped


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (AlertKind.INTERRUPTED, "Happened     2026"),
        (AlertKind.ADVICE, "Created      2026"),
        (AlertKind.NOT_RESUBMITTED, "Ended        2026"),
        (AlertKind.POLICY_INVALID, "Instances    of any type\nEnded        2026"),
    ],
)
def test_the_mail_names_what_its_times_are_about(kind: AlertKind, named: str) -> None:
    assert f"\n{named}" in plain(digest_of(kind=kind))


@pytest.mark.parametrize(
    ("count", "said", "quoted"),
    [
        (1, ["no policy"], ' It says: "no policy".'),
        (3, ["no policy"], ' All say: "no policy".'),
        (3, ["a", "b"], ' They say: "a" (2), "b" (1).'),
        (3, ["a", ""], ' They say: "a" (2), and other things (1).'),
        (9, ["a", "b", "c", "d", "a"], ' They say: "a" (3), "b" (2), "c" (2), and other things (2).'),
        (3, [], " within 3 min of it."),
    ],
)
def test_descriptions_are_counted_and_the_most_frequent_quoted(count: int, said: list[str], quoted: str) -> None:
    assert what_happened(digest_of(count, kind=AlertKind.NOT_RESUBMITTED, said=said)).endswith(quoted)


def test_the_mail_has_each_description() -> None:
    text = plain(digest_of(2, kind=AlertKind.NOT_RESUBMITTED, said=["no attempts are left", ""]))
    assert "\n            no attempts are left\n  10:02:02  job-2" in text
    alike = plain(digest_of(2, kind=AlertKind.NOT_RESUBMITTED, said=["no attempts are left"]))
    assert alike.count("no attempts are left") == 1


def test_names_appear_once_and_are_cut() -> None:
    assert names(digest_of(3, again=3).entries, 5) == "job-1, job-2, job-3"
    assert names(digest_of(5).entries, 2) == "job-1, job-2 and 3 more"


@pytest.mark.parametrize("words", ["x" * 1024, "größer\n\x1b[2J", "<!channel>"])
def test_hostile_instance_types_keep_the_subject_a_subject(words: str) -> None:
    digest = digest_of(instance_type=words)
    assert len(subject(digest)) < 100
    assert subject(digest).isascii()
    assert subject(digest).isprintable()
    assert "\n" not in short(digest)
    assert len(headline(digest)) < 250


def test_the_entries_do_not_change_the_id() -> None:
    digest = digest_of()
    assert replace(digest, entries=(member_of(9, 1),)).id == digest.id
    assert digest.id == "digest/us-east-1/ml.g5.2xlarge/interrupted/2026-09-16T10:02:00.000Z"


# --- the timer: the message that closes a window


@pytest.mark.parametrize("instance_type", ["ml.g5.2xlarge", None, "<größer>"])
@pytest.mark.parametrize("kind", [AlertKind.INTERRUPTED, AlertKind.MAX_WAIT_TIME_EXCEEDED])
def test_what_is_written_is_read(kind: AlertKind, instance_type: str | None) -> None:
    window = window_of(kind, 3720.037, instance_type=instance_type)
    read = read_timer(write_timer(window))
    assert read == window
    assert read.id == window.id


@pytest.mark.parametrize("body", ["", "poison", "null", "[]", "1", "{}", "[" * 100_000, write_job(job_id())])
def test_other_messages_name_no_window(body: str) -> None:
    assert read_timer(body) is None


GOOD = json.loads(write_timer(window_of()))["window"]


BAD = [{"kind": "advice-to-all"}, {"opened": "yesterday"}, {"closes": 7}]


@pytest.mark.parametrize(
    "named",
    [
        *(None, [], "x"),
        *({key: value for key, value in GOOD.items() if key != left_out} for left_out in GOOD),
        *(GOOD | bad for bad in BAD),
    ],
)
def test_a_window_that_cannot_be_read_is_malformed(named: object) -> None:
    with pytest.raises(MalformedMessageError, match="names a window"):
        read_timer(json.dumps({"window": named}))
