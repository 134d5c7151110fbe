"""One module writes HTML, from one template that escapes: words of others that resemble it have no other page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHAT_RUNS = [*(ROOT / "functions" / "respot").rglob("*.py"), *(ROOT / "respot_cli").rglob("*.py")]
MARKUP = re.compile(
    r"</?(html|head|body|script|style|a|b|i|p|br|hr|h[1-6]|div|span|pre|code|img|svg|table|tr|t[dh]|ul|ol|li|iframe|form)"
    r"(\s[^>]*)?/?>|<!doctype|text/html|xhtml",
    re.IGNORECASE,
)
WRITERS = {"html", "xml", "jinja2", "mako", "markupsafe", "markdown"}
"""Modules that one imports to write markup."""


def html_in(source: str) -> Iterator[str]:
    """What a module says that belongs into a page, and what it imports or calls to make one."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if found := MARKUP.search(text):
                yield found[0]
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.split(".")[0] in WRITERS)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in WRITERS:
                yield module
            case ast.Attribute(attr="export_html" | "export_svg" | "save_html" | "save_svg" as call):
                yield call


@pytest.mark.parametrize(
    "source",
    [
        "page = '<html>'",
        "row = f'<td class=\"{name}\">{value}</td>'",
        "kind = {'Content-Type': 'text/html; charset=utf-8'}",
        "import html",
        "from xml.sax import saxutils",
        "console.export_html()",
    ],
)
def test_html_is_found_where_there_is_some(source: str) -> None:
    assert list(html_in(source)) != []


def test_only_the_reports_page_writes_html_and_only_by_its_template() -> None:
    assert len(WHAT_RUNS) > 80
    found = {str(path.relative_to(ROOT)): list(html_in(path.read_text())) for path in WHAT_RUNS}
    assert {path: said for path, said in found.items() if said} == {
        "respot_cli/report/page.py": ["jinja2"],
        "respot_cli/report/charts.py": ["<style>", "</style>", "<svg [^>"],
    }


def test_the_reports_template_escapes_everything_and_has_no_script() -> None:
    (template,) = (ROOT / "respot_cli" / "report" / "templates").glob("*.j2")
    source = template.read_text()
    assert not re.findall(r"\|\s*safe|autoescape|Markup|<script|javascript:|\son\w+=", source)
    assert "autoescape=True" in (ROOT / "respot_cli" / "report" / "page.py").read_text()
