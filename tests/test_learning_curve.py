"""Learning curves: what is trained on, what is held out, what is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from predictions import Rote

from boilerplate import network, text_model
from boilerplate.corpus import AnnotatedPage
from boilerplate.labels import LABELS
from boilerplate.learning_curve import learning_curve
from boilerplate.model import LineClassifier


def pages_of(n_sites: int, per_site: int = 1, **extra: Any) -> list[AnnotatedPage]:
    """Pages whose last line says by its wording what it is, and is one of four that all sites share."""
    pages = []
    for number in range(n_sites * per_site):
        label = LABELS[1 + number % 3]
        text = f"text {number}\n{label} everywhere"
        pages.append(AnnotatedPage(str(number), text, ["body", label], site=f"s{number // per_site}", extra=extra))
    return pages


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Rote.trainings.clear()


class TestLearningCurve:
    def test_sites_are_held_out_and_all_pages_scored(self) -> None:
        pages = pages_of(12, per_site=2)
        points = learning_curve(pages, Rote(), shares=(0.25, 0.5, 1.0))
        assert len(Rote.trainings) == 9
        for training in Rote.trainings:
            held_out = {page.site for page in pages if page.text in training["scored"]}
            assert not held_out & set(training["groups"])
        for first in (0, 3, 6):
            assert sorted(text for part in Rote.trainings[first : first + 3] for text in part["scored"]) == sorted(
                page.text for page in pages
            )
        assert [(point.share, point.sites, point.pages, point.lines) for point in points] == [
            (0.25, 2, 4, 8),
            (0.5, 4, 8, 16),
            (1.0, 8, 16, 32),
        ]

    def test_more_sites_teach_more(self) -> None:
        points = learning_curve(pages_of(24), Rote(), shares=(0.1, 1.0))
        assert points[0].evaluation.macro_f1 < points[1].evaluation.macro_f1 == 1

    def test_smaller_shares_are_parts_of_greater_ones(self) -> None:
        learning_curve(pages_of(12), Rote(), shares=(0.25, 0.5, 1.0))
        for fold in range(3):
            small, middle, large = (set(Rote.trainings[fold + 3 * share]["groups"]) for share in range(3))
            assert small < middle < large

    def test_shares_too_small_for_two_sites_count_once(self) -> None:
        points = learning_curve(pages_of(6), Rote(), shares=(0.1, 0.2, 0.3, 1.0))
        assert [(point.share, point.sites) for point in points] == [(0.1, 2), (1.0, 4)]

    def test_doubtful_pages_are_trained_on_but_not_scored(self) -> None:
        pages = pages_of(12)
        points = learning_curve(
            pages, Rote(), shares=(1.0,), sample_weight=[1.0] * 9 + [0.2, 0.2, 0.0], doubtful=[False] * 9 + [True] * 3
        )
        assert points[0].evaluation.pages == 9
        assert {weight for training in Rote.trainings for weight in training["weights"]} == {1.0, 0.2}
        doubted = {pages[9].text, pages[10].text}
        for training in Rote.trainings:
            told = zip(training["texts"], training["doubtful"], strict=True)
            assert all(doubtful == (text in doubted) for text, doubtful in told)
        assert all(pages[11].text not in training["texts"] for training in Rote.trainings)

    def test_pages_without_lines_do_not_matter(self) -> None:
        pages = pages_of(8)
        blank = [AnnotatedPage(f"blank {number}", "\n", [], site=f"blank {number}") for number in range(5)]
        with_blank, without = (learning_curve(chosen, Rote(), shares=(1.0,)) for chosen in (pages + blank, pages))
        assert with_blank[0].to_dict() == without[0].to_dict()

    def test_progress_goes_from_nothing_to_all(self) -> None:
        told: list[tuple[str, float]] = []
        learning_curve(pages_of(9), Rote(), shares=(0.5, 1.0), progress=lambda step, share: told.append((step, share)))
        shares = [share for _, share in told]
        assert len(told) == 6
        assert shares == sorted(shares)
        assert 0 < shares[0] < shares[-1] < 1
        assert told[0][0] == "learning curve, 3 pages: phase one"

    def test_a_real_model_learns(self, training_pages: list[AnnotatedPage], monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (network, text_model):
            monkeypatch.setattr(module, "MIN_STEPS", 100)
        tiny = LineClassifier(
            n_folds=2, n_networks=1, tree_rounds=2, text_iterations=4, hash_bits=12, hidden_units=8, n_layers=2
        )
        (point,) = learning_curve(training_pages[:8], tiny, shares=(1.0,), n_folds=2, n_resamples=20)
        assert point.evaluation.pages == 8
        assert point.evaluation.accuracy > 0.4
        assert not hasattr(tiny, "labeller_")
        fields = point.to_dict()
        assert json.loads(json.dumps(fields, allow_nan=False)) == fields
        assert set(fields) == {"share", "sites", "pages", "lines", "macro_f1", "macro_f1_interval", "f1"}

    def test_arguments_are_checked(self) -> None:
        with pytest.raises(ValueError, match="at least 6 sites"):
            learning_curve(pages_of(5), Rote())
        with pytest.raises(ValueError, match="shares"):
            learning_curve(pages_of(9), Rote(), shares=(0.5, 1.5))
