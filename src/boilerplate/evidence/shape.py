"""What a line's shape says: its length, its characters' classes, how it begins and ends."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.characters import CharClass
from boilerplate.evidence.lines import Lines

_EDGE_CLASSES: Final = (
    CharClass.UPPER,
    CharClass.LOWER,
    CharClass.DIGIT,
    CharClass.SENTENCE_END,
    CharClass.COLON,
    CharClass.QUOTE,
    CharClass.OPEN,
    CharClass.CLOSE,
    CharClass.UNSPACED,
)

NAMES: Final = (
    "log_length",
    "log_words",
    "mean_word_length",
    *(f"share_{c.name.lower()}" for c in CharClass),
    "capitalised_words",
    "upper_words",
    "inner_sentence_ends",
    "log_commas",
    *(f"begins_{c.name.lower()}" for c in _EDGE_CLASSES),
    *(f"ends_{c.name.lower()}" for c in _EDGE_CLASSES),
    "has_marker",
    "indent",
)

LONG: Final = 120
"""Characters from which a line counts as paragraph-sized."""


def shape_evidence(lines: Lines) -> NDArray[np.float32]:
    """Shape features of each line by itself.

    Parameters
    ----------
    lines : Lines

    Returns
    -------
    float32 array of shape (n_lines, len(NAMES))
    """
    classes, n_lines = lines.classes, lines.n_lines
    counts, (words, letters, capitalised, capitals) = lines.counts.classes, lines.counts.words.T
    viewed = np.diff(lines.starts)
    safe_words = np.maximum(words, 1)

    first = classes[lines.starts[:-1]] if n_lines else classes[:0]
    last = classes[lines.starts[1:] - 1] if n_lines else classes[:0]
    inner_ends = counts[:, CharClass.SENTENCE_END] - (last == CharClass.SENTENCE_END)
    columns = [
        np.log1p(lines.length),
        np.log1p(words),
        letters / safe_words,
        *(counts / np.maximum(viewed, 1)[:, None]).T,
        capitalised / safe_words,
        capitals / safe_words,
        np.log1p(inner_ends),
        np.log1p(counts[:, CharClass.COMMA]),
        *(first == edge for edge in _EDGE_CLASSES),
        *(last == edge for edge in _EDGE_CLASSES),
        lines.marker > 0,
        np.minimum(lines.indent, 8) / 8,
    ]
    return np.stack(columns, axis=1).astype(np.float32)
