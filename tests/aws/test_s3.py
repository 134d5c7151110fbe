"""Listing checkpoints in S3, and the promises of the port `Checkpoints` held against both implementations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.config import Config
from botocore.stub import Stubber

from respot.aws.s3 import S3Checkpoints
from respot.errors import UpstreamUnavailableError
from respot.recovery.checkpoints.location import CheckpointLocation, Listing, StoredObject
from respot.recovery.ports import Checkpoints
from tests.support.builders import REGION, at
from tests.support.memory import MemoryCheckpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "ml-bucket"
LOCATION = CheckpointLocation(bucket=BUCKET, prefix="runs/job-1/")
KEYS = (
    "runs/job-1/",
    "runs/job-1/checkpoint-1000/optimizer.pt",
    "runs/job-1/checkpoint-1000/trainer_state.json",
    "runs/job-1/größe & 50 %.ckpt",
    "runs/job-10/checkpoint.pth",
    "runs/job-1",
    "other.pth",
)


@dataclass(slots=True)
class Stopwatch:
    """Seconds that pass with each call."""

    per_call: float = 0
    seconds: float = 0

    def __call__(self) -> float:
        self.seconds += self.per_call
        return self.seconds


@pytest.fixture
def s3() -> "S3Client":
    return boto3.client("s3", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def stub(s3: "S3Client") -> Iterator[Stubber]:
    with Stubber(s3) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def checkpoints(s3: "S3Client", stopwatch: Callable[[], float] | None = None, max_pages: int = 20) -> S3Checkpoints:
    return S3Checkpoints(
        lambda _: s3, monotonic=stopwatch or Stopwatch(), max_pages=max_pages, max_time=timedelta(seconds=10)
    )


# --- what both promise


@pytest.fixture(params=["memory", "s3"])
def either(request: pytest.FixtureRequest, s3: "S3Client") -> Checkpoints:
    """A bucket with `KEYS`, each of as many bytes as its key has characters."""
    if request.param == "memory":
        stored = [StoredObject(key=key, size=len(key), last_modified=datetime.now(UTC)) for key in KEYS]
        return MemoryCheckpoints(buckets={BUCKET: stored, "empty": []})
    for bucket in (BUCKET, "empty"):
        s3.create_bucket(Bucket=bucket)
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * len(key))
    return checkpoints(s3)


def test_the_objects_below_the_prefix_are_listed_in_the_order_of_their_keys(either: Checkpoints) -> None:
    listing = either.list(REGION, LOCATION)
    assert [(each.key, each.size) for each in listing.objects] == [(key, len(key)) for key in KEYS[:4]]
    assert all(abs(datetime.now(UTC) - each.last_modified) < timedelta(minutes=1) for each in listing.objects)
    assert listing.caveat is None


def test_a_whole_bucket_an_empty_one_and_no_bucket_are_answers(either: Checkpoints) -> None:
    whole, empty, none = (CheckpointLocation(bucket=bucket, prefix="") for bucket in (BUCKET, "empty", "no-bucket"))
    assert [each.key for each in either.list(REGION, whole).objects] == sorted(KEYS)
    assert either.list(REGION, empty) == Listing(objects=())
    assert either.list(REGION, none) == Listing(objects=(), bucket_exists=False)


def test_checkpoints_in_memory_can_be_cut() -> None:
    stored = [StoredObject(key=key, size=1, last_modified=at(0)) for key in reversed(KEYS)]
    memory = MemoryCheckpoints(buckets={BUCKET: stored}, limit=2)
    listing = memory.list(REGION, LOCATION)
    assert ([each.key for each in listing.objects], listing.cut) == (list(KEYS[:2]), True)
    memory.limit = 4
    assert not memory.list(REGION, LOCATION).cut


# --- S3 alone


def page(number: int, *, more: bool = False) -> dict[str, Any]:
    found = {"Key": f"runs/job-1/xgboost-checkpoint.{number}", "Size": number, "LastModified": at(number)}
    return {"Contents": [found], "IsTruncated": more, **({"NextContinuationToken": f"after {number}"} if more else {})}


def add_pages(stub: Stubber, *pages: dict[str, Any]) -> None:
    token: dict[str, Any] = {}
    for each in pages:
        stub.add_response("list_objects_v2", each, {"Bucket": BUCKET, "Prefix": LOCATION.prefix, **token})
        token = {"ContinuationToken": each.get("NextContinuationToken")}


def test_pages_of_a_real_listing_are_followed(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    s3.create_bucket(Bucket=BUCKET)
    for number in range(21):
        s3.put_object(Bucket=BUCKET, Key=f"{LOCATION.prefix}xgboost-checkpoint.{number}", Body=b"x")
    whole = checkpoints(s3).list(REGION, LOCATION)
    assert (len(whole.objects), whole.cut) == (21, False)
    cut = checkpoints(s3, max_pages=1).list(REGION, LOCATION)
    assert cut.caveat == "listing cut after 10 objects: there may be newer ones"


@pytest.mark.parametrize(
    ("per_call", "max_pages", "listed"),
    [(0, 2, 2), (5, 20, 2), (0, 1, 1), (60, 20, 1)],
    ids=["pages", "time", "one page", "no time at all"],
)
def test_a_listing_that_is_too_long_is_cut_and_marked_and_one_that_just_fits_is_not(
    s3: "S3Client", stub: Stubber, per_call: float, max_pages: int, listed: int
) -> None:
    for more in (True, False):
        add_pages(stub, *(page(number, more=more or number < listed) for number in range(1, listed + 1)))
        listing = checkpoints(s3, Stopwatch(per_call), max_pages).list(REGION, LOCATION)
        assert (len(listing.objects), listing.cut) == (listed, more)


def test_a_refusal_names_the_permission_and_the_bucket(s3: "S3Client", stub: Stubber) -> None:
    stub.add_client_error("list_objects_v2", "AccessDenied", "no identity-based policy allows it", 403)
    with pytest.raises(
        UpstreamUnavailableError, match=r"allow s3:ListBucket on bucket ml-bucket.*no identity-based policy"
    ):
        checkpoints(s3).list(REGION, LOCATION)


def test_a_bucket_that_vanishes_between_two_pages_is_no_bucket_and_a_part_of_the_pages_no_answer(
    s3: "S3Client", stub: Stubber
) -> None:
    add_pages(stub, page(1, more=True))
    stub.add_client_error("list_objects_v2", "NoSuchBucket", http_status_code=404)
    assert checkpoints(s3).list(REGION, LOCATION) == Listing(objects=(), bucket_exists=False)
    add_pages(stub, page(1, more=True))
    stub.add_client_error("list_objects_v2", "SlowDown", http_status_code=503)
    with pytest.raises(UpstreamUnavailableError, match="SlowDown"):
        checkpoints(s3).list(REGION, LOCATION)


@pytest.mark.parametrize(
    "body", [b"", b"<html/>", b"<html>", b"{}", b"<ListBucketResult><Contents/></ListBucketResult>"], ids=repr
)
def test_nonsense_is_no_answer(s3: "S3Client", body: bytes) -> None:
    def answer(**_: object) -> AWSResponse:
        answered = AWSResponse("https://s3", 200, HTTPHeaders(), None)
        answered._content = body  # type: ignore[attr-defined]  # noqa: SLF001 - as if it had been read
        return answered

    s3.meta.events.register_first("before-send.s3.ListObjectsV2", answer)  # type: ignore[arg-type] # too narrow
    with pytest.raises(UpstreamUnavailableError, match=r"(makes no sense|did not answer); try again later"):
        checkpoints(s3).list(REGION, LOCATION)
