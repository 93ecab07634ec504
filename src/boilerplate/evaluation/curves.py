"""Precision against recall of each label, over all thresholds on its probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boilerplate.evaluation.lines import PredictedLines
from boilerplate.labels import LABELS, Label


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecallCurve:
    """One label against the rest.

    Attributes
    ----------
    precision, recall : float64 array of shape (n_points,)
        From the highest threshold to the lowest: recall ascends.
    average_precision : float
        Mean precision over the recall, as scikit-learn's ``average_precision_score`` defines it.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: float


def precision_recall_curves(lines: PredictedLines) -> dict[Label, PrecisionRecallCurve]:
    """The curve of each label that lines have.

    Parameters
    ----------
    lines : PredictedLines
        With probabilities.

    Returns
    -------
    dict of str to PrecisionRecallCurve

    Raises
    ------
    ValueError
        Without probabilities.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    if lines.probabilities is None:
        raise ValueError("curves need probabilities")
    curves: dict[Label, PrecisionRecallCurve] = {}
    for column, label in enumerate(LABELS):
        has_label = lines.given == column
        if has_label.any():
            probability = lines.probabilities[:, column]
            precision, recall, _ = precision_recall_curve(has_label, probability, drop_intermediate=True)
            average = float(average_precision_score(has_label, probability))
            curves[label] = PrecisionRecallCurve(precision[::-1], recall[::-1], average)
    return curves
