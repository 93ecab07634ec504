"""How far figures would move on other sites: a bootstrap over sites.

Percentile intervals (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13) of a cluster
bootstrap: whole sites are drawn with replacement, as lines of one site resemble each other (Davison and Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.8).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boilerplate.evaluation.lines import N_LABELS
from boilerplate.evaluation.scores import check_confusions, macro_f1_of

INTERVAL_LEVEL: Final = 0.95
"""Confidence level of all intervals of an evaluation."""

# Upper bound on the resampling weights held at once (32 MB), however many sites there are.
_MAX_WEIGHTS: Final = 4_000_000


def bootstrap_macro_f1(
    confusions_by_site: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = INTERVAL_LEVEL,
    random_state: int = 0,
) -> tuple[float, float]:
    """Confidence interval of the macro-F1 for pages of sites not seen yet.

    Each resample's macro-F1 is over the labels that this resample has.

    Parameters
    ----------
    confusions_by_site : int array of shape (n_sites, 4, 4)
        Sites without lines say nothing and are left out.
    n_resamples : int
    level : float
        Between 0 and 1.
    random_state : int
        Seed; the same one gives the same interval.

    Returns
    -------
    low, high : float
        Both NaN for fewer than two sites with lines, which show no spread between sites.

    Raises
    ------
    ValueError
        If the array has another shape, `n_resamples` is less than 1 or `level` not between 0 and 1.
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, not {n_resamples}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    confusions = check_confusions(confusions_by_site, ndim=3)
    sites = confusions[confusions.any(axis=(1, 2))].reshape(-1, N_LABELS * N_LABELS)
    if len(sites) < 2:
        return math.nan, math.nan
    sums = resampled_sums(sites, n_resamples, random_state)
    low, high = percentile_interval(macro_f1_of(sums.reshape(-1, N_LABELS, N_LABELS)), level)
    return float(low), float(high)


def resampled_sums(by_site: NDArray[Any], n_resamples: int, random_state: int) -> NDArray[np.float64]:
    """Sums over sites drawn with replacement, as many as there are.

    Parameters
    ----------
    by_site : array of shape (n_sites, n_counts)
        At least one site.
    n_resamples : int
    random_state : int
        Seed. The draws depend on it and on the number of sites alone: two tables for the same sites are drawn in pairs.

    Returns
    -------
    float64 array of shape (n_resamples, n_counts)
    """
    # Floating point numbers, which hold these counts exactly, are multiplied far faster than integers.
    sites = by_site.astype(np.float64)
    n_sites = len(sites)
    generator = np.random.default_rng(random_state)
    shares = np.full(n_sites, 1 / n_sites)
    sums = np.empty((n_resamples, sites.shape[1]))
    block = max(1, _MAX_WEIGHTS // n_sites)
    for begin in range(0, n_resamples, block):
        part = sums[begin : begin + block]
        part[:] = generator.multinomial(n_sites, shares, size=len(part)).astype(np.float64) @ sites
    return sums


def percentile_interval(resampled: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Low and high end of what resamples gave.

    Parameters
    ----------
    resampled : float64 array of shape (n_resamples, ...)
        NaN where a resample has no such figure; these resamples are left out.
    level : float
        Between 0 and 1.

    Returns
    -------
    float64 array of shape (2, ...)
        NaN where no resample has the figure.
    """
    tail = (1 - level) / 2
    ends = np.full((2, *resampled.shape[1:]), math.nan)
    defined = ~np.isnan(resampled).all(axis=0)
    ends[:, defined] = np.nanquantile(resampled[:, defined], [tail, 1 - tail], axis=0)
    return ends
