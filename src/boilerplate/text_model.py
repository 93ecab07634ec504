"""Phase one: what a line says by itself, as scores of a linear model over hashed n-grams."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.lines import Lines, segments
from boilerplate.evidence.text import KINDS, NGrams, Tokens, hashed_ngrams
from boilerplate.labels import INDEX

TEXT_CLASSES: Final = ("body", "caption", "promo")
"""By itself a caption has no foreign twin: both kinds of caption are one class here, and phase two tells them apart."""

TO_TEXT_CLASS: Final[NDArray[np.int64]] = np.array([0, 1, 1, 2])
"""Text class of each label."""
CAPTION: Final = TEXT_CLASSES.index("caption")

if [INDEX[name] for name in ("body", "caption", "foreign-caption", "promo")] != [0, 1, 2, 3]:  # pragma: no cover
    raise AssertionError("TO_TEXT_CLASS follows the order of the labels")


class TextScores(NamedTuple):
    """What phase one says of lines."""

    parts: NDArray[np.float32]
    """Score of each class by each kind of n-gram: shape (n_lines, n_kinds * n_text_classes)."""
    probabilities: NDArray[np.float32]
    """Softmax of the sums over kinds: shape (n_lines, n_text_classes)."""


class TextModel(NamedTuple):
    """Weights of the linear model over hashed n-grams."""

    weights: NDArray[np.float16]
    """Shape (2 ** bits, n_text_classes)."""
    bias: NDArray[np.float32]
    """Shape (n_text_classes,)."""

    @property
    def bits(self) -> int:
        """Base-two logarithm of the number of hash buckets."""
        return len(self.weights).bit_length() - 1

    def scores(self, lines: Lines, folded: NDArray[np.uint32], tokens: Tokens) -> TextScores:
        """Score lines.

        Each kind of n-gram is weighted by one over the square root of its number in the line, which takes the place of
        the usual normalisation to unit length.

        Parameters
        ----------
        lines : Lines
        folded : uint32 array of shape (n_chars,)
        tokens : Tokens

        Returns
        -------
        TextScores
        """
        n_classes = len(TEXT_CLASSES)
        table = self.weights.astype(np.float32)
        parts = np.zeros((lines.n_lines, len(KINDS), n_classes), dtype=np.float32)
        for kind, ngrams in enumerate(hashed_ngrams(lines, folded, tokens, self.bits)):
            counts = np.diff(ngrams.starts)
            filled = np.flatnonzero(counts)
            if len(filled):
                sums = np.add.reduceat(table.take(ngrams.buckets, axis=0), ngrams.starts[filled], axis=0)
                parts[filled, kind] = sums / np.sqrt(counts[filled], dtype=np.float32)[:, None]
        total = parts.sum(axis=1) + self.bias
        odds = np.exp(total - total.max(axis=1, keepdims=True, initial=-np.inf))
        return TextScores(
            parts.reshape(lines.n_lines, len(KINDS) * n_classes),
            (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32),
        )


def design_matrix(ngrams: Sequence[NGrams], bits: int) -> Any:
    """The n-grams of lines as a sparse matrix, weighted as `TextModel.scores` weights them.

    Parameters
    ----------
    ngrams : sequence of NGrams
        One entry for each kind.
    bits : int

    Returns
    -------
    scipy.sparse.csr_matrix of float32, shape (n_lines, 2 ** bits)
    """
    import scipy.sparse as sp

    counts = [np.diff(kind.starts) for kind in ngrams]
    rows = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0))])
    columns = np.empty(rows[-1], dtype=np.int32)
    data = np.empty(rows[-1], dtype=np.float32)
    offset = rows[:-1].copy()
    for kind, count in zip(ngrams, counts, strict=True):
        line, position = segments(count)
        at = offset[line] + position
        columns[at] = kind.buckets
        data[at] = (1 / np.sqrt(np.maximum(count, 1)))[line]
        offset += count
    return sp.csr_matrix((data, columns, rows), shape=(len(rows) - 1, 2**bits))


def fit_text_model(
    matrix: Any, labels: NDArray[np.int64], weights: NDArray[np.float64], *, inverse_penalty: float, iterations: int
) -> TextModel:
    """Fit a multinomial logistic regression.

    Parameters
    ----------
    matrix : scipy.sparse.csr_matrix of shape (n_lines, 2 ** bits)
    labels : int64 array of shape (n_lines,)
        Indices into `TEXT_CLASSES`.
    weights : float64 array of shape (n_lines,)
    inverse_penalty : float
        scikit-learn's ``C``.
    iterations : int
        Steps of L-BFGS; few, for stopping early regularises.

    Returns
    -------
    TextModel
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    n_classes = len(TEXT_CLASSES)
    full = np.zeros((matrix.shape[1], n_classes), dtype=np.float16)
    bias = np.full(n_classes, -10.0, dtype=np.float32)
    present = np.unique(labels)
    if len(present) == 1:
        bias[present] = 0
        return TextModel(full, bias)
    regression = LogisticRegression(C=inverse_penalty, max_iter=iterations, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(matrix, labels, sample_weight=weights)
    coefficients, intercept = regression.coef_, regression.intercept_
    if len(present) == 2:
        # The binary form has one row: the second class's score, against 0.
        coefficients = np.stack([np.zeros_like(coefficients[0]), coefficients[0]])
        intercept = np.array([0.0, intercept[0]])
    full[:, present] = coefficients.T
    bias[present] = intercept
    return TextModel(full, bias)
