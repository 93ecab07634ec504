"""The estimator: what it promises of every page, of training, and of scikit-learn's conventions."""

from __future__ import annotations

import itertools
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.utils.validation import check_is_fitted
from strategies import page_texts
from threadpoolctl import threadpool_limits

from boilerplate import network
from boilerplate.cleaning import keep_lines
from boilerplate.corpus import AnnotatedPage
from boilerplate.evidence.assembly import BATCH_LINES
from boilerplate.labels import LABELS, Label
from boilerplate.model import LineClassifier
from boilerplate.pages import Line, labelled_lines, normalise_newlines, split_lines
from boilerplate.persistence import load_model, save_model, state_digest
from boilerplate.verdict import Quality, quality_of

BODY, CAPTION, FOREIGN, PROMO = LABELS

SMALL = {
    "n_folds": 2,
    "n_networks": 1,
    "tree_rounds": 3,
    "text_iterations": 8,
    "text_epochs": 1,
    "hash_bits": 12,
    "hidden_units": 4,
    "epochs": 1,
}

PAGES: list[tuple[str, list[str], str]] = [
    (
        "Herons return to the marsh\n\nGrey heron at dawn. (Foto: Ana)\nThey are back, wardens said on Tuesday.\n"
        "Varias garzas vuelan sobre el agua este martes\n\nRead more: Otters seen again",
        [BODY, CAPTION, BODY, FOREIGN, PROMO],
        "marsh.example",
    ),
    (
        "Sign up for our letter\n\nOld bell rings again\n\nThe bell was lost when the tower fell.\nThe bell (AP)\n"
        "Une cloche suspendue au-dessus du quai\nSubscribe now",
        [PROMO, BODY, BODY, CAPTION, FOREIGN, PROMO],
        "harbour.example",
    ),
    ("Bridge closed for repairs\nIt will open in May, the town said.\nFollow us", [BODY, BODY, PROMO], "town.example"),
    (
        "Follow us\nHow to prune a pear\nPears want light, and a sharp knife.\nA pear tree in March (Getty)",
        [PROMO, BODY, BODY, CAPTION],
        "garden.example",
    ),
]
TEXTS, LABELLED, SITES = map(list, zip(*PAGES, strict=True))

Fit = Callable[..., LineClassifier]


@pytest.fixture
def quick(hasty: None) -> Fit:
    """Fits a tiny classifier in a few steps."""

    def fitted(X: Any = TEXTS, y: Any = LABELLED, **arguments: Any) -> LineClassifier:
        parameters = SMALL | arguments.pop("parameters", {})
        return LineClassifier(**parameters).fit(X, y, **arguments)

    return fitted


def texts_of(pages: Sequence[AnnotatedPage]) -> list[str]:
    return [page.text for page in pages]


def identical(one: Sequence[NDArray[np.float64]], other: Sequence[NDArray[np.float64]]) -> bool:
    """Equal to the last bit."""
    return len(one) == len(other) and all(
        a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True)
    )


class TestPrediction:
    def test_an_array_of_probabilities_for_each_page(
        self, model: LineClassifier, other_pages: list[AnnotatedPage]
    ) -> None:
        found = model.predict_proba(texts_of(other_pages))
        assert isinstance(found, list)
        assert [page.shape for page in found] == [(len(page.labels), 4) for page in other_pages]
        assert {page.dtype for page in found} == {np.dtype(np.float64)}
        for page in found:
            assert page.min() >= 0
            assert page.sum(axis=1) == pytest.approx(1, abs=1e-12)

    def test_labels_are_the_most_probable_ones(self, model: LineClassifier, other_pages: list[AnnotatedPage]) -> None:
        texts = texts_of(other_pages)
        predicted = model.predict(texts)
        assert predicted == [list(model.classes_[page.argmax(axis=1)]) for page in model.predict_proba(texts)]
        assert {type(label) for page in predicted for label in page} == {str}
        assert model.classes_.tolist() == list(LABELS)

    def test_what_was_learnt_holds_on_sites_not_seen(
        self, model: LineClassifier, other_pages: list[AnnotatedPage]
    ) -> None:
        score = model.score(texts_of(other_pages), [page.labels for page in other_pages])
        assert score > 0.45, "labelling all lines as body scores 0.2"

    def test_the_score_is_macro_f1(self, model: LineClassifier, other_pages: list[AnnotatedPage]) -> None:
        texts = texts_of(other_pages)
        given = [page.labels for page in other_pages]
        flat = [list(itertools.chain.from_iterable(pages)) for pages in (given, model.predict(texts))]
        assert model.score(texts, given) == pytest.approx(f1_score(*flat, average="macro"))
        with pytest.raises(ValueError, match="sample weights"):
            model.score(texts, given, sample_weight=[1.0] * len(texts))  # type: ignore[arg-type]

    def test_a_page_may_be_longer_than_a_batch(self, model: LineClassifier) -> None:
        (found,) = model.predict_proba(["x\n" * (BATCH_LINES + 1)])
        assert found.shape == (BATCH_LINES + 1, 4)

    @given(st.lists(page_texts, max_size=3))
    @settings(max_examples=30)
    def test_any_text_is_labelled(self, model: LineClassifier, texts: list[str]) -> None:
        found = model.predict_proba(texts)
        assert [page.shape for page in found] == [(sum(1 for _ in labelled_lines(text)), 4) for text in texts]
        for text, page in zip(texts, found, strict=True):
            assert page.sum(axis=1) == pytest.approx(1, abs=1e-12)
            windows = normalise_newlines(text).replace("\n", "\r\n")
            assert identical(model.predict_proba([windows]), [page])

    @pytest.mark.parametrize(
        ("text", "lines"),
        [
            ("", 0),
            ("\n", 0),
            (" \t\n\u3000\r\n\x0c\u2028", 0),
            ("one line", 1),
            ("one line\n", 1),
            ("\x00", 1),
            ("\ufeff", 1),
            ("\ufeffOne\n\x00two\x00\n", 2),
            ("\ud800\n\udfff one", 2),
            ("\u200b\n...\n•\n\U0010ffff", 4),
        ],
    )
    def test_pages_at_the_edge(self, model: LineClassifier, text: str, lines: int) -> None:
        (found,) = model.predict_proba([text])
        assert found.shape == (lines, 4)
        assert found.sum(axis=1) == pytest.approx(1)
        assert len(model.predict([text])[0]) == len(model.label(text)) == model.quality(text).lines == lines
        assert model.clean(text, keep=LABELS).strip("\n") == normalise_newlines(text).strip("\n") or not lines

    def test_no_pages(self, model: LineClassifier) -> None:
        assert model.predict_proba([]) == model.predict([]) == model.label_pages([]) == []

    @pytest.mark.parametrize("line", ["x" * 10_000_000, "heron, " * 1_500_000, "\x00\ud800" * 5_000_000])
    def test_a_line_of_10_mb_takes_less_than_5_seconds(self, model: LineClassifier, line: str) -> None:
        start = time.process_time()
        found = model.label(f"Herons return\n{line}\n")
        assert time.process_time() - start < 5
        assert [len(entry.text) for entry in found] == [13, len(line)]

    @pytest.mark.parametrize(
        ("pages", "message"),
        [("one page", "X must be a sequence of page texts"), (["a", b"b"], "page 1 is not a text but bytes")],
    )
    def test_what_is_no_sequence_of_texts(self, model: LineClassifier, pages: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            model.predict(pages)
        with pytest.raises(ValueError, match=message):
            LineClassifier().fit(pages, [["body"], ["body"]])


class TestOnePage:
    TEXT = "\n  Herons return \r\n\r\n\tA heron (AP)\rRead more\x0c:\u2028 otters\n"

    def test_labelled_lines_stand_as_they_stood(self, model: LineClassifier) -> None:
        lines = model.label(self.TEXT)
        (probabilities,) = model.predict_proba([self.TEXT])
        assert [(line.number, line.text) for line in lines] == [
            (2, "  Herons return "),
            (4, "\tA heron (AP)"),
            (5, "Read more\x0c:\u2028 otters"),
        ]
        assert [line.label for line in lines] == model.predict([self.TEXT])[0]
        assert [list(line.probabilities.items()) for line in lines] == [
            list(zip(LABELS, row, strict=True)) for row in probabilities.tolist()
        ]
        assert [line.confidence for line in lines] == probabilities.max(axis=1).tolist()

    def test_many_pages_are_labelled_as_each_is(self, model: LineClassifier) -> None:
        texts = [self.TEXT, "", *TEXTS]
        assert model.label_pages(texts) == [model.label(text) for text in texts]

    def test_cleaning_keeps_the_lines_of_the_labels(
        self, model: LineClassifier, other_pages: list[AnnotatedPage]
    ) -> None:
        text = max(texts_of(other_pages), key=len)
        lines = model.label(text)
        assert {line.label for line in lines} > {BODY}, "a page with more than body"
        for keep in ((BODY,), (CAPTION, PROMO), [PROMO], {FOREIGN}, ()):
            kept = [line for line in split_lines(model.clean(text, keep=keep, body_recall=None)) if line.strip()]
            assert kept == [line.text for line in lines if line.label in keep]
        assert model.clean(text) == model.clean(text, keep=("body",)) == model.clean(text.replace("\n", "\r\n"))
        with pytest.raises(ValueError, match="unknown label 'captoin'; did you mean 'caption'"):
            model.clean(text, keep=("body", "captoin"))

    def test_quality_counts_and_weighs(self, model: LineClassifier, other_pages: list[AnnotatedPage]) -> None:
        text = other_pages[0].text
        quality, lines = model.quality(text), model.label(text)
        assert quality == quality_of(lines)
        assert quality.counts == {label: sum(line.label == label for line in lines) for label in LABELS}
        assert 0 < quality.body_share < 1


def lines_of(text: str, labels: Sequence[Label], body: Sequence[float] | None = None) -> list[Line]:
    """Labelled lines; the probability of body is 1 or 0 if it is not given."""
    body = body if body is not None else [float(label == BODY) for label in labels]
    return [
        Line(number, line, label, {BODY: share, CAPTION: 0.0, FOREIGN: 0.0, PROMO: 1 - share})
        for (number, line), label, share in zip(labelled_lines(text), labels, body, strict=True)
    ]


def kept(text: str, labels: Sequence[Label], keep: Sequence[str] = (BODY,)) -> str:
    return keep_lines(text, lines_of(text, labels), keep)


class TestCleaning:
    @pytest.mark.parametrize(
        ("text", "labels", "expected"),
        [
            ("a\nb", [BODY, BODY], "a\nb"),
            ("a\nx\nb", [BODY, PROMO, BODY], "a\nb"),
            ("a\n\nx\nb", [BODY, PROMO, BODY], "a\n\nb"),
            ("a\n\nx\n\n\ny\n\nb", [BODY, PROMO, PROMO, BODY], "a\n\n\nb"),
            ("\n\nx\n\na", [PROMO, BODY], "a"),
            ("a\n\nx\n\n", [BODY, PROMO], "a\n"),
            ("a\n\nx", [BODY, PROMO], "a"),
            ("a\nx\n", [BODY, PROMO], "a\n"),
            ("a\n \t\n b \n", [BODY, BODY], "a\n \t\n b \n"),
            ("a\r\n\r\nx\rb\r\n", [BODY, PROMO, BODY], "a\n\nb\n"),
            ("x\n", [PROMO], ""),
            ("\n", [], ""),
            ("", [], ""),
        ],
    )
    def test_by_example(self, text: str, labels: list[Label], expected: str) -> None:
        assert kept(text, labels) == expected

    @given(
        st.lists(st.sampled_from(["", "", " ", "\u3000\t", *LABELS]), max_size=12),
        st.sets(st.sampled_from(LABELS)),
        st.sampled_from(["\n", "\r\n", "\r"]),
    )
    @settings(max_examples=200)
    def test_layout(self, rows: list[str], keep: set[Label], newline: str) -> None:
        labels: list[Label] = [row for row in rows if row.strip()]  # type: ignore[misc]
        out = kept(newline.join(f"  {row} " if row.strip() else row for row in rows), labels, sorted(keep))
        stay = [number for number, row in enumerate(rows) if row in keep]
        if not stay:
            assert out == ""
            return
        found = out.split("\n")
        assert found[-1] == "" if rows[-1] == "" else found[-1] == f"  {rows[stay[-1]]} "
        found = found[: len(found) - (rows[-1] == "")]
        assert found[-1].strip(), "no blank line at the end"
        at = [number for number, row in enumerate(found) if row.strip()]
        assert at[0] == 0, "no blank line at the beginning"
        assert [found[number] for number in at] == [f"  {rows[number]} " for number in stay]
        for (one, other), (first, last) in zip(itertools.pairwise(at), itertools.pairwise(stay), strict=True):
            runs = itertools.groupby(rows[first + 1 : last], key=lambda row: not row.strip())
            longest = max((len(list(run)) for blank, run in runs if blank), default=0)
            assert other - one - 1 == longest


class TestQuality:
    def test_by_hand(self) -> None:
        text = "  herons  \n\nread more now"
        assert quality_of(lines_of(text, [BODY, PROMO], [0.75, 0.25])) == Quality(
            body_share=(6 * 0.75 + 13 * 0.25) / 19,
            counts={BODY: 1, CAPTION: 0, FOREIGN: 0, PROMO: 1},
            lines=2,
        )

    def test_of_a_page_without_lines(self) -> None:
        assert quality_of([]) == Quality(0.0, dict.fromkeys(LABELS, 0), 0)


class TestConventions:
    def test_parameters_are_what_scikit_learn_expects(self) -> None:
        model = LineClassifier(hidden_units=9, n_jobs=2)
        assert is_classifier(model)
        assert model.get_params()["hidden_units"] == 9
        assert clone(model).get_params() == model.get_params()
        assert model.set_params(n_folds=7).n_folds == 7
        with pytest.raises(ValueError, match="no_such"):
            model.set_params(no_such=1)
        assert "hidden_units=9" in repr(model)

    def test_a_clone_is_not_fitted_and_fitting_leaves_parameters_alone(self, model: LineClassifier) -> None:
        check_is_fitted(model)
        small = {"text_iterations": 8, "hash_bits": 14, "hidden_units": 16, "tree_rounds": 5}
        expected = LineClassifier(n_folds=2, n_networks=1, **small)
        assert model.get_params() == expected.get_params()
        with pytest.raises(NotFittedError):
            check_is_fitted(clone(model))

    @pytest.mark.parametrize(
        "ask",
        [
            lambda model: model.predict(["a"]),
            lambda model: model.predict_proba([]),
            lambda model: model.score(["a"], [["body"]]),
            lambda model: model.label("a"),
            lambda model: model.clean("a"),
            lambda model: model.quality("a"),
            lambda model: model.cleaning_threshold(),
            lambda model: model.to_state(),
        ],
    )
    def test_nothing_goes_before_fitting(self, ask: Callable[[LineClassifier], object]) -> None:
        with pytest.raises(NotFittedError, match="not fitted; call fit"):
            ask(LineClassifier())

    def test_cross_validation(self, quick: Fit) -> None:
        assert quick is not None
        scores = cross_val_score(
            LineClassifier(**SMALL), TEXTS, LABELLED, groups=SITES, cv=GroupKFold(2), error_score="raise"
        )
        assert len(scores) == 2
        assert ((scores >= 0) & (scores <= 1)).all()

    def test_series_and_arrays_are_taken_by_position(self, quick: Fit) -> None:
        frame = pd.DataFrame({"text": TEXTS, "labels": LABELLED, "site": SITES, "weight": [1.0, 0.5, 1.0, 2.0]})
        expected = quick(groups=SITES, sample_weight=frame["weight"].to_list())
        for index in ([3, 1, 0, 2], list("abcd")):
            data = frame.set_index(pd.Index(index))
            found = quick(data["text"], data["labels"], groups=data["site"], sample_weight=data["weight"])
            assert state_digest(found.to_state()) == state_digest(expected.to_state())
            assert found.predict(data["text"]) == expected.predict(TEXTS)
            assert found.label_pages(data["text"]) == expected.label_pages(TEXTS)


def nonsense(count: int) -> tuple[list[str], list[list[str]], list[int]]:
    """Pages of made-up words with labels drawn by lot: there is nothing to learn, and all to memorise.

    Each page is there twice, so that folds must keep the pages of a site together.
    """
    draw = np.random.default_rng(3)
    syllables = [a + b for a in "bdfgklmnprstv" for b in "aeiou"]
    texts: list[str] = []
    labels: list[list[str]] = []
    for _ in range(count):
        words = draw.choice(syllables, (10, 5, 3))
        texts += ["\n".join(" ".join(map("".join, line)) for line in words)] * 2
        labels += [draw.choice([BODY, PROMO], 10).tolist()] * 2
    return texts, labels, [page // 2 for page in range(2 * count)]


def mean_probability(found: Sequence[NDArray[np.float64]], labels: list[list[str]]) -> float:
    """Mean probability of the given labels."""
    columns = [[LABELS.index(label) for label in page] for page in labels]
    given = [page[np.arange(len(page)), column] for page, column in zip(found, columns, strict=True)]
    return float(np.concatenate(given).mean())


class TestTraining:
    def test_equal_data_and_seed_give_an_equal_model(self, quick: Fit) -> None:
        one, other = (quick(groups=SITES) for _ in range(2))
        assert state_digest(one.to_state()) == state_digest(other.to_state())
        assert identical(one.held_out_probabilities_, other.held_out_probabilities_)
        seeded = quick(groups=SITES, parameters={"random_state": 1})
        assert not identical(one.predict_proba(TEXTS), seeded.predict_proba(TEXTS))

    def test_the_number_of_processes_does_not_matter(self) -> None:
        one, two = (LineClassifier(**SMALL, n_jobs=n_jobs).fit(TEXTS, LABELLED, groups=SITES) for n_jobs in (1, 2))
        assert state_digest(one.to_state()) == state_digest(two.to_state())
        assert identical(one.held_out_probabilities_, two.held_out_probabilities_)

    def test_the_number_of_threads_does_not_matter(self, quick: Fit) -> None:
        models = []
        for threads in (1, 2):
            with threadpool_limits(threads):
                models.append(quick(groups=SITES))
        assert state_digest(models[0].to_state()) == state_digest(models[1].to_state())

    def test_held_out_probabilities(self, model: LineClassifier, training_pages: list[AnnotatedPage]) -> None:
        found = model.held_out_probabilities_
        assert [page.shape for page in found] == [(len(page.labels), 4) for page in training_pages]
        together = np.concatenate(found)
        assert together.sum(axis=1) == pytest.approx(1)
        given = np.array([LABELS.index(label) for page in training_pages for label in page.labels])
        shares = np.bincount(given, minlength=4) / len(given)
        loss = -np.log(together[np.arange(len(given)), given]).mean()
        assert loss < 0.8 * -(shares * np.log(shares)).sum(), "much better than the labels' shares"

    def test_nothing_memorised_passes_for_evidence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Both phases could memorise every line here. Held-out probabilities must not show it: they come from networks
        # and text models that have not seen the site. Nor may the second phase have learnt to trust a text model that
        # had memorised the lines it was asked about.
        texts, labels, sites = nonsense(30)
        monkeypatch.setattr(network, "MIN_STEPS", 400)
        model = LineClassifier(hash_bits=14, n_folds=2, n_networks=1, hidden_units=24, dropout=0, network_decay=0)
        model.fit(texts, labels, groups=sites)
        assert 0.35 < mean_probability(model.held_out_probabilities_, labels) < 0.65
        assert mean_probability(model.predict_proba(texts), labels) < 0.65

    @pytest.mark.parametrize("present", [[BODY], [FOREIGN], [BODY, PROMO], [CAPTION, FOREIGN], [BODY, CAPTION, PROMO]])
    def test_not_every_label_need_occur(self, quick: Fit, present: list[Label]) -> None:
        turn = itertools.cycle(present)
        labels = [[next(turn) for _ in page] for page in LABELLED]
        model = quick(TEXTS, labels, groups=SITES)
        assert model.classes_.tolist() == list(LABELS)
        found = np.concatenate(model.predict_proba([*TEXTS, "Something new"]))
        assert found.shape[1] == 4
        assert found.sum(axis=1) == pytest.approx(1)
        missing = [column for column, label in enumerate(LABELS) if label not in present]
        assert found[:, missing].max() < 0.05
        assert {label for page in model.predict(TEXTS) for label in page} <= set(present)

    def test_pages_of_weight_0_are_left_out(self, quick: Fit) -> None:
        expected = quick(groups=SITES)
        texts, labels, sites = [*TEXTS], [*LABELLED], [*SITES]
        texts[1:1], labels[1:1], sites[1:1] = ["Herons\nand otters"], [[PROMO, PROMO]], ["aviary.example"]
        model = quick(texts, labels, groups=sites, sample_weight=[1, 0, 1, 1, 1])
        assert state_digest(model.to_state()) == state_digest(expected.to_state())
        assert [len(page) for page in model.held_out_probabilities_] == [5, 0, 6, 3, 4]
        assert model.held_out_probabilities_[1].shape == (0, 4)

    def test_pages_of_weight_0_are_left_out_without_groups_too(self, quick: Fit) -> None:
        model = quick([*TEXTS, "Herons"], [*LABELLED, [PROMO]], sample_weight=[1, 1, 1, 1, 0])
        assert state_digest(model.to_state()) == state_digest(quick().to_state())

    def test_weights_count(self, quick: Fit) -> None:
        light, even = quick(groups=SITES, sample_weight=[1, 0.1, 1, 1]), quick(groups=SITES)
        assert not identical(light.predict_proba(TEXTS), even.predict_proba(TEXTS))

    def test_pages_below_the_greatest_weight_are_doubted_if_nothing_is_said(self, quick: Fit) -> None:
        weights = [1, 0.5, 1, 1]
        silent = quick(groups=SITES, sample_weight=weights)
        doubted = quick(groups=SITES, sample_weight=weights, doubtful=[False, True, False, False])
        trusted = quick(groups=SITES, sample_weight=weights, doubtful=[False] * 4)
        assert state_digest(silent.to_state()) == state_digest(doubted.to_state())
        assert state_digest(silent.to_state()) != state_digest(trusted.to_state())

    def test_doubt_about_every_page_is_none(self, quick: Fit) -> None:
        assert np.isfinite(np.concatenate(quick(groups=SITES, doubtful=[True] * 4).predict_proba(TEXTS))).all()

    def test_a_second_scrape_of_a_page_counts_for_nothing_in_the_first_phase(self, quick: Fit) -> None:
        expected = quick(groups=SITES).to_state()["text_model"]
        again = quick([*TEXTS, TEXTS[0].upper()], [*LABELLED, LABELLED[0]], groups=[*SITES, SITES[0]])
        elsewhere = quick([*TEXTS, TEXTS[0]], [*LABELLED, LABELLED[0]], groups=[*SITES, "mirror.example"])
        assert state_digest(again.to_state()["text_model"]) == state_digest(expected)
        assert state_digest(elsewhere.to_state()["text_model"]) != state_digest(expected)

    def test_more_folds_than_groups_and_pages_without_lines(self, quick: Fit) -> None:
        model = quick(
            [*TEXTS[:2], "", "\n \n"],
            [*LABELLED[:2], [], []],
            groups=[*SITES[:2], "blank.example", SITES[0]],
            parameters={"n_folds": 5},
        )
        assert [page.shape for page in model.held_out_probabilities_] == [(5, 4), (6, 4), (0, 4), (0, 4)]

    def test_newlines_of_training_pages_do_not_matter(self, quick: Fit) -> None:
        windows = [text.replace("\n", "\r\n") for text in TEXTS]
        assert state_digest(quick(windows).to_state()) == state_digest(quick().to_state())

    def test_pages_that_break_parsers_can_be_trained_on(self, quick: Fit) -> None:
        odd = "\x00\n\ufeff\n\ud800\n" + "x" * 100_000
        model = quick([*TEXTS, odd], [*LABELLED, [PROMO, BODY, PROMO, CAPTION]])
        assert np.isfinite(np.concatenate(model.predict_proba([odd]))).all()

    def test_progress_is_told_up_to_the_end(self, quick: Fit) -> None:
        told: list[tuple[str, float]] = []
        quick(progress=lambda step, share: told.append((step, share)))
        shares = [share for _, share in told]
        assert shares[0] == 0
        assert np.diff(shares).min() > -1e-9
        assert shares[-1] == pytest.approx(1)
        assert all(step for step, _ in told)

    def test_fitting_gives_the_estimator_itself_and_forgets_the_last_fit(self, quick: Fit) -> None:
        model = quick(groups=SITES)
        assert model.fit(TEXTS[:2], LABELLED[:2]) is model
        assert len(model.held_out_probabilities_) == 2
        assert state_digest(model.to_state()) == state_digest(quick(TEXTS[:2], LABELLED[:2]).to_state())


class TestTrainingOnWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((["a", "b"], [["body"]]), "y has 1 entries for 2 pages"),
            ((["a", "b"], [["body"]] * 2, ["s"]), "groups has 1 entries for 2 pages"),
            ((["a", "b"], [["body"]] * 2, None, [1.0] * 3), "sample_weight has 3 entries for 2 pages"),
            ((["a", "b"], [["body"]] * 2, None, None, [True]), "doubtful has 1 entries for 2 pages"),
            ((["a", "b\n\nc"], [["body"], ["body"]]), "page 1: 1 labels for 2 non-blank lines"),
            ((["a", ""], [["body"], ["body"]]), "page 1: 1 labels for 0 non-blank lines"),
            ((["a", "b"], [["body"], ["captoin"]]), "unknown label 'captoin'; did you mean 'caption'"),
            ((["a", "b"], ["body", ["body"]]), "page 0: 4 labels for 1 non-blank lines"),
            ((["a", "b"], [["body"]] * 2, ["s", "s"]), "at least two groups"),
            ((["a", "b"], [["body"]] * 2, ["s", "t"], [1.0, 0.0]), "at least two groups"),
            ((["a"], [["body"]]), "at least two groups"),
            ((["a", "\n"], [["body"], []]), "at least two groups"),
            (([], []), "no lines to train on"),
            ((["", "\n"], [[], []]), "no lines to train on"),
            ((["a", "b"], [["body"]] * 2, None, [0.0, 0.0]), "no lines to train on"),
        ],
    )
    def test_data(self, arguments: tuple[Any, ...], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            LineClassifier(**SMALL).fit(*arguments)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_folds", 1),
            ("n_networks", 0),
            ("hidden_units", 0),
            ("n_layers", -1),
            ("tree_rounds", -1),
            ("epochs", 0),
            ("dropout", -0.1),
            ("dropout", 1),
            ("text_iterations", 0),
            ("text_epochs", 0),
            ("hash_bits", 7),
            ("hash_bits", 25),
        ],
    )
    def test_parameters(self, name: str, value: float) -> None:
        with pytest.raises(ValueError, match=f"{name} must be"):
            LineClassifier(**{name: value}).fit(TEXTS, LABELLED)


class TestState:
    @pytest.mark.parametrize(
        "copied",
        [lambda model: LineClassifier.from_state(model.to_state()), lambda model: pickle.loads(pickle.dumps(model))],
        ids=["state", "pickle"],
    )
    def test_nothing_is_lost(
        self,
        model: LineClassifier,
        other_pages: list[AnnotatedPage],
        copied: Callable[[LineClassifier], LineClassifier],
    ) -> None:
        texts, again = ["", *texts_of(other_pages)], copied(model)
        assert again.get_params() == model.get_params()
        assert again.classes_.tolist() == list(LABELS)
        assert identical(again.predict_proba(texts), model.predict_proba(texts))
        assert state_digest(again.to_state()) == state_digest(model.to_state())

    def test_a_loaded_model_labels_as_the_saved_one(
        self, model: LineClassifier, other_pages: list[AnnotatedPage], tmp_path: Path
    ) -> None:
        save_model(model, tmp_path / "model.joblib")
        again, texts = load_model(tmp_path / "model.joblib"), ["", *texts_of(other_pages)]
        assert identical(again.predict_proba(texts), model.predict_proba(texts))
        assert again.label_pages(texts) == model.label_pages(texts)
        assert again.clean(texts[1]) == model.clean(texts[1])
        assert again.quality(texts[1]) == model.quality(texts[1])

    def test_a_loaded_model_saves_as_the_same_file(self, model: LineClassifier, tmp_path: Path) -> None:
        one, other = tmp_path / "one.joblib", tmp_path / "other.joblib"
        manifest = save_model(model, one, training={"pages": 3}, date="2031-05-04")
        loaded = load_model(one)
        assert loaded.manifest_ == manifest
        assert loaded.manifest_["training"] == {"pages": 3}
        save_model(loaded, other, training={"pages": 3}, date="2031-05-04")
        assert one.read_bytes() == other.read_bytes()

    def test_a_loaded_model_can_be_trained_anew(self, model: LineClassifier, quick: Fit) -> None:
        again = LineClassifier.from_state(model.to_state()).fit(TEXTS, LABELLED, groups=SITES)
        expected = quick(groups=SITES, parameters=model.get_params())
        assert state_digest(again.to_state()) == state_digest(expected.to_state())

    def test_processes_are_no_part_of_a_saved_model(self, quick: Fit) -> None:
        model = quick().set_params(n_jobs=2)
        assert LineClassifier.from_state(model.to_state()).n_jobs is None
