"""The infrastructure, at synth: settings, stack, bundle.

An older Python ends here with one line: otherwise it would fail at some import, with a traceback that does not name the
reason. Python 3.6 must be able to read this file, and every module that needs the right Python imports it first.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python is the one that must read this
    version = ".".join(map(str, sys.version_info[:2]))
    sys.exit(
        f"Respot needs Python 3.11 or newer, and {sys.executable} is {version}: "
        "install a newer one, and name it: make setup PYTHON=python3.11"
    )
