"""What ``boilerplate audit`` shows on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from boilerplate.cli.view import printable
from boilerplate.labels import COLOURS

if TYPE_CHECKING:
    from boilerplate.audit import Suspect
    from boilerplate.corpus import AnnotatedPage

MAX_NEIGHBOUR: Final = 160
"""Characters of a line that is shown for context."""


def suspects_view(pages: Sequence[AnnotatedPage], suspects: Sequence[Suspect], reach: int) -> RenderableType:
    """Lines whose label may be wrong, each with the lines around it.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
    suspects : sequence of Suspect
    reach : int
        Lines to show before and after each.

    Returns
    -------
    renderable
    """
    from boilerplate.audit import context

    parts: list[RenderableType] = []
    for rank, suspect in enumerate(suspects, 1):
        page = pages[suspect.page]
        before, after = context(page, suspect.number, reach)
        table = Table(box=None, padding=(0, 1), show_header=False, pad_edge=False)
        table.add_column(justify="right", no_wrap=True, min_width=5)
        table.add_column(no_wrap=True, min_width=23)
        table.add_column(overflow="fold")
        for line in before:
            table.add_row(*_neighbour(line))
        mark = Text.assemble(
            (suspect.label, f"bold {COLOURS[suspect.label]}"),
            ("?", "bold red"),
            (suspect.suggested, f"bold {COLOURS[suspect.suggested]}"),
        )
        table.add_row(Text(str(suspect.number), style="bold"), mark, Text(printable(suspect.text), style="bold"))
        for line in after:
            table.add_row(*_neighbour(line))
        chances = ", ".join(
            f"{label} {suspect.probabilities[label]:.1%}" for label in (suspect.label, suspect.suggested)
        )
        title = Text.assemble((f"{rank}. ", "dim"), (printable(page.id), "bold underline"), (f"  {chances}", "dim"))
        parts += [title, table, Text()]
    noun = "suspicious line" if len(suspects) == 1 else "suspicious lines"
    return Group(*parts, Text(f"{len(suspects):,} {noun} of {sum(len(page.labels) for page in pages):,}", style="dim"))


def _neighbour(line: dict[str, Any]) -> tuple[Text, Text, Text]:
    shown = printable(line["text"])
    cells = (
        str(line["number"]),
        line["label"],
        shown if len(shown) <= MAX_NEIGHBOUR else shown[: MAX_NEIGHBOUR - 1] + "…",
    )
    number, label, text = (Text(cell, style="dim") for cell in cells)
    return number, label, text
