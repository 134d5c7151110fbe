"""Turns the account's policy file into the text of a parameter."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import yaml

from respot.errors import PolicyInvalidError
from respot.recovery.policy.document import parse_policy

LARGEST: Final = 4096
"""Bytes in a parameter of the standard tier."""

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML as people write policies: times remain text, and a repeated member is an error."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - overrides a class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the loader's own signature
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def policy_text(policy_file: str, root: Path = Path()) -> str:
    """The policy in a YAML file as canonical JSON, for the parameter; a relative `policy_file` is relative to `root`.

    Raises:
        PolicyInvalidError: the file cannot be read, is no policy, or is too large; the message names file and place.
    """
    try:
        document = yaml.load((root / policy_file).read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - it is a SafeLoader
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
