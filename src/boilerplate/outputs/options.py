"""What all writers are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from boilerplate.scoring import ScoredPage

if TYPE_CHECKING:
    from boilerplate.outputs.columns import Columns

Layout = Literal["pages", "lines", "cleaned"]
"""What a row is: a page with its lines in it, a line, or a page with its cleaned text and no lines."""


@dataclass(frozen=True)
class WriteOptions:
    """How pages are written.

    Attributes
    ----------
    min_confidence : float, optional
        Lines below it are marked as uncertain.
    keep : tuple of str
        Labels of the lines that cleaned text is made of.
    threshold : float, optional
        How probable these labels must be together; see `boilerplate.cleaning.keep_lines`.
    header : bool
        Whether CSV begins with a row of names: not in the second part of a file and those after it.
    continued : bool
        Whether text begins with the blank line that stands between pages: in files that others stand before.
    layout : str
        For JSON Lines, CSV and Parquet. CSV, which cannot nest, has ``lines`` in place of ``pages``.
    clean_field : str, optional
        Field for the cleaned text of a page.
    text_field : str
        Field of the input that held the text. The layout ``cleaned`` has it, too, unless the cleaned text takes its
        place.
    min_quality : float, optional
        Pages with a smaller share of body are left out.
    columns : Columns, optional
        Fields of the input that get a column of their own, in CSV and Parquet; see
        `boilerplate.outputs.columns.plan_columns`.
    """

    min_confidence: float | None = None
    keep: tuple[str, ...] = ("body",)
    threshold: float | None = None
    header: bool = True
    continued: bool = False
    layout: Layout = "pages"
    clean_field: str | None = None
    text_field: str = "text"
    min_quality: float | None = None
    columns: Columns | None = None

    def wants(self, page: ScoredPage) -> bool:
        """Whether a page is good enough to be written."""
        return self.min_quality is None or page.quality.body_share >= self.min_quality

    def needs_columns(self, output_format: str) -> bool:
        """Whether an output in that format has columns for fields of the input."""
        return self.layout in {"parquet": ("pages", "cleaned"), "csv": ("cleaned",)}.get(output_format, ())


DEFAULT_WRITING: Final = WriteOptions()


class Writer(Protocol):
    """Writes scored pages to a file."""

    def write(self, page: ScoredPage) -> None:
        """Write one page."""

    def close(self) -> None:
        """Write what is still to be written; the file stays open."""
