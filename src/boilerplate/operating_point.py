"""The operating point of cleaning: how probable body must be for a line to stay.

A paragraph that is lost is worse than a caption that stays, so cleaning does not ask which label is most probable. It
keeps every line whose probability of body reaches a threshold, and the threshold is chosen for what it keeps: a share
of the body's characters, on held-out sites of the training pages.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

RECALLS: Final = (0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.992, 0.995, 0.997, 0.999)
"""Shares of the body's characters for which thresholds are found. Above the last one a few odd lines would decide."""

HIGHEST: Final = 1 - 1e-9
"""No threshold is higher: probabilities of all labels together, which are 1 but for rounding, must always reach it."""


class CleaningCurve(NamedTuple):
    """What thresholds on the probability of body do to held-out text, by characters."""

    recall: NDArray[np.float64]
    """Share of the body that is to be kept, ascending: shape (n_points,)."""
    threshold: NDArray[np.float64]
    """Highest threshold that keeps that share; never ascending: shape (n_points,)."""
    removed: NDArray[np.float64]
    """Share of all other characters that this threshold removes; NaN if there were none: shape (n_points,)."""


def fit_cleaning_curve(
    body_probability: NDArray[np.float64],
    is_body: NDArray[np.bool_],
    characters: NDArray[np.int64],
    weight: NDArray[np.float64],
    trusted: NDArray[np.bool_],
) -> CleaningCurve:
    """Find the threshold for each of `RECALLS`.

    Only trusted lines count, by their weight, for labels that nobody checked are wrong where it matters here: on body
    that looks like something else. If no body is among these, all lines count.

    Parameters
    ----------
    body_probability : float64 array of shape (n_lines,)
        Calibrated, by models that had not seen the line's site.
    is_body : bool array of shape (n_lines,)
        Whether the line is body.
    characters : int64 array of shape (n_lines,)
        Length of each line, without white space around it.
    weight : float64 array of shape (n_lines,)
    trusted : bool array of shape (n_lines,)

    Returns
    -------
    CleaningCurve
        Without any body, every threshold is `HIGHEST`.
    """
    if not (is_body & trusted).any():
        trusted = np.ones_like(trusted)
    recall = np.array(RECALLS)
    body, other = is_body & trusted, ~is_body & trusted
    found, kept = _running_share(-body_probability[body], (characters * weight)[body])
    if len(found):
        # The first line, from the most probable on, with which the share is reached.
        threshold = np.minimum(-found[np.searchsorted(kept, recall)], HIGHEST)
    else:
        threshold = np.full(len(recall), HIGHEST)
    found, removed = _running_share(body_probability[other], (characters * weight)[other])
    below = np.searchsorted(found, threshold)
    return CleaningCurve(
        recall,
        threshold,
        np.concatenate([[0.0], removed])[below] if len(found) else np.full(len(recall), np.nan),
    )


def _running_share(
    key: NDArray[np.float64], size: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keys in ascending order, and the share of all sizes up to each."""
    order = np.argsort(key, kind="stable")
    running = np.cumsum(size[order])
    return key[order], running / running[-1:]


def threshold_at(curve: CleaningCurve, body_recall: float | None) -> float | None:
    """The threshold that keeps a share of the body; linear between the points of the curve.

    Parameters
    ----------
    curve : CleaningCurve
    body_recall : float, optional
        Share of the body's characters to keep.

    Returns
    -------
    float or None
        None, which stands for the most probable label, for None.

    Raises
    ------
    ValueError
        If the share is none, or beyond the ends of the curve.
    """
    if body_recall is None:
        return None
    # Written so that NaN fails, too.
    if not 0 < body_recall <= 1:
        raise ValueError(f"body recall must be above 0 and at most 1, not {body_recall}")
    low, high = float(curve.recall[0]), float(curve.recall[-1])
    if not low <= body_recall <= high:
        raise ValueError(f"body recall must lie between {low:g} and {high:g} for this model, not {body_recall}")
    return float(np.interp(body_recall, curve.recall, curve.threshold))


def curve_summary(curve: CleaningCurve) -> dict[str, Any]:
    """The curve for people, as the manifest holds it.

    Parameters
    ----------
    curve : CleaningCurve

    Returns
    -------
    dict
        Body recall, as text, to ``threshold`` and ``other_removed`` (None if there was nothing else), rounded.
    """
    return {
        f"{recall:g}": {
            "threshold": round(threshold, 6),
            "other_removed": None if np.isnan(removed) else round(removed, 4),
        }
        for recall, threshold, removed in zip(*(part.tolist() for part in curve), strict=True)
    }
