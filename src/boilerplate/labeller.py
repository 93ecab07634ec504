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

from boilerplate.calibration import Calibration
from boilerplate.cleaning import DEFAULT_BODY_RECALL, keep_lines
from boilerplate.evidence.assembly import Batch, batches, evidence_blocks, read_batch
from boilerplate.labels import LABELS, Label
from boilerplate.layers import Layer
from boilerplate.ngram_table import NGramTable
from boilerplate.operating_point import CleaningCurve, threshold_at
from boilerplate.pages import Line, labelled_lines
from boilerplate.phase_two import PhaseTwo
from boilerplate.pretrained import Perceptron
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

    @abstractmethod
    def cleaning_threshold(self, body_recall: float | None = DEFAULT_BODY_RECALL) -> float | None:
        """How probable body must be for `clean` to keep a line.

        Parameters
        ----------
        body_recall : float, optional
            Share of the body's characters to keep, on held-out sites of the training pages.

        Returns
        -------
        float or None
            None, which stands for the most probable label, for None.

        Raises
        ------
        ValueError
            If the share is none, or beyond what the model knows thresholds for.
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

    def clean(self, text: str, keep: Iterable[str] = ("body",), body_recall: float | None = DEFAULT_BODY_RECALL) -> str:
        """The body text of a page, with the other labels to keep.

        A lost paragraph is worse than a caption that stays, so lines stay here that `label` would call something else:
        those whose labels to keep are together as probable as body must be, for `body_recall` of it to stay.

        Parameters
        ----------
        text : str
        keep : str or iterable of str, default=("body",)
            Labels to keep. Where body is not among them, the most probable label decides.
        body_recall : float, optional, default=0.99
            Share of the body's characters to keep, as measured on held-out sites of the training pages; the higher,
            the more of everything else stays. None: the most probable label decides.

        Returns
        -------
        str
            Kept lines byte for byte. Between two of them stand as many blank lines as the longest blank run between
            them on the page; none at either end. A final newline is kept.

        Raises
        ------
        ValueError
            If a label is unknown, or the model knows no threshold for that share.
        """
        threshold = self.cleaning_threshold(body_recall)
        return keep_lines(text, self.label(text), keep, threshold)

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
    phase_two: PhaseTwo
    calibration: Calibration
    cleaning_curve: CleaningCurve

    def cleaning_threshold(self, body_recall: float | None = DEFAULT_BODY_RECALL) -> float | None:
        """See `PageMethods.cleaning_threshold`."""
        return threshold_at(self.cleaning_curve, body_recall)

    def predict_proba(self, X: Sequence[str]) -> list[NDArray[np.float64]]:
        """See `PageMethods.predict_proba`."""
        check_texts(X)
        out: list[NDArray[np.float64]] = []
        for part in batches(X):
            batch = read_batch(part)
            evidence = line_evidence(batch, self.text_model, self.rarity)
            scores = self.phase_two.scores(evidence, batch.lines)
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
            "text_model": _plain(self.text_model),
            "rarity": self.rarity.astype(np.float16),
            "phase_two": self.phase_two.to_state(),
            "calibration": self.calibration._asdict(),
            "cleaning_curve": self.cleaning_curve._asdict(),
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
        text = state["text_model"]
        text_model = TextModel(
            NGramTable(**text["table"]),
            text["wide_bias"],
            text["embedding_bias"],
            Layer(**text["hidden"]),
            Layer(**text["output"]),
            Perceptron(Layer(**text["meaning"]["hidden"]), Layer(**text["meaning"]["output"])),
        )
        labeller = cls(
            text_model,
            state["rarity"].astype(np.float32),
            PhaseTwo.from_state(state["phase_two"]),
            Calibration(**state["calibration"]),
            CleaningCurve(**state["cleaning_curve"]),
        )
        labeller._check_evidence()
        return labeller

    def _check_evidence(self) -> None:
        """Fail for a model that was trained on other evidence than this version collects."""
        features = line_evidence(read_batch([]), self.text_model, self.rarity).shape[1]
        expected = len(self.phase_two.standard.mean)
        if features != expected:
            raise ValueError(f"it looks at {expected} features, this version at {features}")


def _plain(model: TextModel) -> dict[str, Any]:
    """Weights as nested dictionaries of arrays."""
    state = model._asdict()
    for name in ("hidden", "output"):
        state[name] = state[name]._asdict()
    state["meaning"] = {name: layer._asdict() for name, layer in model.meaning._asdict().items()}
    state["table"] = {"values": model.table.values, "scale": model.table.scale}
    return state


def line_evidence(batch: Batch, model: TextModel, rarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """All evidence of a batch, for phase two.

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
    return np.concatenate(list(evidence_blocks(batch, scores, rarity, CAPTION).values()), axis=1)


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
