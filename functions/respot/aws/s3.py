"""The objects under checkpoint prefixes in S3. The only module that calls S3, and it only lists."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from respot.errors import UpstreamUnavailableError
from respot.recovery.checkpoints.checkpoint import CheckpointLocation, Listing, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

MAX_PAGES: Final = 20
"""Of 1,000 objects each, which S3 answers in a few seconds."""
MAX_TIME: Final = timedelta(seconds=10)

_NONSENSE: Final = (AttributeError, LookupError, TypeError, ValueError, ResponseParserError)
"""What botocore's parser and ours trip over when something other than S3 has answered."""


class S3Checkpoints:
    """The port `Checkpoints`, against S3 in whatever region a job runs."""

    def __init__(
        self,
        client_of: Callable[[str], "S3Client"],
        *,
        monotonic: Callable[[], float],
        max_pages: int = MAX_PAGES,
        max_time: timedelta = MAX_TIME,
    ) -> None:
        """`client_of` gives the S3 client of a region.

        `monotonic` counts seconds. The first page is always asked for, and none is begun after `max_time`: a listing
        takes that long and one call more, which the client's own time-outs bound.
        """
        self._client_of = client_of
        self._monotonic = monotonic
        self._max_pages = max_pages
        self._max_time = max_time

    def list(self, region: str, location: CheckpointLocation) -> Listing:
        """See `Checkpoints.list`."""
        try:
            return self._list(region, location)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                return Listing(objects=(), bucket_exists=False)
            if code == "AccessDenied":
                message = (
                    f"{location}: listing it was denied; allow s3:ListBucket on bucket {location.bucket}, "
                    f"in the function's role and in the bucket's policy: {error}"
                )
                raise UpstreamUnavailableError(message) from error
            message = f"{location}: ListObjectsV2 in {region} did not answer; look again later: {error}"
            raise UpstreamUnavailableError(message) from error
        except BotoCoreError as error:
            message = f"{location}: ListObjectsV2 in {region} did not answer; look again later: {error}"
            raise UpstreamUnavailableError(message) from error
        except _NONSENSE as error:
            message = f"{location}: ListObjectsV2's answer makes no sense; look again later: {error!r}"
            raise UpstreamUnavailableError(message) from error

    def _list(self, region: str, location: CheckpointLocation) -> Listing:
        deadline = self._monotonic() + self._max_time.total_seconds()
        pages = self._client_of(region).get_paginator("list_objects_v2")
        found: tuple[StoredObject, ...] = ()
        cut = False
        for number, page in enumerate(pages.paginate(Bucket=location.bucket, Prefix=location.prefix), start=1):
            found += _objects(page)
            # An answer that does not say whether it is the last one is no answer of S3's.
            cut = page["IsTruncated"] and (number >= self._max_pages or self._monotonic() >= deadline)
            if cut:
                break
        return Listing(objects=found, cut=cut)


def _objects(page: "ListObjectsV2OutputTypeDef") -> tuple[StoredObject, ...]:
    return tuple(
        StoredObject(key=each["Key"], size=each["Size"], last_modified=each["LastModified"])
        for each in page.get("Contents", ())
    )
