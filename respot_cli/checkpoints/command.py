"""The command `respot checkpoints`: lists a prefix, or reads a listing, and explains what Respot recognises there."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from respot.alerting.text import one_line
from respot.aws import s3
from respot.aws.error_codes import Answer, answer_of
from respot.aws.s3 import S3Checkpoints
from respot.errors import UpstreamUnavailableError
from respot.jobs.formatting import clause
from respot.recovery.checkpoints.location import CheckpointLocation, Listing, parse_location
from respot_cli import deployment, output
from respot_cli.checkpoints.explanation import Explanation, Source, explain, to_document
from respot_cli.checkpoints.listing_text import ListingError, read
from respot_cli.checkpoints.view import render
from respot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_PAGES: Final = 200
"""Pages of 1,000 objects: ten times what a function lists."""
MOST_OBJECTS_OF_RECOVERY: Final = s3.MAX_PAGES * 1000
MAX_TIME: Final = timedelta(minutes=5)
MAX_BYTES: Final = 256 * 1024 * 1024
"""Of a listing in a file: more than 200,000 objects with keys of 1,024 bytes."""
_QUICK: Final = 1.0
"""Seconds until progress is shown."""
_ANY_REGION: Final = "us-east-1"
"""S3 answers there with the region of a bucket, and the client follows."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "checkpoints",
        help="explain which checkpoints Respot recognises under a prefix, and what a job would resume from",
        description="List a prefix in S3, or read a listing, and explain which checkpoints Respot recognises there, "
        "which it passes over and why, and what a job would resume from. Only lists: no object is opened. "
        "Exits with 5 if the listing was cut.",
    )
    parser.add_argument(
        "location",
        metavar="S3_URI",
        nargs="?",
        type=_location,
        help="s3://bucket/prefix/, such as the job's CheckpointConfig.S3Uri; with --listing: the prefix of the keys",
    )
    parser.add_argument(
        "--listing",
        metavar="FILE",
        help="read this file instead of S3, - for standard input: the output of aws s3 ls --recursive, the JSON of "
        "aws s3api list-objects-v2, or lines of <minutes> <size> <path>",
    )
    parser.add_argument("--all", action="store_true", help="show all checkpoints, not only the newest 20")
    parser.add_argument("--region", help="region of the bucket (default: your AWS configuration's)")
    parser.add_argument("--profile", help="AWS profile (default: your AWS configuration's)")
    output.add_options(parser)
    parser.set_defaults(run=run)


def _location(uri: str) -> CheckpointLocation:
    try:
        return parse_location(uri)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(arguments: argparse.Namespace) -> int:
    """Explain a prefix or a listing; the exit code says whether all of it was listed."""
    if arguments.listing is not None:
        explanation = explained_text(arguments.listing, arguments.location)
    elif arguments.location is not None:
        explanation = _explained_prefix(arguments)
    else:
        message = "name a prefix, as in respot checkpoints s3://bucket/prefix/, or a file with --listing"
        raise CommandError(message, ExitCode.USAGE)
    output.show(arguments.format, render(explanation, everything=arguments.all), to_document(explanation))
    if explanation.source.cut:
        output.say(
            f"respot: the listing was cut after {explanation.objects:,} objects: give a longer prefix to see the rest"
        )
        return ExitCode.INCOMPLETE
    return ExitCode.DONE


# --- from S3


def _explained_prefix(arguments: argparse.Namespace) -> Explanation:
    location: CheckpointLocation = arguments.location
    # Help and wrong usage need not wait for it.
    from boto3.session import Session  # noqa: PLC0415

    with deployment.asking_aws():
        region = arguments.region or os.environ.get("AWS_REGION") or None
        session = Session(profile_name=arguments.profile, region_name=region)
        client = session.client("s3", region_name=session.region_name or _ANY_REGION)
    listing = listed(client, location)
    if len(listing.objects) > MOST_OBJECTS_OF_RECOVERY:
        output.say(
            f"respot: Respot itself lists {MOST_OBJECTS_OF_RECOVERY:,} objects of a prefix, and here are "
            f"{len(listing.objects):,}: it may see less than is shown"
        )
    return explain(listing.objects, Source(name=str(location), location=location, cut=listing.cut))


def listed(
    client: "S3Client",
    location: CheckpointLocation,
    *,
    max_pages: int = MAX_PAGES,
    monotonic: Callable[[], float] = time.monotonic,
) -> Listing:
    """The objects below the prefix; what takes long is counted on standard error.

    Raises:
        CommandError: S3 refused or did not answer, or there is no such bucket.
    """
    checkpoints = S3Checkpoints(lambda _: client, monotonic=monotonic, max_pages=max_pages, max_time=MAX_TIME)
    try:
        with _progress(client, location, monotonic):
            listing = checkpoints.list(client.meta.region_name, location)
    except UpstreamUnavailableError as error:
        raise CommandError(_why(error, location), ExitCode.AWS_UNAVAILABLE) from error
    if not listing.bucket_exists:
        message = f"the bucket {location.bucket} does not exist: check its name"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return listing


def _why(error: UpstreamUnavailableError, location: CheckpointLocation) -> str:
    cause = error.__cause__
    if cause is not None and answer_of(cause) is Answer.DENIED:
        return (
            f"{location} may not be listed: your credentials need s3:ListBucket on bucket {location.bucket}, "
            f"and its policy must not deny it ({clause(str(cause))}); --listing reads what somebody else has listed"
        )
    return f"{clause(str(error))}; {deployment.advice(cause)}"


@contextmanager
def _progress(client: "S3Client", location: CheckpointLocation, monotonic: Callable[[], float]) -> Iterator[None]:
    from rich.console import Console  # noqa: PLC0415 - a Ctrl-C while it loads is answered by `shielded`

    began, count = monotonic(), 0
    status = Console(stderr=True).status("")

    def advance(parsed: dict[str, Any], **_: object) -> None:
        nonlocal count
        count += len(parsed.get("Contents", ()))
        if monotonic() - began >= _QUICK:
            status.update(Text(one_line(f"{location}: {count:,} objects listed")))
            status.start()

    client.meta.events.register("after-call.s3.ListObjectsV2", advance)
    try:
        yield
    finally:
        client.meta.events.unregister("after-call.s3.ListObjectsV2", advance)
        status.stop()


# --- from a text


def explained_text(file: str, location: CheckpointLocation | None) -> Explanation:
    """What Respot recognises in the listing of a file, `-` for standard input.

    Raises:
        CommandError: it cannot be read, or is no listing.
    """
    name = "standard input" if file == "-" else file
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError, AttributeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is closed"
        raise CommandError(f"{name} could not be read: {why}", ExitCode.NOT_DONE) from error
    if len(data) > MAX_BYTES:
        message = f"{name} has more than {MAX_BYTES // 1024**2} MiB: list a longer prefix"
        raise CommandError(message, ExitCode.NOT_DONE)
    try:
        listing = read(data)
    except ListingError as error:
        raise CommandError(f"{name}: {error}", ExitCode.NOT_DONE) from error
    prefix = CheckpointLocation(bucket="", prefix="") if listing.relative or location is None else location
    below = [each for each in listing.objects if each.key.startswith(prefix.prefix)]
    source = Source(
        name=name,
        location=None if listing.relative else location,
        clock=listing.clock,
        cut=listing.cut,
        left_out=len(listing.objects) - len(below),
    )
    return explain(below, source)
