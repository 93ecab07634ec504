"""The optimiser of both phases: Adam with decoupled weight decay.

Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019. The step size rises over the first steps and then
falls in a straight line to 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

FIRST_MOMENT: Final = 0.9
SECOND_MOMENT: Final = 0.999
EPSILON: Final = 1e-8
WARM_UP: Final = 0.05
"""Share of the steps over which the step size rises."""


class Adam:
    """Adam over a list of float32 arrays, which it changes in place.

    Parameters
    ----------
    parameters : sequence of float32 arrays
    decay : sequence of float
        Weight decay of each array, as a share of the step size.
    step_size : float
        The largest step size.
    n_steps : int
        Steps that will be taken.
    """

    def __init__(
        self, parameters: Sequence[NDArray[np.float32]], decay: Sequence[float], step_size: float, n_steps: int
    ) -> None:
        self._parameters = parameters
        self._decay = decay
        self._step_size = step_size
        self._n_steps = n_steps
        self._taken = 0
        self._means = [np.zeros_like(array) for array in parameters]
        self._squares = [np.zeros_like(array) for array in parameters]
        self._scratch = [np.empty_like(array) for array in parameters]

    def step(self, gradients: Sequence[NDArray[np.float32]]) -> None:
        """Take one step.

        Parameters
        ----------
        gradients : sequence of float32 arrays
            Of the same shapes as the parameters.
        """
        done = self._taken / self._n_steps
        self._taken += 1
        size = self._step_size * min(1.0, (done + 1 / self._n_steps) / WARM_UP) * (1 - done)
        unbiased = size / (1 - FIRST_MOMENT**self._taken)
        root = np.float32(np.sqrt(1 - SECOND_MOMENT**self._taken))
        for array, gradient, mean, square, scratch, decay in zip(
            self._parameters, gradients, self._means, self._squares, self._scratch, self._decay, strict=True
        ):
            np.multiply(gradient, np.float32(1 - FIRST_MOMENT), out=scratch)
            np.multiply(mean, np.float32(FIRST_MOMENT), out=mean)
            np.add(mean, scratch, out=mean)
            np.multiply(gradient, gradient, out=scratch)
            np.multiply(scratch, np.float32(1 - SECOND_MOMENT), out=scratch)
            np.multiply(square, np.float32(SECOND_MOMENT), out=square)
            np.add(square, scratch, out=square)
            np.sqrt(square, out=scratch)
            np.divide(scratch, root, out=scratch)
            np.add(scratch, np.float32(EPSILON), out=scratch)
            np.divide(mean, scratch, out=scratch)
            np.multiply(scratch, np.float32(unbiased), out=scratch)
            if decay:
                np.multiply(array, np.float32(1 - size * decay), out=array)
            np.subtract(array, scratch, out=array)
