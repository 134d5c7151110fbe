from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.domain.alert_kinds import KIND_BY_STATUS, AlertKind, Severity
from respot.domain.digest_text import headline, names, plain, short, subject, what_happened, what_happens_next
from respot.domain.storm import Pool, pool_of
from tests.support.builders import a_drill, alert_on, digest_of, member_of

MAX_WAIT = AlertKind.MAX_WAIT_TIME_EXCEEDED


@pytest.mark.parametrize(
    ("status", "gathered"),
    [(status, status in {"Interrupted", "MaxWaitTimeExceeded"}) for status in KIND_BY_STATUS],
)
def test_storms_are_made_of_capacity_that_leaves(status: str, *, gathered: bool) -> None:
    pool = pool_of(alert_on(status))
    assert (pool is not None) == gathered
    assert pool is None or pool == Pool(kind=KIND_BY_STATUS[status], region="us-east-1", instance_type="ml.g5.2xlarge")


def test_a_drill_opens_no_window_and_joins_none() -> None:
    assert pool_of(alert_on(job=a_drill().job)) is None


def test_a_pool_is_kind_region_and_instance_type() -> None:
    pool = Pool(kind=MAX_WAIT, region="eu-west-1", instance_type="ml.p4d.24xlarge")
    assert pool.key == "eu-west-1/ml.p4d.24xlarge/max-wait-time-exceeded"
    others = [
        replace(pool, kind=AlertKind.INTERRUPTED),
        replace(pool, region="eu-west-2"),
        replace(pool, instance_type=None),
    ]
    assert len({pool.key, *(other.key for other in others)}) == 4


@given(st.text())
def test_whatever_an_event_calls_an_instance_type_the_key_is_short_and_plain(words: str) -> None:
    key = Pool(kind=AlertKind.INTERRUPTED, region="us-east-1", instance_type=words).key
    assert len(key) <= 70
    assert key.isascii()
    assert "#" not in key
    assert key.count("/") == 2


@pytest.mark.parametrize(
    ("count", "again", "kind", "said"),
    [
        (437, 0, AlertKind.INTERRUPTED, "437 more spot jobs on ml.g5.2xlarge in us-east-1 were interrupted"),
        (1, 0, AlertKind.INTERRUPTED, "1 more spot job on ml.g5.2xlarge in us-east-1 was interrupted"),
        (2, 1, AlertKind.INTERRUPTED, "3 more interruptions of 2 spot jobs on ml.g5.2xlarge in us-east-1"),
        (1, 1, AlertKind.INTERRUPTED, "2 more interruptions of 1 spot job on ml.g5.2xlarge in us-east-1"),
        (2, 0, MAX_WAIT, "2 more spot jobs on ml.g5.2xlarge in us-east-1 ran out of waiting time"),
    ],
)
def test_the_headline_counts(count: int, again: int, kind: AlertKind, said: str) -> None:
    assert headline(digest_of(count, again=again, kind=kind)) == said


def test_a_digest_is_as_urgent_as_what_it_stands_for() -> None:
    assert digest_of().severity is Severity.WARNING
    assert digest_of(kind=MAX_WAIT).severity is Severity.ERROR


def test_the_mail_names_the_pool_the_span_and_the_first_jobs() -> None:
    text = plain(digest_of(52))
    assert text.startswith("52 more spot jobs on ml.g5.2xlarge in us-east-1 were interrupted\n")
    assert "Happened     2026-09-16T10:02:01.000Z to 2026-09-16T10:02:52.000Z\n" in text
    assert "\n  10:02:50  job-50 was interrupted (1st time)\n  … and 2 more\n" in text
    assert "job-51" not in text
    assert "more" not in plain(digest_of(50)).split("Digest")[1]


def test_it_says_that_the_first_one_was_told_and_whether_sagemaker_goes_on() -> None:
    assert "sent the first alert of this pool by itself at 2026-09-16 10:02 UTC" in what_happened(digest_of())
    assert "within 3 min" in what_happened(digest_of())
    assert "restarts each job by itself" in what_happens_next(digest_of())
    assert "stopped for good" in what_happens_next(digest_of(kind=MAX_WAIT))


def test_names_are_said_once_and_cut() -> None:
    assert names(digest_of(3, again=3), 5) == "job-1, job-2, job-3"
    assert names(digest_of(5), 2) == "job-1, job-2 and 3 more"


@pytest.mark.parametrize("words", ["x" * 1024, "größer\n\x1b[2J", "<!channel>"])
def test_hostile_instance_types_keep_the_subject_a_subject(words: str) -> None:
    digest = digest_of(instance_type=words)
    assert len(subject(digest)) < 100
    assert subject(digest).isascii()
    assert subject(digest).isprintable()
    assert "\n" not in short(digest)
    assert len(headline(digest)) < 250


def test_members_of_other_names_do_not_change_the_id() -> None:
    digest = digest_of()
    assert replace(digest, members=(member_of(9, 1),)).id == digest.id
    assert digest.id == "digest/us-east-1/ml.g5.2xlarge/interrupted/2026-09-16T10:02:00.000Z"
