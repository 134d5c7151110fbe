"""Turns the account's policy file into the text of a parameter."""

import json
from pathlib import Path
from typing import Final

import yaml

from respot.errors import PolicyInvalidError
from respot.recovery.policy.document import parse_policy
from respot_cli.policy_yaml import read_yaml

LARGEST: Final = 4096
"""Bytes in a parameter of the standard tier."""
_LARGEST_FILE: Final = 64 * 1024
"""Bytes of YAML, with all comments."""


def policy_text(policy_file: str, root: Path = Path()) -> str:
    """The policy in a YAML file as canonical JSON, for the parameter; a relative `policy_file` is relative to `root`.

    Raises:
        PolicyInvalidError: the file cannot be read, is no policy, or is too large; the message names file and place.
    """
    try:
        document = read_yaml(read_file(root / policy_file))
        parse_policy(document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise PolicyInvalidError(f"{policy_file} cannot be read as YAML: {error}") from error
    except PolicyInvalidError as error:
        raise PolicyInvalidError(f"{policy_file}: {error}") from error
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if (size := len(text.encode())) > LARGEST:
        raise PolicyInvalidError(
            f"{policy_file}: the policy takes {size} bytes of JSON, and a parameter holds {LARGEST}: "
            "join rules, or shorten their names"
        )
    return text


def read_file(path: Path) -> str:
    """The text of a policy file.

    Raises:
        PolicyInvalidError: it is too large.
        OSError: it cannot be read.
        UnicodeDecodeError: it is no UTF-8.
    """
    with path.open("rb") as file:
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        message = f"the file is larger than {_LARGEST_FILE // 1024} KB"
        raise PolicyInvalidError(message)
    return content.decode()
