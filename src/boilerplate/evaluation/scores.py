"""Lines by given and predicted label, and the scores that follow from these counts alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boilerplate.evaluation.lines import N_LABELS, encode_pages, encode_pair
from boilerplate.labels import LABELS, Label


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Scores of one label.

    Attributes
    ----------
    precision : float
        Share of the lines predicted to have the label that have it; NaN if none was predicted to.
    recall : float
        Share of the lines with the label that were predicted to have it; NaN if none has it.
    f1 : float
        Harmonic mean of the two, ``2 * hits / (support + predicted)``; NaN if no line has the label.
    support : int
        Lines with the label.
    predicted : int
        Lines predicted to have the label.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores that one confusion matrix gives; see `scores_of`.

    Attributes
    ----------
    labels : dict of str to LabelScores
        All labels, in the order of `LABELS`.
    macro_f1 : float
        Mean of the F1 of the labels that have support; NaN without lines.
    accuracy : float
        Share of lines predicted right; NaN without lines.
    """

    labels: dict[Label, LabelScores]
    macro_f1: float
    accuracy: float


def macro_f1(given: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """Macro-F1 over all lines of all pages, as in `scores_of`.

    Parameters
    ----------
    given, predicted : sequence of sequences of str
        For each page a label for each line.

    Returns
    -------
    float
        NaN without lines.

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown, with the number of the page.
    """
    names = [f"page {number}" for number in range(1, len(given) + 1)]
    given_index, predicted_index, _ = encode_pages(names, given, predicted)
    return float(macro_f1_of(_one_confusion(given_index, predicted_index)))


def confusion(given: Sequence[str], predicted: Sequence[str]) -> NDArray[np.int64]:
    """Count lines by given and predicted label.

    Parameters
    ----------
    given, predicted : sequence of str
        A label for each line.

    Returns
    -------
    int64 array of shape (4, 4)
        Rows are given, columns predicted labels, both in the order of `LABELS`.

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown.
    """
    return _one_confusion(*encode_pair(given, predicted))


def scores_of(confusion: ArrayLike) -> Scores:
    """Precision, recall and F1 of each label, their macro-F1 and the accuracy.

    The macro-F1 is the mean of the labels' F1 (not the F1 of mean precision and mean recall; Opitz and Burst, "Macro F1
    and Macro F1", 2019), over those labels that have support. A label that has none is left out, whether it was
    predicted or not: its wrong predictions count where they were missed, as lower recall of the labels that the lines
    do have. That is scikit-learn's ``f1_score(..., average="macro", labels=<labels with support>, zero_division=0)``.

    Parameters
    ----------
    confusion : array of shape (4, 4)
        As `boilerplate.evaluation.confusion` gives it.

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        If the matrix has another shape.
    """
    matrix = check_confusions(confusion, ndim=2)
    hits = np.diagonal(matrix)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    columns = zip(
        LABELS,
        ratio(hits, predicted).tolist(),
        ratio(hits, support).tolist(),
        f1_of(matrix).tolist(),
        support.tolist(),
        predicted.tolist(),
        strict=True,
    )
    return Scores(
        labels={label: LabelScores(*numbers) for label, *numbers in columns},
        macro_f1=float(macro_f1_of(matrix)),
        accuracy=float(ratio(hits.sum(), matrix.sum())),
    )


def count_confusions(
    given_index: NDArray[np.int64],
    predicted_index: NDArray[np.int64],
    group: NDArray[np.int64],
    n_groups: int,
    weights: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """One matrix for each group of lines.

    Parameters
    ----------
    given_index, predicted_index : int64 array of shape (n_lines,)
    group : int64 array of shape (n_lines,)
        Group of each line, from 0.
    n_groups : int
    weights : int64 array of shape (n_lines,), optional
        What each line counts for; 1 by default.

    Returns
    -------
    int64 array of shape (n_groups, 4, 4)
    """
    cells = (group * N_LABELS + given_index) * N_LABELS + predicted_index
    counts = np.bincount(cells, weights=weights, minlength=n_groups * N_LABELS * N_LABELS)
    return counts.astype(np.int64, copy=False).reshape(n_groups, N_LABELS, N_LABELS)


def f1_of(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """F1 of each label, NaN without support: (..., 4, 4) to (..., 4)."""
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    support, predicted = confusions.sum(axis=-1), confusions.sum(axis=-2)
    return ratio(2 * hits, np.where(support > 0, support + predicted, 0))


def macro_f1_of(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """Mean F1 of the labels with support, NaN without lines: (..., 4, 4) to (...)."""
    f1 = f1_of(confusions)
    return ratio(np.nansum(f1, axis=-1), np.sum(~np.isnan(f1), axis=-1))


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Element by element; NaN where the denominator is 0."""
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    quotient = np.full(below.shape, math.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient


def check_confusions(confusions: ArrayLike, ndim: int) -> NDArray[np.int64]:
    """Counts as an array of 2 (one matrix) or 3 dimensions (one a site).

    Raises
    ------
    ValueError
        If they have another shape.
    """
    matrices = np.asarray(confusions, dtype=np.int64)
    if matrices.ndim != ndim or matrices.shape[-2:] != (N_LABELS, N_LABELS):
        wanted = f"({N_LABELS}, {N_LABELS})" if ndim == 2 else f"(n_sites, {N_LABELS}, {N_LABELS})"
        raise ValueError(f"confusion counts must have shape {wanted}, not {matrices.shape}")
    return matrices


def by_label(values: NDArray[np.float64]) -> dict[Label, float]:
    """Numbers in the order of `LABELS` by their label."""
    return dict(zip(LABELS, values.tolist(), strict=True))


def _one_confusion(given_index: NDArray[np.int64], predicted_index: NDArray[np.int64]) -> NDArray[np.int64]:
    return count_confusions(given_index, predicted_index, np.zeros_like(given_index), 1).reshape(N_LABELS, N_LABELS)
