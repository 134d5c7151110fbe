"""What is left of a rung that lists instance types, once SageMaker has refused some of them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from respot.jobs.type_lists import join_types, split_types
from respot.recovery.planning.decision import Placement, RefusedPool
from respot.recovery.policy.policy import Rung

_NAMED: Final = re.compile(r"\bml\.[a-z0-9-]+\.[a-z0-9-]+")


def usable(rung: Rung, own_type: str, refused: Sequence[RefusedPool]) -> Rung | None:
    """The rung without the pools that were refused; `None` if nothing is left of it.

    The list loses the types that were refused by name. If the list itself was refused, and nobody knows for which type,
    its types are used one by one, in order.
    """
    types = split_types(rung.instance_type or own_type)
    if any(each.covers(f"{rung.market} {join_types(types)}".strip()) for each in refused) and len(types) < 2:
        return None
    if len(types) < 2:
        return rung
    left = tuple(each for each in types if not any(pool.covers(f"{rung.market} {each}") for pool in refused))
    if not left:
        return None
    lists = (split_types(each.instance_type) for each in refused if each.market is rung.market)
    in_vain = any(set(left) <= set(each) for each in lists)
    return replace(rung, instance_type=left[0] if in_vain else join_types(left))


def refused_types(placement: Placement, words: str) -> tuple[str, ...]:
    """The pools of a placement that a refusal rules out: the types it names, or the list if it names none or all."""
    named = set(_NAMED.findall(words))
    found = tuple(each for each in placement.instance_types if each in named)
    return found if 0 < len(found) < len(placement.instance_types) else (placement.instance_type,)
