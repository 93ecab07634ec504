"""What all writers are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from boilerplate.scoring import ScoredPage


@dataclass(frozen=True)
class WriteOptions:
    """How pages are written.

    Attributes
    ----------
    min_confidence : float, optional
        Lines below it are marked as uncertain.
    keep : tuple of str
        Labels of the lines that text is made of.
    threshold : float, optional
        How probable these labels must be together; see `boilerplate.cleaning.keep_lines`.
    header : bool
        Whether CSV begins with a row of names: not in the second part of a file and those after it.
    """

    min_confidence: float | None = None
    keep: tuple[str, ...] = ("body",)
    threshold: float | None = None
    header: bool = True


DEFAULT_WRITING: Final = WriteOptions()


class Writer(Protocol):
    """Writes scored pages to a file."""

    def write(self, page: ScoredPage) -> None:
        """Write one page."""

    def close(self) -> None:
        """Write what is still to be written; the file stays open."""
