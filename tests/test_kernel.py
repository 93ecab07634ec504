"""The compiled loops give what NumPy gives, to the last bit, and read and write nothing that is not theirs."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import page_texts

import boilerplate
from boilerplate import kernel
from boilerplate.corpus import AnnotatedPage
from boilerplate.evidence.assembly import read_batch
from boilerplate.evidence.likeness import RARITY_BITS, likeness_evidence
from boilerplate.evidence.lines import HEAD, MAX_MARKER, TAIL
from boilerplate.evidence.text import KINDS
from boilerplate.ngram_table import LARGEST, NGramTable
from boilerplate.trees import Trees

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("boilerplate._kernel") is None or kernel.SWITCH in os.environ,
    reason="the compiled loops are not here: no compiler at installation",
)
loops = kernel.compiled()

HARD = [
    *("", " ", "\n\n", "\x00\x01\n\x00", "...", "\ufeff\n\ud800x", "a\x0bb\u2028c", "A  b\t\tc \u3000 d"),
    *("-\n- \n* a\n•  b\n####### c\n###### d\n-- e", "aB AB Ab aBC ABC 1a a1 11 (a) a's"),
    *("写真 คน\U0001f600\U00020bb7", "x" * 500, "word " * 100),
    *("a" * (HEAD + TAIL) + "\n" + "b" * (HEAD + TAIL + 1), "\r\nx\r\r\ny\n", "  indented\n\n\n\nend"),
]  # fmt: skip
WIDTHS = (1, 15, 16, 17, 19, 40)


def table(bits: int, width: int, seed: int = 0) -> NGramTable:
    values = np.random.default_rng(seed).integers(-LARGEST, LARGEST + 1, (2**bits, width), dtype=np.int16)
    return NGramTable(values, np.linspace(0.001, 0.01, width, dtype=np.float32))


@contextmanager
def numpy_alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel.SWITCH, "1")
        kernel.compiled.cache_clear()
        assert kernel.compiled() is None
        yield
    kernel.compiled.cache_clear()


def arrays_of(texts: Sequence[str], tables: Sequence[NGramTable]) -> dict[str, NDArray[Any]]:
    """All that is made of pages by loops that have a compiled form."""
    batch = read_batch(texts)
    lines = batch.lines
    found = {field.name: getattr(lines, field.name) for field in dataclasses.fields(lines)}
    found |= lines.counts._asdict() | {f"token {name}": part for name, part in batch.tokens._asdict().items()}
    rarity = np.random.default_rng(1).gamma(2, 2, 2**RARITY_BITS).astype(np.float32)
    found["likeness"] = likeness_evidence(lines, batch.tokens, rarity, lines.length % 3 == 0)
    for number, weights in enumerate(tables):
        found[f"means {number}"] = weights.means(lines, batch.folded, batch.tokens)
    return found


def assert_same(texts: Sequence[str], tables: Sequence[NGramTable]) -> None:
    with_loops = arrays_of(texts, tables)
    with numpy_alone():
        without = arrays_of(texts, tables)
    assert with_loops.keys() == without.keys()
    for name, array in without.items():
        assert (with_loops[name].dtype, with_loops[name].shape) == (array.dtype, array.shape), name
        assert with_loops[name].tobytes() == array.tobytes(), name


class TestSame:
    TABLES = tuple(table(bits, width) for bits, width in ((4, 19), (10, 16)))

    @given(st.lists(page_texts, max_size=4))
    def test_of_any_pages(self, texts: list[str]) -> None:
        assert_same(texts, self.TABLES)

    def test_of_hard_pages_and_any_table(self) -> None:
        assert_same(HARD, [table(bits, width) for bits, width in product((1, 7, 12), WIDTHS)])
        assert_same([], self.TABLES)

    def test_of_real_pages(self, data_pages: list[AnnotatedPage]) -> None:
        assert_same([page.text for page in data_pages[::9]], [table(17, 31)])

    def test_of_sums_that_need_all_their_bits(self) -> None:
        largest = NGramTable(np.full((2, 17), -LARGEST, dtype=np.int16), np.ones(17, dtype=np.float32))
        assert_same(["a" * (HEAD + TAIL)], [largest])

    def test_of_trees(self) -> None:
        draw = np.random.default_rng(3)
        for n_lines, n_trees, depth in ((0, 4, 5), (1, 0, 5), (37, 9, 3), (64, 12, 5)):
            inner = 2**depth - 1
            trees = Trees(
                draw.integers(0, 7, (n_trees, inner), dtype=np.int16),
                draw.integers(-2, 3, (n_trees, inner)).astype(np.float32),
                draw.integers(-LARGEST, LARGEST, (n_trees, inner + 1), dtype=np.int16),
                np.zeros(4, dtype=np.float32),
            )
            # Whole numbers, so that many stand at a threshold.
            evidence = draw.integers(-3, 4, (n_lines, 7)).astype(np.float32)
            with_loops = trees.scores(evidence)
            with numpy_alone():
                assert trees.scores(evidence).tobytes() == with_loops.tobytes()


class TestStale:
    @pytest.fixture(autouse=True)
    def fresh(self) -> Iterator[None]:
        kernel.compiled.cache_clear()
        yield
        kernel.compiled.cache_clear()

    @pytest.mark.parametrize("source", [None, 1])
    def test_loops_of_another_source_are_not_used(self, source: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
        old = ModuleType("boilerplate._kernel")
        if source is not None:
            monkeypatch.setattr(old, "SOURCE", source, raising=False)
        monkeypatch.setattr(boilerplate, "_kernel", old, raising=False)
        with pytest.warns(UserWarning, match="compile them once more: pip install -e /"):
            assert boilerplate.label(HARD[-1])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert kernel.compiled() is None

    def test_those_of_this_source_are(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert kernel.compiled() is not None

    def test_without_the_source_they_are_taken_as_they_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kernel, "__file__", str(tmp_path / "kernel.py"))
        assert kernel.compiled() is not None


def test_probabilities_of_the_shipped_model_are_the_same(data_pages: list[AnnotatedPage], tmp_path: Path) -> None:
    script = (
        "import sys, boilerplate, boilerplate.kernel as kernel\n"
        "from boilerplate.corpus import read_pages\n"
        "from boilerplate.persistence import load_shipped_labeller\n"
        "texts = [page.text for page in read_pages(sys.argv[1])][::6]\n"
        "found = load_shipped_labeller().predict_proba(texts)\n"
        "open(sys.argv[2], 'wb').write(b''.join(page.tobytes() for page in found))\n"
        "print(kernel.compiled() is not None)\n"
    )
    pages = Path(__file__).parents[1] / "data" / "pages"
    written = []
    for name, value in (("with", ""), ("without", "1")):
        done = subprocess.run(
            [sys.executable, "-c", script, pages, tmp_path / name],
            env={**os.environ, kernel.SWITCH: value},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == [str(name == "with")]
        written.append((tmp_path / name).read_bytes())
    assert written[0]
    assert written[0] == written[1]


class TestBounds:
    """Arrays that do not fit each other are refused before anything is read from them."""

    BITS, WIDTH = 5, 19

    def calls(self) -> dict[str, tuple[Callable[..., Any], list[Any]]]:
        """Each function with arguments that fit."""
        assert loops is not None
        batch = read_batch(["Herons return\n\n- A heron (AP)\n", "", "one"])
        lines, tokens = batch.lines, batch.tokens
        raw = np.array([ord(char) for char in "ab\n\nc d\nx"], dtype=np.uint32)
        classes = np.full(128, 3, dtype=np.uint8)
        classes[[10, 32]] = 1
        n = lines.n_lines
        room = [np.zeros(len(lines.codes), dtype) for dtype in (np.int64, np.uint32, np.uint32, np.bool_)]
        found = [np.zeros(4, dtype=np.int64) for _ in range(8)]
        view = np.zeros(5, dtype=np.uint32), np.zeros(5, dtype=np.uint8)
        sums = np.zeros((n, len(KINDS), self.WIDTH), np.int32), np.zeros((n, len(KINDS)), np.int64)
        return {
            "find_lines": (loops.find_lines, [raw, classes, np.array([3, 1]), *found, MAX_MARKER]),
            "view_lines": (
                loops.view_lines,
                [raw, classes, np.array([0, 4]), np.array([2, 3]), np.array([0, 2, 5]), *view, HEAD],
            ),
            "count_classes": (
                loops.count_classes,
                [lines.classes, lines.starts, np.zeros((n, 20), np.int64), np.zeros((n, 4), np.int64)],
            ),
            "tokenise": (
                loops.tokenise,
                [batch.folded, lines.classes, lines.starts, np.zeros(n + 1, np.int64), *room],
            ),
            "shared_words": (
                loops.shared_words,
                [
                    *(np.array([0, 2, 1]), np.array([5, 5, 6], dtype=np.uint32), np.array([7, 8, 9])),
                    *(lines.page, lines.page_starts, np.ones(n, dtype=bool), np.zeros((n, 10), np.int64)),
                ],
            ),
            "ngram_sums": (
                loops.ngram_sums,
                [
                    *(batch.folded, lines.classes, lines.starts),
                    *(tokens.starts, tokens.hashes, tokens.shapes, tokens.is_word),
                    *(np.zeros((2**self.BITS, 32), np.int16), *sums, self.BITS),
                ],
            ),
        }

    NAMES = ("find_lines", "view_lines", "count_classes", "tokenise", "shared_words", "ngram_sums")

    @pytest.mark.parametrize("name", NAMES)
    def test_what_fits_is_taken(self, name: str) -> None:
        function, arguments = self.calls()[name]
        function(*arguments)

    # Less text and fewer pages, and any table of classes, are no mistake.
    ANY_LENGTH = (("find_lines", 0), ("find_lines", 1), ("find_lines", 2), ("view_lines", 0), ("view_lines", 1))

    @pytest.mark.parametrize("name", NAMES)
    def test_shorter_arrays_are_refused(self, name: str) -> None:
        function, arguments = self.calls()[name]
        for place, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray) and (name, place) not in self.ANY_LENGTH:
                with pytest.raises(ValueError, match="do not fit"):
                    function(*arguments[:place], argument.ravel()[:-1].copy(), *arguments[place + 1 :])

    @pytest.mark.parametrize("name", NAMES)
    def test_parts_of_numbers_are_refused(self, name: str) -> None:
        function, arguments = self.calls()[name]
        for place, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray) and argument.itemsize > 1:
                with pytest.raises(ValueError, match="do not fit"):
                    function(*arguments[:place], argument.ravel().view(np.uint8)[:-1].copy(), *arguments[place + 1 :])

    @pytest.mark.parametrize(
        ("name", "place"),
        [("view_lines", 4), ("count_classes", 1), ("tokenise", 2), ("ngram_sums", 2), ("ngram_sums", 3)],
    )
    def test_offsets_out_of_order_are_refused(self, name: str, place: int) -> None:
        function, arguments = self.calls()[name]
        starts = arguments[place]
        for at, value in ((0, 1), (0, -1), (1, 10**6), (1, -1), (len(starts) - 1, starts[-1] + 1)):
            bent = starts.copy()
            bent[at] = value
            with pytest.raises(ValueError, match="do not fit"):
                function(*arguments[:place], bent, *arguments[place + 1 :])

    @pytest.mark.parametrize(
        ("name", "place", "value"),
        [
            ("find_lines", 2, np.array([2**62, 2**62])),
            ("find_lines", 2, np.array([-1, 3])),
            ("find_lines", 11, -1),
            ("view_lines", 2, np.array([0, 8])),
            ("view_lines", 2, np.array([-1, 4])),
            ("view_lines", 3, np.array([2, 2**62])),
            ("view_lines", 3, np.array([1, 3])),
            ("view_lines", 7, -1),
            ("count_classes", 0, np.full(28, 20, dtype=np.uint8)),
            ("shared_words", 0, np.array([0, 2, 3])),
            ("shared_words", 0, np.array([0, 2, -1])),
            ("shared_words", 3, np.array([0, 0, 3])),
            ("shared_words", 3, np.array([0, 0, -1])),
            ("ngram_sums", 10, 0),
            ("ngram_sums", 10, 31),
            ("ngram_sums", 10, BITS + 1),
            ("ngram_sums", 7, np.zeros((2**BITS, 19), np.int16)),
            ("ngram_sums", 7, np.zeros((2**BITS, 16), np.int16)),
        ],
    )
    def test_values_out_of_bounds_are_refused(self, name: str, place: int, value: Any) -> None:
        function, arguments = self.calls()[name]
        with pytest.raises(ValueError, match="do not fit"):
            function(*arguments[:place], value, *arguments[place + 1 :])

    @pytest.mark.parametrize("name", NAMES)
    def test_other_arguments_are_refused(self, name: str) -> None:
        function, arguments = self.calls()[name]
        with pytest.raises(TypeError, match=f"expected {len(arguments)} arguments"):
            function(*arguments[1:])
        with pytest.raises(TypeError, match="bytes-like"):
            function("text", *arguments[1:])
        written = next(i for i in reversed(range(len(arguments))) if isinstance(arguments[i], np.ndarray))
        arguments[written].setflags(write=False)
        with pytest.raises(ValueError, match="read-only"):
            function(*arguments)
