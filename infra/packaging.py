"""The Lambda bundle: one directory of pure Python that every function runs."""

import compileall
import hashlib
import os
import py_compile
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from respot.errors import RespotError

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHON_VERSION: Final = "3.13"
"""The functions' runtime; any supported Python may build the bundle."""

BUNDLED_SERVICES: Final = ("dynamodb", "s3", "sagemaker", "scheduler", "secretsmanager", "sns", "sqs", "ssm")
"""The services that the functions call: botocore's models of all others are left out (26 MB)."""

_UNUSED_SLACK: Final = ("audit_logs", "oauth", "rtm", "rtm_v2", "scim", "signature", "socket_mode")
_EMPTIED: Final = ("slack_sdk/__init__.py", "slack_sdk/web/__init__.py")
"""Package files that import the whole Web API client, which no webhook needs: half of `slack`'s own cold start."""

_NATIVE: Final = {".so", ".pyd", ".dylib"}
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "*.pyc")


class PackagingError(RespotError):
    """The bundle cannot be built: fix requirements/lambda.txt or the network, and build again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A directory ready to be zipped, with a hash of the sources that it was made from."""

    path: Path
    source_hash: str


def prepare_bundle(root: Path = ROOT) -> Bundle:
    """Lay the dependencies and `respot` side by side; no network once the dependencies are there.

    Raises:
        PackagingError: the dependencies cannot be installed, or are not pure Python.
    """
    dependencies = prepare_dependencies(root)
    source = root / "functions" / "respot"
    source_hash = _digest([dependencies.name, f"bytecode: {_can_compile()}", *_fingerprints(source)])
    path = root / "build" / f"bundle-{source_hash}"
    if path.is_dir():
        let_everybody_read(path)
    else:
        with appearing_at(path) as unfinished:
            # Hard links: a bundle costs its own files only. All bundles want the same modes of what they share.
            shutil.copytree(dependencies, unfinished, copy_function=os.link, dirs_exist_ok=True)
            shutil.copytree(source, unfinished / "respot", ignore=_LEFT_OUT)
            if _can_compile():
                compile_bytecode(unfinished)
            let_everybody_read(unfinished)
    return Bundle(path=path, source_hash=source_hash)


def prepare_dependencies(root: Path = ROOT) -> Path:
    """Install requirements/lambda.txt, hashes checked, into a directory named after its contents.

    Raises:
        PackagingError: the dependencies cannot be installed, or are not pure Python.
    """
    requirements = root / "requirements" / "lambda.txt"
    # This module's own text counts: a change of how the bundle is made gives a new one.
    path = root / "build" / f"dependencies-{_digest([requirements.read_text(), Path(__file__).read_text()])}"
    if not path.is_dir():
        with appearing_at(path) as unfinished:
            install(requirements, unfinished)
            _refuse_native_code(unfinished)
            _trim(unfinished)
    return path


def let_everybody_read(directory: Path) -> None:
    """Set the modes of a directory and of all in it, without regard to the umask under which it was made.

    The CDK CLI zips each file with its mode, and Lambda runs the functions as another user than the code's owner.
    """
    for path in (directory, *directory.rglob("*")):
        mode = 0o755 if path.is_dir() else 0o644
        if stat.S_IMODE(path.stat().st_mode) != mode:
            path.chmod(mode)


def compile_bytecode(directory: Path) -> None:
    """Compile everything ahead: Lambda's disk is read-only, and it would compile at each cold start.

    The bytecode is not checked against its source again, since both arrive together.
    """
    compileall.compile_dir(
        directory, quiet=2, stripdir=str(directory), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )


def _can_compile() -> bool:
    """Bytecode is of one Python version: only the runtime's own is of use."""
    return f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON_VERSION


def install(requirements: Path, target: Path) -> None:
    """Install the wheels that a requirements file pins, hashes checked, into a directory, for the functions' Python.

    Raises:
        PackagingError: uv cannot; the message is what it says.
    """
    command = [
        str(Path(sys.executable).with_name("uv")),
        *("pip", "install", "--quiet", "--color=never"),
        *(f"--python={sys.executable}", f"--python-version={PYTHON_VERSION}", f"--target={target}"),
        # Copies: uv would link files from its cache, and what is emptied or gets other modes here would change there.
        *("--link-mode=copy", "--require-hashes", "--no-deps", "--only-binary=:all:", f"--requirement={requirements}"),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - nothing here is input
    except subprocess.CalledProcessError as error:
        raise PackagingError(f"uv could not install {requirements}:\n{error.stderr}") from error


def _refuse_native_code(directory: Path) -> None:
    native = sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.suffix in _NATIVE)
    if native:
        raise PackagingError(
            f"the bundle runs on arm64 and on any laptop, and cannot hold native code: {', '.join(native)}"
        )


def _trim(directory: Path) -> None:
    """Drop what no function imports: scripts, examples, other services' models."""
    shutil.rmtree(directory / "bin", ignore_errors=True)
    (directory / ".lock").unlink(missing_ok=True)
    shutil.rmtree(directory / "boto3" / "examples", ignore_errors=True)
    for data in (directory / "botocore" / "data", directory / "boto3" / "data"):
        for service in sorted(data.glob("*")):
            # Files beside the services (endpoints, partitions, retries, defaults) are every client's.
            if service.is_dir() and service.name not in BUNDLED_SERVICES:
                shutil.rmtree(service)
    for package in _UNUSED_SLACK:
        shutil.rmtree(directory / "slack_sdk" / package, ignore_errors=True)
    for client in (directory / "slack_sdk" / "web").glob("*client.py"):
        client.unlink()
    for name in _EMPTIED:
        if (directory / name).is_file():
            (directory / name).write_text("")


def _fingerprints(source: Path) -> Iterator[str]:
    files = (p for p in source.rglob("*") if p.is_file() and p.suffix != ".pyc" and "__pycache__" not in p.parts)
    for path in sorted(files):
        yield f"{path.relative_to(source).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@contextmanager
def appearing_at(path: Path) -> Iterator[Path]:
    """A directory to fill, which appears at `path` whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=path.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        try:
            unfinished.rename(path)
        except OSError:
            if not path.is_dir():  # else another process was first with the same contents
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


if __name__ == "__main__":
    try:
        prepare_dependencies()
    except PackagingError as failure:
        sys.exit(str(failure))
