"""`respot scan` says what spot was worth, by figures that were computed by hand."""

import json
import stat
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from respot_cli.main import main
from respot_cli.scan.permissions import least_policy
from tests.cli.scan.account import NOW, Account, denied, job
from tests.support.builders import CREATED

START = ("Starting", 600), ("Downloading", 300)
END = ("Uploading", 300), ("Completed", 0)
JOBS = (
    # Trained 4,200 s, billed 1,260 s: saved 2,940 s, gross and net.
    job("calm", *START, ("Training", 3600), *END),
    # Trained 6,300 s, billed 1,890 s. 1,800 s of training and 300 s of download were repeated: uninterrupted 4,200 s.
    job(
        "again",
        *START,
        ("Training", 1800),
        ("Interrupted", 600),
        *START,
        ("Training", 3600),
        *END,
        checkpoints=False,
    ),
    # Trained 7,500 s, billed 2,250 s. What its checkpoints hold is not known: uninterrupted 0 to 7,500 s.
    job("lost", *START, ("Training", 7200), ("Interrupted", 3600), ("MaxWaitTimeExceeded", 0)),
    # No instances.
    job("never", ("Starting", 21600), ("MaxWaitTimeExceeded", 0)),
    # Trained 900 s, billed 270 s: it would have come as far on demand.
    job("broken", *START, ("Training", 600), ("Failed", 0), FailureReason="AlgorithmError: exit code 1"),
    # On demand: none of spot's figures.
    job("full", ("Starting", 600), ("Failed", 0), spot=False, FailureReason="CapacityError: no capacity"),
    job("by-hand", *START, ("Training", 600), ("Stopped", 0), spot=False),
)
HOUR = 3600


def test_the_figures_are_those_computed_by_hand(account: Account) -> None:
    account.add(JOBS)
    found = account.document()
    spot = found["spot"]
    assert (found["jobs"], spot["jobs"], spot["completed"], spot["out_of_waiting_time"]) == (7, 5, 2, 2)
    assert (spot["interrupted"], spot["interruptions"], spot["without_checkpoints"]) == (2, 2, 1)
    assert spot["training_hours"] == 18900 / HOUR
    assert spot["billed_hours"] == 5670 / HOUR
    assert spot["saved_gross_percent"] == pytest.approx(70)
    assert spot["lost_hours"] == [1800 / HOUR, 9000 / HOUR]
    assert spot["saved_net_hours"] == pytest.approx([3630 / HOUR, 11130 / HOUR], abs=1e-6)
    assert spot["saved_net_percent"] == pytest.approx([100 * (1 - 5670 / 9300), 100 * (1 - 5670 / 16800)])
    # 1.515 USD an hour of ml.g5.2xlarge: 18,900 s cost 7.95375, 5,670 s 2.386125, 9,300 s 3.91375 and 16,800 s 7.07.
    assert spot["money"] == {
        "USD": {
            "trained": "7.95",
            "billed": "2.39",
            "uninterrupted": ["3.91", "7.07"],
            "lost": ["0.76", "3.79"],
            "saved_gross": "5.57",
            "saved_net": ["1.53", "4.68"],
        }
    }


def test_spot_jobs_that_aws_billed_in_full_are_counted(account: Account) -> None:
    """The nearest to "ran on demand" that Describe shows: a spot job whose billable time is all of its time."""
    full = job("full-price", *START, ("Training", 600), *END, billed=1)
    account.add([full, {**full, "TrainingJobName": "on-demand", "EnableManagedSpotTraining": False}, *JOBS])
    assert account.document()["spot"]["billed_in_full"] == 1
    assert "billed in full 1" in " ".join(account.run()[1].split())


def test_the_planner_says_of_each_job_whether_respot_would_have_resumed_it(account: Account) -> None:
    account.add(JOBS)
    policy = account.document()["policy"]
    decided = {each["job"]: (each["resumes"], each["cause"], bool(each["assumptions"])) for each in policy["decisions"]}
    assert decided == {
        "lost": (True, None, True),
        "never": (True, None, False),
        "full": (True, None, False),
        "broken": (False, "not-repeatable", False),
        "by-hand": (False, "stopped-by-a-person", False),
    }
    assert (policy["resumed"], policy["jobs"], policy["of_these_by_assumption"]) == (3, 5, 1)
    assert all(each["reason"] for each in policy["decisions"])


def test_another_policy_decides_otherwise(account: Account, tmp_path: Path) -> None:
    account.add(JOBS)
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ndefaults: {resume: true, triggers: [capacity-error]}\n")
    found = account.document("--policy", str(policy))["policy"]
    assert [each["job"] for each in found["decisions"] if each["resumes"]] == ["full"]
    policy.write_text("version: 2\n")
    code, _, err = account.run("--policy", str(policy))
    assert code == 2
    assert "respot policy check" in err


def test_the_text_says_all_of_it_and_what_nobody_can_know(account: Account) -> None:
    account.add(JOBS)
    code, out, _ = account.run()
    words = " ".join(out.split())
    assert code == 0
    for part in (
        "Training jobs of 111122223333 in us-east-1",
        "out of waiting time 2",
        "Trained on spot 5.25 h, billed 1.57 h (instance-hours)",
        "Saved gross 70.0 %, 3.67 h, 5.57 USD",
        "Saved net 39.0 to 66.2 %, 1.01 to 3.09 h, 1.53 to 4.68 USD",
        "Respot would have resumed 3 of 5 jobs that did not complete.",
        "Which spot jobs ran on demand is not known",
    ):
        assert part in words
    assert "s3://" not in words


def test_a_scan_of_a_thousand_jobs_makes_ten_lists_and_a_thousand_descriptions_at_their_pace(account: Account) -> None:
    account.add(
        job(f"job-{n}", *START, ("Training", 60), *END, created=CREATED + timedelta(seconds=n)) for n in range(1000)
    )
    account.document()
    assert account.calls.count("SageMaker.ListTrainingJobs") == 10
    assert account.calls.count("SageMaker.DescribeTrainingJob") == 1000
    for operation, least in (("ListTrainingJobs", 1.0), ("DescribeTrainingJob", 0.2)):
        times = account.times_of(operation)
        assert min(later - earlier for earlier, later in pairwise(times)) >= least - 1e-6


def test_older_jobs_cost_one_more_list(account: Account) -> None:
    """SageMaker would apply a filter to a page after it was taken: only an older job shows where the period begins."""
    started = NOW - timedelta(days=1)
    account.add(job(f"job-{n}", ("Starting", 60), ("Stopped", 0), created=started) for n in range(1000))
    account.add(job(f"old-{n}", ("Starting", 60), ("Stopped", 0)) for n in range(250))
    assert account.document("--since", "2 d")["jobs"] == 1000
    assert account.calls.count("SageMaker.ListTrainingJobs") == 11
    assert account.calls.count("SageMaker.DescribeTrainingJob") == 1000


def test_a_list_whose_place_is_forgotten_is_read_again_once(account: Account) -> None:
    account.add(job(f"job-{n}", ("Starting", 60), ("Stopped", 0)) for n in range(150))
    account.forgotten = 1
    assert account.document()["jobs"] == 150
    assert account.calls.count("SageMaker.ListTrainingJobs") == 4
    account.calls.clear()
    account.forgotten = 1000
    code, _, err = account.run()
    assert code == 4
    assert "Invalid NextToken" in err
    assert account.calls.count("SageMaker.ListTrainingJobs") == 4


def test_an_interrupted_scan_goes_on_where_it_stopped(account: Account) -> None:
    account.add(
        job(f"job-{n}", *START, ("Training", 60), *END, created=CREATED + timedelta(seconds=n)) for n in range(30)
    )
    account.dies_after = 21
    code, _, err = account.run()
    assert code == 130
    assert "goes on from there" in err
    account.dies_after = None
    found = account.document()
    assert account.calls.count("SageMaker.DescribeTrainingJob") == 30
    assert found["regions"][0] | {"why_not": None} == {
        "region": "us-east-1",
        "jobs": 30,
        "read": 30,
        "known_before": 20,
        "deleted": 0,
        "why_not": None,
    }
    assert account.document()["spot"] == found["spot"]
    assert account.calls.count("SageMaker.DescribeTrainingJob") == 30


def test_what_is_kept_is_private_and_has_no_hyperparameters(account: Account, tmp_path: Path) -> None:
    account.add(JOBS)
    account.document()
    (kept,) = (tmp_path / "cache/respot/scan/111122223333").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "hunter2" not in kept.read_text()


def test_a_line_that_was_cut_short_or_makes_no_sense_is_described_again(account: Account, tmp_path: Path) -> None:
    account.add(JOBS)
    before = account.document()
    (kept,) = (tmp_path / "cache/respot/scan/111122223333").iterdir()
    lines = kept.read_text().splitlines()
    kept.write_text("\n".join([*lines[:-2], '{"version": 1, "job": []}', lines[-2][:40]]))
    after = account.document()
    assert after["spot"] == before["spot"]
    assert after["regions"][0]["known_before"] == len(JOBS) - 2
    assert account.document()["regions"][0]["known_before"] == len(JOBS)


def test_a_job_that_goes_on_or_has_just_ended_is_described_each_time(account: Account) -> None:
    account.add([job("live", *START, ("Training", 60), created=NOW - timedelta(days=2))])
    account.add([job("fresh", *START, ("Training", 60), *END, created=NOW - timedelta(minutes=40))])
    for _ in range(2):
        account.document()
    assert account.calls.count("SageMaker.DescribeTrainingJob") == 4


def test_only_jobs_created_since_are_described(account: Account) -> None:
    account.add(job(f"old-{n}", *START, ("Training", 60), *END) for n in range(250))
    account.add([job("new", *START, ("Training", 60), *END, created=NOW - timedelta(days=1))])
    found = account.document("--since", "2 d")
    assert (found["jobs"], found["regions"][0]["jobs"]) == (1, 1)
    assert account.calls.count("SageMaker.ListTrainingJobs") == 1
    assert account.calls.count("SageMaker.DescribeTrainingJob") == 1


def test_a_throttle_slows_it_down_and_costs_no_job(account: Account) -> None:
    account.add(JOBS)
    account.throttled = 3
    assert account.document()["jobs"] == len(JOBS)


def test_it_calls_nothing_but_what_the_least_policy_allows(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.add(JOBS)
    account.run("--regions", "us-east-1", "eu-west-1")
    services = {"SageMaker": "sagemaker", "Pricing": "pricing"}
    called = {f"{services[service]}:{name}" for service, _, name in (each.partition(".") for each in account.calls)}
    assert called == {statement["Action"] for statement in least_policy()["Statement"]}
    capsys.readouterr()
    account.calls.clear()
    assert main(["scan", "--permissions"]) == 0
    assert json.loads(capsys.readouterr().out) == least_policy()
    assert main(["scan", "--permissions", "--regions", "cn-north-1"]) == 0
    assert "arn:aws-cn:sagemaker:*:*:training-job/*" in capsys.readouterr().out
    assert account.calls == []


@pytest.mark.parametrize(
    ("variables", "arguments", "partition"),
    [
        ({"AWS_DEFAULT_REGION": "us-gov-west-1"}, (), "aws-us-gov"),
        ({"AWS_REGION": "cn-north-1"}, (), "aws-cn"),
        ({"AWS_DEFAULT_REGION": "us-gov-west-1"}, ("--regions", "us-east-1"), "aws"),
        ({}, ("--profile", "china"), "aws-cn"),
        ({}, (), "aws"),
    ],
)
def test_the_least_policy_is_of_the_partition_that_a_scan_would_read(
    variables: dict[str, str], arguments: tuple[str, ...], partition: str, account: Account, tmp_path: Path
) -> None:
    profiles = tmp_path / "config"
    profiles.write_text("[profile china]\nregion = cn-north-1\n")
    account.monkeypatch.delenv("AWS_DEFAULT_REGION")
    for name, value in {"AWS_CONFIG_FILE": str(profiles), **variables}.items():
        account.monkeypatch.setenv(name, value)
    code, out, _ = account.run("--permissions", *arguments)
    assert code == 0
    assert f'"arn:{partition}:sagemaker:' in out
    assert account.calls == []


def test_without_a_region_nothing_is_read(account: Account, tmp_path: Path) -> None:
    account.monkeypatch.delenv("AWS_DEFAULT_REGION")
    account.monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    code, _, err = account.run()
    assert (code, account.calls) == (4, [])
    assert "--regions" in err


def test_without_prices_it_shows_hours_and_says_why(account: Account) -> None:
    account.add(JOBS)
    account.prices.error = denied()
    code, out, _ = account.run()
    words = " ".join(out.split())
    assert code == 0
    assert "USD" not in words
    assert "Saved gross 70.0 % of instance-hours, 3.67 h" in words
    assert "Saved net 39.0 to 66.2 % of instance-hours, 1.01 to 3.09 h" in words
    assert "Hours only. AWS's price list could not be read" in words
    assert "ask your administrator for this permission." in words


def test_prices_in_two_currencies_are_not_added(account: Account, tmp_path: Path) -> None:
    account.add(JOBS)
    account.add([job("irish", *START, ("Training", 3600), *END, region="eu-west-1")], region="eu-west-1")
    file = tmp_path / "prices.csv"
    file.write_text(
        "region,instance_type,per_hour,currency\nus-east-1,ml.g5.2xlarge,1.515,USD\neu-west-1,ml.g5.2xlarge,2,EUR\n"
    )
    found = account.document("--regions", "us-east-1", "eu-west-1", "--prices", str(file))
    assert {currency: each["saved_gross"] for currency, each in found["spot"]["money"].items()} == {
        "EUR": "1.63",  # 2,940 s
        "USD": "5.57",
    }
    assert found["spot"]["percent_of"] == "instance_hours"
    assert not any(call.startswith("Pricing") for call in account.calls)


def test_percentages_are_of_money_where_prices_are_known(account: Account, tmp_path: Path) -> None:
    """4,200 s at 10 USD an hour, billed in full, and as many at 1 USD and three tenths: of hours, it would be 35 %."""
    expensive = {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
    full = job("full-price", *START, ("Training", 3600), *END, billed=1, ResourceConfig=expensive)
    account.add([full, job("cheap", *START, ("Training", 3600), *END)])
    file = tmp_path / "prices.csv"
    file.write_text(
        "region,instance_type,per_hour,currency\nus-east-1,ml.g5.2xlarge,1,USD\nus-east-1,ml.p3.2xlarge,10,USD\n"
    )
    spot = account.document("--prices", str(file))["spot"]
    assert spot["percent_of"] == "money"
    assert spot["saved_gross_percent"] == pytest.approx(100 * (1 - 10.3 / 11))
    assert spot["saved_net_percent"] == pytest.approx([100 * (1 - 10.3 / 11)] * 2)
    words = " ".join(account.run("--prices", str(file))[1].split())
    assert "Saved gross 6.4 %, " in words
    assert "Saved net 6.4 %, " in words


def test_nothing_is_below_zero_by_a_rounded_hair(account: Account) -> None:
    account.add([job("full-price", *START, ("Training", 3600), *END, billed=1.0002)])
    words = " ".join(account.run()[1].split())
    assert "Saved gross 0.0 %, " in words
    assert "Saved net 0.0 %, " in words


def test_a_region_that_cannot_be_read_stops_no_other(account: Account) -> None:
    for region in ("us-east-1", "eu-west-1", "us-west-2"):
        account.add([{**each} for each in JOBS], region=region)
    account.refused = {"us-east-1 DescribeTrainingJob", "eu-west-1 ListTrainingJobs"}
    code, out, err = account.run("--regions", "us-east-1", "eu-west-1", "us-west-2", "--json")
    found = json.loads(out)
    assert code == 5
    assert [each["read"] for each in found["regions"]] == [0, 0, len(JOBS)]
    assert len([call for call in account.calls if call.endswith("DescribeTrainingJob")]) == 3 + len(JOBS)
    for region in ("us-east-1", "eu-west-1"):
        assert f"respot: {region} could not be read: " in err
    assert account.run("--regions", "us-east-1", "eu-west-1")[0] == 4


def test_hostile_jobs_are_counted_and_shown_in_one_line(account: Account) -> None:
    odd = job("odd\u202e\x1b[31m<script>", *START, ("Training", 60), ("Failed", 0))
    nameless = job("no-times", *START, ("Training", 60), ("MaxWaitTimeExceeded", 0), SecondaryStatusTransitions=[{}])
    unknown = job(
        "unknown", ("Reticulating", 60), TrainingJobStatus="Evaporated", ResourceConfig={"InstanceGroups": "?"}
    )
    account.add([odd, nameless, unknown])
    code, out, _ = account.run()
    assert code == 0
    assert "\x1b[31m" not in out
    assert "\u202e" not in out


def test_a_job_whose_description_makes_no_sense_stops_no_other(account: Account) -> None:
    account.add([job("odd", *START, ("Failed", 0), created=NOW - timedelta(days=1), SecondaryStatus=None), *JOBS])
    code, out, err = account.run("--json")
    found = json.loads(out)
    assert code == 5
    assert (found["jobs"], list(found["unread"])) == (len(JOBS), ["us-east-1/odd"])
    assert "us-east-1/odd could not be read" in err


@pytest.mark.parametrize(
    "odd",
    [
        {"TrainingTimeInSeconds": 10**9},
        {"BillableTimeInSeconds": 10**9},
        {"ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 20_000}},
    ],
)
def test_a_job_whose_figures_cannot_be_stops_no_other(account: Account, odd: dict[str, Any], tmp_path: Path) -> None:
    account.add(JOBS)
    sound = account.document()
    account.add([job("odd", *START, ("Training", 600), *END, **odd)])
    for _ in range(2):  # the second time from what was kept
        code, out, err = account.run("--json", "--output", str(tmp_path / "scan.html"))
        found = json.loads(out)
        assert code == 5
        assert (found["jobs"], found["spot"], found["policy"]) == (len(JOBS), sound["spot"], sound["policy"])
        assert list(found["unread"]) == ["us-east-1/odd"]
        assert "respot: us-east-1/odd could not be read: odd has a " in err


def test_why_a_region_cannot_be_read_is_said_once_and_with_what_a_scan_needs(account: Account) -> None:
    account.refused = {"us-east-1 ListTrainingJobs"}
    _, _, err = account.run()
    assert err.count("us-east-1") == 1
    assert "try again later" not in err
    assert err.rstrip().endswith(
        "ask your administrator for this permission; respot scan --permissions prints what a scan needs"
    )


def test_an_account_without_jobs_has_nothing_to_show(account: Account) -> None:
    code, out, _ = account.run()
    assert code == 0
    assert "--since 400d" in out
    assert "Jobs 0" in " ".join(out.split()).replace("Jobs  0", "Jobs 0")


@pytest.mark.parametrize("arguments", [("--since", "never"), ("--since", "900 d"), ("--regions", "../etc")])
def test_wrong_usage_exits_with_2(arguments: tuple[str, str], account: Account) -> None:
    with pytest.raises(SystemExit) as ended:
        account.run(*arguments)
    assert ended.value.code == 2
    assert account.calls == []


def test_the_page_has_the_same_figures(account: Account, tmp_path: Path) -> None:
    account.add(JOBS)
    file = tmp_path / "scan.html"
    _, out, _ = account.run("--output", str(file))
    page = file.read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert str(file) in "".join(out.split())  # a long path is folded
    for words in ("70.0 %", "1.53 to 4.68", "39.0 to 66.2 %", "Respot would have resumed 3 of 5 jobs", "again", "lost"):
        assert words in page, words
    assert account.run("--output", str(tmp_path / "missing/scan.html"))[0] == 2


def test_a_job_of_a_public_log_ran_out_of_waiting_time_and_would_have_been_resumed(account: Account) -> None:
    """Its times, 9,527 s of training and 6,386 s billed are real: see tests/support/scenarios.py."""
    statuses = ("Starting", 5020), ("Downloading", 172), ("Training", 9342), ("Stopping", 5), ("Uploading", 13)
    real: dict[str, Any] = {"TrainingTimeInSeconds": 9527, "BillableTimeInSeconds": 6386}
    account.add([job("real", *statuses, ("MaxWaitTimeExceeded", 0), **real)])
    found = account.document()
    assert found["spot"]["out_of_waiting_time"] == 1
    assert found["spot"]["saved_gross_percent"] == pytest.approx(100 * (1 - 6386 / 9527))
    assert found["spot"]["lost_hours"] == [0, 9342 / HOUR]
    assert [each["resumes"] for each in found["policy"]["decisions"]] == [True]
