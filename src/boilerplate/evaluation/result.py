"""Everything that is known about the predictions of one model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation.breakdowns import BreakdownRow, all_breakdowns
from boilerplate.evaluation.calibration_error import CalibrationBin, calibration_bins, error_of
from boilerplate.evaluation.characters import CharacterRates, ErrorCost, error_costs, rates_of
from boilerplate.evaluation.intervals import INTERVAL_LEVEL, percentile_interval, resampled_sums
from boilerplate.evaluation.lines import BODY, PredictedLines, predicted_lines
from boilerplate.evaluation.metrics import METRICS, by_name, counts_by_site, metric_values
from boilerplate.evaluation.scores import LabelScores, count_confusions, scores_of
from boilerplate.labels import LABELS, Label

SCHEMA: Final = "boilerplate-evaluation/2"
"""Version of what `Evaluation.to_dict` gives; the number rises when a field changes or goes."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything that is known about predictions for annotated pages; made by `evaluate_pages`.

    Attributes
    ----------
    pages, sites, lines : int
        Counts; pages without a site count as a site of their own id.
    confusion : int64 array of shape (4, 4)
        Lines by given (rows) and predicted (columns) label, in the order of `LABELS`.
    labels : dict of str to LabelScores
    macro_f1 : float
    accuracy : float
    flawless_pages : float
        Share of pages without an error among those that have lines.
    metrics : dict of str to float
        All figures that have a name, `METRICS`; NaN for those that do not exist.
    intervals : dict of str to tuple of float
        Low and high end of each of these, at the level `INTERVAL_LEVEL`, over sites (`intervals`); NaN with fewer than
        two sites that have lines.
    characters : CharacterRates
        Of keeping the lines predicted body.
    cleaned : CharacterRates, or None
        Of keeping the lines whose probability of body reaches the threshold, as `boilerplate clean` does; None if no
        threshold was given.
    cleaning_threshold : float, or None
    costs, cleaned_costs : list of ErrorCost, or None
        What each kind of error costs, either way.
    calibration_bins : dict of str to list of CalibrationBin, or None
        None if no probabilities were given.
    calibration_error : dict of str to float, or None
        Expected calibration error of each label, over these bins.
    breakdowns : dict of str to list of BreakdownRow
        By ``scraper``, ``lang``, ``length``, ``position`` and ``site``; see `all_breakdowns`.
    """

    pages: int
    sites: int
    lines: int
    confusion: NDArray[np.int64]
    labels: dict[Label, LabelScores]
    macro_f1: float
    accuracy: float
    flawless_pages: float
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    characters: CharacterRates
    cleaned: CharacterRates | None
    cleaning_threshold: float | None
    costs: list[ErrorCost]
    cleaned_costs: list[ErrorCost] | None
    calibration_bins: dict[Label, list[CalibrationBin]] | None
    calibration_error: dict[Label, float] | None
    breakdowns: dict[str, list[BreakdownRow]]

    @property
    def macro_f1_interval(self) -> tuple[float, float]:
        """Interval of the macro-F1, which training prints and keeps."""
        return self.intervals["macro-f1"]

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain dicts, lists, strings and numbers that every JSON writer takes.

        Returns
        -------
        dict
            As `docs/reports.md` describes it. ``schema`` names the version. NaN is None.
        """
        fields = {
            "schema": SCHEMA,
            "pages": self.pages,
            "sites": self.sites,
            "lines": self.lines,
            "macro_f1": self.macro_f1,
            "macro_f1_interval": {"level": INTERVAL_LEVEL, **_ends(self.macro_f1_interval)},
            "accuracy": self.accuracy,
            "flawless_pages": self.flawless_pages,
            "metrics": {name: {"value": value, **_ends(self.intervals[name])} for name, value in self.metrics.items()},
            "labels": {label: asdict(scores) for label, scores in self.labels.items()},
            "confusion": {
                label: dict(zip(LABELS, row, strict=True))
                for label, row in zip(LABELS, self.confusion.tolist(), strict=True)
            },
            "characters": asdict(self.characters),
            "cleaned": None if self.cleaned is None else asdict(self.cleaned),
            "cleaning_threshold": self.cleaning_threshold,
            "costs": _dicts(self.costs),
            "cleaned_costs": None if self.cleaned_costs is None else _dicts(self.cleaned_costs),
            "calibration_error": self.calibration_error,
            "calibration_bins": None
            if self.calibration_bins is None
            else {label: _dicts(bins) for label, bins in self.calibration_bins.items()},
            "breakdowns": {
                name: [{**asdict(row), "macro_f1_interval": _ends(row.macro_f1_interval)} for row in rows]
                for name, rows in self.breakdowns.items()
            },
        }
        return {key: without_nan(value) for key, value in fields.items()}


def evaluate_pages(
    pages: Sequence[AnnotatedPage],
    predicted: Sequence[Sequence[str]],
    probabilities: Sequence[NDArray[np.float64]] | None = None,
    *,
    cleaning_threshold: float | None = None,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> Evaluation:
    """Compare predictions with the labels of annotated pages.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
        In any order: it does not change the result.
    predicted : sequence of sequences of str
        For each page a label for each non-blank line.
    probabilities : sequence of float arrays of shape (n_lines, 4), optional
        For each page the probabilities of its lines' labels, columns in the order of `LABELS`.
    cleaning_threshold : float, optional
        How probable body must be for `boilerplate clean` to keep a line; needs probabilities.
    n_resamples, random_state : int
        As in `bootstrap_macro_f1`.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown (with number and id of the page), if a probability is not one, or if
        there is a threshold without probabilities.
    """
    return evaluate_lines(
        predicted_lines(pages, predicted, probabilities),
        cleaning_threshold=cleaning_threshold,
        n_resamples=n_resamples,
        random_state=random_state,
    )


def evaluate_lines(
    lines: PredictedLines,
    *,
    cleaning_threshold: float | None = None,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> Evaluation:
    """The same for lines that are in a table already.

    Parameters
    ----------
    lines : PredictedLines
    cleaning_threshold, n_resamples, random_state
        As for `evaluate_pages`.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If a probability is not one, or if there is a threshold without probabilities.
    """
    by_site = counts_by_site(lines, cleaning_threshold)
    metrics = by_name(metric_values(by_site.sum(axis=0)))
    matrix = count_confusions(lines.given, lines.predicted, np.zeros_like(lines.given), 1)[0]
    body = lines.given == BODY
    bins = None if lines.probabilities is None else calibration_bins(lines.probabilities, lines.given)
    kept = None if cleaning_threshold is None else lines.kept(cleaning_threshold)
    return Evaluation(
        pages=len(lines.pages),
        sites=len(lines.sites),
        lines=lines.n_lines,
        confusion=matrix,
        labels=scores_of(matrix).labels,
        macro_f1=metrics["macro-f1"],
        accuracy=metrics["accuracy"],
        flawless_pages=metrics["flawless-pages"],
        metrics=metrics,
        intervals=_intervals(by_site, n_resamples, random_state),
        characters=rates_of(lines.characters, body, lines.predicted == BODY),
        cleaned=None if kept is None else rates_of(lines.characters, body, kept),
        cleaning_threshold=cleaning_threshold,
        costs=error_costs(lines, lines.predicted == BODY),
        cleaned_costs=None if kept is None else error_costs(lines, kept),
        calibration_bins=bins,
        calibration_error=None if bins is None else {label: error_of(part) for label, part in bins.items()},
        breakdowns=all_breakdowns(lines, n_resamples, random_state),
    )


def _intervals(by_site: NDArray[np.int64], n_resamples: int, random_state: int) -> dict[str, tuple[float, float]]:
    with_lines = by_site[by_site.any(axis=1)]
    if len(with_lines) < 2:
        return dict.fromkeys(METRICS, (math.nan, math.nan))
    resampled = metric_values(resampled_sums(with_lines, n_resamples, random_state))
    low, high = percentile_interval(resampled, INTERVAL_LEVEL)
    return dict(zip(METRICS, zip(low.tolist(), high.tolist(), strict=True), strict=True))


def _ends(interval: tuple[float, float]) -> dict[str, float]:
    return {"low": interval[0], "high": interval[1]}


def _dicts(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def without_nan(value: Any) -> Any:
    """The same value with None for every NaN in it."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
