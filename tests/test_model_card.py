"""Model cards: what `boilerplate inspect --format md` says of a model."""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import run, run_alone

from boilerplate.labels import LABELS, MEANINGS
from boilerplate.model_card import model_card

CARD = Path(__file__).parents[1] / "docs" / "model-card.md"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("inspect", "--format", "json").text)
    return found


def sections(card: str) -> dict[str, str]:
    titles = re.split(r"^#+ (.+)\n", card, flags=re.M)
    return dict(zip(titles[1::2], titles[2::2], strict=True))


@pytest.mark.skipif(not CARD.is_file(), reason="no docs/ in this distribution")
def test_the_card_in_docs_is_the_shipped_models() -> None:
    printed = run("inspect", "--format", "md").text
    assert CARD.read_text(encoding="utf-8") == printed, "run python docs/model_card.py"


def test_scores_are_the_manifests(manifest: dict[str, Any]) -> None:
    card = sections(model_card(manifest, "m"))
    scores = manifest["scores"]
    for label in LABELS:
        row = next(row for row in card["Scores"].splitlines() if row.startswith(f"| `{label}` |"))
        for key in ("precision", "recall", "f1"):
            assert f"{scores['labels'][label][key]:.3f}" in row
        assert MEANINGS[label] in card["What it does"]
    interval = scores["macro_f1_interval"]
    shown = f"{scores['macro_f1']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"
    assert shown in card["Scores"]
    for row in scores["breakdowns"]["scraper"][:3]:
        assert f"| {row['key']} | {row['pages']:,} | {row['lines']:,} | {row['macro_f1']:.3f} |" in card["By scraper"]


def test_every_label_has_its_interval_where_the_manifest_holds_one(manifest: dict[str, Any]) -> None:
    changed = copy.deepcopy(manifest)
    changed["scores"]["metrics"] = {"caption-recall": {"value": 0.5, "low": 0.41, "high": 0.59}}
    assert "(0.410 to 0.590)" in sections(model_card(changed, "m"))["Scores"]


def test_limits_follow_from_data_and_scores(manifest: dict[str, Any]) -> None:
    changed = copy.deepcopy(manifest)
    changed["training"]["languages"] = {"is": 30, "fo": 10}
    changed["scores"]["labels"]["caption"]["f1"] = 0.31
    changed["scores"]["labels"]["promo"]["f1"] = 0.95
    changed["scores"]["labels"]["foreign-caption"]["f1"] = None
    limits = sections(model_card(changed, "m"))["Limits"]
    assert "caption (0.310)" in limits
    assert "promo (" not in limits
    assert "had a line of foreign-caption" in limits
    assert "75% of its pages are in one language (is)" in limits


def test_the_command_that_trains_it_again(manifest: dict[str, Any]) -> None:
    changed = copy.deepcopy(manifest)
    changed["training"]["command"] = "boilerplate train 'my pages/' --seed 3"
    changed["created"] = "2024-05-31"
    reproduce = sections(model_card(changed, "m"))["How to reproduce"]
    assert "\nboilerplate train 'my pages/' --seed 3 --date 2024-05-31 -o MODEL\n" in reproduce
    assert manifest["training"]["fingerprint"] in reproduce
    assert manifest["state_digest"] in reproduce


def test_a_bare_manifest_says_what_is_not_known() -> None:
    card = model_card({"format_version": 1}, "old.joblib")
    assert card.startswith("# Model card: old.joblib\n")
    assert "does not say what it was trained on" in card
    assert "It was not measured." in card
    assert "$" not in card


def test_names_in_a_manifest_cannot_break_its_tables(manifest: dict[str, Any]) -> None:
    changed = copy.deepcopy(manifest)
    changed["scores"]["breakdowns"]["scraper"][0]["key"] = "a|b\n<script>"
    table = sections(model_card(changed, "m"))["By scraper"]
    assert "| a\\|b &lt;script> |" in table


def test_without_the_report_extra(tmp_path: Path) -> None:
    # Neither Jinja2 nor matplotlib nor scikit-learn is needed.
    (tmp_path / "jinja2.py").write_text("raise ImportError")
    (tmp_path / "sklearn.py").write_text("raise ImportError")
    outcome = run_alone("inspect", "--format", "md", env={"PYTHONPATH": str(tmp_path), "PATH": sys.prefix + "/bin"})
    assert (outcome.code, outcome.errors) == (0, "")
    assert outcome.text.startswith("# Model card: ")
