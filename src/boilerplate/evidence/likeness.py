"""How a line's words are like its neighbours', the headline's, and the rest of its page's."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.lines import Lines
from boilerplate.evidence.text import Tokens

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
    n_lines = lines.n_lines
    word = tokens.is_word
    # Each distinct word of a line once: keys (line, hash).
    keys = (tokens.line[word].astype(np.uint64) << np.uint64(32)) | tokens.hashes[word].astype(np.uint64)
    keys = np.unique(keys)
    line = (keys >> np.uint64(32)).astype(np.int64)
    hashes = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    # Fixed point: sums are exact.
    weight = np.rint(rarity[word_buckets(hashes)] * 256).astype(np.int64)
    total = np.bincount(line, weights=weight, minlength=n_lines)
    safe_total = np.maximum(total, 1)

    def share(found: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(line[found], weights=weight[found], minlength=n_lines) / safe_total

    def contains(target: NDArray[np.int64], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
        wanted = (target.astype(np.uint64) << np.uint64(32)) | hashes.astype(np.uint64)
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        held: NDArray[np.bool_] = valid & (keys[at] == wanted)
        return held

    page = lines.page[line]
    first = lines.page_starts[page]
    end = lines.page_starts[page + 1]
    shares = []
    for offset in (-1, 1, -2, 2):
        target = line + offset
        shares.append(share(contains(np.clip(target, 0, max(n_lines - 1, 0)), (target >= first) & (target < end))))
    for rank in (0, 1):
        target = first + rank
        shares.append(share(contains(np.minimum(target, max(n_lines - 1, 0)), (target != line) & (target < end))))

    # Lines of the page that hold the word, and paragraphs among them.
    page_keys = (page.astype(np.uint64) << np.uint64(32)) | hashes.astype(np.uint64)
    distinct, inverse = np.unique(page_keys, return_inverse=True)
    holders = np.bincount(inverse, minlength=len(distinct))[inverse]
    in_paragraph = paragraph[line]
    paragraphs = np.bincount(inverse, weights=in_paragraph, minlength=len(distinct))[inverse] - in_paragraph
    shares += [share(holders > 1), share(paragraphs > 0)]

    line_hash = line_hashes(tokens, n_lines)
    return np.stack(
        [
            *shares,
            _first_word_elsewhere(tokens, lines),
            np.log1p(_copies(line_hash, lines.page)),
            np.log1p(total / 256 / np.maximum(np.bincount(line, minlength=n_lines), 1)),
        ],
        axis=1,
    ).astype(np.float32)


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
