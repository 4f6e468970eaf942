"""The table of wanted names, before training and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clipteacher.analysis.wanted.report import WantedReport
from clipteacher.cli.table import numbers
from clipteacher.utils.percent import percent

_CAPTION: Final = "pixels: of those that nobody labelled; margin: median cosine to the name, less that to the next"


def print_wanted(report: WantedReport, console: Console) -> None:
    """Print what each wanted name gets, those with most pixels first, and what stays latent.

    Args:
        report: The result.
        console: Where to.
    """
    summary = report.summary
    share = percent(summary.unlabelled / summary.pixels)
    title = f"Wanted names. {report.caption}, {share} % of the pixels not labelled"
    heads = numbers("pixels, %", "regions", "photos", "margin")
    table = Table("name", *heads, "next name", "most in", title=Text(title), caption=_CAPTION)
    for each in sorted(summary.names, key=lambda each: -each.pixels):
        margin = f"{each.margin:.3f}" if each.regions else "no region"
        most = each.most_pixels[0].photo if each.most_pixels else ""
        counts = percent(each.share), str(each.regions), str(each.photos), margin
        table.add_row(Text(each.name), *counts, Text(each.rival or ""), Text(most))
    table.add_section()
    table.add_row("no name", percent(summary.latent_share), str(summary.latent_regions))
    console.print(table, highlight=False)


def advice_lines(report: WantedReport) -> Iterator[str]:
    """Return the advice on wanted names, a line each."""
    return (f"advice: wanted: {piece}" for piece in report.advice)
