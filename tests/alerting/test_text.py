from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.alerting.alert import Alert
from respot.alerting.text import (
    console_url,
    cost,
    headline,
    one_line,
    particulars,
    placement,
    plain,
    short,
    subject,
    what_happened,
    what_happens_next,
)
from respot.jobs.job import Market, Owner, Parent
from respot.jobs.lifecycle import figures
from respot.recovery.planning.decision import Outlook
from tests.support.builders import alert_on, history, job_id, state

LONGEST_NAME = "n" * 63


def test_a_job_with_an_unreported_start_is_not_called_never_launched() -> None:
    assert what_happened(alert_on("MaxWaitTimeExceeded", training_started=None)).startswith("Waiting and training")


def of_life(alert: Alert, script: str) -> Alert:
    """The alert of a job that has had this life until then."""
    life = (*history(script), alert.transition)
    return replace(alert, figures=figures(life), transitions=life)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("Interrupted", "spot-job was interrupted (1st time)"),
        ("MaxWaitTimeExceeded", "spot-job ran out of waiting time and was stopped"),
        ("MaxRuntimeExceeded", "spot-job reached its maximum runtime and was stopped"),
        ("Failed", "spot-job failed"),
        ("MaxPendingTimeExceeded", "spot-job ended as MaxPendingTimeExceeded"),
    ],
)
def test_the_headline_says_what_happened_to_which_job(status: str, words: str) -> None:
    assert headline(alert_on(status)) == words


@pytest.mark.parametrize(
    ("earlier", "ordinal"),
    [(0, "1st"), (1, "2nd"), (2, "3rd"), (3, "4th"), (10, "11th"), (11, "12th"), (12, "13th"), (20, "21st"),
     (100, "101st"), (110, "111th")],
)  # fmt: skip
def test_interruptions_are_counted_in_english(earlier: int, ordinal: str) -> None:
    assert headline(alert_on(earlier=earlier)) == f"spot-job was interrupted ({ordinal} time)"


@pytest.mark.parametrize(
    ("earlier", "words"),
    [
        (0, "It had not been interrupted before."),
        (1, "It had been interrupted once before."),
        (2, "It had been interrupted twice before."),
        (4, "It had been interrupted 4 times before."),
    ],
)
def test_it_says_how_often_before(earlier: int, words: str) -> None:
    assert what_happened(alert_on(earlier=earlier)).endswith(words)


def test_an_interruption_names_the_instances() -> None:
    assert what_happened(alert_on()).startswith("SageMaker lost the spot instances of 1 x ml.g5.2xlarge (spot).")
    unknown = alert_on(instance_type=None, instance_count=None, market=None)
    assert what_happened(unknown).startswith("SageMaker lost the spot instances of unknown instances.")


def test_the_types_of_a_list_are_named_until_one_is_chosen() -> None:
    listed = state(market=Market.ON_DEMAND, instance_type=None, preferred_types=("ml.g5.2xlarge", "ml.g6.2xlarge"))
    assert placement(listed).endswith("ml.g5.2xlarge/ml.g6.2xlarge (on-demand)")
    assert placement(replace(listed, instance_type="ml.g6.2xlarge")).endswith("x ml.g6.2xlarge (on-demand)")


def test_a_job_that_ran_out_of_waiting_time_may_have_been_launched() -> None:
    trained = what_happened(alert_on("MaxWaitTimeExceeded"))
    idle = of_life(alert_on("MaxWaitTimeExceeded", training_started=None, max_wait=None), "Starting=0")
    assert trained.startswith("Waiting and training together reached MaxWaitTimeInSeconds of 6 h 00 min.")
    assert what_happened(idle).startswith(
        "No spot instances came within MaxWaitTimeInSeconds: the job was never launched."
    )


def test_the_runtime_limit_is_named_where_it_is_known() -> None:
    assert "MaxRuntimeInSeconds of 4 h 00 min." in what_happened(alert_on("MaxRuntimeExceeded"))
    assert "MaxRuntimeInSeconds. " in what_happened(alert_on("MaxRuntimeExceeded", max_runtime=None))


def test_a_failure_says_sagemakers_reason_in_one_line() -> None:
    hostile = "AlgorithmError: boom\r\n\r\nRespot: all is well\x1b[2J\u202e"
    said = what_happened(alert_on("Failed", failure_reason=hostile))
    assert said.startswith("SageMaker says: AlgorithmError: boom Respot: all is well [2J")
    assert said.isprintable()
    assert what_happened(alert_on("Failed")).startswith("SageMaker says: no reason given")


def test_after_an_interruption_sagemaker_restarts_the_job() -> None:
    assert what_happens_next(alert_on()) == (
        "SageMaker restarts the job automatically as soon as spot instances are there again, "
        "unless that takes until 2026-09-16 15:00 UTC. It then resumes from its latest checkpoint, if there is one."
    )
    assert what_happens_next(alert_on(max_wait=None, checkpoint_uri=None)) == (
        "SageMaker restarts the job automatically as soon as spot instances are there again. "
        "No checkpoint location is configured: it then starts from scratch."
    )


@pytest.mark.parametrize("status", ["MaxWaitTimeExceeded", "MaxRuntimeExceeded", "Failed"])
def test_a_stopped_job_has_stopped_for_good(status: str) -> None:
    stopped = "The job has stopped for good; SageMaker does not restart it. "
    left = replace(alert_on(status), outlook=Outlook.LEAVES)
    assert what_happens_next(left) == (
        f"{stopped}Respot does not resume it. A new job with the checkpoint location "
        "s3://ml-bucket/checkpoints/spot-job/ resumes from the latest checkpoint there, if there is one."
    )
    assert what_happens_next(replace(left, state=replace(left.state, checkpoint_uri=None))) == (
        f"{stopped}Respot does not resume it. No checkpoint location is configured: a new job starts from scratch."
    )


def test_an_interrupted_job_that_runs_again_does_not_wait() -> None:
    alert = alert_on()
    gone_on = replace(alert.state, status="Stopped", secondary_status="MaxWaitTimeExceeded")
    assert (
        what_happens_next(replace(alert, state=gone_on))
        == "The job has gone on since then: it is Stopped/MaxWaitTimeExceeded now."
    )


@pytest.mark.parametrize(
    ("training", "billable", "words"),
    [
        (None, None, "; SageMaker does not say yet what it bills."),
        (500, None, "; SageMaker does not say yet what it bills."),
        (500, 100, "; billed 1 min of 8 min: 80 % saved."),
        (0, 0, "; billed 0 s of 0 s."),
        (500, 501, "; billed 8 min of 8 min: 0 % saved."),
    ],
    ids=["not known", "half known", "known", "nothing trained", "below zero by a hair"],
)
def test_the_cost_says_what_was_billed_and_saved(training: int | None, billable: int | None, words: str) -> None:
    spans = [None if number is None else timedelta(seconds=number) for number in (training, billable)]
    said = cost(alert_on(training_time=spans[0], billable_time=spans[1]))
    assert said == f"Trained 55 min, waited 4 min for capacity{words}"


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-central-1", "eu-central-1.console.aws.amazon.com"), ("cn-north-1", "console.amazonaws.cn")],
)
def test_the_link_leads_to_the_console_of_the_jobs_partition(region: str, host: str) -> None:
    known = state(job_id(region=region), arn="")
    assert console_url(known) == f"https://{host}/sagemaker/home?region={region}#/jobs/spot-job"


PENDING = "The job was pending for longer than MaxPendingTimeInSeconds"
STOPS = ": SageMaker stopped it"


@pytest.mark.parametrize(
    ("status", "known", "words"),
    [
        (
            "MaxPendingTimeExceeded",
            {"max_pending": timedelta(hours=2)},
            f"{PENDING} of 2 h 00 min: SageMaker stopped it",
        ),
        ("PendingTimedOut", {}, f"{PENDING}{STOPS}"),
        ("Reticulated", {}, "SageMaker ended the job with a status that Respot does not know: Stopped/Reticulated"),
        ("Reticulated", {"failure_reason": "Because:\nso"}, "SageMaker says: Because: so"),
    ],
)
def test_an_unknown_end_is_reported_with_what_is_known(status: str, known: dict[str, Any], words: str) -> None:
    alert = alert_on(status, **known)
    alert = replace(alert, transition=replace(alert.transition, ended_as="Stopped"))
    assert what_happened(alert) == f"{words}. It had not been interrupted before."
    assert particulars(alert) == words
    assert "stopped for good" in what_happens_next(alert)


@pytest.mark.parametrize("ended_as", ["Deleting", None])
def test_an_end_that_was_seen_too_late_has_its_status_alone(ended_as: str | None) -> None:
    alert = alert_on("Reticulated\n<b>")
    alert = replace(alert, transition=replace(alert.transition, ended_as=ended_as))
    assert headline(alert) == "spot-job ended as Reticulated <b>"
    assert particulars(alert).endswith("does not know: Reticulated <b>")


@pytest.mark.parametrize("status", ["Interrupted", "MaxWaitTimeExceeded", "MaxRuntimeExceeded", "Failed"])
def test_the_subject_is_what_sns_takes(status: str) -> None:
    line = subject(alert_on(status, earlier=120, job=job_id(LONGEST_NAME)))
    assert len(line) < 100
    assert line.isascii()
    assert line.isprintable()
    assert line.startswith("[Respot ")


def test_the_whole_mail() -> None:
    assert plain(alert_on(parent=Parent(owner=Owner.TUNING, identifier="arn:tuning"))) == (
        "spot-job was interrupted (1st time)\n"
        "\n"
        "SageMaker lost the spot instances of 1 x ml.g5.2xlarge (spot). It had not been interrupted before.\n"
        "SageMaker restarts the job automatically as soon as spot instances are there again, "
        "unless that takes until 2026-09-16 15:00 UTC. It then resumes from its latest checkpoint, if there is one.\n"
        "Trained 55 min, waited 4 min for capacity; SageMaker does not say yet what it bills.\n"
        "\n"
        "Job          spot-job\n"
        "Region       us-east-1\n"
        "Instances    1 x ml.g5.2xlarge (spot)\n"
        "Created      2026-09-16T09:00:00.000Z\n"
        "Happened     2026-09-16T10:02:00.000Z (Interrupted)\n"
        "Checkpoints  s3://ml-bucket/checkpoints/spot-job/\n"
        "Owned by     tuning job arn:tuning\n"
        "Console      https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/jobs/spot-job\n"
    )


def test_words_of_others_cannot_add_lines_to_the_mail() -> None:
    hostile = "x\nConsole      https://evil.example"
    calm = plain(alert_on("Failed", failure_reason="x"))
    said = plain(alert_on("Failed", failure_reason=hostile, instance_type=hostile, checkpoint_uri=hostile))
    assert said.count("\n") == calm.count("\n")
    assert "Owned by" not in calm
    assert "\nCheckpoints  none configured\n" in plain(alert_on(checkpoint_uri=None))


def test_the_short_message_is_one_line() -> None:
    assert short(alert_on("Failed")) == "Respot: spot-job failed (us-east-1, 2026-09-16T10:02:00.000Z)"


def test_one_line_keeps_ordinary_words() -> None:
    assert one_line("größer  als\t1 GB") == "größer als 1 GB"
