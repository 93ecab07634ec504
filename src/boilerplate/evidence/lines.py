"""A batch of pages as arrays: every line's characters, in one buffer, with offsets.

All evidence is computed over all lines of a batch at once from this structure; nothing in it depends on the other pages
of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.characters import N_CLASSES, CharClass, classify, tables
from boilerplate.kernel import compiled
from boilerplate.pages import normalise_newlines

HEAD: Final = 128
TAIL: Final = 64
"""Of a longer line, the first `HEAD` and the last `TAIL` characters are looked at: what a line is shows at its ends,
and a bounded view keeps the cost of a line of 10 MB in bounds."""

MAX_MARKER: Final = 6
"""Longest run of bullet characters that is taken for a list or heading marker (Markdown has six heading levels)."""

_LETTERED: Final = (CharClass.UPPER, CharClass.LOWER, CharClass.LETTER, CharClass.MARK)


@dataclass(frozen=True)
class Layout:
    """Which lines stand on which page."""

    page_starts: NDArray[np.int64]
    """First line of each page, and ``n_lines`` at the end: shape (n_pages + 1,)."""
    page: NDArray[np.int64]
    """Page of each line: shape (n_lines,)."""

    @property
    def n_lines(self) -> int:
        """Number of non-blank lines in the batch."""
        return len(self.page)

    @property
    def n_pages(self) -> int:
        """Number of pages in the batch."""
        return len(self.page_starts) - 1

    def without_empty_pages(self) -> Layout:
        """The layout of the pages that have lines."""
        filled = np.diff(self.page_starts) > 0
        if filled.all():
            return self
        return Layout(
            np.concatenate([self.page_starts[:-1][filled], self.page_starts[-1:]]), (np.cumsum(filled) - 1)[self.page]
        )


class Counts(NamedTuple):
    """What each line's viewed characters are."""

    classes: NDArray[np.int64]
    """Characters of each `CharClass`: shape (n_lines, N_CLASSES)."""
    words: NDArray[np.int64]
    """Runs of letters; the letters in them; runs that begin with a capital, and those with a second one behind it:
    shape (n_lines, 4)."""


@dataclass(frozen=True)
class Lines(Layout):
    """The non-blank lines of a batch of pages.

    ``n_lines`` counts non-blank lines over all pages, ``n_chars`` their viewed characters.
    """

    number: NDArray[np.int64]
    """Line number in its page's text, blank lines counted, from 0: shape (n_lines,)."""
    blank_before: NDArray[np.int64]
    """Blank lines between this line and the line before it in the page: shape (n_lines,)."""
    blank_after: NDArray[np.int64]
    """Blank lines between this line and the next one in the page: shape (n_lines,)."""
    indent: NDArray[np.int64]
    """Characters of white space that the line begins with: shape (n_lines,)."""
    marker: NDArray[np.int64]
    """Length of a leading bullet or heading marker, which the view leaves out: shape (n_lines,)."""
    length: NDArray[np.int64]
    """Characters of the line without surrounding white space and marker: shape (n_lines,)."""
    starts: NDArray[np.int64]
    """First viewed character of each line in `codes`, and ``n_chars`` at the end: shape (n_lines + 1,)."""
    codes: NDArray[np.uint32]
    """Code points of the viewed characters: shape (n_chars,)."""
    classes: NDArray[np.uint8]
    """Their `CharClass`: shape (n_chars,)."""

    @cached_property
    def counts(self) -> Counts:
        """Characters and words of each line, counted once."""
        kernel = compiled()
        if kernel is None:
            return _counts(self)
        classes = np.empty((self.n_lines, N_CLASSES), dtype=np.int64)
        words = np.empty((self.n_lines, 4), dtype=np.int64)
        kernel.count_classes(self.classes, self.starts, classes, words)
        return Counts(classes, words)


def segments(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Segment number and position inside it, for consecutive segments of the given lengths.

    Parameters
    ----------
    lengths : int64 array of shape (n_segments,)

    Returns
    -------
    segment, position : int64 arrays of shape (sum of lengths,)
    """
    segment = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return segment, np.arange(len(segment)) - starts[segment]


def read_lines(texts: Sequence[str]) -> Lines:
    """Cut pages into non-blank lines and view their characters.

    Parameters
    ----------
    texts : sequence of str, length n_pages
        Page texts; any newline convention.

    Returns
    -------
    Lines
    """
    normal = [normalise_newlines(text) for text in texts]
    raw = "\n".join(normal).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(raw, dtype="<u4").astype(np.uint32, copy=False)
    rows_per_page = np.array([text.count("\n") + 1 for text in normal], dtype=np.int64)
    kernel = compiled()
    return _cut(codes, rows_per_page) if kernel is None else _cut_compiled(kernel, codes, rows_per_page)


def _cut_compiled(kernel: ModuleType, codes: NDArray[np.uint32], rows_per_page: NDArray[np.int64]) -> Lines:
    class_table = tables().classes
    found = np.empty((8, rows_per_page.sum()), dtype=np.int64)
    n_lines = kernel.find_lines(codes, class_table, rows_per_page, *found, MAX_MARKER)
    page, number, blank_before, blank_after, indent, marker, length, first = found[:, :n_lines]
    starts = _starts(np.minimum(length, HEAD + TAIL))
    viewed, classes = np.empty(starts[-1], dtype=np.uint32), np.empty(starts[-1], dtype=np.uint8)
    kernel.view_lines(codes, class_table, first, length, starts, viewed, classes, HEAD)
    return Lines(
        page_starts=np.searchsorted(page, np.arange(len(rows_per_page) + 1)),
        page=page,
        number=number,
        blank_before=blank_before,
        blank_after=blank_after,
        indent=indent,
        marker=marker,
        length=length,
        starts=starts,
        codes=viewed,
        classes=classes,
    )


def _cut(codes: NDArray[np.uint32], rows_per_page: NDArray[np.int64]) -> Lines:
    classes = classify(codes)
    newline = np.flatnonzero(codes == ord("\n"))
    row_start = np.concatenate([[0], newline + 1])
    row_end = np.concatenate([newline, [len(codes)]])
    row_page, row_number = segments(rows_per_page)
    if not len(row_page):
        row_start, row_end = row_start[:0], row_end[:0]

    solid = np.flatnonzero(classes != CharClass.SPACE)
    first_solid = np.searchsorted(solid, row_start)
    after_solid = np.searchsorted(solid, row_end)
    row = np.flatnonzero(after_solid > first_solid)
    first = solid[first_solid[row]]
    end = solid[after_solid[row] - 1] + 1
    indent = first - row_start[row]
    page, number = row_page[row], row_number[row]

    # The blanks behind a marker belong to it.
    marked = _marker_length(classes, first, end)
    text = solid[np.searchsorted(solid, first + marked)] if len(first) else first
    marker = text - first
    first = text
    length = end - first

    view_length = np.minimum(length, HEAD + TAIL)
    line, position = segments(view_length)
    skipped = np.where(position >= HEAD, length[line] - view_length[line], 0)
    source = first[line] + position + skipped
    page_starts = _starts(np.bincount(page, minlength=len(rows_per_page)))
    blank_before, blank_after = _blank_runs(page, number, rows_per_page)
    return Lines(
        page_starts=page_starts,
        page=page,
        number=number,
        blank_before=blank_before,
        blank_after=blank_after,
        indent=indent,
        marker=marker,
        length=length,
        starts=_starts(view_length),
        codes=codes[source],
        classes=classes[source],
    )


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _marker_length(classes: NDArray[np.uint8], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Length of a leading run of bullet characters that a blank follows; 0 where there is none."""
    marker = np.zeros(len(first), dtype=np.int64)
    running = np.ones(len(first), dtype=bool)
    for run in range(1, MAX_MARKER + 1):
        inside = first + run < end
        at = np.where(inside, first + run, 0)
        mark = classes[np.minimum(first + run - 1, len(classes) - 1)] if len(classes) else classes
        running &= inside & ((mark == CharClass.BULLET) | (mark == CharClass.DASH) | (mark == CharClass.MARKUP))
        ends_here = running & (classes[at] == CharClass.SPACE) if len(classes) else running
        marker[ends_here] = run
    return marker


def _blank_runs(
    page: NDArray[np.int64], number: NDArray[np.int64], rows_per_page: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Blank rows before and after each line, up to its neighbours or the page's ends."""
    if not len(page):
        return number, number
    opens = np.concatenate([[True], page[1:] != page[:-1]])
    closes = np.concatenate([page[1:] != page[:-1], [True]])
    before = number - np.concatenate([[0], number[:-1] + 1])
    before[opens] = number[opens]
    after = np.concatenate([number[1:], [0]]) - number - 1
    after[closes] = rows_per_page[page[closes]] - number[closes] - 1
    return before, after


def _counts(lines: Lines) -> Counts:
    classes, n_lines = lines.classes, lines.n_lines
    line = np.repeat(np.arange(n_lines), np.diff(lines.starts))
    of_class = np.bincount(line * N_CLASSES + classes, minlength=n_lines * N_CLASSES).reshape(n_lines, N_CLASSES)
    lettered = np.isin(np.arange(N_CLASSES), _LETTERED)[classes]
    opens = lettered.copy()
    opens[1:] &= ~lettered[:-1]
    opens[lines.starts[:-1]] = lettered[lines.starts[:-1]]
    capital = opens & (classes == CharClass.UPPER)
    second = np.zeros(len(classes), dtype=bool)
    second[:-1] = capital[:-1] & (classes[1:] == CharClass.UPPER) & ~opens[1:]
    words = [np.bincount(line[chosen], minlength=n_lines) for chosen in (opens, lettered, capital, second)]
    return Counts(of_class, np.stack(words, axis=1))
