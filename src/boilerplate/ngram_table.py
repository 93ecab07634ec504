"""Weights of hashed n-grams, and their exact sums over lines.

A table holds whole numbers of 16 bits with a scale for each column. Sums of its rows are whole numbers, the same in
whatever order they are added up: here, by a sparse matrix product, or by the compiled loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.lines import Lines
from boilerplate.evidence.text import KINDS, NGrams, Tokens, hashed_ngrams
from boilerplate.kernel import compiled

LARGEST: Final = 4095
"""Finer steps change labels no more, and make model files larger: the last bits do not compress."""
_COLUMNS: Final = 16
"""The compiled loops read a row in steps of so many columns."""
_CACHE_LINE: Final = 64
"""They are fastest where a row begins with a cache line."""


@dataclass(frozen=True)
class NGramTable:
    """A row of weights for each hash bucket."""

    values: NDArray[np.int16]
    """Shape (2 ** bits, n_columns)."""
    scale: NDArray[np.float32]
    """What each column's numbers are multiples of: shape (n_columns,)."""

    @classmethod
    def of(cls, weights: NDArray[np.float32]) -> NGramTable:
        """The table nearest to some weights.

        Parameters
        ----------
        weights : float32 array of shape (2 ** bits, n_columns)

        Returns
        -------
        NGramTable
        """
        largest = np.abs(weights).max(axis=0, initial=0)
        scale = np.where(largest > 0, largest / np.float32(LARGEST), np.float32(1)).astype(np.float32)
        return cls(np.clip(np.rint(weights / scale), -LARGEST, LARGEST).astype(np.int16), scale)

    @property
    def weights(self) -> NDArray[np.float32]:
        """What the numbers stand for: shape (2 ** bits, n_columns)."""
        return self.values.astype(np.float32) * self.scale

    @property
    def bits(self) -> int:
        """Base-two logarithm of the number of hash buckets."""
        return len(self.values).bit_length() - 1

    def means(self, lines: Lines, folded: NDArray[np.uint32], tokens: Tokens) -> NDArray[np.float32]:
        """Sums of the weights of each line's n-grams, over the square root of their number.

        Parameters
        ----------
        lines : Lines
        folded : uint32 array of shape (n_chars,)
        tokens : Tokens

        Returns
        -------
        float32 array of shape (n_lines, n_kinds, n_columns)
        """
        sums, counts = self._sums(lines, folded, tokens)
        means = sums.astype(np.float32)
        means *= self.scale
        means /= np.sqrt(np.maximum(counts, 1)).astype(np.float32)[:, :, None]
        return means

    def _sums(
        self, lines: Lines, folded: NDArray[np.uint32], tokens: Tokens
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Sum of the rows of each line's n-grams of each kind, and their number."""
        kernel = compiled()
        if kernel is None:
            kinds = hashed_ngrams(lines, folded, tokens, self.bits)
            return (
                np.stack([self._product(kind) for kind in kinds], axis=1),
                np.stack([np.diff(kind.starts) for kind in kinds], axis=1),
            )
        sums = np.empty((lines.n_lines, len(KINDS), self.values.shape[1]), dtype=np.int32)
        counts = np.empty((lines.n_lines, len(KINDS)), dtype=np.int64)
        kernel.ngram_sums(
            *(folded, lines.classes, lines.starts),
            *(tokens.starts, tokens.hashes, tokens.shapes, tokens.is_word),
            *(self._padded, sums, counts, self.bits),
        )
        return sums, counts

    def _product(self, ngrams: NGrams) -> NDArray[np.int32]:
        import scipy.sparse as sp

        # As a sparse matrix of ones: its product with the table needs no copy of the rows.
        ones = np.ones(len(ngrams.buckets), dtype=np.int32)
        shape = len(ngrams.starts) - 1, len(self.values)
        sums: NDArray[np.int32] = sp.csr_matrix((ones, ngrams.buckets, ngrams.starts), shape=shape) @ self._wide
        return sums

    @cached_property
    def _wide(self) -> NDArray[np.int32]:
        """For SciPy, which sums in the type of the table."""
        return self.values.astype(np.int32)

    @cached_property
    def _padded(self) -> NDArray[np.int16]:
        """For the compiled loops: rows of whole steps, on a border of the cache."""
        rows, columns = self.values.shape
        shape = rows, -(-columns // _COLUMNS) * _COLUMNS
        size = 2 * shape[0] * shape[1]
        memory = np.empty(size + _CACHE_LINE, dtype=np.uint8)
        begin = -memory.ctypes.data % _CACHE_LINE
        padded = memory[begin : begin + size].view(np.int16).reshape(shape)
        padded[:, :columns] = self.values
        padded[:, columns:] = 0
        return padded
