"""Phase one: what a line says by itself.

Two models read the same hashed n-grams (wide and deep: Cheng et al., "Wide & Deep Learning for Recommender Systems",
2016). The wide one is a logistic regression: it remembers what single n-grams say. The deep one is a perceptron over
sums of n-gram embeddings (as in fastText: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2017): it
generalises, for most n-grams are left out of each of its training steps. They err on different lines. Beside them a
third table of the same n-grams tells what a line means (`boilerplate.pretrained`); it is not trained here.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.calibration import softmax
from boilerplate.evidence.lines import Lines, segments
from boilerplate.evidence.text import KINDS, NGrams, Tokens
from boilerplate.labels import INDEX
from boilerplate.layers import Layer, keep_mask, product, softmax_error, start_weights
from boilerplate.ngram_table import NGramTable
from boilerplate.optimiser import Adam
from boilerplate.pretrained import Perceptron, pretrained

TEXT_CLASSES: Final = ("body", "caption", "promo")
"""By itself a caption has no foreign twin: both kinds of caption are one class here, and phase two tells them apart."""

TO_TEXT_CLASS: Final[NDArray[np.int64]] = np.array([0, 1, 1, 2])
"""Text class of each label."""
CAPTION: Final = TEXT_CLASSES.index("caption")
N_CLASSES: Final = len(TEXT_CLASSES)
N_KINDS: Final = len(KINDS)

EMBEDDING: Final = 14
"""Length of the deep model's n-gram embeddings, and of the pretrained ones."""
HIDDEN: Final = 64
NGRAM_DROPOUT: Final = 0.7
"""Share of the n-grams that a training step of the deep model leaves out."""
UNIT_DROPOUT: Final = 0.3
STEP_SIZE: Final = 2e-3
EMBEDDING_DECAY: Final = 0.3
DECAY: Final = 0.01
BATCH: Final = 1024
"""Lines of a training step of the deep model."""
MIN_STEPS: Final = 300

if [INDEX[name] for name in ("body", "caption", "foreign-caption", "promo")] != [0, 1, 2, 3]:  # pragma: no cover
    raise AssertionError("TO_TEXT_CLASS follows the order of the labels")


class TextScores(NamedTuple):
    """What phase one says of lines."""

    parts: NDArray[np.float32]
    """The wide model's score of each class by each kind of n-gram: shape (n_lines, n_kinds * n_text_classes)."""
    wide: NDArray[np.float32]
    """The wide model's probabilities: shape (n_lines, n_text_classes)."""
    deep: NDArray[np.float32]
    """The deep model's probabilities: shape (n_lines, n_text_classes)."""
    meaning: NDArray[np.float32]
    """What the line means: shape (n_lines, n_components)."""


class NGramRows(NamedTuple):
    """The n-grams of many lines: `N_KINDS` rows for each line, one for each kind."""

    buckets: NDArray[np.int32]
    """Bucket of each n-gram: shape (n_ngrams,)."""
    starts: NDArray[np.int64]
    """First n-gram of each row, and ``n_ngrams`` at the end: shape (n_lines * N_KINDS + 1,)."""

    @property
    def n_lines(self) -> int:
        """Number of lines."""
        return (len(self.starts) - 1) // N_KINDS

    def take(self, lines: NDArray[np.int64]) -> NGramRows:
        """The rows of some of the lines."""
        rows = (lines[:, None] * N_KINDS + np.arange(N_KINDS)).ravel()
        counts = self.starts[rows + 1] - self.starts[rows]
        row, position = segments(counts)
        return NGramRows(self.buckets[self.starts[rows][row] + position], np.concatenate([[0], np.cumsum(counts)]))


class TextModel(NamedTuple):
    """The wide and the deep model and what tells a line's meaning, over one table of n-grams."""

    table: NGramTable
    """Of each bucket the deep model's embedding, the wide model's weights, and the pretrained embedding: `EMBEDDING` +
    n_text_classes + `EMBEDDING` columns."""
    wide_bias: NDArray[np.float32]
    embedding_bias: NDArray[np.float32]
    """Shape (n_kinds * EMBEDDING,)."""
    hidden: Layer
    output: Layer
    meaning: Perceptron

    @property
    def bits(self) -> int:
        """Base-two logarithm of the number of hash buckets."""
        return self.table.bits

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
        sums = self.table.means(lines, folded, tokens)
        embedded, parts, known = (
            part.reshape(lines.n_lines, N_KINDS * part.shape[2])
            for part in np.split(sums, [EMBEDDING, EMBEDDING + N_CLASSES], axis=2)
        )
        wide = softmax(parts.reshape(lines.n_lines, N_KINDS, N_CLASSES).sum(axis=1) + self.wide_bias)
        units = np.maximum(embedded + self.embedding_bias, 0)
        units = np.maximum(product(units, self.hidden.weights) + self.hidden.bias, 0)
        deep = softmax(product(units, self.output.weights) + self.output.bias)
        return TextScores(parts, wide, deep, self.meaning.components(known))


def ngram_rows(ngrams: Sequence[NGrams]) -> NGramRows:
    """The n-grams of lines, one kind after the other in each line.

    Parameters
    ----------
    ngrams : sequence of NGrams
        One entry for each kind.

    Returns
    -------
    NGramRows
    """
    counts = np.stack([np.diff(kind.starts) for kind in ngrams], axis=1)
    starts = np.concatenate([[0], np.cumsum(counts.ravel())])
    buckets = np.empty(starts[-1], dtype=np.int32)
    for number, kind in enumerate(ngrams):
        line, position = segments(counts[:, number])
        buckets[starts[:-1][number :: len(ngrams)][line] + position] = kind.buckets
    return NGramRows(buckets, starts)


def join_rows(parts: Sequence[NGramRows]) -> NGramRows:
    """The rows of several parts, one after the other."""
    offsets = np.cumsum([0] + [len(part.buckets) for part in parts])
    starts = [part.starts[:-1] + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
    return NGramRows(np.concatenate([part.buckets for part in parts]), np.concatenate([*starts, offsets[-1:]]))


def fit_text_model(
    rows: NGramRows,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    bits: int,
    inverse_penalty: float,
    iterations: int,
    epochs: int,
    seed: int,
) -> TextModel:
    """Fit both models.

    Parameters
    ----------
    rows : NGramRows
        Of n_lines lines.
    labels : int64 array of shape (n_lines,)
        Indices into `TEXT_CLASSES`.
    weights : float64 array of shape (n_lines,)
    bits : int
        Base-two logarithm of the number of hash buckets.
    inverse_penalty : float
        scikit-learn's ``C``, of the wide model.
    iterations : int
        Steps of the wide model's optimiser, L-BFGS; few, for stopping early regularises.
    epochs : int
        Passes of the deep model over the lines.
    seed : int

    Returns
    -------
    TextModel
    """
    known, meaning = pretrained(bits)
    wide, wide_bias = _fit_wide(rows, labels, weights, bits, inverse_penalty, iterations)
    embedding, embedding_bias, hidden, output = _fit_deep(rows, labels, weights, known, epochs, seed)
    table = NGramTable.of(np.concatenate([embedding, wide, known], axis=1))
    return TextModel(table, wide_bias, embedding_bias, hidden, output, meaning)


def _fit_wide(
    rows: NGramRows,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    bits: int,
    inverse_penalty: float,
    iterations: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights and bias of a multinomial logistic regression."""
    import scipy.sparse as sp
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    full = np.zeros((2**bits, N_CLASSES), dtype=np.float32)
    bias = np.full(N_CLASSES, -10.0, dtype=np.float32)
    present = np.unique(labels)
    if len(present) == 1:
        bias[present] = 0
        return full, bias
    matrix = sp.csr_matrix((_values(rows), rows.buckets, rows.starts[::N_KINDS]), shape=(rows.n_lines, 2**bits))
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
    return full, bias


def _values(rows: NGramRows) -> NDArray[np.float32]:
    """Weight of each n-gram: one over the square root of their number in the row."""
    counts = np.diff(rows.starts)
    return np.repeat((1 / np.sqrt(np.maximum(counts, 1))).astype(np.float32), counts)


def _fit_deep(
    rows: NGramRows,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    start: NDArray[np.float32],
    epochs: int,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], Layer, Layer]:
    """Embeddings, which start from others, their bias and the layers over them, by Adam."""
    rng = np.random.default_rng(seed)
    present = np.unique(labels)
    embedding = start.copy()
    embedding_bias = np.zeros(N_KINDS * EMBEDDING, dtype=np.float32)
    hidden = Layer(start_weights(rng, N_KINDS * EMBEDDING, HIDDEN), np.zeros(HIDDEN, dtype=np.float32))
    output = Layer(np.zeros((HIDDEN, N_CLASSES), dtype=np.float32), np.full(N_CLASSES, -10.0, dtype=np.float32))
    output.bias[present] = 0
    if len(present) == 1:
        return embedding, embedding_bias, hidden, output
    # Few lines get smaller batches and more passes: at least some hundred steps are needed.
    size = int(np.clip(len(labels) // 50, 16, BATCH))
    passes = max(epochs, int(np.ceil(MIN_STEPS * size / len(labels))))
    cuts = np.arange(size, len(labels), size)
    adam = Adam(
        [embedding, embedding_bias, *hidden, *output],
        [EMBEDDING_DECAY, 0, DECAY, 0, DECAY, 0],
        STEP_SIZE,
        passes * (len(cuts) + 1),
    )
    line_weight = weights.astype(np.float32)
    for _ in range(passes):
        for lines in np.split(rng.permutation(len(labels)), cuts):
            matrix = thinned(rows.take(lines), len(embedding), NGRAM_DROPOUT, rng)
            # Forward.
            sums = (matrix @ embedding).reshape(len(lines), -1)
            first_mask = keep_mask(rng, sums.shape, UNIT_DROPOUT)
            first = np.maximum(sums + embedding_bias, 0) * first_mask
            second_mask = keep_mask(rng, (len(lines), HIDDEN), UNIT_DROPOUT)
            second = np.maximum(first @ hidden.weights + hidden.bias, 0) * second_mask
            scores = second @ output.weights + output.bias
            # Backward.
            error = softmax_error(scores, labels[lines], line_weight[lines])
            second_error = (error @ output.weights.T) * second_mask * (second > 0)
            first_error = (second_error @ hidden.weights.T) * first_mask * (first > 0)
            adam.step(
                [
                    matrix.T @ first_error.reshape(-1, EMBEDDING),
                    first_error.sum(axis=0),
                    first.T @ second_error,
                    second_error.sum(axis=0),
                    second.T @ error,
                    error.sum(axis=0),
                ]
            )
    return embedding, embedding_bias, hidden, output


def thinned(rows: NGramRows, n_buckets: int, drop: float, rng: np.random.Generator) -> Any:
    """Rows as a sparse matrix, without a share of their n-grams, the others made up for it.

    Parameters
    ----------
    rows : NGramRows
        Of n_lines lines.
    n_buckets : int
    drop : float
        The share that is left out.
    rng : Generator

    Returns
    -------
    float32 sparse matrix of shape (n_lines * N_KINDS, n_buckets)
    """
    import scipy.sparse as sp

    kept = rng.random(len(rows.buckets), dtype=np.float32) >= drop
    values = _values(rows)[kept] / np.float32(1 - drop)
    starts = np.concatenate([[0], np.cumsum(kept)])[rows.starts]
    return sp.csr_matrix((values, rows.buckets[kept], starts), shape=(len(starts) - 1, n_buckets))
