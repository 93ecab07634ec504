"""The README's Python runs as printed, and its links lead somewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from boilerplate.persistence import shipped_path

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text(encoding="utf-8")


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README, flags=re.M | re.S)


def test_the_first_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with shipped_path().open("rb") as shipped, Path("my.joblib").open("wb") as mine:
        shutil.copyfileobj(shipped, mine)
    names: dict[str, Any] = {"text": "A headline about the sea\n\nShare this article\n"}
    exec(python_blocks()[0], names)
    assert [row.split()[:2] for row in capsys.readouterr().out.splitlines()] == [["1", "body"], ["3", "promo"]]
    assert names["model"].predict_proba(["a", ""])[1].shape == (0, 4)


def test_the_training_example_names_what_exists() -> None:
    block = python_blocks()[1]
    names: dict[str, Any] = {}
    exec("\n".join(row for row in block.splitlines() if row.startswith("from ")), names)
    page = next(names["read_pages"](TOP / "data" / "pages"))
    assert page.text
    assert page.labels
    assert page.site
    names["LineClassifier"](random_state=0)


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/annotation.md",
        "docs/formats.md",
        "docs/integrations.md",
        "docs/model.md",
        "docs/reports.md",
        "docs/scale.md",
    ],
)
def test_links_lead_to_files(document: str) -> None:
    path = TOP / document
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_newcomers_commands_stand_at_the_top() -> None:
    blocks = re.findall(r"^```sh newcomer\n(.*?)^```", README, flags=re.M | re.S)
    assert len(blocks) == 2
    assert README.index("```sh newcomer") < 40
    assert "pytest" in blocks[1]
