"""Whether probabilities are the frequencies that they promise. The one place that defines calibration error.

The lines are cut by the probability of a label into 15 bins of equal mass, that is, of equally many lines (Nixon et
al., "Measuring Calibration in Deep Learning", 2019). The expected calibration error (Naeini, Cooper and Hauskrecht,
"Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015) of that label against the rest is the distance
between mean probability and share of the label, averaged over the bins and weighted by their lines. The reliability
diagram of a report draws the same bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boilerplate.evaluation.lines import N_LABELS
from boilerplate.labels import LABELS, Label

N_BINS: Final = 15
"""Bins of a calibration error."""

# Probabilities that were normalised may exceed 1 by rounding.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Lines whose probabilities of a label are neighbours.

    Attributes
    ----------
    low, high : float
        Least and greatest probability of the label among these lines.
    mean_probability : float
        What is promised.
    share : float
        Share of these lines that have the label: what is held.
    lines : int
    """

    low: float
    high: float
    mean_probability: float
    share: float
    lines: int


def calibration_bins(
    probabilities: ArrayLike, given_index: ArrayLike, n_bins: int = N_BINS
) -> dict[Label, list[CalibrationBin]]:
    """Bins of equal mass of each label's probabilities.

    Lines of equal probability share a bin, which makes bins unequal, and fewer, where there are many such lines;
    otherwise the order of the lines would decide between the bins.

    Parameters
    ----------
    probabilities : float array of shape (n_lines, 4)
        Columns in the order of `LABELS`.
    given_index : int array of shape (n_lines,)
        Column of each line's given label.
    n_bins : int

    Returns
    -------
    dict of str to list of CalibrationBin
        In ascending order of probability; no bins without lines.

    Raises
    ------
    ValueError
        If shapes do not fit, `n_bins` is less than 1, or a probability is not between 0 and 1.
    """
    proba = np.asarray(probabilities, dtype=np.float64)
    given = np.asarray(given_index)
    n_lines = len(given)
    if proba.shape != (n_lines, N_LABELS):
        raise ValueError(f"probabilities must have shape ({n_lines}, {N_LABELS}), not {proba.shape}")
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, not {n_bins}")
    # Written so that NaN fails, too.
    if not np.all((proba >= -_ROUNDING) & (proba <= 1 + _ROUNDING)):
        raise ValueError("probabilities must lie between 0 and 1")
    if n_lines == 0:
        return {label: [] for label in LABELS}
    return {label: _bins(proba[:, column], given == column, n_bins) for column, label in enumerate(LABELS)}


def expected_calibration_error(
    probabilities: ArrayLike, given_index: ArrayLike, n_bins: int = N_BINS
) -> NDArray[np.float64]:
    """How far each label's probabilities are from the frequencies that they promise.

    With few lines a bin the error is overestimated.

    Parameters
    ----------
    probabilities, given_index, n_bins
        As for `calibration_bins`.

    Returns
    -------
    float64 array of shape (4,)
        Between 0 and 1; NaN without lines.

    Raises
    ------
    ValueError
        As `calibration_bins` does.
    """
    return np.array([error_of(bins) for bins in calibration_bins(probabilities, given_index, n_bins).values()])


def error_of(bins: list[CalibrationBin]) -> float:
    """Expected calibration error of a label's bins; NaN without bins."""
    if not bins:
        return math.nan
    gaps = [abs(part.mean_probability - part.share) * part.lines for part in bins]
    return math.fsum(gaps) / sum(part.lines for part in bins)


def _bins(probability: NDArray[np.float64], has_label: NDArray[np.bool_], n_bins: int) -> list[CalibrationBin]:
    order = np.argsort(probability)
    promised, held = probability[order], has_label[order]
    cuts = np.arange(n_bins) * len(order) // n_bins
    # Each cut moves back to the first of the lines with the same probability.
    starts = np.unique(np.searchsorted(promised, promised[cuts]))
    lines = np.diff(np.append(starts, len(order)))
    columns = (
        promised[starts],
        promised[starts + lines - 1],
        np.add.reduceat(promised, starts) / lines,
        np.add.reduceat(held, starts, dtype=np.int64) / lines,
        lines,
    )
    return [CalibrationBin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
