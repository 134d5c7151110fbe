import stat
from pathlib import Path

import pytest

from respot_cli.user_cache import cache_folder, read_cached, write_cached


@pytest.mark.parametrize(
    ("chosen", "platform", "folder"),
    [
        ("/var/cache/me", "linux", "/var/cache/me/respot"),
        ("/var/cache/me", "darwin", "/var/cache/me/respot"),
        ("", "linux", "/home/ada/.cache/respot"),
        ("relative", "linux", "/home/ada/.cache/respot"),
        ("", "darwin", "/home/ada/Library/Caches/respot"),
    ],
)
def test_the_folder_follows_the_platform(
    chosen: str, platform: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    environment = {"XDG_CACHE_HOME": chosen} if chosen else {}
    assert cache_folder(environment, platform=platform) == Path(folder)


def test_what_is_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "respot/prices/us-east-1.json"
    assert write_cached(file, "one")
    assert write_cached(file, "two")
    assert read_cached(file) == "two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [each.name for each in file.parent.iterdir()] == ["us-east-1.json"]


def test_an_interrupted_write_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept.json"
    write_cached(file, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert not write_cached(file, "new")
    assert read_cached(file) == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["kept.json"]


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert read_cached(tmp_path / "bytes") is None
    assert read_cached(tmp_path / "missing") is None


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    file = cache_folder({}, platform="linux") / "prices.json"
    assert write_cached(file, "{}") is False
    assert read_cached(file) is None
