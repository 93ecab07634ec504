"""The fitted pipeline: text, lines, evidence, probabilities, labels.

Nothing here needs scikit-learn, whose import takes longer than labelling a page: that is for training
(`boilerplate.model`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boilerplate.calibration import Calibration, softmax
from boilerplate.cleaning import keep_lines
from boilerplate.evidence.assembly import Batch, batches, phase_two_evidence, read_batch
from boilerplate.evidence.page import neighbour_evidence
from boilerplate.labels import LABELS, Label
from boilerplate.network import Network, Round, Standard
from boilerplate.pages import Line, labelled_lines
from boilerplate.text_model import CAPTION, TextModel
from boilerplate.verdict import Quality, quality_of


class PageMethods(ABC):
    """What follows from the probabilities of lines: labels, clean text, a verdict."""

    @abstractmethod
    def predict_proba(self, X: Sequence[str]) -> list[NDArray[np.float64]]:
        """Probabilities of the labels of every line.

        Parameters
        ----------
        X : sequence of str, length n_pages
            Page texts.

        Returns
        -------
        list of float64 arrays of shape (n_lines, 4), length n_pages
            One row for each non-blank line, columns in the order of `boilerplate.labels.LABELS`; rows sum to 1.
        """

    def predict(self, X: Sequence[str]) -> list[list[Label]]:
        """The most probable label of every line.

        Parameters
        ----------
        X : sequence of str, length n_pages

        Returns
        -------
        list of lists of str, length n_pages
        """
        return [[LABELS[column] for column in page.argmax(axis=1)] for page in self.predict_proba(X)]

    def label_pages(self, X: Sequence[str]) -> list[list[Line]]:
        """Label the lines of many pages; see `label`.

        Parameters
        ----------
        X : sequence of str, length n_pages

        Returns
        -------
        list of lists of Line, length n_pages
        """
        return [
            [
                Line(number, line, LABELS[row.argmax()], dict(zip(LABELS, map(float, row), strict=True)))
                for (number, line), row in zip(labelled_lines(text), probabilities, strict=True)
            ]
            for text, probabilities in zip(X, self.predict_proba(X), strict=True)
        ]

    def label(self, text: str) -> list[Line]:
        """Label the lines of one page.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of Line
            One for each non-blank line, in order.
        """
        return self.label_pages([text])[0]

    def clean(self, text: str, keep: Iterable[str] = ("body",)) -> str:
        """The lines of a page that have one of the labels to keep.

        Parameters
        ----------
        text : str
        keep : str or iterable of str, default=("body",)
            Labels to keep.

        Returns
        -------
        str
            Kept lines byte for byte. Between two of them stand as many blank lines as the longest blank run between
            them on the page; none at either end. A final newline is kept.
        """
        return keep_lines(text, self.label(text), keep)

    def quality(self, text: str) -> Quality:
        """What the page as a whole is worth.

        Parameters
        ----------
        text : str

        Returns
        -------
        Quality
        """
        return quality_of(self.label(text))


@dataclass(frozen=True)
class Labeller(PageMethods):
    """A trained pipeline as plain arrays."""

    text_model: TextModel
    rarity: NDArray[np.float32]
    """Inverse document frequency of hashed words: shape (2 ** likeness.RARITY_BITS,)."""
    first_round: Round
    second_round: Round
    calibration: Calibration

    def predict_proba(self, X: Sequence[str]) -> list[NDArray[np.float64]]:
        """See `PageMethods.predict_proba`."""
        check_texts(X)
        out: list[NDArray[np.float64]] = []
        for part in batches(X):
            batch = read_batch(part)
            evidence = line_evidence(batch, self.text_model, self.rarity)
            earlier = neighbour_evidence(batch.lines, softmax(self.first_round.scores(evidence)))
            scores = self.second_round.scores(np.concatenate([evidence, earlier], axis=1))
            out += np.split(self.calibration.probabilities(scores), batch.lines.page_starts[1:-1])
        return out

    def to_state(self) -> dict[str, Any]:
        """The pipeline as nested dictionaries of arrays.

        Returns
        -------
        dict
            What `from_state` takes.
        """
        return {
            "text_model": self.text_model._asdict(),
            "rarity": self.rarity.astype(np.float16),
            "rounds": [
                {"standard": turn.standard._asdict(), "networks": [network._asdict() for network in turn.networks]}
                for turn in (self.first_round, self.second_round)
            ],
            "calibration": self.calibration._asdict(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Labeller:
        """A pipeline from what `to_state` gave.

        Parameters
        ----------
        state : dict

        Returns
        -------
        Labeller

        Raises
        ------
        ValueError
            If it was trained on other evidence than this version collects.
        """
        first, second = (
            Round(Standard(**turn["standard"]), [Network(**network) for network in turn["networks"]])
            for turn in state["rounds"]
        )
        labeller = cls(
            TextModel(**state["text_model"]),
            state["rarity"].astype(np.float32),
            first,
            second,
            Calibration(**state["calibration"]),
        )
        labeller._check_evidence()
        return labeller

    def _check_evidence(self) -> None:
        """Fail for a model that was trained on other evidence than this version collects."""
        nothing = read_batch([])
        evidence = line_evidence(nothing, self.text_model, self.rarity)
        earlier = neighbour_evidence(nothing.lines, self.first_round.scores(evidence))
        features = evidence.shape[1], evidence.shape[1] + earlier.shape[1]
        expected = len(self.first_round.standard.mean), len(self.second_round.standard.mean)
        if features != expected:
            raise ValueError(f"it looks at {expected} features, this version at {features}")


def line_evidence(batch: Batch, model: TextModel, rarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """All evidence of a batch, for phase two's first round.

    Parameters
    ----------
    batch : Batch
    model : TextModel
        Phase one.
    rarity : float32 array of shape (2 ** likeness.RARITY_BITS,)

    Returns
    -------
    float32 array of shape (n_lines, n_features)
    """
    scores = model.scores(batch.lines, batch.folded, batch.tokens)
    return phase_two_evidence(batch, scores, rarity, CAPTION)


def check_texts(X: Sequence[str]) -> None:
    """Check that `X` is a sequence of texts.

    Raises
    ------
    ValueError
        If it is not.
    """
    if isinstance(X, str):
        raise ValueError("X must be a sequence of page texts, not one text; wrap it in a list")
    for number, text in enumerate(X):
        if not isinstance(text, str):
            raise ValueError(f"page {number} is not a text but {type(text).__name__}")
