"""Pieces of both phases' networks."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 24
"""Lines are multiplied in blocks of this size, the last one filled up: a matrix product may round differently for
another number of rows, and a line's label must not depend on what shares its batch. Half a page; larger blocks are no
faster for many pages, and slower for one, of which they fill up more."""


class Layer(NamedTuple):
    """A layer's weights."""

    weights: NDArray[np.float32]
    """Shape (n_inputs, n_outputs)."""
    bias: NDArray[np.float32]
    """Shape (n_outputs,)."""


def product(rows: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Matrix product of which each row is the same whatever the other rows are.

    Parameters
    ----------
    rows : float32 array of shape (n_rows, n_inner)
    weights : float32 array of shape (n_inner, n_columns)

    Returns
    -------
    float32 array of shape (n_rows, n_columns)
    """
    n_inner, n_columns = weights.shape
    out = np.empty((len(rows), n_columns), dtype=np.float32)
    whole = len(rows) - len(rows) % BLOCK
    # A stack of matrices is multiplied one by one, without a call from here for each.
    np.matmul(rows[:whole].reshape(-1, BLOCK, n_inner), weights, out=out[:whole].reshape(-1, BLOCK, n_columns))
    if whole < len(rows):
        rest = np.zeros((BLOCK, rows.shape[1]), dtype=np.float32)
        rest[: len(rows) - whole] = rows[whole:]
        out[whole:] = (rest @ weights)[: len(rows) - whole]
    return out


def softmax_error(
    scores: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Gradient of the weighted mean cross entropy with respect to the scores.

    Parameters
    ----------
    scores : float32 array of shape (n_lines, n_labels)
    labels : int64 array of shape (n_lines,)
    weights : float32 array of shape (n_lines,)

    Returns
    -------
    float32 array of shape (n_lines, n_labels)
    """
    error: NDArray[np.float32] = np.exp(scores - scores.max(axis=1, keepdims=True))
    error /= error.sum(axis=1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    error *= (weights / weights.sum())[:, None]
    return error


def keep_mask(rng: np.random.Generator, shape: tuple[int, ...], drop: float) -> NDArray[np.float32]:
    """Dropout (Srivastava et al., 2014): 0 for what is dropped, ``1 / (1 - drop)`` for what is kept."""
    kept = rng.random(shape, dtype=np.float32) >= drop
    return kept.astype(np.float32) * np.float32(1 / (1 - drop))


def start_weights(rng: np.random.Generator, n_in: int, n_out: int) -> NDArray[np.float32]:
    """First weights of a layer of rectified linear units (He et al., 2015)."""
    return rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)).astype(np.float32)
