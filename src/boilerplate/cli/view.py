"""What people see on a terminal: labelled pages, manifests."""

from __future__ import annotations

import io
import json
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from boilerplate.labels import COLOURS

if TYPE_CHECKING:
    from boilerplate.scoring import ScoredPage

MAX_SHOWN = 400
"""Characters of a line that the coloured view shows; the other formats hold it whole."""


def console() -> Console:
    """A console on standard output; as wide as the terminal, and 100 columns in a pipe.

    It prints strings as they are: names of sites are no markup.
    """
    found = Console(highlight=False, markup=False, emoji=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, emoji=False, width=100)


def page_view(page: ScoredPage, min_confidence: float | None) -> RenderableType:
    """One labelled page: label, confidence and text of each line, and the verdict.

    Parameters
    ----------
    page : ScoredPage
    min_confidence : float, optional
        Lines below it get a question mark.

    Returns
    -------
    renderable
    """
    table = Table(box=None, padding=(0, 1), show_header=False, pad_edge=False)
    table.add_column(style="dim", justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for line in page.lines:
        colour = COLOURS[line.label]
        uncertain = min_confidence is not None and line.confidence < min_confidence
        table.add_row(
            str(line.number),
            Text(line.label, style=f"bold {colour}"),
            Text(f"{line.confidence:4.0%}" + ("?" if uncertain else " "), style="bold red" if uncertain else "dim"),
            Text(printable(line.text), style=colour),
        )
    quality = page.quality
    counts = "  ".join(f"{count} {label}" for label, count in quality.counts.items() if count)
    verdict = Text.assemble(
        ("body ", "dim"),
        (f"{quality.body_share:.0%} ", "bold"),
        ("of the characters:  ", "dim"),
        counts or "no lines",
    )
    title = Text(printable(page.scrape.id), style="bold underline")
    return Group(title, table, verdict, Text())


def printable(text: str) -> str:
    """A line as a terminal can show it: no control characters, not endless."""
    text = text.strip()
    return _without_controls(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…")


def _without_controls(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


class TableWriter:
    """Writes the coloured view, to a file without colours or to standard output."""

    def __init__(self, out: IO[bytes] | None, min_confidence: float | None) -> None:
        self._out = out
        self._min_confidence = min_confidence
        self._terminal = console()

    def write(self, page: ScoredPage) -> None:
        """Write one page."""
        view = page_view(page, self._min_confidence)
        if self._out is None:
            self._terminal.print(view)
            return
        buffer = io.StringIO()
        Console(file=buffer, width=120, highlight=False).print(view)
        self._out.write(buffer.getvalue().encode("utf-8", "replace"))

    def close(self) -> None:
        """Nothing is left to be written."""


def manifest_table(manifest: dict[str, Any]) -> Table:
    """A manifest, one entry a row; long parts as JSON."""
    table = Table(show_header=False, title="Model", title_justify="left", title_style="bold")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in manifest.items():
        if key == "scores":
            table.add_row("held-out sites", _held_out(value))
        elif isinstance(value, dict):
            for inner, entry in value.items():
                table.add_row(_without_controls(f"{key}: {inner}"), _without_controls(_entry(entry)))
        else:
            table.add_row(_without_controls(key), _without_controls(_entry(value)))
    return table


def _held_out(scores: dict[str, Any]) -> str:
    macro = scores.get("macro_f1")
    if macro is None:
        return "not measured"
    interval = scores.get("macro_f1_interval") or {}
    shown = f"macro-F1 {macro:.3f}"
    if interval.get("low") is not None:
        shown += f" ({interval['low']:.3f} to {interval['high']:.3f})"
    for label, row in scores.get("labels", {}).items():
        if row.get("f1") is not None:
            shown += f", {label} {row['f1']:.3f}"
    return shown


def _entry(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
