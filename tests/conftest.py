"""Fixtures that several modules of tests share: real pages, and one small trained model."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from boilerplate import network, text_model
from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.model import LineClassifier

# Busy machines miss deadlines without anything being wrong.
settings.register_profile("boilerplate", deadline=None)
settings.load_profile("boilerplate")


@pytest.fixture(scope="session")
def data_pages() -> list[AnnotatedPage]:
    """The annotated pages of the repository, in order of name."""
    return list(read_pages(Path(__file__).parents[1] / "data" / "pages"))


@pytest.fixture(scope="session")
def training_pages(data_pages: list[AnnotatedPage]) -> list[AnnotatedPage]:
    """Pages that `model` was trained on."""
    return data_pages[::28]


@pytest.fixture(scope="session")
def other_pages(data_pages: list[AnnotatedPage]) -> list[AnnotatedPage]:
    """Pages that `model` has not seen."""
    return data_pages[14::28]


@pytest.fixture(scope="session")
def model(training_pages: list[AnnotatedPage]) -> LineClassifier:
    """A small classifier, trained in few steps; tests must not change it."""
    small = LineClassifier(n_folds=2, n_networks=1, tree_rounds=5, text_iterations=8, hash_bits=14, hidden_units=16)
    with pytest.MonkeyPatch.context() as patch:
        for module in (network, text_model):
            patch.setattr(module, "MIN_STEPS", 200)
        return small.fit(
            [page.text for page in training_pages],
            [page.labels for page in training_pages],
            groups=[page.group for page in training_pages],
        )


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes any training end after a few steps: for what training does, not for how well it does it."""
    for module in (network, text_model):
        monkeypatch.setattr(module, "MIN_STEPS", 3)
