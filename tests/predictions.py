"""Made-up predictions for pages, for tests of evaluations and reports: quick, and wrong where a test wants it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from boilerplate.corpus import AnnotatedPage
from boilerplate.evaluation import PredictedLines, predicted_lines
from boilerplate.labels import INDEX, LABELS


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
