"""How much more pages would help: models trained on growing shares of the sites, scored on sites never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation import INTERVAL_LEVEL, Evaluation, evaluate_pages
from boilerplate.evaluation.result import without_nan
from boilerplate.labels import LABELS
from boilerplate.model import LineClassifier, Progress

SHARES: Final = (0.125, 0.25, 0.5, 1.0)
"""Shares of the sites that are not held out; each is twice the one before, as gains go with the logarithm."""

N_FOLDS: Final = 3
"""Folds of sites that are held out in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class LearningCurvePoint:
    """What one share of the sites is good for.

    Attributes
    ----------
    share : float
        Of the sites that are not held out.
    sites, pages, lines : float
        What the models were trained on: means over folds.
    evaluation : Evaluation
        On held-out sites, all folds together.
    """

    share: float
    sites: float
    pages: float
    lines: float
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """The point as plain dicts and numbers; NaN is None."""
        low, high = self.evaluation.macro_f1_interval
        fields = {
            "share": self.share,
            "sites": self.sites,
            "pages": self.pages,
            "lines": self.lines,
            "macro_f1": self.evaluation.macro_f1,
            "macro_f1_interval": {"level": INTERVAL_LEVEL, "low": low, "high": high},
            "f1": {label: scores.f1 for label, scores in self.evaluation.labels.items()},
        }
        return {key: without_nan(value) for key, value in fields.items()}


def learning_curve(
    pages: Sequence[AnnotatedPage],
    model: LineClassifier,
    *,
    sample_weight: Sequence[float] | None = None,
    doubtful: Sequence[bool] | None = None,
    shares: Sequence[float] = SHARES,
    n_folds: int = N_FOLDS,
    n_resamples: int = 1000,
    random_state: int = 0,
    progress: Progress | None = None,
) -> list[LearningCurvePoint]:
    """Train on growing shares of the sites and score on others.

    The sites are folded; each fold is scored by models trained on shares of all others. A smaller share's sites are
    among those of a greater one, so that the curve does not jump because other sites were drawn.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
    model : LineClassifier
        Its parameters are used, its fitted state is not.
    sample_weight : sequence of float, length n_pages, optional
        Weight of each page in training.
    doubtful : sequence of bool, length n_pages, optional
        See `LineClassifier.fit`. These pages are not scored, if there are others.
    shares : sequence of float
        Ascending, above 0 and at most 1. Shares of fewer than two sites are raised to two; equal ones are left out.
    n_folds : int
    n_resamples, random_state : int
        As in `bootstrap_macro_f1`; the seed also draws folds and shares.
    progress : callable, optional
        See `boilerplate.model.Progress`.

    Returns
    -------
    list of LearningCurvePoint
        One for each share.

    Raises
    ------
    ValueError
        If there are too few sites with lines, or a share is none.
    """
    if not all(0 < share <= 1 for share in shares):
        raise ValueError(f"shares must be above 0 and at most 1, not {tuple(shares)}")
    weights = np.ones(len(pages)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    used = [number for number, page in enumerate(pages) if page.labels and weights[number] > 0]
    _, site = np.unique([pages[number].group for number in used], return_inverse=True)
    if len(set(site.tolist())) < 2 * n_folds:
        raise ValueError(f"a learning curve needs pages of at least {2 * n_folds} sites")
    plans = _plans(site, shares, n_folds, random_state)
    sizes = [len(training) for _, training, _ in plans]
    done = 0
    probabilities: list[dict[int, NDArray[np.float64]]] = [{} for _ in shares]
    for (number, training, held_out), size in zip(plans, sizes, strict=True):
        chosen = [pages[used[row]] for row in training]
        tell = None if progress is None else _part_of(progress, done / sum(sizes), size / sum(sizes), len(chosen))
        fitted = clone(model).fit(
            [page.text for page in chosen],
            [page.labels for page in chosen],
            groups=[page.group for page in chosen],
            sample_weight=[weights[used[row]] for row in training],
            doubtful=None if doubtful is None else [doubtful[used[row]] for row in training],
            progress=tell,
        )
        found = fitted.predict_proba([pages[used[row]].text for row in held_out])
        probabilities[number].update(zip(held_out.tolist(), found, strict=True))
        done += size
    doubted = weights < weights.max() if doubtful is None else np.asarray(doubtful, dtype=bool)
    trusted = [row for row, number in enumerate(used) if not doubted[number] or doubted[used].all()]
    scored = [pages[used[row]] for row in trusted]
    points = []
    for number, share in enumerate(shares):
        if not probabilities[number]:
            continue
        found = [probabilities[number][row] for row in trusted]
        rows = [training for of_share, training, _ in plans if of_share == number]
        points.append(
            LearningCurvePoint(
                share=share,
                sites=float(np.mean([len(set(site[training].tolist())) for training in rows])),
                pages=float(np.mean([len(training) for training in rows])),
                lines=float(np.mean([sum(len(pages[used[row]].labels) for row in training) for training in rows])),
                evaluation=evaluate_pages(
                    scored,
                    [[LABELS[column] for column in page.argmax(axis=1)] for page in found],
                    found,
                    n_resamples=n_resamples,
                    random_state=random_state,
                ),
            )
        )
    return points


def _plans(
    site: NDArray[np.int64], shares: Sequence[float], n_folds: int, seed: int
) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Number of the share, training pages and held-out pages of each model, small shares first."""
    generator = np.random.default_rng(seed)
    splits = []
    folds = GroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    for others, held_out in folds.split(site, groups=site):
        splits.append((others, held_out, generator.permutation(np.unique(site[others]))))
    plans = []
    before: list[int] = []
    for number, share in enumerate(shares):
        counts = [max(2, round(share * len(order))) for _, _, order in splits]
        if counts == before:
            continue
        before = counts
        for (others, held_out, order), count in zip(splits, counts, strict=True):
            plans.append((number, others[np.isin(site[others], order[:count])], held_out))
    return plans


def _part_of(progress: Progress, start: float, length: float, n_pages: int) -> Progress:
    """Progress of one training among several."""

    def tell(step: str, share: float) -> None:
        progress(f"learning curve, {n_pages:,} pages: {step}", start + length * share)

    return tell
