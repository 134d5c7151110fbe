"""Lists the objects under checkpoint prefixes: the only call of S3."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from respot.aws.calls import asking
from respot.aws.error_codes import Answer, answer_of
from respot.errors import UpstreamUnavailableError
from respot.recovery.checkpoints.location import CheckpointLocation, Listing, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

MAX_PAGES: Final = 20
"""Pages of 1,000 objects, which S3 answers in a few seconds."""
MAX_TIME: Final = timedelta(seconds=10)


class S3Checkpoints:
    """The port `Checkpoints`, against S3 in the region of each job."""

    def __init__(
        self,
        client_of: Callable[[str], "S3Client"],
        *,
        monotonic: Callable[[], float],
        max_pages: int = MAX_PAGES,
        max_time: timedelta = MAX_TIME,
    ) -> None:
        """`client_of` gives the S3 client of a region.

        `monotonic` counts seconds. No page but the first is begun after `max_time`: a listing takes that long and one
        call more, which the client's time-outs limit.
        """
        self._client_of = client_of
        self._monotonic = monotonic
        self._max_pages = max_pages
        self._max_time = max_time

    def list(self, region: str, location: CheckpointLocation) -> Listing:
        """See `Checkpoints.list`."""
        with asking(f"{location}: ListObjectsV2 in {region}"):
            try:
                return self._list(region, location)
            except ClientError as error:
                answer = answer_of(error)
                if answer is Answer.ABSENT:
                    return Listing(objects=(), bucket_exists=False)
                if answer is not Answer.DENIED:
                    raise
                message = (
                    f"{location}: listing it was denied; allow s3:ListBucket on bucket {location.bucket}, "
                    f"in the function's role and in the bucket's policy: {error}"
                )
                raise UpstreamUnavailableError(message) from error

    def _list(self, region: str, location: CheckpointLocation) -> Listing:
        deadline = self._monotonic() + self._max_time.total_seconds()
        pages = self._client_of(region).get_paginator("list_objects_v2")
        found: tuple[StoredObject, ...] = ()
        cut = False
        for number, page in enumerate(pages.paginate(Bucket=location.bucket, Prefix=location.prefix), start=1):
            found += _objects(page)
            # An answer without IsTruncated is not from S3.
            cut = page["IsTruncated"] and (number >= self._max_pages or self._monotonic() >= deadline)
            if cut:
                break
        return Listing(objects=found, cut=cut)


def _objects(page: "ListObjectsV2OutputTypeDef") -> tuple[StoredObject, ...]:
    return tuple(
        StoredObject(key=each["Key"], size=each["Size"], last_modified=each["LastModified"])
        for each in page.get("Contents", ())
    )
