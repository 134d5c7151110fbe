"""`respot checkpoints`: what is recognised in a prefix or a listing; no text of others reaches a terminal raw."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from respot.recovery.checkpoints.location import CheckpointLocation
from respot_cli.checkpoints import command
from respot_cli.checkpoints.explanation import Source, conclusion, explain
from respot_cli.checkpoints.listing_text import Clock, ListingError, read
from respot_cli.errors import CommandError, ExitCode
from respot_cli.main import main
from tests.support.builders import REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "ml-bucket"
LOCATION = CheckpointLocation(bucket=BUCKET, prefix="runs/job-1/")

TRAINER = """
# Hugging Face Trainer; of checkpoint-1000 one shard of two was uploaded
10 2000  logs/events.out.tfevents.1
20 15000 checkpoint-500/model.safetensors
20 30000 checkpoint-500/optimizer.pt
21 900   checkpoint-500/trainer_state.json
30 8     last_checkpoint
40 7000  checkpoint-1000/model-00001-of-00002.safetensors
41 900   checkpoint-1000/trainer_state.json
42 100   tmp-checkpoint-1500/model.safetensors
"""
"""As minutes, sizes and paths."""


def objects() -> list[tuple[int, int, str]]:
    rows = [line.split() for line in TRAINER.splitlines() if line and not line.startswith("#")]
    return [(int(minutes), int(size), path) for minutes, size, path in rows]


def as_ls(*, human: bool = False) -> str:
    unit = " Bytes" if human else ""
    return "".join(
        f"2026-09-16 09:{minutes:02}:00 {size:>10}{unit} runs/job-1/{path}\n" for minutes, size, path in objects()
    )


def contents() -> list[dict[str, Any]]:
    return [
        {
            "Key": f"runs/job-1/{path}",
            "LastModified": f"2026-09-16T09:{minutes:02}:00+00:00",
            "ETag": '"e"',
            "Size": size,
            "StorageClass": "STANDARD",
        }
        for minutes, size, path in objects()
    ]


def as_pages(*, cut: bool = False) -> str:
    return "\n".join(
        json.dumps({"IsTruncated": truncated, "Contents": part, "Name": BUCKET}, indent=4)
        for truncated, part in ((True, contents()[:3]), (cut, contents()[3:]))
    )


SUMMARY = "\nTotal Objects: 8\n   Total Size: 55908\n"
ABSOLUTE = {
    "ls": as_ls(),
    "ls of Windows": as_ls().replace("\n", "\r\n"),
    "ls, human readable": as_ls(human=True) + SUMMARY,
    "json": json.dumps({"Contents": contents(), "RequestCharged": None}),
    "json, pages one after the other": as_pages(),
    "json, a list of pages": json.dumps([{"Contents": contents()[:2]}, {"Contents": contents()[2:]}]),
    "json, --query Contents": json.dumps(contents(), indent=2),
}


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "listing.txt"


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["checkpoints", *words, "--json"]) in {ExitCode.DONE, ExitCode.INCOMPLETE}
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def concluded(listing: str) -> str:
    found = read(listing.encode())
    return conclusion(explain(found.objects, Source(name="listing", location=None, clock=found.clock, cut=found.cut)))


# --- what is explained


def test_the_text_shows_layout_checkpoints_what_counts_for_nothing_and_the_conclusion(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TRAINER)
    assert main(["checkpoints", "--listing", str(file)]) == ExitCode.DONE
    text, said = capsys.readouterr()
    rows = [re.split(r"  +", line.strip()) for line in text.splitlines()]
    assert ["Hugging Face Trainer", "2", "5"] in rows
    assert ["checkpoint-1000", "1000", "40", "7.9 kB", "2", "no: 1 of 2 shards"] in rows
    assert ["checkpoint-500", "500", "20", "45.9 kB", "3", "yes; a job resumes from it"] in rows
    assert ["by-products", "1", "logs/events.out.tfevents.1"] in rows
    assert ["pointers and marks", "1", "last_checkpoint"] in rows
    assert ["temporary files", "1", "tmp-checkpoint-1500/model.safetensors"] in rows
    assert " ".join(text.split()).endswith("passed over: checkpoint-1000: 1 of 2 shards.")
    assert max(map(len, text.splitlines())) <= 100
    assert said == ""


def test_json_has_the_same(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(TRAINER)
    shown = document(capsys, "--listing", str(file))
    assert shown["layouts"] == [{"layout": "Hugging Face Trainer", "checkpoints": 2, "objects": 5}]
    assert [(each["name"], each["verdict"], each["flaw"]) for each in shown["checkpoints"]] == [
        ("checkpoint-500", "resumes here", None),
        ("checkpoint-1000", "incomplete", "1 of 2 shards"),
    ]
    assert (shown["checkpoints"][1]["saved_at"], shown["checkpoints"][1]["objects"]) == (None, 2)
    assert [(each["what"], each["objects"]) for each in shown["counts_for_nothing"]] == [
        ("by-products", 1),
        ("pointers and marks", 1),
        ("temporary files", 1),
    ]
    assert (shown["resume_from"], shown["passed_over"]) == ("checkpoint-500", ["checkpoint-1000: 1 of 2 shards"])
    assert shown["conclusion"].startswith(
        "A job would resume from checkpoint-500 (Hugging Face Trainer, step 500, saved"
    )


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        ("# nothing\n", r"There is nothing to resume from: no object is below the prefix\."),
        (
            "1 20 last_checkpoint\n1 5 train.log\n2 9 metrics.json\n",
            r"There is nothing to resume from: only by-products \(2\), pointers and marks \(1\) are there\.",
        ),
        (
            "5 9e9 checkpoint-1000/model-00001-of-00002.safetensors\n",
            r"A job would resume from checkpoint-1000 \(.*\), although it may be incomplete: 1 of 2 shards\.",
        ),
        ("5 9 .sagemaker-uploading\n", r".*: only markers of SageMaker and empty directories \(1\) are there\."),
        (
            "5 9e9 state/a.bin\n6 9e9 state/b.bin\n",
            r"A job would resume from state \(unknown layout, 2 objects, last written in minute 6, 18\.0 GB\)\.",
        ),
        (
            "5 9e9 checkpoint-1000/model.safetensors\n5 900 checkpoint-1000/trainer_state.json\n",
            r"A job would resume from checkpoint-1000 \(.*\), although it may be incomplete: no optimizer\.",
        ),
    ],
    ids=["empty", "by-products", "cut short", "markers", "unknown", "without an optimizer"],
)
def test_the_conclusion_says_what_a_job_resumes_from_or_why_there_is_nothing(listing: str, said: str) -> None:
    assert re.fullmatch(said, concluded(listing))


def test_of_many_checkpoints_the_newest_are_shown_unless_all_are_asked_for(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("".join(f"{step} 9e6 model_{step:07}.pth\n" for step in range(30)))
    assert main(["checkpoints", "--listing", str(file)]) == ExitCode.DONE
    few = capsys.readouterr().out
    assert "10 older checkpoints not shown: --all shows them." in few
    assert ("model_0000010.pth" in few, "model_0000009.pth" in few) == (True, False)
    assert main(["checkpoints", "--listing", str(file), "--all"]) == ExitCode.DONE
    everything = capsys.readouterr().out
    assert "model_0000000.pth" in everything
    assert "not shown" not in everything
    assert len(document(capsys, "--listing", str(file))["checkpoints"]) == 30


# --- listings as text


@pytest.mark.parametrize("text", ABSOLUTE.values(), ids=list(ABSOLUTE))
def test_every_format_leads_to_the_same_explanation(file: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    file.write_bytes(text.encode())
    shown = document(capsys, f"s3://{BUCKET}/runs/job-1", "--listing", str(file))
    assert (shown["resume_from"], shown["passed_over"]) == ("checkpoint-500", ["checkpoint-1000: 1 of 2 shards"])
    assert (shown["objects"], shown["location"], shown["cut"]) == (8, f"s3://{BUCKET}/runs/job-1/", False)
    zone = "" if shown["clock"] == "local" else ".000Z"
    assert shown["checkpoints"][0]["saved_at"] == f"2026-09-16T09:20:00{zone}"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_saves_is_read(encoding: str) -> None:
    assert [each.key for each in read("1 5 größe.ckpt\n".encode(encoding)).objects] == ["größe.ckpt"]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TRAINER.encode())))
    shown = document(capsys, "--listing", "-")
    assert (shown["source"], shown["resume_from"]) == ("standard input", "checkpoint-500")


def test_keys_are_whole_without_a_prefix_and_left_out_beside_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(as_ls() + "2026-09-16 10:00:00 9000000 runs/job-10/checkpoint-9000/model.safetensors\n")
    whole = document(capsys, "--listing", str(file))
    assert (whole["objects"], whole["resume_from"]) == (9, "runs/job-1/checkpoint-500")
    own = document(capsys, str(LOCATION), "--listing", str(file))
    assert (own["objects"], own["left_out"], own["resume_from"]) == (8, 1, "checkpoint-500")
    assert main(["checkpoints", str(LOCATION), "--listing", str(file)]) == ExitCode.DONE
    assert "1 other object not below s3://ml-bucket/runs/job-1/." in capsys.readouterr().out


def test_a_prefix_with_nothing_is_an_answer() -> None:
    for text in ('{"RequestCharged": null}', '{"KeyCount": 0, "IsTruncated": false}', "Total Objects: 0\n", "[]"):
        assert read(text.encode()).objects == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "there is nothing to read: expected the output of aws s3 ls --recursive"),
        ("# c\n\nhello world\n", 3, "it is no line of a listing: expected the output of aws s3 ls --recursive"),
        ("1 5 a\nb 5 c\n", 2, "expected <minutes> <size> <path>, for example 30 2e9"),
        ("1 5 a\n1 5\n", 2, "expected <minutes> <size> <path>"),
        ("1 5 a\n99999999999 5 a\n", 2, "expected <minutes> <size> <path>"),
        ("1 5 a\n1.2.3 5 a\n", 2, "expected <minutes> <size> <path>"),
        ("1 5 a\n1 2e99 a\n", 2, "its size is no number of bytes"),
        ("1 5 a\n1 2e a\n", 2, "its size is no number of bytes"),
        (f"{as_ls()}2026-09-16 09:00 5 a\n", 9, "expected <date> <time> <size> <key>, as aws s3 ls --recursive"),
        (f"{as_ls()}2026-09-16 09:00:00 5.1 a\n", 9, "expected <date> <time> <size> <key>"),
        (f"{as_ls()}2026-13-16 09:00:00 5 a\n", 9, "its time is none of S3's"),
        (f"{as_ls()}0001-01-01 00:00:00 5 a\n", 9, "its time is none of S3's"),
        (f"{as_ls()}2026-09-16 09:00:00 {'9' * 5000} a\n", 9, "its size is no number of bytes"),
        ("                           PRE checkpoint-500/\n", 1, "it names a directory, not an object: list again"),
        ('{"Contents": [\n', 2, "it is no JSON (Expecting value): expected the output of"),
        ('{"Contents": []}\nhello', 2, "it is no JSON"),
        ('{"Buckets": []}', 1, "it is no answer of list-objects-v2"),
        ('[{"Contents": []}, 5]', 1, "it is no answer of list-objects-v2"),
        ('{"Contents": 5}', 1, "its Contents is no list"),
        (
            '{"Contents": [],\n"CommonPrefixes": [{"Prefix": "a/"}]}',
            1,
            "it leaves out objects below CommonPrefixes: list again",
        ),
        ("[" * 100_000, 1, "it is no JSON that a listing has"),
        ('{"Contents": [{"Size": ' + "9" * 5000 + "}]}", 1, "it is no JSON that a listing has"),
        ("[\n5]", 2, "it begins an object without a Key"),
    ],
)
def test_what_cannot_be_read_is_answered_with_the_line_and_what_was_expected(text: str, line: int, said: str) -> None:
    with pytest.raises(ListingError, match=re.escape(f"line {line}: {said}")):
        read(text.encode())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Key", None, "an object without a Key"),
        ("Size", "5", "an object whose Size is no number of bytes"),
        ("Size", True, "an object whose Size is no number of bytes"),
        ("Size", -1, "an object whose Size is no number of bytes"),
        ("LastModified", 1789549200, "an object whose LastModified is no time of S3"),
        ("LastModified", "0001-01-01T00:00:00+14:00", "an object whose LastModified is no time of S3"),
    ],
)
def test_an_object_of_json_that_is_none_is_named_by_its_line(name: str, value: object, said: str) -> None:
    listed = contents()
    listed[6][name] = value
    pages = [{"Contents": part} for part in (listed[:4], listed[4:])]
    text = "\n".join(json.dumps(page, indent=1) for page in pages)
    line = text[: text.index(listed[5]["Key"])].count("\n") + 1 + 6  # the sixth ends, the seventh begins
    with pytest.raises(ListingError, match=re.escape(f"line {line}: it begins {said}: expected Key, Size and")):
        read(text.encode())


def test_bytes_that_are_no_text_are_named_by_their_line() -> None:
    with pytest.raises(ListingError, match="line 2: it is no text in UTF-8"):
        read(b"1 5 a\n1 5 \xff\n")


def test_a_file_that_cannot_be_read_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["checkpoints", "--listing", str(tmp_path / "none")]) == ExitCode.NOT_DONE
    assert capsys.readouterr().err.endswith("none could not be read: No such file or directory\n")
    monkeypatch.setattr("sys.stdin", None)
    assert main(["checkpoints", "--listing", "-"]) == ExitCode.NOT_DONE
    assert capsys.readouterr().err == "respot: standard input could not be read: it is closed\n"


def test_a_file_without_end_is_not_read_to_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MAX_BYTES", 1024**2)
    assert main(["checkpoints", "--listing", "/dev/zero"]) == ExitCode.NOT_DONE
    assert capsys.readouterr().err == "respot: /dev/zero has more than 1 MiB: list a longer prefix\n"


def test_a_listing_that_is_none_ends_it_with_the_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("1 5 a\nb\x1b[31m 5 c\n")
    assert main(["checkpoints", "--listing", str(file)]) == ExitCode.NOT_DONE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "line 2: expected <minutes> <size> <path>" in printed.err
    assert "\x1b" not in printed.err


# --- a listing that was cut


def test_a_cut_listing_is_said_and_is_an_exit_code_of_its_own(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(as_pages(cut=True))
    assert main(["checkpoints", str(LOCATION), "--listing", str(file)]) == ExitCode.INCOMPLETE
    text, said = capsys.readouterr()
    assert "8 objects, and there are more" in " ".join(text.split())
    assert " ".join(text.split()).endswith("; the listing was cut, and there may be a newer one.")
    assert said == "respot: the listing was cut after 8 objects: give a longer prefix to see the rest\n"


def test_from_a_cut_listing_no_absence_is_concluded() -> None:
    said = concluded(json.dumps({"Contents": contents()[:1], "NextToken": "t"}))
    assert (
        said == "Respot concludes nothing: the listing was cut, and in what was listed only by-products (1) are there."
    )
    assert concluded('{"Contents": [], "IsTruncated": true}').endswith(
        "in what was listed no object is below the prefix."
    )


# --- hostile keys

HOSTILE = [
    "checkpoint-500\x1b[2J\x1b]0;owned\x07/model.safetensors",
    "[red]markup[/red]/checkpoint-600/optimizer.pt",
    "\u202egnp.exe/\u0085\u2028.log",
    "a\nA job would resume from elsewhere.log",
    "\x9b31m/last_checkpoint",
    "x" * 1024,
    "/" * 1000,
    "..",
    " ",
]


def test_no_control_character_of_a_key_reaches_the_terminal(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = [
        {"Key": f"{key}", "Size": 5_000_000, "LastModified": "2026-09-16T09:00:00Z"}
        for key in [*HOSTILE, *(f"checkpoint-1000/{key}" for key in HOSTILE)]
    ]
    file.write_text(json.dumps(hostile))
    assert main(["checkpoints", "--listing", str(file)]) == ExitCode.DONE
    printed = capsys.readouterr()
    assert [c for c in printed.out + printed.err if not c.isprintable() and c != "\n"] == []
    assert "[red]markup[/red]" in printed.out
    assert max(map(len, printed.out.splitlines())) <= 100
    assert not any(line.startswith("A job would resume from elsewhere") for line in printed.out.splitlines())
    assert main(["checkpoints", "--listing", str(file), "--json"]) == ExitCode.DONE
    assert [c for c in capsys.readouterr().out if not c.isprintable() and c != "\n"] == []


def test_a_name_of_a_file_is_hostile_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a\x1b[31m"
    file.write_text(TRAINER)
    assert main(["checkpoints", "--listing", str(file)]) == ExitCode.DONE
    assert "\x1b" not in capsys.readouterr().out


# --- S3


@pytest.fixture
def s3() -> "S3Client":
    return boto3.client("s3", region_name=REGION)


@pytest.fixture
def stub(s3: "S3Client") -> Iterator[Stubber]:
    with Stubber(s3) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_prefix_in_s3_is_listed_and_explained(s3: "S3Client", capsys: pytest.CaptureFixture[str]) -> None:
    s3.create_bucket(Bucket=BUCKET)
    for _, size, path in objects():
        s3.put_object(Bucket=BUCKET, Key=f"runs/job-1/{path}", Body=b"x" * size)
    s3.put_object(Bucket=BUCKET, Key="runs/job-10/checkpoint-9000/model.safetensors", Body=b"x")
    shown = document(capsys, f"s3://{BUCKET}/runs/job-1", "--region", REGION)
    assert (shown["source"], shown["objects"]) == (f"s3://{BUCKET}/runs/job-1/", 8)
    assert (shown["resume_from"], shown["clock"]) == ("checkpoint-500", str(Clock.UTC))
    assert main(["checkpoints", f"s3://{BUCKET}/none/"]) == ExitCode.DONE
    assert f"no object is below s3://{BUCKET}/none/." in capsys.readouterr().out


def test_no_bucket_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoints", "s3://no-such-bucket/a/"]) == ExitCode.NOT_FOUND
    assert capsys.readouterr().err == "respot: the bucket no-such-bucket does not exist: check its name\n"


def test_a_denied_listing_names_the_permission(s3: "S3Client", stub: Stubber) -> None:
    stub.add_client_error("list_objects_v2", "AccessDenied", "Access Denied", http_status_code=403)
    with pytest.raises(
        CommandError, match=r"your credentials need s3:ListBucket on bucket ml-bucket, .* --listing"
    ) as no:
        command.listed(s3, LOCATION)
    assert no.value.exit_code is ExitCode.AWS_UNAVAILABLE
    assert "function" not in str(no.value)


@pytest.mark.parametrize(
    ("code", "advised"), [("SlowDown", "try again in a minute"), ("ExpiredToken", "renew your AWS credentials")]
)
def test_another_refusal_says_what_to_do(s3: "S3Client", stub: Stubber, code: str, advised: str) -> None:
    stub.add_client_error("list_objects_v2", code, "no")
    with pytest.raises(CommandError, match=advised):
        command.listed(s3, LOCATION)


def test_no_network_says_what_to_do(s3: "S3Client") -> None:
    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://s3.amazonaws.com/")

    s3.meta.events.register_first("before-call.s3.ListObjectsV2", unreachable)
    with pytest.raises(CommandError, match="check the network and the region"):
        command.listed(s3, LOCATION)


def page(stub: Stubber, *, truncated: bool = True) -> None:
    answer = {
        "IsTruncated": truncated,
        "Contents": [{"Key": "runs/job-1/a.log", "Size": 1, "LastModified": "2026-09-16T09:00:00Z"}],
        **({"NextContinuationToken": "t"} if truncated else {}),
    }
    stub.add_response("list_objects_v2", answer)


def test_a_long_listing_is_cut_and_counted_on_standard_error(
    s3: "S3Client", stub: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for _ in range(2):
        page(stub)
    seconds = iter(range(100))
    assert command.listed(s3, LOCATION, max_pages=2, monotonic=lambda: float(next(seconds))).cut
    printed = capsys.readouterr()
    assert "s3://ml-bucket/runs/job-1/: 2 objects listed" in printed.err
    assert printed.out == ""


def test_a_quick_listing_shows_no_progress(
    s3: "S3Client", stub: Stubber, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    page(stub, truncated=False)
    assert not command.listed(s3, LOCATION, monotonic=lambda: 0.0).cut
    assert "listed" not in capsys.readouterr().err


def test_more_objects_than_respot_lists_are_pointed_out(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "MOST_OBJECTS_OF_RECOVERY", 1)
    s3.create_bucket(Bucket=BUCKET)
    for name in ("a.ckpt", "b.ckpt"):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    assert main(["checkpoints", f"s3://{BUCKET}"]) == ExitCode.DONE
    assert "Respot itself lists 1 objects of a prefix, and here are 2" in capsys.readouterr().err


def test_it_only_lists(s3: "S3Client", stub: Stubber) -> None:
    page(stub, truncated=False)
    assert command.listed(s3, LOCATION).objects  # any other call finds no answer in the stub


# --- usage


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a prefix, as in respot checkpoints s3://bucket/prefix/, or a file with --listing"),
        (("/opt/ml/checkpoints",), "is not a place in S3: expected s3://bucket/prefix"),
        (("s3:///a",), "is not a place in S3"),
    ],
)
def test_wrong_usage_is_exit_code_2(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(["checkpoints", *words])
    except SystemExit as left:
        code = left.code
    assert code == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_the_page_shows_what_it_prints(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps(contents()))
    assert main(["checkpoints", str(LOCATION), "--listing", str(file)]) == ExitCode.DONE
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    # The rest of the first line is the name of the file here, and wraps as it is long.
    printed = printed[printed.index("") :]
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert "\n".join(printed) in page


def test_the_conclusion_is_one_line_for_any_name() -> None:
    listing = [{"Key": "a\x1b[31m\nb/model_0000001.pth", "Size": 5, "LastModified": "2026-09-16T09:00:00Z"}]
    said = concluded(json.dumps(listing))
    assert said.startswith("A job would resume from a [31m b/model_0000001.pth (")


def test_only_a_line_feed_ends_a_line() -> None:
    listing = "1 5 a\u2028b\x85c\x0bd\n2 5 e\n"
    assert [each.key for each in read(listing.encode()).objects] == ["a\u2028b\x85c\x0bd", "e"]
