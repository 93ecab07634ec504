"""Measure what cleaning does to the text that extractors print: precision, recall and F1 of the article's body.

First, the texts are the scrapes of the shared corpus's dev part as they came, and gold is what each scrape itself holds
of the body, as its labels say: recall before cleaning is 1. Then extractors run here and now on HTML pages, and gold is
the publisher's own article text: what the extractor lost counts, too.

Both are measured in two ways. *Characters*: words of the text are matched with words of the gold text in order (longest
common subsequence), each counted with its letters, which is hard on text out of place. *Shingles*: runs of four words,
each as often as it stands there, in any order, as in the article extraction benchmark of Scrapinghub (2020). Scores
are means over pages. The intervals are paired: the same resampled sites before and after.

usage: python benchmarks/extraction.py [--shared DIR] [--model FILE] [--limit PAGES] [--write]

Exit codes: 0 done, 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

import boilerplate
from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import BoilerplateError, InputError
from boilerplate.files import written_whole

DOCUMENT: Final = Path(__file__).resolve().parents[1] / "docs" / "extraction.md"
BEGIN: Final = "<!-- extraction -->"
END: Final = "<!-- /extraction -->"

FOREIGN: Final = "+foreign"
"""Ends the ids of scrapes into which captions in another language were set."""
SHINGLE: Final = 4
RESAMPLES: Final = 2000
DIGITS: Final = 3

_UNSPACED: Final = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
"""Words; in scripts that put no space between them, characters."""


class Score(NamedTuple):
    """How well a text matches gold."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Sample:
    """A text, what it should hold, and where it comes from."""

    site: str
    text: str
    gold: str


@dataclass(frozen=True)
class Row:
    """One system: scores of each page, before and after cleaning."""

    name: str
    characters: NDArray[np.float64]
    """Shape (n_pages, 2, 3): before and after; precision, recall, F1."""
    shingles: NDArray[np.float64]
    sites: list[str]


def words(text: str) -> list[str]:
    """The words of a text, letters and digits only, in lower case."""
    return _WORD.findall(text.casefold())


def score(hits: float, found: float, wanted: float) -> Score:
    """Precision, recall and F1 from amounts; nothing found of something wanted is 0 throughout."""
    precision = hits / found if found else 0.0
    recall = hits / wanted if wanted else 0.0
    return Score(precision, recall, 2 * hits / (found + wanted) if found + wanted else 0.0)


def score_characters(text: Sequence[str], gold: Sequence[str]) -> Score:
    """Score by characters of the words that the longest common subsequence of words matches.

    Parameters
    ----------
    text, gold : sequence of str
        Words.

    Returns
    -------
    Score
    """
    from rapidfuzz.distance import LCSseq

    blocks = LCSseq.opcodes(text, gold)
    hits = sum(len(word) for block in blocks if block.tag == "equal" for word in text[block.src_start : block.src_end])
    return score(hits, sum(map(len, text)), sum(map(len, gold)))


def score_shingles(text: Sequence[str], gold: Sequence[str]) -> Score:
    """Score by runs of four words, each counted as often as it occurs.

    Parameters
    ----------
    text, gold : sequence of str
        Words; fewer than four are one run.

    Returns
    -------
    Score
    """
    found, wanted = shingles(text), shingles(gold)
    return score((found & wanted).total(), found.total(), wanted.total())


def shingles(text: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Runs of four words and how often each occurs."""
    starts = range(max(len(text) - SHINGLE + 1, min(len(text), 1)))
    return Counter(tuple(text[start : start + SHINGLE]) for start in starts)


def measure(name: str, samples: Sequence[Sample], clean: Callable[[str], str]) -> Row:
    """Score each text before and after cleaning.

    Parameters
    ----------
    name : str
    samples : sequence of Sample
        At least one, each with gold.
    clean : callable

    Returns
    -------
    Row
    """
    by_characters, by_shingles = [], []
    for sample in samples:
        gold = words(sample.gold)
        texts = [words(sample.text), words(clean(sample.text))]
        by_characters.append([score_characters(text, gold) for text in texts])
        by_shingles.append([score_shingles(text, gold) for text in texts])
    return Row(name, np.array(by_characters), np.array(by_shingles), [sample.site for sample in samples])


def change_interval(changes: NDArray[np.float64], sites: Sequence[str], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean change, by a bootstrap over sites.

    Parameters
    ----------
    changes : float array of shape (n_pages,)
        After minus before, which makes the comparison a paired one.
    sites : sequence of str, length n_pages
        Pages of one site are drawn together.
    seed : int

    Returns
    -------
    low, high : float
        NaN with fewer than two sites.
    """
    names, site = np.unique(np.asarray(sites), return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    sums, counts = np.bincount(site, weights=changes), np.bincount(site)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    low, high = np.quantile(drawn @ sums / (drawn @ counts), [0.025, 0.975])
    return float(low), float(high)


def corpus_samples(pages: Iterable[AnnotatedPage]) -> dict[str, list[Sample]]:
    """The scrapes of each scraper, with what they hold of the body.

    Parameters
    ----------
    pages : iterable of AnnotatedPage
        Of extractors' output only scrapes whose labels were checked by reading count; dumps of whole pages have none.

    Returns
    -------
    dict of str to list of Sample
        Scrapes with captions set in come last, under a name of their own.
    """
    grouped: dict[str, list[Sample]] = {}
    apart: list[Sample] = []
    for page in pages:
        scraper = str(page.extra.get("scraper"))
        dump = scraper.endswith("-full")
        gold = "\n".join(line for (_, line), label in zip(page.lines(), page.labels, strict=True) if label == "body")
        if not words(gold) or not (dump or page.extra.get("reviewed") is True):
            continue
        sample = Sample(page.group, page.text, gold)
        name = scraper.replace("-full", ", whole page")
        (apart if page.id.endswith(FOREIGN) else grouped.setdefault(name, [])).append(sample)
    ordered = dict(sorted(grouped.items(), key=lambda item: ("whole" in item[0], item[0])))
    return {**ordered, "all four, foreign captions set in": apart} if apart else ordered


def extracted_samples(html: Sequence[dict[str, str]]) -> Iterator[tuple[str, list[Sample]]]:
    """What each extractor prints of the HTML pages; if it fails on one, that text is empty, and a line says so."""
    from extractors import article_extractors, page_dumps

    # Libraries complain of pages, and of what they could do besides.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    for name, extract in {**article_extractors(), **page_dumps()}.items():
        samples = []
        for page in html:
            try:
                text = extract(page)
            except Exception as error:  # whatever a library may raise is its answer to this page
                print(f"extraction.py: {name} failed on {page['id']}: {error}", file=sys.stderr)
                text = ""
            samples.append(Sample(page["site"] or page["id"], text, page["body"]))
        yield name, samples


def tables(title: str, first: str, rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: a heading, and for each way of measuring a table of scores before and after."""
    yield f"### {title}"
    for unit in ("characters", "shingles"):
        yield f"By {unit}:"
        yield table(first, [(row, getattr(row, unit)) for row in rows])


def table(first: str, rows: Sequence[tuple[Row, NDArray[np.float64]]]) -> str:
    """Scores before and after cleaning, and the change of F1 with its interval."""
    lines = [f"| {first} | pages | precision | recall | F1 | change of F1 (95 %) |", "| --- |" + " ---: |" * 5]
    for row, scores in rows:
        before, after = scores.mean(axis=0)
        changes = scores[:, 1, 2] - scores[:, 0, 2]
        low, high = change_interval(changes, row.sites)
        cells = [
            row.name,
            f"{len(row.sites):,}",
            *(f"{old:.{DIGITS}f} → {new:.{DIGITS}f}" for old, new in zip(before, after, strict=True)),
            f"{changes.mean():+.{DIGITS}f} ({low:+.{DIGITS}f} to {high:+.{DIGITS}f})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def read_html(path: Path) -> list[dict[str, str]]:
    """HTML pages with their gold text.

    Raises
    ------
    InputError
    """
    if not path.is_file():
        raise InputError(path, "no such file; name the shared folder by --shared")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [page for page in map(json.loads, file) if words(page["body"])]


def report(shared: Path, model: Any, limit: int | None) -> Iterator[str]:
    """The blocks of the report in Markdown."""
    tell("labelled scrapes")
    samples = corpus_samples(read_pages(shared / "corpus" / "dev.jsonl.gz"))
    scrapes = [measure(name, each[:limit], model.clean) for name, each in samples.items()]
    yield from tables("Scrapes of the corpus, gold from their labels", "scraper", scrapes)
    html = read_html(shared / "html" / "pages.jsonl.gz")[:limit]
    extracted = []
    for name, each in extracted_samples(html):
        tell(name)
        extracted.append(measure(name, each, model.clean))
    yield from tables("Extractors run on HTML, gold from the publishers", "extractor", extracted)


def tell(step: str) -> None:
    """Show the step at hand on a terminal."""
    if sys.stderr.isatty():
        print(f"extraction.py: {step} …", file=sys.stderr)


def with_tables(document: str, new: str) -> str:
    """A document with other text between its markers.

    Raises
    ------
    ValueError
        If the markers are missing.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the markers {BEGIN} and {END} are missing")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder with corpus/ and html/")
    parser.add_argument("--model", type=Path, help="model file; by default the shipped model")
    parser.add_argument("--limit", type=int, metavar="PAGES", help="first so many pages of each row only")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {DOCUMENT.name} as well")
    options = parser.parse_args(arguments)
    try:
        blocks = "\n\n".join(report(options.shared, boilerplate.load(options.model), options.limit))
        if options.write:
            document = with_tables(DOCUMENT.read_text(encoding="utf-8"), blocks)
            with written_whole(DOCUMENT) as file:
                file.write(document.encode("utf-8"))
    except (BoilerplateError, ValueError) as error:
        print(f"extraction.py: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"extraction.py: {error.name} is missing; pip install -e '.[bench]'", file=sys.stderr)
        return 2
    print(blocks)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
