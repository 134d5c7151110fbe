"""A local account starts without any other process, and leaves nothing behind."""

import io
import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.emulator.account import LocalAccount, LocalAccountError
from tests.support.roles import create_role
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("local-account")

HANDLER = """
import boto3, os
def handler(event, context):
    caller = boto3.client("sts").get_caller_identity()["Arn"]
    return {"pid": os.getpid(), "caller": caller, "found": [name for name in event["names"] if name in os.environ]}
"""


def answers(endpoint: str) -> bool:
    host, port = endpoint.removeprefix("https://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def asked(account: LocalAccount, names: list[str]) -> dict[str, Any]:
    """Run a function in the account: who it is, which of these variables it has, and its process id."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", HANDLER)
    functions = account.client("lambda")
    functions.create_function(
        FunctionName="asked",
        Runtime="python3.13",
        Handler="index.handler",
        Role=create_role(account, "function", service="lambda"),
        Code={"ZipFile": archive.getvalue()},
        Timeout=20,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="asked")
    answer = functions.invoke(FunctionName="asked", Payload=json.dumps({"names": names}))
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    return result


def test_accounts_run_side_by_side_and_end_without_a_trace_but_for_a_log_that_was_asked_for(tmp_path: Path) -> None:
    with LocalAccount(directory=tmp_path / "account") as one, LocalAccount() as other:
        one.client("s3").create_bucket(Bucket="only-here")
        assert other.client("s3").list_buckets()["Buckets"] == []
    assert not answers(one.endpoint)
    assert not answers(other.endpoint)
    assert "Ready" in one.log.read_text()
    assert not other.log.parent.exists()


def test_an_account_that_cannot_start_says_why_and_where_its_log_is() -> None:
    account = LocalAccount(delivery="copies=several")
    with pytest.raises(LocalAccountError, match="ended with exit code 1") as failure:
        account.__enter__()
    assert "ValueError: 'copies=several' is none of copies=N" in str(failure.value)
    assert str(account.log) in str(failure.value)
    assert account.log.exists()
    assert account.process is None
    account.__exit__()


def test_an_account_ends_with_the_process_that_started_it() -> None:
    script = """
from local.emulator.account import LocalAccount
account = LocalAccount().__enter__()
print(account.endpoint, account.log, flush=True)
input()
"""
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        endpoint, log = parent.stdout.readline().split()
        assert answers(endpoint)
        parent.kill()
    assert eventually(lambda: not answers(endpoint))
    assert eventually(lambda: not Path(log).parent.exists())


def test_functions_reach_the_account_with_any_user_settings_and_end_with_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    astray = ["REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "AWS_PROFILE"]
    for name in astray:
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    monkeypatch.setenv("NO_PROXY", "localhost")  # for this process; the account's gets neither
    with LocalAccount() as account:
        group = account.process.pid if account.process else 0
        answer = asked(account, ["HTTPS_PROXY", "AWS_PROFILE", "AWS_ENDPOINT_URL"])
        assert answer["caller"] == "arn:aws:sts::111122223333:assumed-role/function/asked"
        assert answer["found"] == ["AWS_ENDPOINT_URL"]
        os.kill(answer["pid"], 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
