"""What both phases' networks are made of: products, dropout, the first error, the optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from boilerplate.layers import BLOCK, keep_mask, product, softmax_error, start_weights
from boilerplate.optimiser import Adam


def random(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class TestProduct:
    WEIGHTS = random(192, 64, seed=1)

    @pytest.mark.parametrize("rows", [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
    def test_is_a_matrix_product(self, rows: int) -> None:
        left = random(rows, 192)
        found = product(left, self.WEIGHTS)
        assert found.dtype == np.float32
        assert found.shape == (rows, 64)
        assert found == pytest.approx(left.astype(np.float64) @ self.WEIGHTS, abs=1e-3)

    # The shapes of both phases' layers, and odd ones.
    @pytest.mark.parametrize("shape", [(48, 64), (64, 3), (160, 64), (192, 64), (64, 4), (37, 5), (1, 1)])
    @pytest.mark.parametrize("threads", [1, 2])
    def test_a_row_does_not_depend_on_the_others_to_the_last_bit(self, shape: tuple[int, int], threads: int) -> None:
        left, right = random(2 * BLOCK + 77, shape[0]), random(*shape, seed=1)
        with threadpool_limits(1):
            together = product(left, right)
        draw = np.random.default_rng(3)
        choices = [draw.permutation(len(left)), draw.choice(len(left), 300)]
        choices += [np.array([row]) for row in (0, 5, BLOCK - 1, BLOCK, 2 * BLOCK + 76)]
        with threadpool_limits(threads):
            for rows in choices:
                assert product(left[rows], right).tobytes() == together[rows].tobytes()
            # What lies in memory beyond the rows, and how, does not matter either.
            assert product(left[3:9], right).tobytes() == together[3:9].tobytes()
            assert product(np.asfortranarray(left[3:9]), right).tobytes() == together[3:9].tobytes()
            others = left * np.float32(1e30)
            others[7] = left[7]
            assert product(others, right)[7].tobytes() == together[7].tobytes()


class TestSoftmaxError:
    def test_is_the_derivative_of_the_weighted_mean_cross_entropy(self) -> None:
        scores = 3 * np.random.default_rng(5).normal(size=(9, 4))
        labels, weights = np.arange(9) % 4, np.linspace(0, 2, 9)

        def loss(scores: NDArray[np.float64]) -> float:
            of_given = scores[np.arange(9), labels] - np.log(np.exp(scores).sum(axis=1))
            return float(-(weights * of_given).sum() / weights.sum())

        slopes = np.empty_like(scores)
        for place in np.ndindex(scores.shape):
            step = np.zeros_like(scores)
            step[place] = 1e-6
            slopes[place] = (loss(scores + step) - loss(scores - step)) / 2e-6
        found = softmax_error(scores, labels, weights)  # type: ignore[arg-type]
        assert found == pytest.approx(slopes, abs=1e-8)
        in_single = softmax_error(scores.astype(np.float32), labels, weights.astype(np.float32))
        assert in_single.dtype == np.float32
        assert in_single == pytest.approx(slopes, abs=1e-6)

    def test_takes_scores_of_any_size(self) -> None:
        scores = np.array([[1e30, -1e30], [0, 500]], dtype=np.float32)
        found = softmax_error(scores, np.array([1, 1]), np.ones(2, dtype=np.float32))
        assert found.tolist() == [[0.5, -0.5], [0, 0]]


class TestKeepMask:
    @pytest.mark.parametrize("drop", [0.0, 0.2, 0.7])
    def test_drops_a_share_and_makes_up_for_it(self, drop: float) -> None:
        mask = keep_mask(np.random.default_rng(0), (400, 50), drop)
        assert mask.shape == (400, 50)
        assert mask.dtype == np.float32
        assert set(mask.ravel()) == {np.float32(1 / (1 - drop))} | ({np.float32(0)} if drop else set())
        assert (mask == 0).mean() == pytest.approx(drop, abs=0.02)
        assert mask.mean() == pytest.approx(1, abs=0.03)


def test_first_weights_keep_the_size_of_what_they_are_multiplied_with() -> None:
    weights = start_weights(np.random.default_rng(0), 200, 300)
    assert weights.shape == (200, 300)
    assert weights.dtype == np.float32
    before = np.maximum(random(500, 200), 0)
    after = np.maximum(before @ weights, 0)
    assert (after**2).mean() == pytest.approx((before**2).mean(), rel=0.1)


def adam_by_the_book(
    start: NDArray[np.float32], gradients: list[NDArray[np.float32]], decay: float, step_size: float, n_steps: int
) -> NDArray[np.float64]:
    """Algorithm 2 of Loshchilov and Hutter (2019) in double precision, with our schedule."""
    parameter = start.astype(np.float64)
    mean = square = np.zeros_like(parameter)
    for number, given_gradient in enumerate(gradients, 1):
        gradient = given_gradient.astype(np.float64)
        rise = min(1.0, number / (0.05 * n_steps))
        size = step_size * rise * (n_steps - number + 1) / n_steps
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        unbiased_mean = mean / (1 - 0.9**number)
        unbiased_square = square / (1 - 0.999**number)
        parameter = parameter - size * (unbiased_mean / (np.sqrt(unbiased_square) + 1e-8) + decay * parameter)
    return parameter


class TestAdam:
    @given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.floats(1e-4, 0.1), st.sampled_from([0.0, 0.01, 0.3]))
    def test_does_what_the_paper_says(self, n_steps: int, seed: int, step_size: float, decay: float) -> None:
        draw = np.random.default_rng(seed)
        shapes = [(7, 3), (5,)]
        start = [draw.normal(size=shape).astype(np.float32) for shape in shapes]
        # Gradients of very different sizes, some of them 0.
        steps = [
            [
                (draw.normal(size=shape) * 10.0 ** draw.integers(-5, 4) * (draw.random(shape) < 0.7)).astype(np.float32)
                for shape in shapes
            ]
            for _ in range(n_steps)
        ]
        arrays = [array.copy() for array in start]
        adam = Adam(arrays, [decay, 0.0], step_size, n_steps)
        for step in steps:
            adam.step(step)
        for number, array_decay in enumerate([decay, 0.0]):
            gradients = [step[number] for step in steps]
            expected = adam_by_the_book(start[number], gradients, array_decay, step_size, n_steps)
            assert arrays[number].dtype == np.float32
            # Relative to the way that each step may take.
            assert arrays[number] == pytest.approx(expected, abs=1e-5 + 1e-5 * n_steps * step_size)

    def test_gradients_are_left_as_they_are(self) -> None:
        gradient = random(4, 4)
        before = gradient.copy()
        Adam([random(4, 4)], [0.1], 0.1, 10).step([gradient])
        assert np.array_equal(gradient, before)

    def test_every_array_needs_its_gradient(self) -> None:
        adam = Adam([random(2), random(2)], [0.0, 0.0], 0.1, 3)
        with pytest.raises(ValueError, match="argument"):
            adam.step([random(2)])
