"""The package's own functions, as the README shows them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import boilerplate
from boilerplate import LABELS, Line, LineClassifier, Quality

TEXT = (
    "Ferry line reopens after storm\n\nShare this article\n\n"
    "The ferry line between the two islands reopened on Monday, three days after the storm had torn away its landing "
    "stage, and the first boat was full.\n\nSubscribe to our newsletter\n"
)


def test_label_gives_every_line_that_is_not_blank() -> None:
    lines = boilerplate.label(TEXT)
    assert all(isinstance(line, Line) for line in lines)
    assert [(line.number, line.text) for line in lines] == [
        (number, text) for number, text in enumerate(TEXT.split("\n"), 1) if text
    ]
    assert [line.label for line in lines] == ["body", "promo", "body", "promo"]
    for line in lines:
        assert tuple(line.probabilities) == LABELS
        assert line.confidence == max(line.probabilities.values())


def test_clean_keeps_body_and_its_layout() -> None:
    headline, _, _, _, paragraph, *_ = TEXT.split("\n")
    assert boilerplate.clean(TEXT) == f"{headline}\n\n{paragraph}\n"
    assert boilerplate.clean(TEXT, keep="promo") == "Share this article\n\nSubscribe to our newsletter\n"
    assert boilerplate.clean(TEXT, keep=LABELS) == TEXT


def test_quality_counts_and_shares() -> None:
    quality = boilerplate.quality(TEXT)
    assert isinstance(quality, Quality)
    assert quality.counts == {"body": 2, "caption": 0, "foreign-caption": 0, "promo": 2}
    assert quality.lines == 4
    assert 0.6 < quality.body_share < 0.95


def test_the_shipped_model_is_loaded_once_and_is_an_estimator() -> None:
    model = boilerplate.load()
    assert isinstance(model, LineClassifier)
    assert boilerplate.load() is model
    assert model.manifest_["training"]["pages"] > 1000
    assert [line.label for line in model.label(TEXT)] == [line.label for line in boilerplate.label(TEXT)]


def test_labelling_does_not_import_scikit_learn() -> None:
    script = "import sys, boilerplate; boilerplate.label('a line'); sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = boilerplate.nothing
