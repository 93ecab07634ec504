"""Calibration: scores to probabilities that mean what they say.

Vector scaling (Guo et al., "On Calibration of Modern Neural Networks", 2017): each label's score is multiplied and
shifted by numbers fitted on predictions for sites that the model had not seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Calibration(NamedTuple):
    """Scale and shift of each label's score."""

    scale: NDArray[np.float64]
    """Shape (n_labels,)."""
    shift: NDArray[np.float64]
    """Shape (n_labels,)."""

    def probabilities(self, scores: NDArray) -> NDArray[np.float64]:
        """Probabilities of labels.

        Parameters
        ----------
        scores : float array of shape (n_lines, n_labels)
            Log probabilities, up to a constant for each line.

        Returns
        -------
        float64 array of shape (n_lines, n_labels)
            Rows sum to 1.
        """
        return softmax(_against_best(scores) * self.scale + self.shift)


def _against_best(scores: NDArray) -> NDArray[np.float64]:
    """Scores against the row's best: a constant on all of a line's scores means nothing, but scales would see it."""
    exact: NDArray[np.float64] = scores.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True, initial=-np.inf)
    return exact


def softmax(scores: NDArray) -> NDArray:
    """Exponentials of rows, normalised to 1; of the same dtype."""
    odds: NDArray = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def fit_calibration(scores: NDArray, labels: NDArray[np.int64], weights: NDArray[np.float64]) -> Calibration:
    """Fit scale and shift by maximum likelihood.

    Parameters
    ----------
    scores : float array of shape (n_lines, n_labels)
        For lines of sites that the scoring model had not seen.
    labels : int64 array of shape (n_lines,)
    weights : float64 array of shape (n_lines,)

    Returns
    -------
    Calibration
    """
    from scipy.optimize import minimize

    n_labels = scores.shape[1]
    scores = _against_best(scores)
    share = weights / weights.sum()
    given = np.zeros_like(scores)
    given[np.arange(len(labels)), labels] = 1
    # A weak pull towards "as it is", for labels that hardly occur.
    pull = 1e-4

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, shift = theta[:n_labels], theta[n_labels:]
        found = softmax(scores * scale + shift)
        value = -(share * np.log(np.maximum(found[np.arange(len(labels)), labels], 1e-12))).sum()
        error = (found - given) * share[:, None]
        gradient = np.concatenate([(error * scores).sum(axis=0), error.sum(axis=0)])
        value += pull * (((scale - 1) ** 2).sum() + (shift**2).sum())
        gradient += 2 * pull * np.concatenate([scale - 1, shift])
        return float(value), gradient

    start = np.concatenate([np.ones(n_labels), np.zeros(n_labels)])
    bounds = [(0.05, 5.0)] * n_labels + [(-8.0, 8.0)] * n_labels
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Calibration(found[:n_labels], found[n_labels:])
