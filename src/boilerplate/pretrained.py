"""Where phase one's deep model starts: n-gram embeddings that know what words mean.

The table was fitted so that a perceptron over a line's summed n-grams tells what a multilingual sentence encoder says
of the line (`_build_embeddings.py`; the encoder is multilingual-e5-small: Wang et al., "Multilingual E5 Text
Embeddings", 2024, MIT licence). No label had a part in it. So words that no annotated page holds start out near words
that mean the same, also across languages.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

PRETRAINED_BITS: Final = 17


def start_embedding(bits: int) -> NDArray[np.float32]:
    """The embedding of each n-gram bucket before training.

    Parameters
    ----------
    bits : int
        Base-two logarithm of the number of hash buckets. The table was made for 17; a bucket of a smaller table is the
        mean of those that fall together in it, and buckets of a larger one repeat those that they come from.

    Returns
    -------
    float32 array of shape (2 ** bits, n_dimensions)
    """
    with files(__package__).joinpath("models", "embeddings.npz").open("rb") as file, np.load(file) as arrays:
        table: NDArray[np.float32] = arrays["values"].astype(np.float32) * arrays["scale"]
    if bits >= PRETRAINED_BITS:
        # A bucket is the first bits of a hash, so those of one coarse bucket lie side by side.
        return np.repeat(table, 2 ** (bits - PRETRAINED_BITS), axis=0)
    coarse: NDArray[np.float32] = table.reshape(2**bits, -1, table.shape[1]).mean(axis=1)
    return coarse
