"""How long an evaluation of many pages takes, with its report, and how large the report gets.

usage: python benchmarks/report.py [--pages N] [--corpus DIR] [--model FILE] [--baseline FILE]

The pages are those of `data/`, repeated under other names and sites, so that the sites are as many as the pages; with
``--corpus`` those of the shared corpus, whose errors are more. One core. Exit code 1 says that a bar was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Final

from accuracy import one_core
from timing import Bars, console, machine, section, show

from boilerplate.cli import main as boilerplate
from boilerplate.corpus import AnnotatedPage, read_pages, write_json_lines
from boilerplate.errors import BoilerplateError

HERE: Final = Path(__file__).resolve().parent
DATA: Final = HERE.parent / "data" / "pages"
PAGES: Final = 1000
BAR_SECONDS: Final = 60
"""For 1,000 pages: the bar is this share of them for fewer."""
BAR_MEGABYTES: Final = 5


def repeated(pages: Sequence[AnnotatedPage], wanted: int) -> list[AnnotatedPage]:
    """As many pages as wanted, repeated under other names and sites."""
    turns = (
        replace(page, id=f"{page.id}-{turn}" if turn else page.id, site=f"{turn}.{page.group}" if turn else page.site)
        for turn in count()
        for page in pages
    )
    return list(islice(turns, wanted))


def evaluate(arguments: Sequence[str]) -> float:
    """Run ``boilerplate evaluate`` here, its output dropped; seconds of waiting.

    Raises
    ------
    BoilerplateError
        If it fails.
    """
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        try:
            boilerplate(["evaluate", *arguments])
        except SystemExit as end:
            if end.code:
                raise BoilerplateError(f"boilerplate evaluate: exit code {end.code}") from None
    return time.perf_counter() - start


def run(options: argparse.Namespace) -> int:
    """Measure, print, judge; the exit code."""
    source = DATA if options.corpus is None else options.corpus / "dev.jsonl.gz"
    pages = repeated(list(read_pages(source)), options.pages)
    model = [] if options.model is None else ["--model", str(options.model)]
    lines = sum(len(page.labels) for page in pages)
    bars = Bars()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data, report = Path(folder) / "pages.jsonl", Path(folder) / "report.html"
        write_json_lines(pages, data)
        for what, extra in (
            ("evaluation", []),
            ("with report", ["--report", str(report)]),
            ("with report and baseline", ["--report", str(report), "--baseline", str(options.baseline)]),
        ):
            if what.endswith("baseline") and options.baseline is None:
                continue
            seconds = evaluate([str(data), *model, *extra])
            megabytes = report.stat().st_size / 1e6 if report.exists() else 0.0
            rows.append((what, f"{seconds:.1f}", f"{megabytes:.2f}" if megabytes else ""))
            if megabytes:
                bars.takes_at_most(
                    f"{len(pages):,} pages, {what}", seconds, BAR_SECONDS * len(pages) / PAGES, "{:.1f} s"
                )
                bars.at_most(f"file, {what}", megabytes, BAR_MEGABYTES, "{:.2f} MB")
    section(f"Evaluation of {len(pages):,} pages, {lines:,} lines", machine())
    show(["command", "seconds", "report, MB"], rows)
    return bars.report()


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=PAGES, help="pages to evaluate (%(default)s)")
    parser.add_argument("--corpus", type=Path, help="folder of the shared corpus, instead of data/")
    parser.add_argument("--model", type=Path, help="model file; by default the shipped model")
    parser.add_argument("--baseline", type=Path, help="also compare with this model file")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    options = parse(arguments)
    try:
        with one_core():
            return run(options)
    except BoilerplateError as error:
        console.print(f"report.py: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
