"""The figures of an evaluation that have a name, each from sums over sites.

The names are those of ``--fail-under NAME=VALUE`` and of ``metrics`` in JSON. As every figure follows from sums, sums
over sites drawn at random give its interval, and the same draws for two models the interval of their difference.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evaluation.lines import BODY, N_LABELS, PredictedLines
from boilerplate.evaluation.scores import count_confusions, f1_of, macro_f1_of, ratio
from boilerplate.labels import LABELS

METRICS: Final[dict[str, str]] = {
    "macro-f1": "macro-F1, the mean over the labels",
    "accuracy": "lines labelled right",
    "flawless-pages": "pages without an error",
    **{
        f"{label}-{score}": f"{shown} of {label}"
        for label in LABELS
        for score, shown in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
    },
    "text-recall": "body characters kept, most probable labels",
    "text-precision": "kept characters that are body, most probable labels",
    "text-noise-removed": "other characters removed, most probable labels",
    "clean-recall": "body characters kept, clean",
    "clean-precision": "kept characters that are body, clean",
    "clean-noise-removed": "other characters removed, clean",
}
"""Names and meanings, in the order of every array of figures. All are shares between 0 and 1; more is better."""

_CELLS: Final = N_LABELS * N_LABELS
_PAGES, _FLAWLESS = _CELLS, _CELLS + 1
_TEXT, _CLEAN = _CELLS + 2, _CELLS + 6
_N_COUNTS: Final = _CELLS + 10


def counts_by_site(lines: PredictedLines, threshold: float | None) -> NDArray[np.int64]:
    """What the figures are computed from, for each site.

    Parameters
    ----------
    lines : PredictedLines
    threshold : float, optional
        How probable body must be for `boilerplate clean` to keep a line.

    Returns
    -------
    int64 array of shape (n_sites, n_counts)
        The confusion matrix; pages with lines, and those without an error; characters of body, of others, of kept body
        and of kept others, by the most probable label and by `clean` (all 0 without a threshold).
    """
    n_sites = len(lines.sites)
    counts = np.zeros((n_sites, _N_COUNTS), dtype=np.int64)
    confusions = count_confusions(lines.given, lines.predicted, lines.site, n_sites)
    counts[:, :_CELLS] = confusions.reshape(n_sites, _CELLS)
    has_lines = lines.counts > 0
    counts[:, _PAGES] = np.bincount(lines.site_of_page[has_lines], minlength=n_sites)
    flawless = has_lines & (lines.wrong_of_page == 0)
    counts[:, _FLAWLESS] = np.bincount(lines.site_of_page[flawless], minlength=n_sites)
    counts[:, _TEXT : _TEXT + 4] = _characters(lines, lines.predicted == BODY)
    if threshold is not None:
        counts[:, _CLEAN : _CLEAN + 4] = _characters(lines, lines.kept(threshold))
    return counts


def metric_values(counts: NDArray[Any]) -> NDArray[np.float64]:
    """All figures of `METRICS`.

    Parameters
    ----------
    counts : array of shape (..., n_counts)
        Sums of rows of `counts_by_site`.

    Returns
    -------
    float64 array of shape (..., n_metrics)
        NaN where a figure does not exist.
    """
    confusions = counts[..., :_CELLS].reshape(*counts.shape[:-1], N_LABELS, N_LABELS)
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    of_labels = np.stack(
        [ratio(hits, confusions.sum(axis=-2)), ratio(hits, confusions.sum(axis=-1)), f1_of(confusions)], axis=-1
    )
    columns = [
        macro_f1_of(confusions)[..., None],
        ratio(hits.sum(axis=-1), confusions.sum(axis=(-2, -1)))[..., None],
        ratio(counts[..., _FLAWLESS], counts[..., _PAGES])[..., None],
        of_labels.reshape(*counts.shape[:-1], 3 * N_LABELS),
    ]
    for start in (_TEXT, _CLEAN):
        body, other, kept_body, kept_other = np.moveaxis(counts[..., start : start + 4], -1, 0)
        columns += [
            ratio(kept_body, body)[..., None],
            ratio(kept_body, kept_body + kept_other)[..., None],
            ratio(other - kept_other, other)[..., None],
        ]
    return np.concatenate(columns, axis=-1)


def by_name(values: NDArray[np.float64]) -> dict[str, float]:
    """Figures in the order of `METRICS` by their name."""
    return dict(zip(METRICS, values.tolist(), strict=True))


def _characters(lines: PredictedLines, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Characters of body, of others, of kept body, of kept others: shape (n_sites, 4)."""
    body = lines.given == BODY
    site = lines.site
    sums = [
        np.bincount(site[chosen], weights=lines.characters[chosen], minlength=len(lines.sites))
        for chosen in (body, ~body, body & kept, ~body & kept)
    ]
    return np.stack(sums, axis=1).astype(np.int64)
