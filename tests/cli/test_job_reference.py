"""How a job is named on the command line."""

import argparse
from dataclasses import replace

import pytest

from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import agreed_region, check_account
from respot_cli.job_reference import JobReference, job_reference
from respot_cli.main import main, parser
from tests.support.builders import ACCOUNT
from tests.support.respot_process import find

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/my-job"
JOB = JobReference(name="my-job", region="eu-west-1", account=ACCOUNT)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("My-Job", JobReference(name="My-Job")),
        (" my-job\n", JobReference(name="my-job")),
        (ARN, JOB),
        (f"{ARN.removesuffix('my-job')}{'a' * 63}", replace(JOB, name="a" * 63)),
        ("arn:aws-cn:sagemaker:cn-north-1:111122223333:training-job/my-job", replace(JOB, region="cn-north-1")),
        (
            "arn:aws-us-gov:sagemaker:us-gov-west-1:111122223333:training-job/my-job",
            replace(JOB, region="us-gov-west-1"),
        ),
        ("DRILL.0123456789ab", JobReference(name="DRILL.0123456789ab")),
    ],
)
def test_a_job_is_named_by_its_name_or_its_arn(words: str, expected: JobReference) -> None:
    assert job_reference(words) == expected


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (ARN.replace("training-job", "processing-job"), r"this ARN is of another kind \(sagemaker processing-job\)"),
        ("arn:aws:s3:::bucket/training-job/x", r"this ARN is of another kind \(s3 bucket\)"),
        ("arn:aws:logs:eu-west-1:111122223333:log-group:/aws/x", r"of another kind \(logs log-group\)"),
        (ARN.removesuffix("my-job"), "this ARN lacks the job's name after training-job/"),
        (ARN.removesuffix("/my-job"), "this ARN lacks the job's name after training-job/"),
        (ARN.replace("/my-job", ":my-job"), "this ARN lacks the job's name after training-job/"),
        (f"{ARN}/bar", "this ARN lacks the job's name after training-job/"),
        (ARN.replace("111122223333", "1111"), "this ARN lacks the account's twelve digits"),
        (ARN.replace("eu-west-1", ""), "this ARN lacks the region"),
        ("arn:aws:sagemaker:::training-job/", "lacks the region and the account's twelve digits and the job's name"),
        ("arn:aws", "this ARN is incomplete: it has 2 of 6 parts between colons"),
        (ARN.upper(), "ARNs begin with arn: in lower case"),
        (ARN.replace("aws", "aws-cn"), "this ARN contradicts itself: ARNs in eu-west-1 begin with arn:aws:"),
        ("training-job/foo", "a training job's name has letters, digits, and hyphens between them, 63 at most"),
        ("a" * 64, "63 at most"),
        ("foo-", "63 at most"),
        ("foo_bar", "63 at most"),
        ("DRILL.foo", "63 at most"),
        (" ", "it is empty"),
    ],
)
def test_another_arn_is_refused_with_what_is_expected(words: str, what: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=rf"{what}.*; expected is the name of a training"):
        job_reference(words)


def test_another_arn_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_args(["show", "arn:aws:iam::111122223333:role/me"])
    assert left.value.code == 2
    assert "argument RUN|JOB: this ARN is of another kind (iam role)" in capsys.readouterr().err


@pytest.mark.parametrize("region", ["eu-west-1", None])
def test_an_arn_brings_its_region(region: str | None) -> None:
    assert agreed_region(JOB, region) == "eu-west-1"
    assert agreed_region(JobReference(name="my-job"), region) == region


def test_an_arn_and_another_region_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", ARN, "--region", "us-east-1"]) == ExitCode.USAGE
    said = "respot: the ARN of my-job is in eu-west-1, but --region says us-east-1: leave out --region\n"
    assert capsys.readouterr().err == said


def test_an_arn_of_another_account_is_not_searched_for() -> None:
    check_account(JOB, find(None))
    check_account(JobReference(name="my-job"), find(None))
    with pytest.raises(CommandError, match="belongs to the account 999999999999, and this deployment watches") as other:
        check_account(JobReference(name="my-job", region="eu-west-1", account="9" * 12), find(None))
    assert other.value.exit_code is ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    ("job", "code", "said"),
    [
        ("arn:aws:sagemaker:us-east-1:111122223333:training-job/nightly-resnet", 0, ""),
        (ARN, 3, "SageMaker writes ARNs in lower case: if the job's name has capital letters, use its name"),
        ("nobody", 3, "the ledger has no job nobody in us-east-1: check its name, --region and --hub-region"),
    ],
    ids=["ARN", "ARN of a job that is not there", "name of a job that is not there"],
)
def test_a_job_is_found_by_arn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], job: str, code: int, said: str
) -> None:
    monkeypatch.setattr("respot_cli.deployment.find", find)
    assert main(["show", job]) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert ("nightly-resnet-r2" in printed.out) is (code == 0)
