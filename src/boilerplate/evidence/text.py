"""What a line's wording says: hashed n-grams of characters, words and shapes.

Every n-gram of every line of a batch is hashed by rolling arithmetic over one array (feature hashing: Weinberger et
al., "Feature Hashing for Large Scale Multitask Learning", 2009); no vocabulary is kept. Three kinds of n-gram are
used:

- characters, folded, 2 to 5 long, blanks collapsed, with marks at both ends of the line, so that those at its
  beginning and end are features of their own;
- words, single and in pairs, and the first and last one to three of the line;
- shapes: what each token looks like (capitalised, capitals, digits, the punctuation mark itself), 1 to 4 long; they
  say the same in every language ("(", capitalised, "/", capitals, ")", end of line: an agency's credit).
"""

from __future__ import annotations

from types import ModuleType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.characters import CharClass
from boilerplate.evidence.lines import Lines, segments
from boilerplate.kernel import compiled

CHAR_ORDERS: Final = (2, 3, 4, 5)
SHAPE_ORDERS: Final = (1, 2, 3, 4)
EDGE_WORDS: Final = 3
KINDS: Final = ("characters", "words", "shapes")

_BEGIN: Final = 0x110000
_END: Final = 0x110001
_PAD: Final = 0x110002
# Odd multipliers with well-mixed bits (from splitmix64 and Knuth's golden ratio); 32-bit arithmetic wraps by design.
_ROLL: Final = np.uint32(0x85EBCA6B)
_GOLDEN: Final = np.uint32(0x9E3779B1)
_MIX: Final = np.uint32(0xC2B2AE35)

# Classes whose runs form one word; every other visible character is a token of its own.
_WORD_CLASSES: Final = (
    CharClass.UPPER,
    CharClass.LOWER,
    CharClass.LETTER,
    CharClass.MARK,
    CharClass.DIGIT,
)


class NGrams(NamedTuple):
    """Hashed n-grams of one kind."""

    buckets: NDArray[np.int32]
    """Bucket of each n-gram: shape (n_ngrams,)."""
    starts: NDArray[np.int64]
    """First n-gram of each line, and ``n_ngrams`` at the end: shape (n_lines + 1,)."""


class Tokens(NamedTuple):
    """Words and punctuation marks of all lines."""

    starts: NDArray[np.int64]
    """First token of each line, and ``n_tokens`` at the end."""
    line: NDArray[np.int64]
    hashes: NDArray[np.uint32]
    """Hash of each token's folded text."""
    shapes: NDArray[np.uint32]
    """Code of each token's shape."""
    is_word: NDArray[np.bool_]


def tokenise(lines: Lines, folded: NDArray[np.uint32]) -> Tokens:
    """Cut lines into words and punctuation marks.

    Parameters
    ----------
    lines : Lines
    folded : uint32 array of shape (n_chars,)
        The viewed characters, folded.

    Returns
    -------
    Tokens
    """
    kernel = compiled()
    return _tokenise(lines, folded) if kernel is None else _tokenise_compiled(kernel, lines, folded)


def _tokenise_compiled(kernel: ModuleType, lines: Lines, folded: NDArray[np.uint32]) -> Tokens:
    n_chars = len(folded)
    starts = np.empty(lines.n_lines + 1, dtype=np.int64)
    line = np.empty(n_chars, dtype=np.int64)
    hashes, shapes = np.empty(n_chars, dtype=np.uint32), np.empty(n_chars, dtype=np.uint32)
    is_word = np.empty(n_chars, dtype=bool)
    count = kernel.tokenise(folded, lines.classes, lines.starts, starts, line, hashes, shapes, is_word)
    return Tokens(starts, line[:count], hashes[:count], shapes[:count], is_word[:count])


def _tokenise(lines: Lines, folded: NDArray[np.uint32]) -> Tokens:
    classes = lines.classes
    n_chars = len(classes)
    is_word_class = np.zeros(256, dtype=bool)
    is_word_class[list(_WORD_CLASSES)] = True
    wordy = is_word_class[classes]
    visible = (classes != CharClass.SPACE) & (classes != CharClass.CONTROL)
    opens = np.ones(n_chars, dtype=bool)
    opens[1:] = ~(wordy[1:] & wordy[:-1])
    opens[lines.starts[:-1]] = True
    opens &= visible
    start = np.flatnonzero(opens)
    char_line = np.repeat(np.arange(lines.n_lines), np.diff(lines.starts))
    if not len(start):
        nothing = np.empty(0, dtype=np.uint32)
        zeros = np.zeros(lines.n_lines + 1, dtype=np.int64)
        return Tokens(zeros, char_line[:0], nothing, nothing, nothing.astype(bool))

    # Polynomial hash of each token: sum of code * ROLL^position, summed over the token's characters.
    inside = wordy | opens
    token_of = np.cumsum(opens) - 1
    token_chars = np.flatnonzero(inside & visible)
    token = token_of[token_chars]
    position = token_chars - start[token]
    powers = _powers(int(position.max()) + 1)
    first_char = np.flatnonzero(np.concatenate([[True], token[1:] != token[:-1]]))
    terms = (folded[token_chars] + np.uint32(1)) * powers[position]
    hashes = np.add.reduceat(terms, first_char, dtype=np.uint32)

    kinds = classes[token_chars]
    length = np.diff(np.concatenate([first_char, [len(token_chars)]]))
    first_kind = kinds[first_char].astype(np.uint32)
    uppers = np.add.reduceat((kinds == CharClass.UPPER).astype(np.int64), first_char)
    digits = np.add.reduceat((kinds == CharClass.DIGIT).astype(np.int64), first_char)
    is_word = is_word_class[kinds[first_char]] | (first_kind == CharClass.UNSPACED)
    # A word's shape: its first character's class, its capitals, digits and length, each coarsely.
    shapes = (
        first_kind * np.uint32(64)
        + np.minimum(uppers, 2).astype(np.uint32) * np.uint32(16)
        + (2 * (digits > 0) + (digits == length)).astype(np.uint32) * np.uint32(4)
        + np.searchsorted([2, 5, 9], length).astype(np.uint32)
    )
    # A punctuation mark is its own shape.
    shapes = np.where(is_word, shapes, folded[start] + np.uint32(4096))
    line = char_line[start]
    starts = np.searchsorted(start, lines.starts)
    return Tokens(starts, line, hashes, shapes, is_word)


def hashed_ngrams(lines: Lines, folded: NDArray[np.uint32], tokens: Tokens, bits: int) -> list[NGrams]:
    """All n-grams of all lines, one entry for each kind.

    Parameters
    ----------
    lines : Lines
    folded : uint32 array of shape (n_chars,)
        The viewed characters, folded.
    tokens : Tokens
        The lines' words and marks.
    bits : int
        Buckets are numbers below ``2 ** bits``; all kinds share them, each with a salt of its own.

    Returns
    -------
    list of NGrams
        In the order of `KINDS`.
    """
    return [
        _character_ngrams(lines, folded, bits),
        _word_ngrams(tokens, bits),
        _shape_ngrams(tokens, bits),
    ]


def _bucket(hashes: NDArray[np.uint32], salt: int, bits: int) -> NDArray[np.int32]:
    mixed = hashes ^ np.uint32(salt)
    mixed *= _GOLDEN
    mixed ^= mixed >> np.uint32(15)
    mixed *= _MIX
    mixed >>= np.uint32(32 - bits)
    # Buckets are small numbers: read as signed ones they are the same.
    return mixed.view(np.int32)


def _interleave(parts: list[NDArray[np.int32]], starts: list[NDArray[np.int64]]) -> NGrams:
    """Join several n-gram lists line by line."""
    total = np.sum(starts, axis=0)
    joined = np.empty(total[-1], dtype=np.int32)
    offset = total[:-1].copy()
    for part, start in zip(parts, starts, strict=True):
        counts = np.diff(start)
        line, position = segments(counts)
        joined[offset[line] + position] = part
        offset += counts
    return NGrams(joined, total)


def _character_ngrams(lines: Lines, folded: NDArray[np.uint32], bits: int) -> NGrams:
    # Blanks collapse: a blank after a blank is dropped.
    blank = lines.classes == CharClass.SPACE
    keep = np.ones(len(folded), dtype=bool)
    keep[1:] = ~(blank[1:] & blank[:-1])
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    lengths = np.diff(kept_before[lines.starts])
    return _sequence_ngrams(folded[keep], lengths, CHAR_ORDERS, 0, bits)


def _shape_ngrams(tokens: Tokens, bits: int) -> NGrams:
    return _sequence_ngrams(tokens.shapes, np.diff(tokens.starts), SHAPE_ORDERS, 200, bits)


def _sequence_ngrams(
    symbols: NDArray[np.uint32], lengths: NDArray[np.int64], orders: tuple[int, ...], salt: int, bits: int
) -> NGrams:
    """N-grams of sequences that lie one behind the other, with marks at both ends of each.

    A sequence stands in the stream as begin mark, symbols, end mark, padding. A window that runs into the padding is
    the sequence's end, of its own length; no window reaches the next sequence.
    """
    longest = max(orders)
    starts = np.concatenate([[0], np.cumsum(lengths + 2 + longest - 1)])
    stream = np.full(starts[-1], _PAD, dtype=np.uint32)
    # Of each sequence, all but the padding behind it; its first and last place are the marks'.
    window = np.ones(len(stream), dtype=bool)
    ends = starts[:-1] + 1 + lengths
    for place in range(1, longest):
        window[ends + place] = False
    windows = np.flatnonzero(window)
    window[starts[:-1]] = False
    window[ends] = False
    stream[window] = symbols
    stream[starts[:-1]] = _BEGIN
    stream[ends] = _END
    rolling = stream
    buckets = np.empty((len(windows), len(orders)), dtype=np.int32)
    for order in range(1, longest + 1):
        if order > 1:
            rolling = rolling[:-1] * _ROLL
            rolling += stream[order - 1 :]
        if order in orders:
            buckets[:, orders.index(order)] = _bucket(rolling[windows], salt + order, bits)
    return NGrams(buckets.ravel(), np.concatenate([[0], np.cumsum((lengths + 2) * len(orders))]))


def _powers(count: int) -> NDArray[np.uint32]:
    powers = np.full(count, _ROLL, dtype=np.uint32)
    powers[0] = 1
    return np.multiply.accumulate(powers, dtype=np.uint32)


def _word_ngrams(tokens: Tokens, bits: int) -> NGrams:
    n_lines = len(tokens.starts) - 1
    word = np.flatnonzero(tokens.is_word)
    hashes = tokens.hashes[word] * _GOLDEN
    line = tokens.line[word]
    starts = np.searchsorted(word, tokens.starts)
    singles = _bucket(hashes, 101, bits)
    same = line[1:] == line[:-1]
    pairs = _bucket(hashes[:-1][same] * _ROLL + hashes[1:][same], 102, bits)
    pair_starts = np.concatenate([[0], np.cumsum(np.maximum(np.diff(starts) - 1, 0))])

    parts, part_starts = [singles, pairs], [starts, pair_starts]
    for size in range(1, EDGE_WORDS + 1):
        long_enough = np.flatnonzero(np.diff(starts) >= size)
        edge_starts = np.searchsorted(long_enough, np.arange(n_lines + 1))
        for salt, at in ((110, starts[long_enough]), (120, starts[long_enough + 1] - size)):
            edge = np.zeros(len(long_enough), dtype=np.uint32)
            for offset in range(size):
                edge = edge * _ROLL + hashes[at + offset]
            parts.append(_bucket(edge, salt + size, bits))
            part_starts.append(edge_starts)
    return _interleave(parts, part_starts)
