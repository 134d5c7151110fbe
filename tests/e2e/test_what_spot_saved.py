"""What spot saved, in a deployed account: each question is one command, and the answer is that of a hand's computation.

The figures by hand come from what SageMaker describes and from what is in S3, not from the ledger.
"""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from local.demo.deployed import DeployedAccount
from tests.support.deployed import respot
from tests.support.same_figures import assert_same_teams, tables_of

pytestmark = pytest.mark.xdist_group("deployed-account")

LEFT: Final = "Starting=0.5 Downloading=0.2 Training=6 Interrupted=0.1 Stopping=0.1 MaxWaitTimeExceeded"
RESUMED: Final = f"{LEFT} / Starting=0.5 Downloading=0.2 Training=4 Uploading=0.2"
PLAIN: Final = "Starting=0.2 Downloading=0.2 Training=2 Uploading=0.2"
RESUMED_JOB, PLAIN_JOB = "saved-by-vision", "saved-by-speech"
VISION, SPEECH = "savings-vision", "savings-speech"
PRICE: Final = Decimal("1.515")
HOUR: Final = 3600


@pytest.fixture(scope="module", autouse=True)
def fleet(deployed: DeployedAccount) -> None:
    """A run of two attempts, and one that nothing interrupts, of two teams."""
    resume = {"respot:resume": "on", "respot:ladder": "spot:3"}
    deployed.ground.create(RESUMED_JOB, lifecycle=RESUMED, tags={"team": VISION, **resume})
    deployed.ground.create(PLAIN_JOB, lifecycle=PLAIN, tags={"team": SPEECH})
    for name in (RESUMED_JOB, PLAIN_JOB):
        waited = respot(deployed, "wait", name, "--timeout", "90 s")
        assert waited.returncode == 0, waited.stderr


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory, deployed: DeployedAccount) -> str:
    instance_type = described(deployed, PLAIN_JOB)["ResourceConfig"]["InstanceType"]
    file = tmp_path_factory.mktemp("prices") / "prices.csv"
    file.write_text(f"region,instance_type,per_hour,currency\n{deployed.account.region},{instance_type},{PRICE},USD\n")
    return str(file)


def described(deployed: DeployedAccount, name: str) -> dict[str, Any]:
    return deployed.client("sagemaker").describe_training_job(TrainingJobName=name)  # type: ignore[no-any-return]


def answer(deployed: DeployedAccount, *command: str) -> dict[str, Any]:
    done = respot(deployed, *command, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def seconds(job: dict[str, Any], *statuses: str) -> float:
    """How long the job was in these statuses."""
    transitions = job["SecondaryStatusTransitions"]
    lengths = (each["EndTime"] - each["StartTime"] for each in transitions if each["Status"] in statuses)
    return sum(lengths, timedelta()) / timedelta(seconds=1)


def of_team(document: dict[str, Any], team: str) -> dict[str, Any]:
    group: dict[str, Any] = document["groups"][team]
    return group


def test_gross_is_awss_formula_by_team(deployed: DeployedAccount, prices: str) -> None:
    document = answer(deployed, "savings", "--since", "1 d", "--by", "team", "--prices", prices)
    for team, names in ((VISION, (RESUMED_JOB, f"{RESUMED_JOB}-r2")), (SPEECH, (PLAIN_JOB,))):
        jobs = [described(deployed, name) for name in names]
        training = sum(job["TrainingTimeInSeconds"] for job in jobs)
        billed = sum(job["BillableTimeInSeconds"] for job in jobs)
        found = of_team(document, team)
        assert found["saved_gross_percent"] == pytest.approx(100 * (1 - billed / training), abs=0.01)
        assert found["money"]["USD"]["billed"] == str(round(Decimal(billed) * PRICE / HOUR, 2))
    # Nothing interrupted it: all of the saving is real.
    plain = of_team(document, SPEECH)
    assert plain["saved_net_percent"] == {"least": plain["saved_gross_percent"], "most": plain["saved_gross_percent"]}


def test_net_is_what_the_same_work_costs_uninterrupted(deployed: DeployedAccount, prices: str) -> None:
    first, second = described(deployed, RESUMED_JOB), described(deployed, f"{RESUMED_JOB}-r2")
    (trained,) = [each for each in first["SecondaryStatusTransitions"] if each["Status"] == "Training"]
    prefix = first["CheckpointConfig"]["S3Uri"].removeprefix(f"s3://{deployed.ground.bucket}/")
    objects = deployed.client("s3").list_objects_v2(Bucket=deployed.ground.bucket, Prefix=prefix)["Contents"]
    saved: datetime = max(each["LastModified"] for each in objects if each["LastModified"] < second["CreationTime"])
    kept = (min(saved, trained["EndTime"]) - trained["StartTime"]).total_seconds()
    lost = seconds(first, "Training") - kept
    training = first["TrainingTimeInSeconds"] + second["TrainingTimeInSeconds"]
    billed = first["BillableTimeInSeconds"] + second["BillableTimeInSeconds"]
    # The second attempt's download would not have been needed; the first one ended without instances.
    most = training - lost - seconds(second, "Downloading", "DownloadingTrainingImage")

    found = of_team(answer(deployed, "savings", "--since", "1 d", "--by", "team", "--prices", prices), VISION)
    assert found["lost_hours"]["least"] == pytest.approx(lost / HOUR, abs=1.5 / HOUR)
    assert found["uninterrupted_hours"]["most"] == pytest.approx(most / HOUR, abs=1.5 / HOUR)
    assert found["saved_net_hours"]["most"] == pytest.approx((most - billed) / HOUR, abs=1.5 / HOUR)
    assert found["saved_net_hours"]["least"] <= found["saved_net_hours"]["most"] < found["saved_gross_hours"]


def test_where_the_time_went_adds_up(deployed: DeployedAccount, prices: str) -> None:
    first, second = described(deployed, RESUMED_JOB), described(deployed, f"{RESUMED_JOB}-r2")
    end = second["SecondaryStatusTransitions"][-1]["StartTime"]
    document = answer(deployed, "savings", "--since", "1 d", "--by", "team", "--prices", prices, "--verify")
    clock = of_team(document, VISION)["wall_clock"]
    assert clock["total_hours"] * HOUR == pytest.approx((end - first["CreationTime"]).total_seconds(), abs=1)
    assert sum(clock["hours"].values()) == pytest.approx(clock["total_hours"], abs=1 / HOUR)
    between = second["CreationTime"] - first["SecondaryStatusTransitions"][-1]["StartTime"]
    assert clock["hours"]["between attempts"] * HOUR == pytest.approx(between / timedelta(seconds=1), abs=1)
    assert document["verified"]["differences"] == []


def test_the_pools_have_their_waits(deployed: DeployedAccount) -> None:
    pools = answer(deployed, "pools", "--since", "1 d")["pools"]
    instance_type = described(deployed, PLAIN_JOB)["ResourceConfig"]["InstanceType"]
    (pool,) = [each for each in pools if (each["instance_type"], each["market"]) == (instance_type, "spot")]
    assert pool["interruptions"] >= 1
    assert pool["interruptions_per_instance_hour"] is None  # some seconds are no ten hours
    assert pool["waits"]["got_instances"] >= 3


def test_focus_has_a_row_for_each_job_that_was_billed(deployed: DeployedAccount, prices: str) -> None:
    done = respot(deployed, "savings", "--since", "1 d", "--prices", prices, "--format", "focus")
    assert done.returncode in {0, 5}, done.stderr  # other tests have jobs of other types
    rows = {row["ResourceName"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    for name in (RESUMED_JOB, f"{RESUMED_JOB}-r2", PLAIN_JOB):
        billed = described(deployed, name)["BillableTimeInSeconds"]
        assert Decimal(rows[name]["BilledCost"]) == pytest.approx(Decimal(billed) * PRICE / HOUR, abs=Decimal("1e-8"))


def test_the_report_has_the_figures_of_the_command(deployed: DeployedAccount, prices: str, tmp_path: Path) -> None:
    """The page has one decimal, and JSON has two: rounded twice, they may differ in the last place."""
    file, chosen = tmp_path / "report.html", ("--since", "1 d", "--prices", prices)
    savings = answer(deployed, "savings", *chosen, "--by", "team")
    total = savings["total"]
    done = respot(deployed, "report", *chosen, "--output", str(file))
    assert done.returncode == 0, done.stderr
    html = file.read_text(encoding="utf-8")
    teams = [row for row in tables_of(html)["By the tag team"] if row["team"] in {SPEECH, VISION}]
    assert_same_teams(teams, {team: of_team(savings, team) for team in (SPEECH, VISION)})
    page = re.sub(r"<[^>]*>", " ", html)
    (gross,) = percentages(r"Saved, gross (\S+) %", page)
    assert gross == pytest.approx(total["saved_gross_percent"], abs=0.06)
    net = percentages(r" (\S+?)(?: to (\S+))? %(?: of instance-hours)? saved, net", done.stdout)
    assert net[0] == pytest.approx(total["saved_net_percent"]["least"], abs=0.06)
    assert net[-1] == pytest.approx(total["saved_net_percent"]["most"], abs=0.06)


def percentages(pattern: str, text: str) -> list[float]:
    found = re.search(pattern, " ".join(text.replace("\N{MINUS SIGN}", "-").split()))
    assert found, text
    return [float(each) for each in found.groups() if each]


def test_the_sums_are_there_without_a_price(deployed: DeployedAccount, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text("[]")
    document = answer(deployed, "savings", "--since", "1 d", "--prices", str(file))
    assert document["total"]["money"] == {}
    assert document["total"]["saved_net_hours"]["most"] > 0


def test_a_scan_needs_no_ledger_to_say_what_respot_would_have_resumed(
    deployed: DeployedAccount, prices: str, tmp_path: Path
) -> None:
    # Five jobs a second: those of other tests would take long. A minute is for the command to begin.
    age = datetime.now(UTC) - min(described(deployed, name)["CreationTime"] for name in (RESUMED_JOB, PLAIN_JOB))
    since, file = f"{age.total_seconds() + 60:.0f} s", tmp_path / "scan.html"
    found = answer(deployed, "scan", "--since", since, "--prices", prices, "--output", str(file))
    assert (found["account"], found["unread"]) == (deployed.account.account_id, {})
    decided = {each["job"]: (each["secondary_status"], each["resumes"]) for each in found["policy"]["decisions"]}
    assert decided[RESUMED_JOB] == ("MaxWaitTimeExceeded", True)
    assert PLAIN_JOB not in decided
    assert found["spot"]["completed"] >= 2
    page = file.read_text(encoding="utf-8")
    for name in (RESUMED_JOB, PLAIN_JOB):
        assert name in page
