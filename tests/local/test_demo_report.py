"""The report that the demo ends with: each run once, with the figures of its jobs."""

from types import SimpleNamespace
from typing import Any, cast

from local.demo import demo
from tests.support.example_run import NEXT, NOW, ROOT, example_history


def test_the_demos_report_has_each_run_once_with_all_of_its_attempts() -> None:
    account = SimpleNamespace(account_id="111122223333", region="us-east-1")
    at = cast("Any", SimpleNamespace(account=account))
    page = demo.page_of(at, [example_history(ROOT), example_history(NEXT)], NOW)
    assert page.count("<article>") == 1
    assert page.count("<b>#2</b> spot ml.g5.2xlarge") == 1
    # TrainingTimeInSeconds 9630 and BillableTimeInSeconds 3370, by hand.
    assert "65.0\N{NO-BREAK SPACE}%" in page
    assert "local account 111122223333, stack Respot in us-east-1" in page
