"""What a line's place on its page and its neighbours say."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.characters import CharClass
from boilerplate.evidence.lines import Layout, Lines
from boilerplate.evidence.shape import LONG

OFFSETS: Final = (-3, -2, -1, 1, 2, 3)
"""Neighbours whose evidence a line sees one by one."""
WIDTHS: Final = (2, 5, 10)
"""Half widths of the windows over which neighbours' evidence is averaged."""
_FINISHES: Final = np.isin(np.arange(256), (CharClass.SENTENCE_END, CharClass.QUOTE, CharClass.CLOSE))
"""By class: a line that ends so is finished."""
FIXED_POINT: Final = 1 << 20
"""Probabilities are summed as multiples of ``1 / FIXED_POINT``: integer sums are exact, so that a page's evidence does
not depend on the pages that share its batch."""


def shifted(values: NDArray, lines: Layout, offset: int, fill: float | NDArray = 0.0) -> NDArray:
    """The value of the line `offset` lines further on the same page; `fill` beyond the page's ends.

    Parameters
    ----------
    values : array of shape (n_lines, ...)
    lines : Layout
    offset : int
    fill : float or array
        One value, or one for each column.

    Returns
    -------
    array of the same shape and dtype
    """
    out = np.full_like(values, fill)
    n_lines = len(values)
    if abs(offset) >= n_lines:
        return out
    if offset >= 0:
        same = lines.page[: n_lines - offset] == lines.page[offset:]
        out[: n_lines - offset][same] = values[offset:][same]
    else:
        same = lines.page[-offset:] == lines.page[:offset]
        out[-offset:][same] = values[:offset][same]
    return out


class PageSums:
    """Exact sums of a per-line quantity over stretches of lines.

    Parameters
    ----------
    values : array of shape (n_lines, n_columns)
        Summed in fixed point, see `FIXED_POINT`.
    """

    def __init__(self, values: NDArray) -> None:
        fixed = np.rint(values * FIXED_POINT).astype(np.int64)
        self._sums = np.concatenate([np.zeros((1, fixed.shape[1]), dtype=np.int64), np.cumsum(fixed, axis=0)])

    def mean(self, first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean over the lines ``first <= i < end``; 0 for empty stretches."""
        count = np.maximum(end - first, 1)
        means: NDArray[np.float64] = (self._sums[end] - self._sums[first]) / (count[:, None] * float(FIXED_POINT))
        return means


def position_evidence(lines: Lines) -> tuple[NDArray[np.float32], list[str]]:
    """Where a line stands: in the page, among paragraphs, in runs of short lines, among blank lines.

    Parameters
    ----------
    lines : Lines

    Returns
    -------
    evidence : float32 array of shape (n_lines, n_features)
    names : list of str
    """
    index = np.arange(lines.n_lines)
    start = lines.page_starts[lines.page]
    end = lines.page_starts[lines.page + 1]
    before, after = index - start, end - index - 1
    count = end - start
    last = lines.classes[lines.starts[1:] - 1] if lines.n_lines else lines.classes
    finished = _FINISHES[last]
    unspaced_factor = _unspaced_factor(lines)
    length = lines.length * unspaced_factor
    paragraph = (length >= LONG) & finished
    previous_paragraph, next_paragraph = _distances(paragraph, start, end)
    # Short lines in a row directly before and after: as far as the nearest paragraph or the page's end.
    run_before, run_after = np.minimum(previous_paragraph - 1, before), np.minimum(next_paragraph - 1, after)
    sums = PageSums(np.stack([length / 1000, paragraph, lines.blank_before > 0], axis=1))
    before_means = sums.mean(start, index)
    after_means = sums.mean(index + 1, end)
    page_means = sums.mean(start, end)
    features = {
        "relative_position": before / np.maximum(count - 1, 1),
        "lines_before": np.log1p(before),
        "lines_after": np.log1p(after),
        "lines_on_page": np.log1p(count),
        "first": before == 0,
        "second": before == 1,
        "last": after == 0,
        "blank_before": np.minimum(lines.blank_before, 3),
        "blank_after": np.minimum(lines.blank_after, 3),
        "page_blank_share": page_means[:, 2],
        "page_paragraph_share": page_means[:, 1],
        "page_mean_length": page_means[:, 0],
        "length_before": np.log1p(1000 * before_means[:, 0] * before),
        "length_after": np.log1p(1000 * after_means[:, 0] * after),
        "paragraphs_before": np.log1p(before_means[:, 1] * before),
        "paragraphs_after": np.log1p(after_means[:, 1] * after),
        "to_previous_paragraph": np.log1p(np.minimum(previous_paragraph, 50)),
        "to_next_paragraph": np.log1p(np.minimum(next_paragraph, 50)),
        "run_before": np.log1p(run_before),
        "run_after": np.log1p(run_after),
        "is_paragraph": paragraph,
        "finished": finished,
    }
    own = np.stack([np.log1p(length), finished, lines.marker > 0], axis=1)
    for offset in OFFSETS:
        found = shifted(own, lines, offset, np.array([-1.0, 0.0, 0.0]))
        for name, column in zip(("length", "finished", "marker"), found.T, strict=True):
            features[f"{name}_at_{offset:+d}"] = column
    for offset in (-1, 1):
        features[f"same_indent_at_{offset:+d}"] = (
            shifted(lines.indent.astype(np.float64), lines, offset, -1) == lines.indent
        )
        features[f"blank_beyond_{offset:+d}"] = np.minimum(
            shifted((lines.blank_after if offset > 0 else lines.blank_before).astype(np.float64), lines, offset), 3
        )
    return np.stack(list(features.values()), axis=1).astype(np.float32), list(features)


def _unspaced_factor(lines: Lines) -> NDArray[np.float64]:
    """Ideographs say about 2.5 times as much as letters: lengths are compared in letters."""
    factor: NDArray[np.float64] = 1 + 1.5 * lines.counts.classes[:, CharClass.UNSPACED] / np.diff(lines.starts)
    return factor


def _distances(
    mark: NDArray[np.bool_], start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lines to the nearest marked line before and after; the page's length where there is none."""
    index = np.arange(len(mark))
    far = end - start
    previous = np.maximum.accumulate(np.where(mark, index, -1)) if len(mark) else index
    previous = np.concatenate([[-1], previous[:-1]])[: len(mark)]
    following = np.minimum.accumulate(np.where(mark, index, len(mark) * 2)[::-1])[::-1] if len(mark) else index
    following = np.concatenate([following[1:], [len(mark) * 2]])[: len(mark)]
    return (
        np.where(previous >= start, index - previous, far),
        np.where(following < end, following - index, far),
    )


def neighbour_evidence(lines: Layout, probabilities: NDArray) -> NDArray[np.float32]:
    """What the line's own and its neighbours' probabilities say.

    Parameters
    ----------
    lines : Layout
    probabilities : float array of shape (n_lines, n_labels)
        Of phase one.

    Returns
    -------
    float32 array of shape (n_lines, n_features)
        Log probabilities of the line itself; probabilities of each neighbour in `OFFSETS`; means over the windows of
        `WIDTHS` before and after; means over all lines before, after, and of the page.
    """
    index = np.arange(lines.n_lines)
    start = lines.page_starts[lines.page]
    end = lines.page_starts[lines.page + 1]
    log_odds = np.log(np.clip(probabilities, 1e-4, 1))
    sums = PageSums(probabilities)
    blocks = [log_odds]
    blocks += [shifted(probabilities, lines, offset, 0.0) for offset in OFFSETS]
    for width in WIDTHS:
        blocks.append(sums.mean(np.maximum(start, index - width), index))
        blocks.append(sums.mean(index + 1, np.minimum(end, index + 1 + width)))
    blocks += [sums.mean(start, index), sums.mean(index + 1, end), sums.mean(start, end)]
    return np.concatenate(blocks, axis=1).astype(np.float32)
