"""Made-up predictions for pages, for tests of evaluations and reports: quick, and wrong where a test wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation import PredictedLines, predicted_lines
from boilerplate.labels import INDEX, LABELS
from boilerplate.pages import labelled_lines


def made_up(pages: Sequence[AnnotatedPage], *, error: float = 0.15, seed: int = 0) -> PredictedLines:
    """The lines of pages with probabilities that favour the given label, and are wrong for about so many lines."""
    generator = np.random.default_rng(seed)
    probabilities = []
    for page in pages:
        favoured = np.array([INDEX[label] for label in page.labels], dtype=np.int64)
        wrong = generator.random(len(favoured)) < error
        favoured[wrong] = generator.integers(0, len(LABELS), wrong.sum())
        # Continuous, so that no two lines are equally sure.
        share = generator.dirichlet([0.5] * len(LABELS), size=len(favoured))
        strength = generator.uniform(0.5, 0.98, size=(len(favoured), 1))
        probabilities.append(strength * np.eye(len(LABELS))[favoured] + (1 - strength) * share)
    predicted = [[LABELS[column] for column in page.argmax(axis=1)] for page in probabilities]
    return predicted_lines(pages, predicted, probabilities)


class Rote(BaseEstimator):  # type: ignore[misc]
    """Knows the lines that it was trained on by heart and takes every other line for body; notes its trainings."""

    trainings: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, random_state: int = 0, n_jobs: int | None = None) -> None:
        self.random_state = random_state
        self.n_jobs = n_jobs

    @classmethod
    def whatever_the_size(cls, random_state: int, n_jobs: int, **size: Any) -> Rote:
        """In the place of a classifier that has one."""
        return cls(random_state, n_jobs)

    def fit(
        self,
        X: Any,
        y: Any,
        groups: Any = None,
        sample_weight: Any = None,
        doubtful: Any = None,
        progress: Any = None,
    ) -> Rote:
        self.note = {
            "texts": list(X),
            "groups": list(groups),
            "weights": list(sample_weight),
            "doubtful": doubtful,
            "scored": [],
        }
        self.trainings.append(self.note)
        self.labels = {}
        for text, labels in zip(X, y, strict=True):
            self.labels.update(zip(_lines(text), labels, strict=True))
        if progress is not None:
            progress("phase one", 0.5)
        return self

    def predict_proba(self, X: Any) -> list[Any]:
        self.note["scored"] += X
        return [np.eye(len(LABELS))[[INDEX[self.labels.get(line, "body")] for line in _lines(text)]] for text in X]


def _lines(text: str) -> list[str]:
    return [line for _, line in labelled_lines(text)]
