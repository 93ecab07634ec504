"""Which rendering of HTML as lines gives the best body text after labelling, and at what cost.

Each page of ``html/pages.jsonl.gz`` is made into lines in several ways, the lines are labelled and cleaned as
`boilerplate clean` does it, and what is left is compared with the article's own text (``body``): precision, recall and
F1 of its words and of its runs of four words, as counts, averaged over the pages. trafilatura, whose output is body
text already, is compared without and with cleaning. Renderings that are best here should be what
`boilerplate.inputs.html` does; the line says which that is.

usage: python benchmarks/html_rendering.py [--shared DIR] [--pages N] [--model FILE] [--all]
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

# Before NumPy is imported.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np
from timing import machine, section, show

import boilerplate
from boilerplate.inputs.html import text_of_html

SHINGLE_WORDS: Final = 4
RESAMPLES: Final = 2_000
_WORD: Final = re.compile(r"[぀-ヿ㐀-鿿]|\w+")
"""A word, or a single character where words are not spaced."""

Render = Callable[[str], str]


def renderings(more: bool) -> dict[str, Render]:
    """Name to function of markup; with `more` also those that differ in one option that few want."""
    from resiliparse.extract.html2text import extract_plain_text

    def resiliparse(**options: Any) -> Render:
        return lambda markup: str(extract_plain_text(markup, **options))

    full: dict[str, Any] = {"main_content": False, "alt_texts": True}
    found: dict[str, Render] = {
        "the default of boilerplate": lambda markup: text_of_html(markup.encode("utf-8", "replace"), "utf-8"),
        "resiliparse, all": resiliparse(**full),
        "resiliparse, all, no alt texts": resiliparse(**full | {"alt_texts": False}),
        "resiliparse, main content": resiliparse(**full | {"main_content": True}),
        "resiliparse, main content, no alt texts": resiliparse(main_content=True, alt_texts=False),
    }
    if more:
        found |= {
            "resiliparse, all, no bullets": resiliparse(**full, list_bullets=False),
            "resiliparse, all, links": resiliparse(**full, links=True),
            "resiliparse, all, form fields": resiliparse(**full, form_fields=True),
            "resiliparse, all, noscript": resiliparse(**full, noscript=True),
            "resiliparse, all but nav, aside, footer": resiliparse(**full, skip_elements=["nav", "aside", "footer"]),
            "resiliparse, all, no formatting": resiliparse(**full, preserve_formatting=False),
            "resiliparse, main content, no bullets": resiliparse(main_content=True, alt_texts=True, list_bullets=False),
            "resiliparse, main content, no comments": resiliparse(main_content=True, alt_texts=True, comments=False),
        }
    return found


def trafilatura_renderings() -> dict[str, Render]:
    """Trafilatura with its defaults and with those for more text."""
    from trafilatura import extract

    def by_trafilatura(markup: str, **options: Any) -> str:
        return extract(markup, **options) or ""

    return {
        "trafilatura": by_trafilatura,
        "trafilatura, favour recall": partial(by_trafilatura, favor_recall=True),
    }


def words(text: str) -> list[str]:
    """The words of a text, in order, without their case."""
    return _WORD.findall(text.casefold())


def shingles(found: list[str]) -> Counter[tuple[str, ...]]:
    """Runs of words, counted."""
    return Counter(zip(*(found[start:] for start in range(SHINGLE_WORDS)), strict=False))


def overlap(got: Counter[Any], wanted: Counter[Any]) -> tuple[float, float, float]:
    """Precision, recall and F1 of one bag against another."""
    both = (got & wanted).total()
    precision = both / got.total() if got else 0.0
    recall = both / wanted.total() if wanted else 1.0
    return precision, recall, 2 * precision * recall / (precision + recall) if both else 0.0


@dataclass
class Result:
    """What one way gives on all pages."""

    scores: np.ndarray
    """Shape (n_pages, 6): precision, recall and F1 of words, then of runs of words."""
    render_us: float
    clean_us: float

    def row(self, name: str, groups: list[str]) -> list[str]:
        """A row of the table."""
        low, high = interval(self.scores[:, 5], groups)
        means = [f"{value:.3f}" for value in self.scores.mean(axis=0)]
        return [
            name,
            *means[:5],
            f"{means[5]} ({low:.3f} to {high:.3f})",
            f"{self.render_us:,.0f}",
            f"{self.clean_us:,.0f}",
        ]


def interval(values: np.ndarray, groups: Iterable[str]) -> tuple[float, float]:
    """A 95 % bootstrap interval of a mean, over sites."""
    rng = np.random.default_rng(0)
    names = sorted(set(groups))
    by_site = [values[[group == name for group in groups]] for name in names]
    sums = np.array([part.sum() for part in by_site])
    sizes = np.array([len(part) for part in by_site])
    drawn = rng.integers(len(names), size=(RESAMPLES, len(names)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def measure(pages: list[dict[str, str]], render: Render, clean: Callable[[str], str] | None) -> Result:
    """Render all pages, clean them if wanted, and compare them with their article."""
    begin = time.process_time()
    texts = [render(page["html"]) for page in pages]
    rendered = time.process_time()
    bodies = [clean(text) for text in texts] if clean else texts
    cleaned = time.process_time()
    scores = []
    for page, body in zip(pages, bodies, strict=True):
        got, wanted = words(body), words(page["body"])
        scores.append([*overlap(Counter(got), Counter(wanted)), *overlap(shingles(got), shingles(wanted))])
    per_page = 1e6 / len(pages)
    return Result(np.array(scores), (rendered - begin) * per_page, (cleaned - rendered) * per_page)


def main() -> int:
    """Measure all ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder with html/pages.jsonl.gz")
    parser.add_argument("--pages", type=int, help="only so many pages")
    parser.add_argument("--model", help="model file; the shipped model by default")
    parser.add_argument("--all", action="store_true", help="also options that change little")
    arguments = parser.parse_args()
    file = arguments.shared / "html" / "pages.jsonl.gz"
    if not file.exists():
        print(f"{file}: no such file; name the folder by --shared", file=sys.stderr)
        return 2
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        pages = [json.loads(row) for row in itertools.islice(rows, arguments.pages)]
    model = boilerplate.load(arguments.model)
    model.clean("warm up")
    groups = [page["site"] for page in pages]
    section("HTML to body text", f"{len(pages)} pages of {len(set(groups))} sites. {machine()}")
    rows = []
    most_probable = partial(model.clean, body_recall=None)
    for name, render in trafilatura_renderings().items():
        rows.append(measure(pages, render, None).row(name, groups))
        rows.append(measure(pages, render, model.clean).row(f"{name} → clean", groups))
    for name, render in renderings(arguments.all).items():
        rows.append(measure(pages, render, None).row(name, groups))
        rows.append(measure(pages, render, model.clean).row(f"{name} → clean", groups))
        rows.append(measure(pages, render, most_probable).row(f"{name} → most probable", groups))
    header = ["way", "words P", "words R", "words F1", "4-grams P", "4-grams R", "4-grams F1", "render µs", "clean µs"]
    show(header, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
