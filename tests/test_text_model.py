"""Phase one: its scores are the sums it says they are, and both of its models learn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import page_texts

from boilerplate import text_model as text_model_module
from boilerplate.evidence.assembly import Batch, read_batch
from boilerplate.evidence.text import NGrams, hashed_ngrams
from boilerplate.labels import LABELS
from boilerplate.layers import Layer
from boilerplate.ngram_table import NGramTable
from boilerplate.optimiser import Adam
from boilerplate.pretrained import COMPONENTS, Perceptron, pretrained
from boilerplate.text_model import (
    EMBEDDING,
    HIDDEN,
    N_CLASSES,
    N_KINDS,
    TEXT_CLASSES,
    TO_TEXT_CLASS,
    NGramRows,
    TextModel,
    TextScores,
    fit_text_model,
    join_rows,
    ngram_rows,
)

BITS = 8

Nested = list[list[list[int]]]
"""Buckets of each line's n-grams of each kind."""

nested = st.lists(
    st.lists(st.lists(st.integers(0, 2**BITS - 1), max_size=4), min_size=N_KINDS, max_size=N_KINDS), max_size=6
)


def kinds_of(lines: Nested) -> list[NGrams]:
    """Lines' n-grams as `hashed_ngrams` gives them: kind by kind."""
    out = []
    for kind in range(N_KINDS):
        counts = [len(line[kind]) for line in lines]
        buckets = [bucket for line in lines for bucket in line[kind]]
        out.append(NGrams(np.array(buckets, dtype=np.int64), np.cumsum([0, *counts])))
    return out


def nested_of(rows: NGramRows) -> Nested:
    """What stands in rows, as nested lists."""
    flat = [rows.buckets[start:end].tolist() for start, end in zip(rows.starts[:-1], rows.starts[1:], strict=True)]
    return [flat[at : at + N_KINDS] for at in range(0, len(flat), N_KINDS)]


class TestRows:
    @given(nested)
    def test_hold_the_kinds_of_each_line_one_after_the_other(self, lines: Nested) -> None:
        rows = ngram_rows(kinds_of(lines))
        assert nested_of(rows) == lines
        assert rows.n_lines == len(lines)

    @given(nested, st.data())
    def test_can_be_taken_in_any_order(self, lines: Nested, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(range(len(lines))), max_size=8)) if lines else []
        taken = ngram_rows(kinds_of(lines)).take(np.array(chosen, dtype=np.int64))
        assert nested_of(taken) == [lines[line] for line in chosen]
        assert taken.n_lines == len(chosen)

    @given(st.lists(nested, min_size=1, max_size=4))
    def test_can_be_joined(self, parts: list[Nested]) -> None:
        joined = join_rows([ngram_rows(kinds_of(lines)) for lines in parts])
        assert nested_of(joined) == [line for lines in parts for line in lines]


def random_model(bits: int = BITS, seed: int = 0) -> TextModel:
    draw = np.random.default_rng(seed)

    def normal(*shape: int) -> NDArray[np.float32]:
        return draw.normal(0, 0.3, shape).astype(np.float32)

    return TextModel(
        NGramTable.of(normal(2**bits, 2 * EMBEDDING + N_CLASSES)),
        normal(N_CLASSES),
        normal(N_KINDS * EMBEDDING),
        Layer(normal(N_KINDS * EMBEDDING, HIDDEN), normal(HIDDEN)),
        Layer(normal(HIDDEN, N_CLASSES), normal(N_CLASSES)),
        Perceptron(
            Layer(normal(N_KINDS * EMBEDDING, 20), normal(20)), Layer(normal(20, COMPONENTS), normal(COMPONENTS))
        ),
    )


def scores_of(model: TextModel, batch: Batch) -> TextScores:
    return model.scores(batch.lines, batch.folded, batch.tokens)


def normalised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = np.exp(scores - scores.max())
    return odds / odds.sum()


def scores_line_by_line(
    model: TextModel, lines: Nested, table: NDArray[np.float64] | None = None
) -> list[tuple[NDArray[np.float64], ...]]:
    """What `TextModel.scores` says it is, in double precision; `table` may take the place of the model's."""
    if table is None:
        table = model.table.weights.astype(np.float64)
    out = []
    for line in lines:
        sums = np.zeros((N_KINDS, 2 * EMBEDDING + N_CLASSES))
        for kind, buckets in enumerate(line):
            for bucket in buckets:
                sums[kind] += table[bucket] / len(buckets) ** 0.5
        parts, known = sums[:, EMBEDDING : EMBEDDING + N_CLASSES], sums[:, EMBEDDING + N_CLASSES :].ravel()
        about = np.maximum(known @ model.meaning.hidden.weights.astype(np.float64) + model.meaning.hidden.bias, 0)
        about = about @ model.meaning.output.weights.astype(np.float64) + model.meaning.output.bias
        units = np.maximum(sums[:, :EMBEDDING].ravel() + model.embedding_bias, 0)
        units = np.maximum(units @ model.hidden.weights.astype(np.float64) + model.hidden.bias, 0)
        deep = units @ model.output.weights.astype(np.float64) + model.output.bias
        out.append((parts.ravel(), normalised(parts.sum(axis=0) + model.wide_bias), normalised(deep), about))
    return out


class TestScores:
    TEXTS = ("Herons return\n\nA heron (AP)\n" + "The wardens said on Tuesday. " * 30, "", "x\n写真\n...\n\x00", "one")

    @pytest.mark.parametrize("bits", [8, 12])
    def test_are_sums_over_ngrams(self, bits: int) -> None:
        batch, model = read_batch(self.TEXTS), random_model(bits)
        ngrams = hashed_ngrams(batch.lines, batch.folded, batch.tokens, bits)
        assert model.bits == bits
        found = scores_of(model, batch)
        assert {part.dtype for part in found} == {np.dtype(np.float32)}
        assert [part.shape for part in found] == [
            (8, N_KINDS * N_CLASSES),
            (8, N_CLASSES),
            (8, N_CLASSES),
            (8, COMPONENTS),
        ]
        expected = scores_line_by_line(model, nested_of(ngram_rows(ngrams)))
        for number, part in enumerate(found):
            assert part == pytest.approx(np.array([line[number] for line in expected]), abs=1e-4)

    @given(st.lists(page_texts, max_size=3), st.lists(page_texts, max_size=3))
    def test_of_a_line_are_its_own_to_the_last_bit(self, texts: list[str], others: list[str]) -> None:
        model = random_model()
        alone = scores_of(model, read_batch(texts))
        together = scores_of(model, read_batch([*others, *texts]))
        for one, other in zip(alone, together, strict=True):
            assert other[len(other) - len(one) :].tobytes() == one.tobytes()

    def test_of_no_lines(self) -> None:
        assert [len(part) for part in scores_of(random_model(), read_batch([]))] == [0, 0, 0, 0]


def test_captions_are_one_class() -> None:
    assert [TEXT_CLASSES[number] for number in TO_TEXT_CLASS] == ["body", "caption", "caption", "promo"]
    assert LABELS == ("body", "caption", "foreign-caption", "promo")


def rows_of(texts: Sequence[str], bits: int = BITS) -> NGramRows:
    batch = read_batch(["\n".join(texts)])
    return ngram_rows(hashed_ngrams(batch.lines, batch.folded, batch.tokens, bits))


def made_up_lines(count: int, classes: Sequence[int], seed: int) -> tuple[list[str], NDArray[np.int64]]:
    """Lines of made-up words, each with one word that tells its class."""
    draw = np.random.default_rng(seed)
    tell = ("herons", "(AP)", "subscribe")
    labels = np.array([classes[number % len(classes)] for number in range(count)], dtype=np.int64)
    texts = []
    for label in labels:
        words = ["".join(draw.choice(list("bdfglmnrtaeiou"), 5)) for _ in range(3)]
        words.insert(draw.integers(4), tell[label])
        texts.append(" ".join(words))
    return texts, labels


def fitted(
    texts: Sequence[str], labels: NDArray[np.int64], weights: NDArray[np.float64] | None = None, **changes: Any
) -> TextModel:
    arguments = {"bits": 12, "inverse_penalty": 1.0, "iterations": 40, "epochs": 2, "seed": 0} | changes
    weights = np.ones(len(labels)) if weights is None else weights
    return fit_text_model(rows_of(texts, arguments["bits"]), labels, weights, **arguments)


def arrays_of(model: TextModel) -> list[NDArray[np.float32]]:
    return [model.table.weights, model.wide_bias, model.embedding_bias, *model.hidden, *model.output]


class TestFitting:
    @pytest.mark.parametrize("classes", [(0, 1, 2), (0, 1), (2, 0), (1, 2)])
    def test_both_models_learn_what_can_be_learnt(self, classes: tuple[int, ...]) -> None:
        model = fitted(*made_up_lines(240, classes, seed=1))
        texts, labels = made_up_lines(90, classes, seed=2)
        found = scores_of(model, read_batch(["\n".join(texts)]))
        for probabilities in (found.wide, found.deep):
            assert (probabilities.argmax(axis=1) == labels).mean() > 0.95
            assert probabilities[np.arange(90), labels].mean() > 0.6
            assert np.delete(probabilities, classes, axis=1).max(initial=0) < 0.01

    @pytest.mark.parametrize("only", [0, 1, 2])
    def test_one_class_alone_is_always_given(self, only: int) -> None:
        texts, labels = made_up_lines(30, (only,), seed=1)
        found = scores_of(fitted(texts, labels), read_batch(["\n".join(texts)]))
        assert found.wide[:, only].min() > 0.99
        assert found.deep[:, only].min() > 0.99

    def test_the_seed_decides(self) -> None:
        lines = made_up_lines(60, (0, 1, 2), seed=1)
        one, same, other = (fitted(*lines, seed=seed) for seed in (3, 3, 4))
        assert [array.tobytes() for array in arrays_of(one)] == [array.tobytes() for array in arrays_of(same)]
        # The wide model is no matter of chance.
        assert np.array_equal(one.table.weights[:, EMBEDDING:], other.table.weights[:, EMBEDDING:])
        assert [array.tobytes() for layer in one.meaning for array in layer] == [
            array.tobytes() for layer in other.meaning for array in layer
        ]
        assert not np.array_equal(one.table.values[:, :EMBEDDING], other.table.values[:, :EMBEDDING])
        assert not np.array_equal(one.output.weights, other.output.weights)

    def test_lines_of_little_weight_hardly_count(self) -> None:
        texts, labels = made_up_lines(240, (0, 2), seed=1)
        wrong = np.arange(240) % 3 == 0
        model = fitted(texts, np.where(wrong, 1, labels), np.where(wrong, 1e-4, 1.0))
        found = scores_of(model, read_batch(["\n".join(texts)]))
        assert (found.wide.argmax(axis=1) == labels).mean() > 0.95
        assert (found.deep.argmax(axis=1) == labels).mean() > 0.95

    def test_small_training_sets_give_no_warnings(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = fitted(["Herons", "A heron (AP)", "Subscribe"], np.array([0, 1, 2]))
        assert all(np.isfinite(array).all() for array in arrays_of(model))


class TestGradients:
    def test_of_the_deep_model_are_the_slopes_of_its_loss(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """At random weights, by an optimiser that notes gradients down and takes no step."""
        texts, labels = made_up_lines(16, (0, 1, 2), seed=1)
        weights = np.linspace(0.2, 2, 16)
        draw = np.random.default_rng(0)
        parameters: list[NDArray[np.float32]] = []
        seen: list[list[NDArray[np.float32]]] = []

        class Notes(Adam):
            def __init__(self, arrays: Sequence[NDArray[np.float32]], *rest: Any) -> None:
                super().__init__(arrays, *rest)
                parameters.extend(arrays)
                for array in arrays:
                    # At the start the output layer is all zeros, and so are most gradients.
                    array[...] = draw.normal(0, 0.3, array.shape)

            def step(self, gradients: Sequence[NDArray[np.float32]]) -> None:
                seen.append([np.asarray(gradient) for gradient in gradients])

        for name in ("NGRAM_DROPOUT", "UNIT_DROPOUT"):
            monkeypatch.setattr(text_model_module, name, 0.0)
        monkeypatch.setattr(text_model_module, "MIN_STEPS", 1)
        monkeypatch.setattr(text_model_module, "Adam", Notes)
        fitted(texts, labels, weights, bits=BITS, epochs=1)
        assert len(seen) == 1, "one batch of all lines"
        assert [gradient.shape for gradient in seen[0]] == [array.shape for array in parameters]

        lines = nested_of(rows_of(texts))
        values = [array.astype(np.float64) for array in parameters]

        def loss() -> float:
            embedding, embedding_bias, *layers = values
            table = np.concatenate([embedding, np.zeros((2**BITS, N_CLASSES)), np.zeros_like(embedding)], axis=1)
            model = TextModel(
                random_model().table,  # `table` takes its place
                np.zeros(N_CLASSES, dtype=np.float32),
                embedding_bias,  # type: ignore[arg-type]
                Layer(*layers[:2]),  # type: ignore[arg-type]
                Layer(*layers[2:]),  # type: ignore[arg-type]
                random_model().meaning,
            )
            deep = np.array([scores[2] for scores in scores_line_by_line(model, lines, table)])
            return float(-(weights * np.log(deep[np.arange(16), labels])).sum() / weights.sum())

        for value, gradient in zip(values, seen[0], strict=True):
            kept = value.copy()
            for _ in range(6):
                direction = draw.normal(size=value.shape) / value.size**0.5
                value[...] = kept + 1e-5 * direction
                above = loss()
                value[...] = kept - 1e-5 * direction
                slope = (above - loss()) / 2e-5
                value[...] = kept
                size = float(np.linalg.norm(gradient)) / value.size**0.5
                assert size > 1e-5, "nothing to compare"
                assert float((gradient * direction).sum()) == pytest.approx(slope, abs=1e-3 * size)


class TestMeaning:
    def test_is_as_it_came(self) -> None:
        """Training leaves the pretrained table alone but for its rounding."""
        texts, labels = made_up_lines(60, (0, 1, 2), seed=1)
        table = fitted(texts, labels, bits=12).table.weights[:, EMBEDDING + N_CLASSES :]
        assert table == pytest.approx(pretrained(12).embedding, abs=1e-4)

    def test_of_a_sentence_is_near_its_translation_s(self) -> None:
        known, perceptron = pretrained(17)
        # The other columns do not matter here.
        columns = np.zeros((len(known), EMBEDDING + N_CLASSES), dtype=np.float32)
        table = NGramTable.of(np.concatenate([columns, known], axis=1))
        model = random_model()._replace(table=table, meaning=perceptron)
        pairs = [
            ("The parliament voted on the new tax", "Das Parlament stimmte \u00fcber die neue Steuer ab"),
            ("Bake the cake for forty minutes", "Backen Sie den Kuchen vierzig Minuten lang"),
            ("The team won the football match", "Die Mannschaft gewann das Fu\u00dfballspiel"),
            ("Doctors warn of the new virus", "\u00c4rzte warnen vor dem neuen Virus"),
        ]
        found = scores_of(model, read_batch(["\n".join(line for pair in pairs for line in pair)])).meaning
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        cosines = found[::2] @ found[1::2].T
        assert (cosines.argmax(axis=1) == np.arange(4)).all()
        assert np.diag(cosines).mean() > 0.25 + (cosines.sum() - np.trace(cosines)) / 12

    @pytest.mark.parametrize(("bits", "rows"), [(12, 2**12), (17, 2**17), (18, 2**18)])
    def test_fits_tables_of_any_size(self, bits: int, rows: int) -> None:
        embedding, perceptron = pretrained(bits)
        assert embedding.shape == (rows, EMBEDDING)
        assert perceptron.hidden.weights.shape[0] == N_KINDS * EMBEDDING
        assert perceptron.output.weights.shape[1] == COMPONENTS
