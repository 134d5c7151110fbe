"""A local account starts by itself, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.account import LocalAccount, LocalAccountError

pytestmark = pytest.mark.xdist_group("local-account")

HANDLER = """
import os
def handler(event, context):
    return {"pid": os.getpid(), "found": sorted(name for name in os.environ if name in event["names"])}
"""


def answers(endpoint: str) -> bool:
    host, port = endpoint.removeprefix("https://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def test_accounts_run_side_by_side_and_end_without_a_trace() -> None:
    with LocalAccount() as one, LocalAccount() as other:
        one.client("s3").create_bucket(Bucket="only-here")
        assert other.client("s3").list_buckets()["Buckets"] == []
        directory = one.log.parent
    assert not answers(one.endpoint)
    assert not answers(other.endpoint)
    assert not directory.exists()


def test_a_given_directory_keeps_the_log(tmp_path: Path) -> None:
    with LocalAccount(directory=tmp_path / "account") as account:
        pass
    assert "Ready" in account.log.read_text()


def test_an_account_that_cannot_start_says_why_and_where_its_log_is() -> None:
    account = LocalAccount(delivery="copies=several")
    with pytest.raises(LocalAccountError, match="ended with exit code 1") as failure:
        account.start()
    assert "DeliveryError: 'copies=several' is none of copies=N" in str(failure.value)
    assert str(account.log) in str(failure.value)
    assert account.log.exists()
    assert account.process_id is None
    account.stop()


def test_an_account_ends_with_the_process_that_started_it() -> None:
    script = "from local.account import LocalAccount; print(LocalAccount().start().endpoint, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        endpoint = parent.stdout.readline().strip()
        assert answers(endpoint)
        parent.kill()
    assert eventually(lambda: not answers(endpoint))


def test_functions_trust_the_account_and_end_with_it(
    local_account: LocalAccount,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    del local_account
    astray = ["REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "AWS_PROFILE"]
    for name in astray:
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    with LocalAccount() as account:
        group = account.process_id or 0
        found, worker = _asked(account, [*astray, "AWS_ENDPOINT_URL"])
        assert found == ["AWS_ENDPOINT_URL"]
        os.kill(worker, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, signal.SIG_DFL)
