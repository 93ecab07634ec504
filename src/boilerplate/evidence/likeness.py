"""How a line's words are like its neighbours', the headline's, and the rest of its page's."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.lines import Lines
from boilerplate.evidence.text import Tokens
from boilerplate.kernel import compiled

NAMES: Final = (
    "like_previous",
    "like_next",
    "like_previous_2",
    "like_next_2",
    "like_first",
    "like_second",
    "known_on_page",
    "known_in_paragraphs",
    "first_word_elsewhere",
    "copies_on_page",
    "log_rarity",
)

RARITY_BITS: Final = 16
_N_SUMS: Final = 10
"""What `_shared_words` counts and weighs of each line."""


def word_buckets(hashes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Bucket of each word in the table of rarities."""
    return (hashes >> np.uint32(32 - RARITY_BITS)).astype(np.int64)


def likeness_evidence(
    lines: Lines, tokens: Tokens, rarity: NDArray[np.float32], paragraph: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Shares of a line's words, weighted by rarity, that stand elsewhere on the page.

    Parameters
    ----------
    lines : Lines
    tokens : Tokens
    rarity : float32 array of shape (2 ** RARITY_BITS,)
        Weight of each hashed word.
    paragraph : bool array of shape (n_lines,)
        Which lines count as paragraphs.

    Returns
    -------
    float32 array of shape (n_lines, len(NAMES))
    """
    line, hashes = _distinct_words(tokens)
    # Fixed point: sums are exact, in whatever order.
    weight = np.rint(rarity[word_buckets(hashes)] * 256).astype(np.int64)
    kernel = compiled()
    if kernel is None:
        shared = _shared_words(lines, line, hashes, weight, paragraph)
    else:
        shared = np.zeros((lines.n_lines, _N_SUMS), dtype=np.int64)
        kernel.shared_words(line, hashes, weight, lines.page, lines.page_starts, paragraph, shared)
    count, total = shared[:, 0], shared[:, 1]
    shares = shared[:, 2:] / np.maximum(total, 1)[:, None]
    others = [
        _first_word_elsewhere(tokens, lines),
        np.log1p(_copies(line_hashes(tokens, lines.n_lines), lines.page)),
        np.log1p(total / 256 / np.maximum(count, 1)),
    ]
    return np.column_stack([shares, *others]).astype(np.float32)


def _shared_words(
    lines: Lines,
    line: NDArray[np.int64],
    hashes: NDArray[np.uint32],
    weight: NDArray[np.int64],
    paragraph: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Distinct words of each line, their weight, and the weight of those that stand in each other place of `NAMES`."""

    def weigh(found: NDArray[np.bool_]) -> NDArray[np.float64]:
        # NumPy's stubs take the sums for whole numbers, weighted or not.
        weights: NDArray = np.bincount(line, weights=weight * found, minlength=lines.n_lines)
        return weights

    # The lines of a page that hold a word stand next to each other, in order: a group.
    page = lines.page[line]
    opens = np.ones(len(line), dtype=bool)
    opens[1:] = (hashes[1:] != hashes[:-1]) | (page[1:] != page[:-1])
    group = np.flatnonzero(opens)
    size = np.diff(group, append=len(line))

    def holders(found: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many lines of each word's group are among the found ones."""
        return np.repeat(np.add.reduceat(found, group, dtype=np.int64), size)

    # Lines from a word to its next holder; 0 if it has none.
    step = np.zeros(len(line), dtype=np.int64)
    step[:-1] = np.where(opens[1:], 0, np.diff(line))
    sums = [np.bincount(line, minlength=lines.n_lines), weigh(np.ones_like(opens))]
    for offset in (1, 2):
        follows = step == offset
        precedes = np.zeros_like(follows)
        precedes[1:] = follows[:-1]
        if offset == 2:
            # The line between may hold the word too.
            through = (step[:-1] == 1) & (step[1:] == 1)
            follows[:-1] |= through
            precedes[2:] |= through[:-1]
        sums += [weigh(precedes), weigh(follows)]
    first = lines.page_starts[page]
    for rank in (0, 1):
        target = line == first + rank
        sums.append(weigh((holders(target) > 0) & ~target))
    in_paragraph = paragraph[line]
    sums += [weigh(np.repeat(size > 1, size)), weigh(holders(in_paragraph) > in_paragraph)]
    return np.stack(sums, axis=1).astype(np.int64)


def _distinct_words(tokens: Tokens) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Line and hash of each distinct word of each line, ordered by hash, then line."""
    keys = tokens.hashes[tokens.is_word].astype(np.uint64) << np.uint64(32)
    keys |= tokens.line[tokens.is_word].astype(np.uint64)
    keys.sort()
    new = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    keys = keys[new]
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64), (keys >> np.uint64(32)).astype(np.uint32)


def line_hashes(tokens: Tokens, n_lines: int) -> NDArray[np.uint64]:
    """A hash of each line's tokens in their order; equal for lines that differ in case and spaces alone."""
    if not len(tokens.hashes):
        return np.zeros(n_lines, dtype=np.uint64)
    position = np.arange(len(tokens.hashes)) - tokens.starts[tokens.line]
    terms = (tokens.hashes.astype(np.uint64) + np.uint64(1)) * (
        position.astype(np.uint64) * np.uint64(2) + np.uint64(0x9E3779B97F4A7C15)
    )
    out = np.zeros(n_lines, dtype=np.uint64)
    filled = np.flatnonzero(np.diff(tokens.starts))
    out[filled] = np.add.reduceat(terms, tokens.starts[filled])
    return out


def _copies(values: NDArray[np.uint64], page: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many other lines of the page have the same value."""
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort((values, page))
    same = (values[order][1:] == values[order][:-1]) & (page[order][1:] == page[order][:-1])
    run = np.cumsum(np.concatenate([[True], ~same])) - 1
    size = np.bincount(run)
    out = np.empty(len(values), dtype=np.int64)
    out[order] = size[run] - 1
    return out


def _first_word_elsewhere(tokens: Tokens, lines: Lines) -> NDArray[np.float64]:
    """Other lines of the page that begin with the same token (as lists and teasers do)."""
    n_lines = lines.n_lines
    first = np.zeros(n_lines, dtype=np.uint64)
    filled = np.flatnonzero(np.diff(tokens.starts))
    first[filled] = tokens.hashes[tokens.starts[filled]]
    return np.log1p(_copies(first, lines.page))
