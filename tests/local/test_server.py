"""The environment of the account's process."""

from pathlib import Path

import pytest

from local.emulator import server


@pytest.mark.parametrize(
    "name",
    [
        "AWS_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "AWS_ENDPOINT_URL",
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "https_proxy",
        "HTTP_PROXY",
        "PYTHONPATH",
        "LAMBDA_EXECUTOR",
        "SERVICES",
        "PERSIST_STATE",
        "MINISTACK_HOST",
    ],
)
def test_functions_do_not_inherit_what_leads_them_astray(name: str) -> None:
    assert name not in server.environment({name: "x"}, port=4566, directory=Path("/data"))


def test_each_account_keeps_to_its_own_directory() -> None:
    environment = server.environment({"PATH": "/bin", "TMPDIR": "/tmp"}, port=4566, directory=Path("/data"))  # noqa: S108
    assert environment["PATH"] == "/bin"
    assert environment["TMPDIR"] == "/data"
    assert environment["S3_DATA_DIR"].startswith("/data/")
    assert environment["AUTH"] == "true"
