"""How good predicted labels are: counts, scores, their uncertainty, breakdowns.

Everything follows from one confusion matrix for each page; sums of them give the matrices of sites, scrapers, languages
and of the whole. Numbers that do not exist (the recall of a label that no line has) are NaN here and null in JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boilerplate.corpus import AnnotatedPage, check_label
from boilerplate.labels import INDEX, LABELS, Label

SCHEMA: Final = "boilerplate-evaluation/1"
"""Version of what `Evaluation.to_dict` gives; the number rises when a field changes or goes."""

INTERVAL_LEVEL: Final = 0.95
"""Confidence level of the macro-F1's interval."""

_N: Final = len(LABELS)
_BODY: Final = INDEX["body"]
# Upper bound on the resampling weights held at once (32 MB), however many sites there are.
_MAX_WEIGHTS: Final = 4_000_000
# Probabilities that were normalised may exceed 1 by rounding.
_ROUNDING: Final = 1e-6


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


@dataclass(frozen=True, slots=True)
class CharacterRates:
    """What keeping only some lines does to the text, by characters; see `character_rates`.

    Attributes
    ----------
    body_kept : float
        Share of the characters of body lines that are kept; NaN if there are none.
    other_removed : float
        Share of the characters of all other lines that are removed; NaN if there are none.
    body_characters, other_characters : int
        What they are shares of.
    """

    body_kept: float
    other_removed: float
    body_characters: int
    other_characters: int


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """Scores of the pages that share a scraper, a language or a site.

    Attributes
    ----------
    key : str
        What they share; empty where it is not known.
    pages, lines : int
    macro_f1, accuracy : float
        As in `Scores`; the mean is over the labels that these very pages have.
    f1 : dict of str to float
        F1 of each label; NaN for labels that these pages do not have.
    """

    key: str
    pages: int
    lines: int
    macro_f1: float
    accuracy: float
    f1: dict[Label, float]


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
    macro_f1_interval : tuple of float
        Low and high end, at the level `INTERVAL_LEVEL`; NaN with fewer than two sites that have lines.
    accuracy : float
    flawless_pages : float
        Share of pages without an error among those that have lines.
    characters : CharacterRates
        Of keeping the lines predicted body.
    cleaned : CharacterRates, or None
        Of keeping the lines whose probability of body reaches the threshold, as `boilerplate clean` does; None if no
        threshold was given.
    calibration_error : dict of str to float, or None
        Expected calibration error of each label; None if no probabilities were given.
    breakdowns : dict of str to list of BreakdownRow
        By ``scraper``, ``lang`` and ``site``; most lines first, equal ones by key.
    """

    pages: int
    sites: int
    lines: int
    confusion: NDArray[np.int64]
    labels: dict[Label, LabelScores]
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    accuracy: float
    flawless_pages: float
    characters: CharacterRates
    cleaned: CharacterRates | None
    calibration_error: dict[Label, float] | None
    breakdowns: dict[str, list[BreakdownRow]]

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain dicts, lists, strings and numbers that every JSON writer takes.

        Returns
        -------
        dict
            ``schema`` names the version. NaN is None. ``confusion`` goes from given to predicted label to lines.
        """
        low, high = self.macro_f1_interval
        fields = {
            "schema": SCHEMA,
            "pages": self.pages,
            "sites": self.sites,
            "lines": self.lines,
            "macro_f1": self.macro_f1,
            "macro_f1_interval": {"level": INTERVAL_LEVEL, "low": low, "high": high},
            "accuracy": self.accuracy,
            "flawless_pages": self.flawless_pages,
            "labels": {label: asdict(scores) for label, scores in self.labels.items()},
            "confusion": {
                label: dict(zip(LABELS, row, strict=True))
                for label, row in zip(LABELS, self.confusion.tolist(), strict=True)
            },
            "characters": asdict(self.characters),
            "cleaned": None if self.cleaned is None else asdict(self.cleaned),
            "calibration_error": self.calibration_error,
            "breakdowns": {name: [asdict(row) for row in rows] for name, rows in self.breakdowns.items()},
        }
        return {key: _without_nan(value) for key, value in fields.items()}


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
    names = [f"page {number} ({page.id!r})" for number, page in enumerate(pages, 1)]
    given_index, predicted_index, n_lines = _encode_pages(names, [page.labels for page in pages], predicted)
    by_page = _confusions(given_index, predicted_index, np.repeat(np.arange(len(pages)), n_lines), len(pages))
    total = by_page.sum(axis=0)
    scores = scores_of(total)
    breakdowns = {
        "scraper": [_key(page.extra.get("scraper")) for page in pages],
        "lang": [page.lang for page in pages],
        "site": [page.group for page in pages],
    }
    # In order of name, so that the order of the pages does not reach the random numbers.
    by_site = _sums_by_key(breakdowns["site"], by_page)[1]
    wrong = by_page.sum(axis=(1, 2)) - np.trace(by_page, axis1=1, axis2=2)
    lengths = _characters(names, pages)
    calibration_error = cleaned = None
    if probabilities is not None:
        stacked = _stack_probabilities(names, n_lines, probabilities)
        calibration_error = _by_label(expected_calibration_error(stacked, given_index))
        if cleaning_threshold is not None:
            cleaned = _character_rates(lengths, given_index == _BODY, stacked[:, _BODY] >= cleaning_threshold)
    elif cleaning_threshold is not None:
        raise ValueError("a threshold of cleaning needs probabilities")
    return Evaluation(
        pages=len(pages),
        sites=len(by_site),
        lines=int(total.sum()),
        confusion=total,
        labels=scores.labels,
        macro_f1=scores.macro_f1,
        macro_f1_interval=bootstrap_macro_f1(
            by_site, n_resamples=n_resamples, level=INTERVAL_LEVEL, random_state=random_state
        ),
        accuracy=scores.accuracy,
        flawless_pages=float(_ratio(np.sum((wrong == 0) & (n_lines > 0)), np.sum(n_lines > 0))),
        characters=_character_rates(lengths, given_index == _BODY, predicted_index == _BODY),
        cleaned=cleaned,
        calibration_error=calibration_error,
        breakdowns={name: _breakdown(keys, by_page) for name, keys in breakdowns.items()},
    )


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
    given_index, predicted_index, _ = _encode_pages(names, given, predicted)
    return float(_macro_f1(_one_confusion(given_index, predicted_index)))


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
    return _one_confusion(*_encode_pair(given, predicted))


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
    matrix = _check_confusions(confusion, ndim=2)
    hits = np.diagonal(matrix)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    columns = zip(
        LABELS,
        _ratio(hits, predicted).tolist(),
        _ratio(hits, support).tolist(),
        _f1(matrix).tolist(),
        support.tolist(),
        predicted.tolist(),
        strict=True,
    )
    return Scores(
        labels={label: LabelScores(*numbers) for label, *numbers in columns},
        macro_f1=float(_macro_f1(matrix)),
        accuracy=float(_ratio(hits.sum(), matrix.sum())),
    )


def bootstrap_macro_f1(
    confusions_by_site: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int = 0,
) -> tuple[float, float]:
    """Confidence interval of the macro-F1 for pages of sites not seen yet.

    Percentile interval (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13) of a cluster
    bootstrap: whole sites are drawn with replacement, as lines of one site resemble each other (Davison and Hinkley,
    "Bootstrap Methods and their Application", 1997, section 3.8). Each resample's macro-F1 is over the labels that
    this resample has.

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
    confusions = _check_confusions(confusions_by_site, ndim=3)
    # Floating point numbers, which hold these counts exactly, are multiplied far faster than integers.
    sites = confusions[confusions.any(axis=(1, 2))].reshape(-1, _N * _N).astype(np.float64)
    n_sites = len(sites)
    if n_sites < 2:
        return math.nan, math.nan
    generator = np.random.default_rng(random_state)
    shares = np.full(n_sites, 1 / n_sites)
    resampled = np.empty(n_resamples)
    block = max(1, _MAX_WEIGHTS // n_sites)
    for begin in range(0, n_resamples, block):
        part = resampled[begin : begin + block]
        weights = generator.multinomial(n_sites, shares, size=len(part)).astype(np.float64)
        part[:] = _macro_f1((weights @ sites).reshape(-1, _N, _N))
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def expected_calibration_error(
    probabilities: ArrayLike,
    given_index: ArrayLike,
    n_bins: int = 15,
) -> NDArray[np.float64]:
    """How far each label's probabilities are from the frequencies that they promise.

    Expected calibration error (Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", 2015) of each label against the rest, with bins of equal mass (Nixon et al., "Measuring Calibration in
    Deep Learning", 2019): the lines are cut by probability into bins of equally many, and the distance between the mean
    probability and the label's share is averaged over the bins, weighted by their lines.

    Lines of equal probability share a bin, which makes bins unequal where there are many; otherwise the order of the
    lines would decide between the bins. With few lines a bin the error is overestimated.

    Parameters
    ----------
    probabilities : float array of shape (n_lines, 4)
        Columns in the order of `LABELS`.
    given_index : int array of shape (n_lines,)
        Column of each line's given label.
    n_bins : int

    Returns
    -------
    float64 array of shape (4,)
        Between 0 and 1; NaN without lines.

    Raises
    ------
    ValueError
        If shapes do not fit, `n_bins` is less than 1, or a probability is not between 0 and 1.
    """
    proba = np.asarray(probabilities, dtype=np.float64)
    given = np.asarray(given_index)
    n_lines = len(given)
    if proba.shape != (n_lines, _N):
        raise ValueError(f"probabilities must have shape ({n_lines}, {_N}), not {proba.shape}")
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, not {n_bins}")
    # Written so that NaN fails, too.
    if not np.all((proba >= -_ROUNDING) & (proba <= 1 + _ROUNDING)):
        raise ValueError("probabilities must lie between 0 and 1")
    if n_lines == 0:
        return np.full(_N, math.nan)
    cuts = np.arange(n_bins) * n_lines // n_bins
    errors = np.empty(_N)
    for label in range(_N):
        order = np.argsort(proba[:, label])
        promised = proba[order, label]
        # Each cut moves back to the first of the lines with the same probability.
        starts = np.unique(np.searchsorted(promised, promised[cuts]))
        gaps = np.add.reduceat(promised - (given[order] == label), starts)
        errors[label] = np.abs(gaps).sum() / n_lines
    return errors


def character_rates(characters: ArrayLike, given: Sequence[str], predicted: Sequence[str]) -> CharacterRates:
    """How much of the body is kept and how much else is removed when only lines predicted body are kept.

    Parameters
    ----------
    characters : int array of shape (n_lines,)
        Length of each line; `evaluate_pages` leaves out white space around it.
    given, predicted : sequence of str
        A label for each line.

    Returns
    -------
    CharacterRates

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown.
    """
    given_index, predicted_index = _encode_pair(given, predicted)
    lengths = np.asarray(characters, dtype=np.int64)
    if lengths.shape != given_index.shape:
        raise ValueError(f"characters must have shape {given_index.shape}, not {lengths.shape}")
    return _character_rates(lengths, given_index == _BODY, predicted_index == _BODY)


def _character_rates(lengths: NDArray[np.int64], body: NDArray[np.bool_], kept: NDArray[np.bool_]) -> CharacterRates:
    n_body, n_other = lengths[body].sum(), lengths[~body].sum()
    return CharacterRates(
        body_kept=float(_ratio(lengths[body & kept].sum(), n_body)),
        other_removed=float(_ratio(lengths[~body & ~kept].sum(), n_other)),
        body_characters=int(n_body),
        other_characters=int(n_other),
    )


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Element by element; NaN where the denominator is 0."""
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    ratio = np.full(below.shape, math.nan)
    np.divide(above, below, out=ratio, where=below != 0)
    return ratio


def _f1(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """F1 of each label, NaN without support: (..., 4, 4) to (..., 4)."""
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    support, predicted = confusions.sum(axis=-1), confusions.sum(axis=-2)
    return _ratio(2 * hits, np.where(support > 0, support + predicted, 0))


def _macro_f1(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """Mean F1 of the labels with support, NaN without lines: (..., 4, 4) to (...)."""
    f1 = _f1(confusions)
    return _ratio(np.nansum(f1, axis=-1), np.sum(~np.isnan(f1), axis=-1))


def _confusions(
    given_index: NDArray[np.int64], predicted_index: NDArray[np.int64], page: NDArray[np.int64], n_pages: int
) -> NDArray[np.int64]:
    """One matrix a page: shape (n_pages, 4, 4)."""
    cells = (page * _N + given_index) * _N + predicted_index
    counts = np.bincount(cells, minlength=n_pages * _N * _N)
    return counts.astype(np.int64, copy=False).reshape(n_pages, _N, _N)


def _one_confusion(given_index: NDArray[np.int64], predicted_index: NDArray[np.int64]) -> NDArray[np.int64]:
    return _confusions(given_index, predicted_index, np.zeros_like(given_index), 1).reshape(_N, _N)


def _check_confusions(confusions: ArrayLike, ndim: int) -> NDArray[np.int64]:
    matrices = np.asarray(confusions, dtype=np.int64)
    if matrices.ndim != ndim or matrices.shape[-2:] != (_N, _N):
        wanted = f"({_N}, {_N})" if ndim == 2 else f"(n_sites, {_N}, {_N})"
        raise ValueError(f"confusion counts must have shape {wanted}, not {matrices.shape}")
    return matrices


def _sums_by_key(
    keys: Sequence[str], confusions: NDArray[np.int64]
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Different keys, sorted; the sum of each one's matrices; how many these are."""
    names = sorted(set(keys))
    row_of = {name: row for row, name in enumerate(names)}
    rows = np.array([row_of[key] for key in keys], dtype=np.int64)
    sums = np.zeros((len(names), _N, _N), dtype=np.int64)
    np.add.at(sums, rows, confusions)
    return names, sums, np.bincount(rows, minlength=len(names))


def _breakdown(keys: Sequence[str], confusions: NDArray[np.int64]) -> list[BreakdownRow]:
    names, sums, n_pages = _sums_by_key(keys, confusions)
    n_lines = sums.sum(axis=(1, 2))
    columns = zip(
        names,
        n_pages.tolist(),
        n_lines.tolist(),
        _macro_f1(sums).tolist(),
        _ratio(np.trace(sums, axis1=1, axis2=2), n_lines).tolist(),
        map(_by_label, _f1(sums)),
        strict=True,
    )
    return sorted((BreakdownRow(*row) for row in columns), key=lambda row: (-row.lines, row.key))


def _by_label(values: NDArray[np.float64]) -> dict[Label, float]:
    return dict(zip(LABELS, values.tolist(), strict=True))


def _key(value: object) -> str:
    """Extra fields are kept as they came: any JSON value may stand there."""
    return "" if value is None else str(value)


def _encode(labels: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter((INDEX[check_label(label)] for label in labels), dtype=np.int64, count=len(labels))


def _encode_pair(given: Sequence[str], predicted: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if len(given) != len(predicted):
        raise ValueError(f"{len(given)} given labels, but {len(predicted)} predicted ones")
    return _encode(given), _encode(predicted)


def _encode_pages(
    names: Sequence[str], given: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Given and predicted label of each line of all pages, and the number of lines of each page."""
    if len(given) != len(predicted):
        raise ValueError(f"{len(given)} pages, but predictions for {len(predicted)}")
    pairs = []
    for name, *pair in zip(names, given, predicted, strict=True):
        try:
            pairs.append(_encode_pair(*pair))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    n_lines = np.array([len(one) for one, _ in pairs], dtype=np.int64)
    return _joined(one for one, _ in pairs), _joined(other for _, other in pairs), n_lines


def _joined(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    # The empty array stands in where there are no pages.
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _stack_probabilities(
    names: Sequence[str], n_lines: NDArray[np.int64], probabilities: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    if len(probabilities) != len(names):
        raise ValueError(f"{len(names)} pages, but probabilities for {len(probabilities)}")
    for name, count, page_probabilities in zip(names, n_lines.tolist(), probabilities, strict=True):
        if np.shape(page_probabilities) != (count, _N):
            shape = np.shape(page_probabilities)
            raise ValueError(f"{name}: probabilities must have shape ({count}, {_N}), not {shape}")
    return np.concatenate([np.empty((0, _N)), *probabilities])


def _characters(names: Sequence[str], pages: Sequence[AnnotatedPage]) -> NDArray[np.int64]:
    """Characters of each line, without white space around it."""
    lengths: list[int] = []
    for name, page in zip(names, pages, strict=True):
        of_page = [len(line.strip()) for _, line in page.lines()]
        if len(of_page) != len(page.labels):
            raise ValueError(f"{name}: {len(page.labels)} labels for {len(of_page)} non-blank lines")
        lengths += of_page
    return np.array(lengths, dtype=np.int64)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
