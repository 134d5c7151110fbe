"""Sentences around words of others, which may end in a full stop, in several, or in none."""

import re
from typing import Final

_HANGING: Final = " .…"
"""What quoted words may end in, and the sentence around them must not repeat."""
_CLOSED: Final = re.compile(r"[.!?…]['\")\]]+$|[!?]$")


def clause(words: str) -> str:
    """Words that a sentence goes on after: without the full stops at their end."""
    return words.rstrip(_HANGING)


def sentence(words: str) -> str:
    """Words that end a sentence: with one full stop, unless `!` or `?` ends them; empty if there are none."""
    bare = clause(words)
    return bare if not bare or _CLOSED.search(bare) else f"{bare}."
