"""How fast lines are labelled, in how much memory, and against what; each bar with its figure.

Our model, a plain scikit-learn pipeline and fastText label the same lines of dev; jusText, trafilatura and resiliparse
extract text from HTML pages, and our model labels what they print. One core and one thread for everything; after a
warm-up the systems take turns, and the median counts. Throughput is CPU time of the whole process, so that other work
on the machine tells less and hidden threads count; one page and cold start are wall-clock time.

usage: python benchmarks/speed.py [--shared DIR] [--repeats N] [--fasttext-python PATH] [--smoke]

Exit codes: 0 every bar is reached, 1 a bar was missed, 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Before NumPy is imported, here and in the processes started from here.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

from peers import extractors, fasttext_tasks
from timing import Bars, console, cpu, interleave, machine, rates, report_slope, run, section, show, wall

import boilerplate
from boilerplate import kernel
from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import BoilerplateError
from boilerplate.pages import labelled_lines
from boilerplate.persistence import shipped_path

SMOKE_SLACK: Final = 3.0
"""With ``--smoke``, which may share its machine with others and labels few pages, speed may be this many times worse
than its bar. What is left of a bar finds a mistake, not a busy neighbour."""
BAR_LINES_PER_SECOND: Final = 40_000
BAR_TIMES_PIPELINE: Final = 25
BAR_PAGE_MS: Final = 3.0
BAR_COLD_START: Final = 1.2
BAR_RSS_MB: Final = 300
BAR_MODEL_MB: Final = 8.0

PAGE_LINES: Final = range(36, 45)
"""What counts as a page of about 40 lines."""
GROWTH_PAGES: Final = (1, 10, 100, 1_000, 10_000)
GROWTH_CHARACTERS: Final = (10, 100, 1_000, 10_000, 100_000)
LINES_OF_A_LENGTH: Final = 10
SMOKE_STEP: Final = 10
"""With ``--smoke`` every tenth page counts."""
COMPARED_LINES: Final = 40_000
TRAINING_LINES: Final = 20_000
"""Enough to fill the vocabularies of the trained peers, which is what their speed depends on."""

MEMORY_PROBE: Final = """
import itertools, resource, sys
from pathlib import Path
import boilerplate
from boilerplate.corpus import read_pages
model = boilerplate.load()
texts = (page.text for page in itertools.islice(read_pages(sys.argv[1]), 0, None, int(sys.argv[2])))
while chunk := list(itertools.islice(texts, 100)):
    model.predict(chunk)
try:  # getrusage would count what the starting process had when it forked
    status = Path("/proc/self/status").read_text()
    print(int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024)
except OSError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
"""
START_PROBE: Final = """
import sys, time
begin = time.perf_counter()
import boilerplate
from boilerplate.persistence import load_shipped_labeller
imported = time.perf_counter()
model = load_shipped_labeller()
loaded = time.perf_counter()
with open(sys.argv[1], encoding="utf-8") as file:
    model.clean(file.read())
print(imported - begin, loaded - imported, time.perf_counter() - loaded)
"""


@dataclass(frozen=True)
class Pages:
    """What is labelled and what the peers learn from."""

    dev_path: Path
    dev: list[AnnotatedPage]
    train: list[AnnotatedPage]
    html: list[dict[str, str]]
    real: bool

    @property
    def extracted(self) -> list[str]:
        """Texts of the reviewed scrapes, which are extractors' output; of all pages where none is marked so."""
        marked = [page.text for page in self.dev if page.extra.get("reviewed") is True]
        return marked or [page.text for page in self.dev]


def read_data(shared: Path) -> Pages:
    """Dev, train and HTML of the shared folder, or the pages of this repository in place of the first two.

    Parameters
    ----------
    shared : Path

    Returns
    -------
    Pages
    """
    dev = shared / "corpus" / "dev.jsonl.gz"
    if not dev.exists():
        console.print(f"{dev} is not here: the pages of data/ stand in for it, and HTML is left out.\n", soft_wrap=True)
        folder = Path(__file__).parent.parent / "data" / "pages"
        pages = list(read_pages(folder))
        return Pages(folder, pages, pages, [], real=False)
    train = [page for page in read_pages(shared / "corpus" / "train.jsonl.gz") if page.extra.get("reviewed") is True]
    html = shared / "html" / "pages.jsonl.gz"
    if not html.exists():
        console.print(f"{html} is not here: HTML is left out.\n", soft_wrap=True)
        return Pages(dev, list(read_pages(dev)), train, [], real=True)
    with gzip.open(html, "rt", encoding="utf-8") as file:
        return Pages(dev, list(read_pages(dev)), train, [json.loads(line) for line in file], real=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge; the exit code."""
    options = parse(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    bars = Bars(SMOKE_SLACK if options.smoke else 1.0)
    try:
        pages = read_data(options.shared)
        console.print(machine(), soft_wrap=True)
        measure(pages, options, bars)
    except BoilerplateError as error:
        print(f"speed.py: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"speed.py: {error.name} is missing; pip install -e '.[bench]'", file=sys.stderr)
        return 2
    return bars.report()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder with corpus/ and html/")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs, of which the median counts (%(default)s)")
    parser.add_argument("--fasttext-python", help="a Python that has fasttext or fasttext-wheel; see benchmarks/README")
    parser.add_argument("--smoke", action="store_true", help="most bars, with slack, on a part of the pages")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats: at least 1")
    return options


def measure(pages: Pages, options: argparse.Namespace, bars: Bars) -> None:
    """All sections, or with ``--smoke`` those whose bars a part of the pages can tell."""
    step = SMOKE_STEP if options.smoke and pages.real else 1
    repeats = min(options.repeats, 3) if options.smoke else options.repeats
    texts = [page.text for page in pages.dev[::step]]
    batches(pages, texts, step, repeats, bars)
    if not options.smoke:
        # A pipeline trained on few lines has a small vocabulary and is faster than it would be: no fair comparison.
        same_lines(pages, options, repeats, bars)
    if pages.html and not options.smoke:
        same_pages(pages.html, repeats)
    one_page(pages, repeats, bars)
    if not options.smoke:
        growth_with_pages([page.text for page in pages.dev], repeats, bars)
    growth_with_length(pages, repeats, bars)
    memory_and_files(pages.dev_path, step, bars)


def batches(pages: Pages, texts: list[str], step: int, repeats: int, bars: Bars) -> None:
    """Many pages in one call."""
    model = boilerplate.load()
    model.predict(texts[:20])
    name = f"{scope(step)} of {'dev' if pages.real else 'data/'}"
    parts = {name: texts}
    if pages.real:
        parts["reviewed extractor pages alone"] = pages.extracted[::step]
    tasks = {key: cpu(model.predict, part) for key, part in parts.items()}
    if kernel.compiled():
        key, part = list(parts.items())[-1]
        slower = f"{key}, without compiled loops"
        parts[slower], tasks[slower] = part, cpu(without_compiled_loops, model.predict, part)
    seconds = interleave(tasks, repeats)
    section("Batches", "Our model, all pages in one call.")
    rows = []
    for key, part in parts.items():
        lines = count_lines(part)
        rows.append((key, f"{len(part):,}", f"{lines:,}", *rates(seconds[key], lines)))
    show(["pages", "number", "lines", "lines/s", "µs per line"], rows)
    bars.at_least(f"lines per second, {name}", count_lines(texts) / seconds[name], BAR_LINES_PER_SECOND)


def without_compiled_loops(function: Callable[..., object], *arguments: object) -> None:
    """Call something that is to use NumPy alone."""
    os.environ[kernel.SWITCH] = "1"
    kernel.compiled.cache_clear()
    try:
        function(*arguments)
    finally:
        del os.environ[kernel.SWITCH]
        kernel.compiled.cache_clear()


def same_lines(pages: Pages, options: argparse.Namespace, repeats: int, bars: Bars) -> None:
    """Ours against classifiers of single lines, on a part of dev."""
    from baselines import CharacterTfidf

    texts = [page.text for page in sample(pages.dev, COMPARED_LINES)]
    train = sample(pages.train, TRAINING_LINES)
    pipeline = CharacterTfidf().fit([p.text for p in train], [p.labels for p in train], [p.group for p in train])
    model = boilerplate.load()
    tasks = {"boilerplate": cpu(model.predict, texts), "tf-idf + logistic regression": cpu(pipeline.predict, texts)}
    pipeline.predict(texts[:10])
    lines = count_lines(texts)
    learnt = f"{sum(len(page.labels) for page in train):,} lines"
    with ExitStack() as stack:
        tasks |= fasttext_tasks(options.fasttext_python, train, texts, stack)
        seconds = interleave(tasks, repeats)
    ours = seconds["boilerplate"]
    size = len(pipeline.pipeline_[0].vocabulary_)
    section(
        "The same lines",
        f"{len(texts):,} pages, {lines:,} lines. The peers, which see a line alone, were trained on {learnt}; "
        f"tf-idf has {size:,} n-grams.",
    )
    rows = [(name, *rates(value, lines), f"{value / ours:.1f}") for name, value in seconds.items()]
    show(["system", "lines/s", "µs per line", "times our time"], rows)
    bars.at_least(
        "times the speed of tf-idf + logistic regression",
        seconds["tf-idf + logistic regression"] / ours,
        BAR_TIMES_PIPELINE,
        "{:.1f}",
    )


def same_pages(html: Sequence[dict[str, str]], repeats: int) -> None:
    """Extractors on HTML, ours on what they print."""
    model = boilerplate.load()
    tasks, outputs = {}, {}
    for name, extract in extractors().items():
        outputs[name] = [extract(page) for page in html]
        tasks[name] = cpu(lambda extract=extract: [extract(page) for page in html])
        tasks[f"ours on {name}"] = cpu(model.predict, outputs[name])
    seconds = interleave(tasks, repeats)
    size = sum(len(page["html"]) for page in html) / len(html) / 1000
    section(
        "The same pages", f"{len(html)} pages of HTML, {size:,.0f} thousand characters on average; lines as printed."
    )
    rows = []
    for name, texts in outputs.items():
        lines, theirs, ours = count_lines(texts), seconds[name], seconds[f"ours on {name}"]
        milliseconds = (f"{1000 * value / len(html):.2f}" for value in (theirs, ours))
        rows.append((name, f"{lines:,}", *rates(theirs, lines), *rates(ours, lines), *milliseconds))
    show(
        [
            "extractor",
            "lines",
            "lines/s",
            "µs per line",
            "ours: lines/s",
            "ours: µs per line",
            "ms per page",
            "ours: ms",
        ],
        rows,
    )


def one_page(pages: Pages, repeats: int, bars: Bars) -> None:
    """One page in a call, and the whole command from a cold start."""
    texts = [page.text for page in pages.dev if len(page.labels) in PAGE_LINES]
    texts = texts[:: max(1, len(texts) // 40)]
    model = boilerplate.load()
    milliseconds = {
        clock: [
            1000 * seconds
            for seconds in interleave(
                {str(number): clock(model.predict, [text]) for number, text in enumerate(texts)}, repeats + 1
            ).values()
        ]
        for clock in (wall, cpu)
    }
    median = statistics.median(milliseconds[wall])
    section("One page", f"{len(texts)} pages of {PAGE_LINES[0]} to {PAGE_LINES[-1]} lines, one in a call; wall-clock.")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.txt")
        page.write_text(texts[0], encoding="utf-8")
        entry = Path(sys.executable).with_name("boilerplate")
        command = [str(entry)] if entry.exists() else [sys.executable, "-m", "boilerplate"]
        starts = {"python": [sys.executable, "-c", ""], "clean": [*command, "clean", str(page)]}
        seconds = interleave({name: wall(run, words) for name, words in starts.items()}, repeats)
        probes = [run([sys.executable, "-c", START_PROBE, str(page)]).split() for _ in range(repeats)]
    imported, loaded, labelled = (statistics.median(map(float, part)) for part in zip(*probes, strict=True))
    rows = [
        ("a page after loading, median", f"{median:.2f} ms"),
        ("the same in CPU time", f"{statistics.median(milliseconds[cpu]):.2f} ms"),
        ("a page after loading, slowest", f"{max(milliseconds[wall]):.2f} ms"),
        ("cold start: boilerplate clean page.txt", f"{seconds['clean']:.2f} s"),
        ("of that Python itself", f"{seconds['python']:.2f} s"),
        ("import of what labels", f"{imported:.2f} s"),
        ("loading the model", f"{loaded:.2f} s"),
        ("the first page", f"{1000 * labelled:.1f} ms"),
    ]
    show(["what", "time"], rows)
    bars.takes_at_most("milliseconds for a page of 40 lines", median, BAR_PAGE_MS, "{:.2f}")
    bars.at_most("seconds from a cold start", seconds["clean"], BAR_COLD_START, "{:.2f}")


def growth_with_pages(texts: Sequence[str], repeats: int, bars: Bars) -> None:
    """From one page to ten thousand."""
    model = boilerplate.load()
    ordered = random.Random(0).sample(texts, len(texts))
    rows, points = [], []
    for number in GROWTH_PAGES:
        part = [rotate(ordered[i % len(ordered)], i // len(ordered)) for i in range(number)]
        lines = count_lines(part)
        task = cpu(model.predict, part)
        seconds = statistics.median(task() for _ in range(repeats if number <= len(texts) else 1))
        points.append((lines, seconds))
        rows.append((f"{number:,}", f"{lines:,}", f"{seconds:.3f}", f"{1e6 * seconds / lines:.1f}"))
    section(
        "Growth with pages",
        f"Pages in random order, in one call; after all {len(texts):,} again, with the words of each line rotated, so "
        "that remembering lines does not help.",
    )
    show(["pages", "lines", "seconds", "µs per line"], rows)
    report_slope("time by lines of many pages", points, bars)


def growth_with_length(pages: Pages, repeats: int, bars: Bars) -> None:
    """From lines of 10 characters to lines of 100,000, of words and without a space."""
    model = boilerplate.load()
    prose = " ".join(" ".join(text.split()) for text in pages.extracted)
    kinds = {"words": prose, "one word": prose.replace(" ", "")}
    seconds: dict[str, list[float]] = {}
    for kind, source in kinds.items():
        made = (page_of_lines(source, length) for length in GROWTH_CHARACTERS)
        tasks = {str(len(text)): cpu(model.predict, [text]) for text in made}
        seconds[kind] = list(interleave(tasks, repeats + 1).values())
    section("Growth with line length", f"A page of {LINES_OF_A_LENGTH} lines.")
    rows = []
    for number, length in enumerate(GROWTH_CHARACTERS):
        characters = length * LINES_OF_A_LENGTH
        cells = (
            (f"{1000 * times[number]:,.2f}", f"{1e9 * times[number] / characters:,.0f}") for times in seconds.values()
        )
        rows.append((f"{length:,}", *(cell for pair in cells for cell in pair)))
    show(["characters a line", *(f"{kind}: {unit}" for kind in kinds for unit in ("ms", "ns per character"))], rows)
    for kind, times in seconds.items():
        report_slope(f"time by length of a line, {kind}", list(zip(GROWTH_CHARACTERS, times, strict=True)), bars)


def memory_and_files(path: Path, step: int, bars: Bars) -> None:
    """Peak memory of a fresh process that labels the pages, and the model's size."""
    memory = float(run([sys.executable, "-c", MEMORY_PROBE, str(path), str(step)]))
    model = os.path.getsize(str(shipped_path())) / 1e6
    bars.at_most(
        f"MB of memory at most, labelling {scope(step)} of the pages by hundreds", memory, BAR_RSS_MB, "{:.0f}"
    )
    bars.at_most("MB of model file", model, BAR_MODEL_MB, "{:.1f}")


def scope(step: int) -> str:
    """How much of the pages is every so-many-th."""
    return "all" if step == 1 else f"1/{step}"


def count_lines(texts: Sequence[str]) -> int:
    """Number of lines that get a label."""
    return sum(1 for text in texts for _ in labelled_lines(text))


def sample(pages: Sequence[AnnotatedPage], lines: int) -> list[AnnotatedPage]:
    """Pages from all over a sequence, with about so many lines."""
    total = sum(len(page.labels) for page in pages)
    return list(pages[:: max(1, round(total / lines))])


def rotate(text: str, by: int) -> str:
    """The page with the words of each line moved round, so that its length stays."""
    if by == 0:
        return text
    lines = (line.split(" ") for line in text.split("\n"))
    return "\n".join(" ".join(words[by % len(words) :] + words[: by % len(words)]) for words in lines)


def page_of_lines(source: str, length: int) -> str:
    """A page of lines of that length, from all over a long text (repeated if it is too short)."""
    source *= math.ceil(length / len(source)) + 1
    step = (len(source) - length) // LINES_OF_A_LENGTH
    lines = (source[number * step : number * step + length] for number in range(LINES_OF_A_LENGTH))
    # White space at an end would make the line shorter.
    return "\n".join("x" + line[1:-1] + "." for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
