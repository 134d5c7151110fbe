import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from infra import packaging
from infra.packaging import BUNDLED_SERVICES, Bundle, PackagingError, prepare_bundle, prepare_dependencies
from tests.infra.test_app import run_app

MODELS = ("dynamodb", "ec2", "iam")


def fake_install(*extra: str) -> Callable[[Path, Path], None]:
    """What uv would leave in the target: a library, its models, a script, and `extra` files."""

    def install(_requirements: Path, target: Path) -> None:
        files = [
            *("bin/jp.py", ".lock", "library.py", "botocore/data/endpoints.json", "boto3/examples/s3.rst"),
            *(f"botocore/data/{name}/service-2.json.gz" for name in MODELS),
            *(f"boto3/data/{name}/resources-1.json" for name in MODELS),
        ]
        for name in (*files, *extra):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(name)

    return install


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose dependencies install at once."""
    monkeypatch.setattr(packaging, "install", fake_install())
    return checkout(tmp_path / "project")


@pytest.fixture
def _umask_077() -> Iterator[None]:
    """A machine on which new files are its owner's alone."""
    usual = os.umask(0o077)
    yield
    os.umask(usual)


def checkout(root: Path) -> Path:
    for name, text in {
        "requirements/lambda.txt": "library==1",
        "functions/respot/__init__.py": "",
        "functions/respot/handlers/record.py": "handler = print",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def files(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def sources(directory: Path) -> set[str]:
    """The files that are no bytecode, which only the functions' own Python version adds."""
    return {name for name in files(directory) if "__pycache__" not in name}


def test_the_bundle_holds_respot_beside_what_it_imports_and_bytecode_of_its_own_python_alone(project: Path) -> None:
    bundle = prepare_bundle(project).path
    bytecode = files(bundle) - sources(bundle)
    assert bool(bytecode) is (sys.version_info[:2] == (3, 13))
    assert all(name.endswith(".cpython-313.pyc") for name in bytecode)
    assert sources(bundle) == {
        "library.py",
        "respot/__init__.py",
        "respot/handlers/record.py",
        "botocore/data/endpoints.json",
        "botocore/data/dynamodb/service-2.json.gz",
        "boto3/data/dynamodb/resources-1.json",
    }


def test_the_same_sources_make_the_same_bundle(project: Path, tmp_path: Path) -> None:
    first, second = prepare_bundle(project), prepare_bundle(checkout(tmp_path / "elsewhere"))
    assert (second.source_hash, files(second.path)) == (first.source_hash, files(first.path))
    compiled = project / "functions/respot/__pycache__/x.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"x")
    os.utime(project / "functions/respot/__init__.py", (1, 1))
    assert prepare_bundle(project) == first
    assert not any(name.endswith("cpython-311.pyc") for name in files(first.path))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: (p / "functions/respot/__init__.py").write_text("x = 1"), id="a module's text"),
        pytest.param(lambda p: (p / "functions/respot/new.py").touch(), id="a new module"),
        pytest.param(lambda p: (p / "functions/respot/__init__.py").unlink(), id="a module less"),
        pytest.param(lambda p: (p / "requirements/lambda.txt").write_text("library==2"), id="a dependency"),
    ],
)
def test_another_source_makes_another_bundle(project: Path, change: Callable[[Path], object]) -> None:
    first = prepare_bundle(project)
    change(project)
    second = prepare_bundle(project)
    assert second.source_hash != first.source_hash
    assert second.path != first.path


def test_dependencies_are_installed_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare_dependencies(project)

    def offline(_requirements: Path, _target: Path) -> None:
        raise AssertionError

    monkeypatch.setattr(packaging, "install", offline)
    assert prepare_dependencies(project) == prepared
    prepare_bundle(project)


@pytest.mark.parametrize("name", ["library/speedups.cpython-313-aarch64-linux-gnu.so", "a.pyd", "b.dylib"])
def test_native_code_is_refused_and_leaves_nothing_behind(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(packaging, "install", fake_install(name))
    with pytest.raises(PackagingError, match=re.escape(name)):
        prepare_bundle(project)
    assert files(project / "build") == set()


def test_what_uv_says_is_passed_on(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements" / "lambda.txt"
    requirements.parent.mkdir()
    requirements.write_text("boto3\n")
    with pytest.raises(PackagingError, match="--require-hashes"):
        prepare_dependencies(tmp_path)


# --- modes: Lambda runs the functions as another user than the owner of the code: all must be able to read it


def wrong_modes(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): oct(path.stat().st_mode & 0o7777)
        for path in (directory, *directory.rglob("*"))
        if path.stat().st_mode & 0o7777 != (0o755 if path.is_dir() else 0o644)
    }


@pytest.mark.usefixtures("_umask_077")
def test_everybody_may_read_a_bundle_that_was_built_under_umask_077_and_wrong_modes_are_repaired(project: Path) -> None:
    bundle = prepare_bundle(project).path
    assert wrong_modes(bundle) == {}
    for name, mode in {"": 0o700, "respot": 0o700, "library.py": 0o600, "respot/__init__.py": 0o600}.items():
        (bundle / name).chmod(mode)
    assert prepare_bundle(project).path == bundle
    assert wrong_modes(bundle) == {}


@pytest.mark.usefixtures("_umask_077")
def test_everybody_may_read_what_the_cli_zips_of_it(root: Path, tmp_path: Path) -> None:
    """The CDK CLI gives each file in the archive the mode that it has in the assembly."""
    result = run_app(root, tmp_path / "out")
    assert result.returncode == 0, result.stderr
    (asset,) = (tmp_path / "out").glob("asset.*")
    assert {name: mode for name, mode in wrong_modes(asset).items() if not (asset / name).is_dir()} == {}


def test_no_file_of_the_dependencies_is_shared_with_an_installation(root: Path) -> None:
    """uv links files from its cache. What is emptied or gets other modes here would change in every installation."""
    dependencies = prepare_dependencies(root)
    assert not (dependencies / "boto3" / "__init__.py").samefile(boto3.__file__)


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The real one."""
    return prepare_bundle()


def test_every_handler_and_client_works_from_the_bundle_alone(bundle: Bundle) -> None:
    handlers = sorted(path.stem for path in (bundle.path / "respot" / "handlers").glob("*.py"))
    program = f"""
import sys
sys.path[:] = [sys.argv[1], *(p for p in sys.path if 'site-packages' not in p)]
import boto3, importlib
for service in {BUNDLED_SERVICES}: boto3.client(service, 'us-east-1')
for name in {handlers}: importlib.import_module('respot.handlers.' + name)
assert all(m.__file__.startswith(sys.argv[1]) for n, m in sys.modules.items() if n.startswith('respot'))
"""
    # -I: neither this process' path nor its environment; -S: no site-packages, hence no editable install of respot.
    command = [sys.executable, "-I", "-S", "-B", "-c", program, str(bundle.path)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, env={})  # noqa: S603
    assert result.returncode == 0, result.stderr


def test_the_functions_call_bundled_services_only(root: Path) -> None:
    sources = (path.read_text() for path in (root / "functions").rglob("*.py"))
    called = {name for source in sources for name in re.findall(r"\bclient\(\s*\"([a-z0-9-]+)\"", source)}
    assert called == set(BUNDLED_SERVICES)


def test_the_bundle_is_small(bundle: Bundle) -> None:
    megabytes = sum(path.stat().st_size for path in bundle.path.rglob("*")) / 1e6
    assert megabytes < 20  # with bytecode; without, 12
