"""Scrapes labelled, some pages at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from boilerplate.inputs import Scrape
from boilerplate.pages import Line

if TYPE_CHECKING:
    from boilerplate.labeller import PageMethods
    from boilerplate.verdict import Quality

CHUNK_PAGES: Final = 128
"""Pages that are labelled in one go."""
CHUNK_CHARACTERS: Final = 4_000_000
"""No more pages are added to a chunk of as much text, so that memory does not grow with the size of pages."""


@dataclass(frozen=True)
class ScoredPage:
    """A scrape with its labelled lines."""

    scrape: Scrape
    lines: list[Line]

    @property
    def quality(self) -> Quality:
        """The verdict on the page."""
        from boilerplate.verdict import quality_of

        return quality_of(self.lines)


def score_pages(scrapes: Iterable[Scrape], model: PageMethods) -> Iterator[ScoredPage]:
    """Label pages, some at a time.

    Parameters
    ----------
    scrapes : iterable of Scrape
    model : PageMethods
        `LineClassifier` or `Labeller`.

    Yields
    ------
    ScoredPage
        In the order of the scrapes.
    """
    chunk: list[Scrape] = []
    characters = 0
    for scrape in scrapes:
        chunk.append(scrape)
        characters += len(scrape.text)
        if len(chunk) >= CHUNK_PAGES or characters >= CHUNK_CHARACTERS:
            yield from _score_chunk(chunk, model)
            chunk, characters = [], 0
    yield from _score_chunk(chunk, model)


def _score_chunk(chunk: list[Scrape], model: PageMethods) -> Iterator[ScoredPage]:
    for scrape, lines in zip(chunk, model.label_pages([scrape.text for scrape in chunk]), strict=True):
        yield ScoredPage(scrape, lines)
