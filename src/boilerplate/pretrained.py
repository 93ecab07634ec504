"""What words mean: n-gram embeddings fitted before any label was read, and a perceptron over them.

From a line's summed n-grams the perceptron tells what a multilingual sentence encoder says of the line: the first
principal components of its vector (`_build_embeddings.py`; the encoder is multilingual-e5-small: Wang et al.,
"Multilingual E5 Text Embeddings", 2024, MIT licence). Lines that mean about the same, also in two languages, get about
the same components. Phase one's deep model starts from a copy of the embeddings, so that words that no annotated page
holds start out near words that mean the same.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boilerplate.layers import Layer, product

PRETRAINED_BITS: Final = 17
COMPONENTS: Final = 32
"""Components of a line's meaning."""


class Perceptron(NamedTuple):
    """Tells a line's meaning from the sums of its n-grams' embeddings."""

    hidden: Layer
    output: Layer

    def components(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Meaning of lines.

        Parameters
        ----------
        sums : float32 array of shape (n_lines, n_kinds * n_dimensions)

        Returns
        -------
        float32 array of shape (n_lines, COMPONENTS)
        """
        units = np.maximum(product(sums, self.hidden.weights) + self.hidden.bias, 0)
        return product(units, self.output.weights) + self.output.bias


class Pretrained(NamedTuple):
    """What stands in the package."""

    embedding: NDArray[np.float32]
    """Of each n-gram bucket: shape (2 ** bits, n_dimensions)."""
    perceptron: Perceptron


def pretrained(bits: int) -> Pretrained:
    """Embeddings and perceptron as they were fitted, for a table of another size if need be.

    Parameters
    ----------
    bits : int
        Base-two logarithm of the number of hash buckets. The table was made for 17; a bucket of a smaller table is the
        mean of those that fall together in it, and buckets of a larger one repeat those that they come from.

    Returns
    -------
    Pretrained
    """
    with files(__package__).joinpath("models", "embeddings.npz").open("rb") as file, np.load(file) as arrays:
        table: NDArray[np.float32] = arrays["values"].astype(np.float32) * arrays["scale"]
        hidden, output = (
            Layer(arrays[f"{name}_weights"].astype(np.float32), arrays[f"{name}_bias"].astype(np.float32))
            for name in ("hidden", "output")
        )
    if bits >= PRETRAINED_BITS:
        # A bucket is the first bits of a hash, so those of one coarse bucket lie side by side.
        table = np.repeat(table, 2 ** (bits - PRETRAINED_BITS), axis=0)
    else:
        table = table.reshape(2**bits, -1, table.shape[1]).mean(axis=1)
    return Pretrained(table, Perceptron(hidden, output))
