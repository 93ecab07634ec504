"""Two models on the same pages: whether the new one is better, where, and by more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boilerplate.evaluation.intervals import INTERVAL_LEVEL, percentile_interval, resampled_sums
from boilerplate.evaluation.lines import PredictedLines
from boilerplate.evaluation.metrics import METRICS, counts_by_site, metric_values
from boilerplate.evaluation.result import without_nan


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two models.

    Attributes
    ----------
    value, baseline, difference : float
        NaN where the figure does not exist.
    low, high : float
        Interval of the difference; NaN with fewer than two sites that have lines.
    """

    value: float
    baseline: float
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``"better"`` or ``"worse"`` if the whole interval says so, otherwise ``"unclear"``."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "unclear"


@dataclass(frozen=True, slots=True)
class SharedLines:
    """How the two models agree on lines, and McNemar's test.

    Attributes
    ----------
    both_right, gained, lost, both_wrong : int
        Lines that both label right; only the new one; only the baseline; neither.
    p_value : float
        Of the exact test (McNemar, "Note on the sampling error of the difference between correlated proportions or
        percentages", 1947; two-sided binomial): how probable so uneven a split of gained and lost lines would be if
        either were as probable. It takes lines for independent, which lines of one page are not: the interval of the
        difference in macro-F1, over sites, is the more cautious one.
    """

    both_right: int
    gained: int
    lost: int
    both_wrong: int
    p_value: float


@dataclass(frozen=True, slots=True)
class PageChange:
    """A page on which the models make different numbers of errors.

    Attributes
    ----------
    page : int
        Its number among the pages, from 0.
    id, site : str
    lines, wrong, baseline_wrong : int
        Lines, and how many of them either model labels wrong.
    """

    page: int
    id: str
    site: str
    lines: int
    wrong: int
    baseline_wrong: int

    @property
    def change(self) -> int:
        """Errors more than the baseline's; negative if the page got better."""
        return self.wrong - self.baseline_wrong


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model against a baseline on the same pages; made by `compare`.

    Attributes
    ----------
    differences : dict of str to Difference
        For each of `METRICS`.
    lines : SharedLines
    better, worse : list of PageChange
        Pages with fewer and with more errors than the baseline's, greatest change first.
    same : int
        Pages with as many errors.
    """

    differences: dict[str, Difference]
    lines: SharedLines
    better: list[PageChange]
    worse: list[PageChange]
    same: int

    @property
    def is_worse(self) -> bool:
        """Whether the new model's macro-F1 is lower by more than chance.

        That is, whether the whole interval of the difference lies below 0; where there is no interval, whether the
        difference does.
        """
        macro = self.differences["macro-f1"]
        return macro.difference < 0 if math.isnan(macro.high) else macro.high < 0

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain dicts, lists, strings and numbers; NaN is None."""
        fields = {
            "level": INTERVAL_LEVEL,
            "differences": {
                name: {**asdict(difference), "verdict": difference.verdict}
                for name, difference in self.differences.items()
            },
            "is_worse": self.is_worse,
            "lines": asdict(self.lines),
            "pages": {
                "better": [_page_dict(change) for change in self.better],
                "worse": [_page_dict(change) for change in self.worse],
                "same": self.same,
            },
        }
        return {key: without_nan(value) for key, value in fields.items()}


def compare(
    new: PredictedLines,
    baseline: PredictedLines,
    *,
    cleaning_threshold: float | None = None,
    baseline_cleaning_threshold: float | None = None,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> Comparison:
    """Compare the predictions of two models for the same pages.

    Intervals are those of a paired bootstrap: the same sites are drawn for both models, so that what makes a site easy
    or hard for both of them cancels out.

    Parameters
    ----------
    new, baseline : PredictedLines
        Of the same pages, in the same order.
    cleaning_threshold, baseline_cleaning_threshold : float, optional
        How probable body must be for `boilerplate clean` with either model to keep a line.
    n_resamples, random_state : int
        As in `bootstrap_macro_f1`.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If the pages are not the same.
    """
    if [page.id for page in new.pages] != [page.id for page in baseline.pages] or not np.array_equal(
        new.given, baseline.given
    ):
        raise ValueError("the two models must be compared on the same pages")
    by_site = np.concatenate(
        [counts_by_site(new, cleaning_threshold), counts_by_site(baseline, baseline_cleaning_threshold)], axis=1
    )
    changes = _page_changes(new, baseline)
    return Comparison(
        differences=_differences(by_site, n_resamples, random_state),
        lines=_shared_lines(~new.wrong, ~baseline.wrong),
        better=sorted((change for change in changes if change.change < 0), key=lambda change: change.change),
        worse=sorted((change for change in changes if change.change > 0), key=lambda change: -change.change),
        same=len(new.pages) - len(changes),
    )


def _differences(by_site: NDArray[np.int64], n_resamples: int, random_state: int) -> dict[str, Difference]:
    """Figures of both models, whose counts stand side by side: shape (n_sites, 2 * n_counts)."""
    values = [metric_values(half) for half in np.split(by_site.sum(axis=0), 2)]
    with_lines = by_site[by_site.any(axis=1)]
    ends = np.full((2, len(METRICS)), math.nan)
    if len(with_lines) >= 2:
        sums = resampled_sums(with_lines, n_resamples, random_state)
        new, old = (metric_values(half) for half in np.split(sums, 2, axis=1))
        ends = percentile_interval(new - old, INTERVAL_LEVEL)
    rows = np.stack([*values, values[0] - values[1], *ends], axis=1).tolist()
    return {name: Difference(*row) for name, row in zip(METRICS, rows, strict=True)}


def _shared_lines(new_right: NDArray[np.bool_], old_right: NDArray[np.bool_]) -> SharedLines:
    from scipy.stats import binomtest

    gained, lost = int(np.sum(new_right & ~old_right)), int(np.sum(~new_right & old_right))
    p_value = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    return SharedLines(
        both_right=int(np.sum(new_right & old_right)),
        gained=gained,
        lost=lost,
        both_wrong=int(np.sum(~new_right & ~old_right)),
        p_value=float(p_value),
    )


def _page_changes(new: PredictedLines, baseline: PredictedLines) -> Sequence[PageChange]:
    wrong, before = new.wrong_of_page, baseline.wrong_of_page
    return [
        PageChange(
            page=number,
            id=new.pages[number].id,
            site=new.pages[number].site,
            lines=int(new.counts[number]),
            wrong=int(wrong[number]),
            baseline_wrong=int(before[number]),
        )
        for number in np.flatnonzero(wrong != before).tolist()
    ]


def _page_dict(change: PageChange) -> dict[str, Any]:
    return {key: value for key, value in asdict(change).items() if key != "page"}
