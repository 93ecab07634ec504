"""What a line means, and how near that is to what the lines around it mean.

The likeness of words (`boilerplate.evidence.likeness`) sees that the same words stand elsewhere; this sees that
something of the kind does: a caption in another language still speaks of what the page speaks of, a teaser does not.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.lines import Layout
from boilerplate.evidence.page import PageSums, shifted

OFFSETS: Final = (-1, 1, -2, 2)
WIDTH: Final = 5
"""Lines before and after that are taken together."""
NAMES: Final = (
    "near_previous",
    "near_next",
    "near_previous_2",
    "near_next_2",
    "near_first",
    "near_page",
    "near_paragraphs",
    "near_lines_before",
    "near_lines_after",
)


def meaning_evidence(lines: Layout, meaning: NDArray[np.float32], paragraph: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What each line means, and the cosine between that and what other lines mean.

    Parameters
    ----------
    lines : Layout
    meaning : float32 array of shape (n_lines, n_components)
    paragraph : bool array of shape (n_lines,)
        Which lines count as paragraphs.

    Returns
    -------
    float32 array of shape (n_lines, n_components + len(NAMES))
        The components themselves; then the cosine with each line of `OFFSETS` and with the page's first line, and the
        mean cosine with all lines of the page, with its paragraphs, and with up to `WIDTH` lines before and after. 0
        where there is no such line.
    """
    size = np.sqrt(np.square(meaning).sum(axis=1, keepdims=True))
    direction = meaning / np.maximum(size, np.float32(1e-6))
    index = np.arange(lines.n_lines)
    start, end = lines.page_starts[lines.page], lines.page_starts[lines.page + 1]
    sums = PageSums(direction)
    of_paragraphs = PageSums(np.column_stack([direction * paragraph[:, None], paragraph]))
    in_paragraphs = of_paragraphs.mean(start, end)
    # A page without paragraphs has zeros to be divided, by anything but 0.
    share = np.maximum(in_paragraphs[:, -1:], 1 / np.maximum(end - start, 1)[:, None])
    others = [
        *(shifted(direction, lines, offset) for offset in OFFSETS),
        direction[start],
        sums.mean(start, end),
        in_paragraphs[:, :-1] / share,
        sums.mean(np.maximum(start, index - WIDTH), index),
        sums.mean(index + 1, np.minimum(end, index + 1 + WIDTH)),
    ]
    near = [(direction * other).sum(axis=1) for other in others]
    return np.column_stack([meaning, *near]).astype(np.float32)
