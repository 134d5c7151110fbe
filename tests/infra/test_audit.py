"""What the bundle is made of, and what is known against it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import audit
from infra.audit import AuditError, ask_database, compare, installed, pins, write_sbom
from infra.packaging import prepare_dependencies

LOCK = (Path(__file__).parents[2] / "requirements" / "lambda.txt").read_text()


def test_every_pin_of_the_lock_has_a_hash_and_is_read() -> None:
    names = [line.split("==")[0] for line in LOCK.splitlines() if "==" in line]
    assert sorted(pins(LOCK)) == sorted(names)
    assert LOCK.count("--hash=sha256:") >= len(names)


def test_the_bundle_holds_what_the_lock_pins_and_nothing_else() -> None:
    compare(pins(LOCK), installed(prepare_dependencies()))


def test_the_bill_of_materials_names_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "lambda.txt").write_text(LOCK)
    assert write_sbom(tmp_path) == pins(LOCK)
    told = json.loads((tmp_path / "build" / "sbom.json").read_text())
    assert told["bomFormat"] == "CycloneDX"


@pytest.mark.parametrize(
    "found",
    [{"boto3": "1.0"}, {"boto3": "2.0", "six": "1.0"}, {"boto3": "2.0", "six": "1.1", "evil": "6.6.6"}],
    ids=["one is missing", "one is another version", "one is too many"],
)
def test_any_difference_is_named(found: dict[str, str]) -> None:
    with pytest.raises(AuditError, match=r"six|evil|boto3 1"):
        compare({"boto3": "2.0", "six": "1.1"}, found)


def answering(monkeypatch: pytest.MonkeyPatch, dependencies: list[dict[str, Any]]) -> None:
    said = subprocess.CompletedProcess(args=[], returncode=0, stdout=json.dumps({"dependencies": dependencies}))
    monkeypatch.setattr(audit, "_run", lambda *_, **__: said)


def test_a_known_vulnerability_fails_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [{"name": "urllib3", "version": "1", "vulns": [{"id": "PYSEC-2026-1"}]}])
    with pytest.raises(AuditError, match="urllib3: PYSEC-2026-1"):
        ask_database()


def test_no_answer_is_not_taken_for_a_clean_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [{"name": name, "skip_reason": "not found"} for name in pins(LOCK)])
    assert "cannot be reached" in ask_database()
    answering(monkeypatch, [])
    assert "cannot be reached" in ask_database()


def test_a_clean_answer_for_all_of_them_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [{"name": name, "version": version, "vulns": []} for name, version in pins(LOCK).items()])
    assert ask_database() == "Nothing is known against any of them."
