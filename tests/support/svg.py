"""What the hand-drawn pictures share: colours for light and dark pages, boxes, arrows and text, as SVG."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

FONT: Final = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"

Colour = tuple[str, str, str, str]
"""Selector, property, colour on a light page, colour on a dark page."""

_PALETTE: Final[Sequence[Colour]] = (
    (".page", "fill", "#ffffff", "#0d1117"),
    (".card", "fill", "#f6f8fa", "#161b22"),
    (".card,.box", "stroke", "#afb8c1", "#484f58"),
    (".box", "fill", "#ffffff", "#161b22"),
    (".function", "fill", "#ddf4ff", "#0c2d6b"),
    (".function", "stroke", "#0969da", "#58a6ff"),
    (".store", "fill", "#fff8c5", "#3b2300"),
    (".store", "stroke", "#9a6700", "#d29922"),
    (".button", "fill", "#ffffff", "#21262d"),
    (".button,.axis", "stroke", "#afb8c1", "#6e7681"),
    (".line", "stroke", "#57606a", "#9198a1"),
    (".head", "fill", "#57606a", "#9198a1"),
    ("text", "fill", "#1f2328", "#e6edf3"),
    (".small", "fill", "#57606a", "#a5adb7"),
    (".info", "fill", "#0969da", "#58a6ff"),
    (".waiting", "fill", "#bf8700", "#d29922"),
    (".moving", "fill", "#1b7c83", "#39c5cf"),
    (".training", "fill", "#1a7f37", "#3fb950"),
    (".interrupted", "fill", "#cf222e", "#f85149"),
    (".other,.ended", "fill", "#8250df", "#a371f7"),
)
_SHAPES: Final = (
    ".line{fill:none;stroke-width:2;marker-end:url(#head)}.dashed{stroke-dasharray:6 5}"
    ".card,.box,.function,.store,.button{stroke-width:1.5}.axis{stroke-width:1}"
    ".title{font-weight:600}.middle{text-anchor:middle}.end{text-anchor:end}"
)
_ARROW_HEAD: Final = (
    '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" '
    'orient="auto-start-reverse"><path class="head" d="M0 0 10 5 0 10z"/></marker></defs>'
)


def document(
    width: int, height: int, parts: Iterable[str], *, label: str, font_size: int, colours: Sequence[Colour] = ()
) -> str:
    """A whole picture, with colours of its own; what it shows is said in its label."""
    light = "".join(f"{selector}{{{name}:{colour}}}" for selector, name, colour, _ in (*_PALETTE, *colours))
    dark = "".join(f"{selector}{{{name}:{colour}}}" for selector, name, _, colour in (*_PALETTE, *colours))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{FONT}" font-size="{font_size}" role="img" aria-label={quoteattr(label)}>'
    )
    style = f"<style>{_SHAPES}{light}@media (prefers-color-scheme:dark){{{dark}}}</style>"
    page = f'<rect class="page" width="{width}" height="{height}" rx="10"/>'
    return "\n".join((head, style, _ARROW_HEAD, page, *parts, "</svg>\n"))


def text(x: float, y: float, words: str, *, classes: str = "", size: int | None = None) -> str:
    """One line of text."""
    attributes: Mapping[str, object] = {"class": classes or None, "font-size": size}
    given = "".join(f' {name}="{value}"' for name, value in attributes.items() if value is not None)
    return f'<text x="{x:g}" y="{y:g}"{given}>{escape(words)}</text>'


def rectangle(x: float, y: float, width: float, height: float, *, classes: str, radius: float = 8) -> str:
    """A rectangle with round corners."""
    return f'<rect class="{classes}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"/>'


def arrow(path: str, *, dashed: bool = False) -> str:
    """A line with a head at its end."""
    return f'<path class="line{" dashed" if dashed else ""}" d="{path}"/>'


def wrapped(words: str, columns: int) -> list[str]:
    """Words in lines of this many characters; a longer word has a line of its own."""
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= columns:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
