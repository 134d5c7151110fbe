"""The newest botocore's model of SageMaker, beside the pinned one: data for tests, unpacked into build/ at set-up.

Clones are built by the pinned model. What SageMaker has learned since then is seen here first, before anyone upgrades.
"""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

from infra.packaging import ROOT, PackagingError, appearing_at, install

_REQUIREMENTS: Final = Path("requirements") / "models.txt"
_SERVICE: Final = "sagemaker"


def prepare_newest_model(root: Path = ROOT) -> Path:
    """Unpack the model that requirements/models.txt pins, hashes checked; no network once it is there.

    Gives a directory that botocore's loader can search.

    Raises:
        PackagingError: the wheel cannot be had.
    """
    requirements = root / _REQUIREMENTS
    pinned = requirements.read_text() + Path(__file__).read_text()
    path = root / "build" / f"models-{hashlib.sha256(pinned.encode()).hexdigest()[:16]}"
    if not path.is_dir():
        with appearing_at(path) as unfinished:
            install(requirements, unfinished / "wheel")
            shutil.move(unfinished / "wheel" / "botocore" / "data" / _SERVICE, unfinished / _SERVICE)
            shutil.rmtree(unfinished / "wheel")
    return path


if __name__ == "__main__":
    try:
        prepare_newest_model()
    except PackagingError as failure:
        sys.exit(str(failure))
