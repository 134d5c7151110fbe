"""What the bundle is made of, and what is known against it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import audit
from infra.audit import Answers, AuditError, ask_database, compare, installed, of_bundle, of_tools, pins, write_sbom
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
    report = json.loads((tmp_path / "build" / "sbom.json").read_text())
    assert report["bomFormat"] == "CycloneDX"


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


KNOWN = {"name": "urllib3", "version": "1", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1", "2.3"]}]}
SILENT = {"name": "Silent.One", "skip_reason": "not found"}


def test_a_known_vulnerability_fails_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [KNOWN])
    with pytest.raises(AuditError, match=r"urllib3: PYSEC-2026-1 \(fixed in 1.1 or 2.3\)"):
        of_bundle(ask_database(), pins(LOCK))


def test_no_answer_is_not_taken_for_a_clean_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for answers in ([{"name": name, "skip_reason": "not found"} for name in pins(LOCK)], []):
        answering(monkeypatch, answers)
        assert "cannot be reached" in of_bundle(ask_database(), pins(LOCK))
    assert of_tools(ask_database()).endswith("the database answered nothing.")
    answering(monkeypatch, [{"name": name, "version": version, "vulns": []} for name, version in pins(LOCK).items()])
    assert of_bundle(ask_database(), pins(LOCK)) == "Nothing is known against any of them."


def test_what_is_known_against_a_tool_is_said_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [KNOWN, {"name": "uv", "version": "1", "vulns": []}, SILENT])
    said = of_tools(ask_database())
    assert said.startswith("WARNING, known vulnerabilities of tools: urllib3: PYSEC-2026-1 (fixed in 1.1 or 2.3); ")
    assert said.endswith("Without an answer: 1.")
    # What the bundle has is no tool.
    tools = ask_database().without({"urllib3", "silent-one"})
    assert tools == Answers(clean=frozenset({"uv"}))
    assert of_tools(tools) == "Nothing is known against 1 packages that only build, deploy and test it."


def test_bundle_and_tools_are_both_asked_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the tools, the whole lock: what builds, deploys and tests, and what brings all of that."""
    asked, run = [], audit._run  # noqa: SLF001 - the one place where others' tools are called

    def note(module: str, *arguments: str, **others: bool) -> subprocess.CompletedProcess[str]:
        if module != "pip_audit":
            return run(module, *arguments, **others)
        files = [Path(word).name for word in arguments if word.endswith(".txt")]
        asked.append(files)
        report = [{"name": "uv", "version": "1", "vulns": [{"id": "PYSEC-2026-2"}]}] if "uv.txt" in files else []
        return subprocess.CompletedProcess(args=[], returncode=1, stdout=json.dumps({"dependencies": report}))

    monkeypatch.setattr(audit, "_run", note)
    audit.main()
    assert sorted(asked) == [["dev.txt", "uv.txt"], ["lambda.txt"]]
    said = capsys.readouterr().out
    assert "WARNING, known vulnerabilities of tools: uv: PYSEC-2026-2;" in said
    assert f"the {len(pins(LOCK))} packages of the bundle. The database" in said
    assert "answered for 0 of them: it cannot be reached" in said
