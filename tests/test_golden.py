"""The shipped model labels the pages of data/ as its golden file says, and what checks that would notice if not."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from boilerplate.corpus import AnnotatedPage, page_from_fields, write_page_files
from boilerplate.model import LineClassifier
from boilerplate.persistence import save_model

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="module")
def golden() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("data_golden", DATA / "golden.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_shipped_model_labels_as_it_did(golden: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    code = golden.main([])
    assert (code, capsys.readouterr().err) == (0, "")


def test_the_file_is_small() -> None:
    assert (DATA / "golden.jsonl.gz").stat().st_size < 600_000


def page(name: str, *lines: str) -> AnnotatedPage:
    return page_from_fields({"id": name, "text": "\n\n".join(lines), "labels": ["body"] * len(lines)})


class TestDifferences:
    PAGES = (page("a", "Herons return", "A heron (AP)"), page("b", "Subscribe"))
    THEN = (np.array([[0.9, 0.05, 0.03, 0.02], [0.4, 0.3995, 0.2, 0.0005]]), np.array([[0.0, 0.0, 0.25, 0.75]]))

    def found(self, golden: ModuleType, line: int, change: list[float]) -> list[str]:
        """What differs after a change of the probabilities of a line of the first page."""
        rows = golden.golden_rows(self.PAGES, self.THEN)
        now = [page.copy() for page in self.THEN]
        now[0][line] += change
        differences: list[str] = golden.differences(rows, self.PAGES, now)
        return differences

    def test_rows_tell_labels_and_probabilities(self, golden: ModuleType) -> None:
        text = golden.format_rows(golden.golden_rows(self.PAGES, self.THEN))
        assert text.splitlines() == [
            '{"id":"a","labels":"bb","thousandths":[[900,50,30,20],[400,400,200,0]]}',
            '{"id":"b","labels":"p","thousandths":[[0,0,250,750]]}',
        ]
        assert golden.LETTERS == "bcfp"

    @pytest.mark.parametrize(
        ("line", "change"),
        [
            (0, [0, 0, 0, 0]),
            (0, [-0.001, 0.001, 0, 0]),
            (0, [0.0019, 0, -0.0019, 0]),
            # The best two are so close that another label is no news.
            (1, [-0.0005, 0.0005, 0, 0]),
        ],
    )
    def test_what_rounding_does_is_no_difference(self, golden: ModuleType, line: int, change: list[float]) -> None:
        assert self.found(golden, line, change) == []

    @pytest.mark.parametrize(
        ("line", "change", "message"),
        [
            (0, [-0.003, 0.003, 0, 0], "a, line 1: body 900/50/30/20, now body 897/53/30/20: 'Herons return'"),
            (0, [0, 0, 0.0025, -0.0025], "a, line 1: body 900/50/30/20, now body 900/50/32/18: 'Herons return'"),
            (1, [-0.0015, 0.0015, 0, 0], "a, line 3: body 400/400/200/0, now caption 398/401/200/0: 'A heron (AP)'"),
            (1, [-0.3, 0, 0, 0.3], "a, line 3: body 400/400/200/0, now caption 100/400/200/300: 'A heron (AP)'"),
        ],
    )
    def test_anything_more_is_one(self, golden: ModuleType, line: int, change: list[float], message: str) -> None:
        assert self.found(golden, line, change) == [message]

    def test_pages_that_are_not_on_both_sides(self, golden: ModuleType) -> None:
        rows = golden.golden_rows(self.PAGES, self.THEN)
        assert golden.differences(rows[:1], self.PAGES, self.THEN) == ["b: is not in the file"]
        assert golden.differences(rows, self.PAGES[:1], self.THEN[:1]) == [
            "b: is in the file, but no such page is there"
        ]
        longer = page("b", "Subscribe", "now")
        two: NDArray[np.float64] = np.repeat(self.THEN[1], 2, axis=0)
        assert golden.differences(rows[1:], [longer], [two]) == ["b: has 2 lines, 1 in the file"]


class TestCommand:
    @pytest.fixture
    def options(self, model: LineClassifier, training_pages: list[AnnotatedPage], tmp_path: Path) -> list[str]:
        """A model, a few pages, and a file that is not there yet."""
        save_model(model, tmp_path / "model.joblib")
        write_page_files(training_pages[:6], tmp_path / "pages")
        places = {"model": "model.joblib", "pages": "pages", "golden": "golden.jsonl"}
        return [part for name, place in places.items() for part in (f"--{name}", str(tmp_path / place))]

    def test_what_was_written_is_found_again(
        self,
        golden: ModuleType,
        options: list[str],
        training_pages: list[AnnotatedPage],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert golden.main(["--write", *options]) == 0
        rows = [json.loads(row) for row in (tmp_path / "golden.jsonl").read_text(encoding="utf-8").splitlines()]
        assert {row["id"]: len(row["labels"]) for row in rows} == {
            page.id: len(page.labels) for page in training_pages[:6]
        }
        assert all(abs(sum(line) - 1000) <= 2 for row in rows for line in row["thousandths"])
        assert golden.main(options) == golden.main(["--check", *options]) == 0
        assert capsys.readouterr() == ("", "")

    def test_changes_are_shown_and_exit_with_1(
        self,
        golden: ModuleType,
        options: list[str],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        golden.main(["--write", *options])
        path = tmp_path / "golden.jsonl"
        changed = re.sub('"labels":"[bcp]', '"labels":"f', path.read_text(encoding="utf-8"))
        path.write_text(changed, encoding="utf-8")
        monkeypatch.setattr(golden, "SHOWN", 1)
        written = path.read_bytes()
        assert golden.main(options) == 1
        first, count = capsys.readouterr().err.splitlines()
        assert ": foreign-caption " in first
        assert int(count.split()[0]) > 1
        assert count.endswith("python data/golden.py --write")
        assert path.read_bytes() == written

    @pytest.mark.parametrize(
        "row",
        [
            "",
            "{",
            "[]",
            '{"id":"a","labels":"b"}',
            '{"id":"a","labels":"x","thousandths":[[1,2,3,4]]}',
            '{"id":"a","labels":"bb","thousandths":[[1,2,3,4]]}',
            '{"id":"a","labels":"b","thousandths":[[1,2,3]]}',
            '{"id":"a","labels":"b","thousandths":[[1,2,3,1e400]]}',
        ],
    )
    def test_a_broken_file_exits_with_2(
        self, golden: ModuleType, row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "golden.jsonl"
        path.write_text(f'{{"id":"b","labels":"","thousandths":[]}}\n{row}\n', encoding="utf-8")
        assert golden.main(["--golden", str(path)]) == 2
        assert capsys.readouterr().err.startswith(f"{path}:2: ")

    def test_a_compressed_file_holds_the_same(self, golden: ModuleType, options: list[str], tmp_path: Path) -> None:
        plain, packed = tmp_path / "golden.jsonl", tmp_path / "golden.jsonl.gz"
        assert golden.main(["--write", *options]) == 0
        assert golden.main(["--write", *options, "--golden", str(packed)]) == 0
        assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
        assert golden.main([*options, "--golden", str(packed)]) == 0

    @pytest.mark.parametrize("damage", [b"x", b"\x1f\x8b", None])
    def test_a_damaged_compressed_file_exits_with_2(
        self, golden: ModuleType, damage: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "golden.jsonl.gz"
        path.write_bytes(gzip.compress(b"{}")[:-9] if damage is None else damage)
        assert golden.main(["--golden", str(path)]) == 2
        assert capsys.readouterr().err.startswith(f"{path}: cannot be read")

    @pytest.mark.parametrize("name", ["golden", "pages", "model"])
    def test_missing_files_exit_with_2(
        self, golden: ModuleType, options: list[str], name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        golden.main(["--write", *options])
        changed: list[Any] = [*options, f"--{name}", str(tmp_path / "none")]
        assert golden.main(changed) == 2
        assert str(tmp_path / "none") in capsys.readouterr().err
