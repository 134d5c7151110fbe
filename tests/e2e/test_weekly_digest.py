"""The weekly digest in a local account: the deployed function publishes it with its own permissions."""

from datetime import timedelta
from typing import Any, Final

import pytest

from local.demo.deployed import DeployedAccount
from local.demo.verification import receive_alerts
from local.sagemaker.runner import utc_now
from respot.alerting.weekly.week import week_before
from tests.support.builders import at
from tests.support.receipts import run_attempt
from tests.support.stored_runs import named, write
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("two-regions")

LIFE: Final = (("Starting", 0), ("Downloading", 60), ("Training", 160), ("Uploading", 7360), ("Completed", 7420))


def test_the_week_before_is_reported_once_to_machines_and_slack(two_regions: DeployedAccount) -> None:
    week, documents = week_before(utc_now()), list[dict[str, Any]]()
    began = int((week.began + timedelta(days=2) - at(0)).total_seconds())
    script = " ".join(f"{status}={began + seconds}" for status, seconds in LIFE)
    run = named([run_attempt(script, billed=(7200, 2520))], "ended-last-week")
    write(two_regions.client("dynamodb"), *run, table=two_regions.outputs["LedgerTableName"])

    def call() -> None:
        answer = two_regions.client("lambda").invoke(FunctionName=two_regions.outputs["WeeklyFunctionName"])
        assert "FunctionError" not in answer, answer["Payload"].read()

    def published() -> list[dict[str, Any]]:
        documents.extend(receive_alerts(two_regions))
        return [each for each in documents if each["kind"] == "weekly-digest"]

    call()
    assert eventually(lambda: bool(published()))
    (document,) = published()
    # 7200 s trained, 2520 s billed: 4680 s, 1.3 h, saved.
    assert document["headline"] == f"Week {week.id}: 1 run on spot ended, 0 interruptions, 1.3 instance-hours saved net"
    assert eventually(lambda: any(document["headline"] in str(each) for each in two_regions.slack.messages))

    call()
    assert published() == [document]
