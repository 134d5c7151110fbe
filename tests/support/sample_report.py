"""The report of the sample: of as many runs as wanted, or of other receipts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from respot.savings.receipt import RunReceipt, receipt_of
from respot_cli.report.build import Subject, report_of
from respot_cli.report.page import render
from tests.support.sample_runs import NOW, identity_of, sample

SUBJECT = Subject(
    since=NOW - timedelta(days=30),
    until=NOW,
    written=NOW,
    where="account 111122223333, stack Respot in us-east-1",
    team_tag="team",
)


def sample_receipts(count: int = 150, **options: Any) -> list[RunReceipt]:  # noqa: ANN401 - those of `sample`
    return [receipt_of(identity_of(each), each, now=NOW) for each in sample(count, **options)]


def page_of(receipts: Sequence[RunReceipt], **options: Any) -> str:  # noqa: ANN401 - those of `report_of`
    """The page, without charts unless they are wanted: they take seconds."""
    subject = replace(SUBJECT, **options.pop("subject", {}))
    return render(report_of(receipts, subject, **({"with_charts": False} | options)))
