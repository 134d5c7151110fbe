"""Writes the report as one HTML file: the only module that makes markup, and the template escapes all that it shows."""

from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from respot.jobs.formatting import readable
from respot_cli.report.view_model import Report


def render(report: Report) -> str:
    """The page: it loads nothing, and has no script."""
    environment = Environment(
        loader=PackageLoader("respot_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"readable": readable, "day_and_time": _day_and_time, "place": _place}
    return environment.get_template("report.html.j2").render(report=report)


def _day_and_time(moment: datetime, with_seconds: bool) -> str:  # noqa: FBT001 - as a filter gets it
    return f"{moment:%d %b %H:%M:%S}" if with_seconds else f"{moment:%d %b %H:%M}"


def _place(percent: float) -> str:
    """A percentage, exact to a pixel of a wide bar, in as few characters as that takes."""
    return f"{percent:.1f}".removesuffix(".0")
