"""A page's probabilities are its own, to the last bit: whatever is labelled with it, on however many threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from commands import PATIENCE
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import page_texts
from threadpoolctl import threadpool_info, threadpool_limits

from boilerplate.corpus import AnnotatedPage
from boilerplate.evidence.assembly import BATCH_LINES, batches
from boilerplate.model import LineClassifier
from boilerplate.persistence import save_model

Pages = list[NDArray[np.float64]]


def bits(pages: Iterable[NDArray[np.float64]]) -> list[bytes]:
    """The bits of each page's probabilities."""
    return [page.tobytes() for page in pages]


@pytest.fixture(scope="module")
def texts(data_pages: list[AnnotatedPage]) -> list[str]:
    """Pages of more than two batches, among them some that break parsers."""
    found = [page.text for page in data_pages[::2]]
    found[5:5] = ["", "one line", "\n \n", "\x00\n\ufeff\n\ud800", "x" * 100_000, "- \n* \n•   a"]
    assert len(batches(found)) > 2
    return found


@pytest.fixture(scope="module")
def together(model: LineClassifier, texts: list[str]) -> Pages:
    """Probabilities of all pages, labelled in one go."""
    return model.predict_proba(texts)


def test_pages_are_the_same_alone(model: LineClassifier, texts: list[str], together: Pages) -> None:
    # Every fourth page, those around the borders of batches, and the odd ones.
    ends = np.cumsum([len(part) for part in batches(texts)])
    chosen = sorted({*range(0, len(texts), 4), *ends[:-1].tolist(), *(ends - 1).tolist(), *range(5, 11)})
    assert bits(together[page] for page in chosen) == bits(model.predict_proba([texts[page]])[0] for page in chosen)


def test_pages_are_the_same_in_any_order(model: LineClassifier, texts: list[str], together: Pages) -> None:
    assert bits(model.predict_proba(texts[::-1])) == bits(together[::-1])
    order = np.random.default_rng(1).permutation(len(texts))
    assert bits(model.predict_proba([texts[page] for page in order])) == bits(together[page] for page in order)


def test_pages_are_the_same_from_any_sequence(model: LineClassifier, texts: list[str], together: Pages) -> None:
    assert bits(model.predict_proba(np.array(texts[:20], dtype=object))) == bits(together[:20])
    assert bits(model.predict_proba(tuple(texts[:20]))) == bits(together[:20])


@pytest.mark.parametrize("lines_before", [BATCH_LINES - 30, BATCH_LINES - 1, BATCH_LINES, 1])
def test_pages_are_the_same_wherever_batches_end(
    model: LineClassifier, texts: list[str], together: Pages, lines_before: int
) -> None:
    # The first page ends the first batch, or leaves little room in it.
    long_page = "a heron\n" * (lines_before - 1) + "a heron"
    few = texts[:12]
    assert len(batches([long_page, *few])) == (1 if lines_before == 1 else 2)
    found = model.predict_proba([long_page, *few])
    assert bits(found[1:]) == bits(together[:12])
    assert bits(found[:1]) == bits(model.predict_proba([long_page]))


@given(st.lists(page_texts, max_size=3), st.lists(page_texts, max_size=3), page_texts)
@settings(max_examples=40)
def test_any_page_is_the_same_among_any_others(
    model: LineClassifier, before: list[str], after: list[str], text: str
) -> None:
    found = model.predict_proba([*before, text, *after])
    assert bits([found[len(before)]]) == bits(model.predict_proba([text]))


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_matter(model: LineClassifier, texts: list[str], together: Pages, threads: int) -> None:
    with threadpool_limits(threads):
        assert {pool["num_threads"] for pool in threadpool_info()} == {threads}
        assert bits(model.predict_proba(texts)) == bits(together)
        assert bits(model.predict_proba([texts[0]])) == bits(together[:1])


SCRIPT = """
import hashlib, locale, sys
import boilerplate
from boilerplate.corpus import read_pages
locale.setlocale(locale.LC_ALL, "")
texts = [page.text for page in read_pages(sys.argv[2])]
found = boilerplate.load(sys.argv[1]).predict_proba(texts)
print(hashlib.sha256(b"".join(page.tobytes() for page in found)).hexdigest(), hash("heron"))
"""


def test_another_process_labels_the_same(
    model: LineClassifier, data_pages: list[AnnotatedPage], tmp_path: Path
) -> None:
    path = tmp_path / "model.joblib"
    save_model(model, path)
    expected = hashlib.sha256(b"".join(bits(model.predict_proba([page.text for page in data_pages])))).hexdigest()
    folder = Path(__file__).parents[1] / "data" / "pages"
    environments = [
        {"LC_ALL": "C", "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
        {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "2", "PYTHONUTF8": "1"},
    ]
    # Both at the same time.
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, path, folder],
            env={**os.environ, **environment},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]
    shown = [process.communicate(timeout=PATIENCE)[0].split() for process in processes]
    assert [digest for digest, _ in shown] == [expected] * 2
    assert shown[0][1] != shown[1][1], "strings have other hashes"
