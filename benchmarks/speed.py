"""How fast pages are labelled: lines per second in batches, one page after loading, cold start of the command line.

One core, the reviewed and unreviewed scrapes of dev; the median of several runs. With ``--smoke`` a slow machine's bars
are checked: exit code 1 if batches run at less than 3,000 lines a second or a cold start takes 2 s or more.

usage: python benchmarks/speed.py [--corpus DIR] [--runs N] [--smoke]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIN_LINES_PER_SECOND = 3000
MAX_COLD_START = 2.0
SMOKE_PAGES = 300


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    dev = arguments.corpus / "dev.jsonl.gz"
    if not dev.exists():
        print(f"{dev}: not found; name the folder of the shared corpus with --corpus", file=sys.stderr)
        return 2
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    import boilerplate
    from boilerplate.corpus import read_pages

    texts = [page.text for page in read_pages(dev)]
    if arguments.smoke:
        texts = texts[:SMOKE_PAGES]
    start = time.perf_counter()
    model = boilerplate.load()
    load = time.perf_counter() - start
    model.predict_proba(texts[:10])

    def batch() -> float:
        start = time.perf_counter()
        lines = sum(map(len, model.predict_proba(texts)))
        return lines / (time.perf_counter() - start)

    def single() -> float:
        sample = sorted(texts, key=len)[len(texts) // 2]
        start = time.perf_counter()
        for _ in range(20):
            model.predict_proba([sample])
        return (time.perf_counter() - start) / 20

    def cold() -> float:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "page.txt")
            page.write_text(sorted(texts, key=len)[len(texts) // 2], encoding="utf-8")
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "boilerplate", "clean", str(page)], check=True, capture_output=True)
            return time.perf_counter() - start

    runs = [(batch(), single(), cold()) for _ in range(arguments.runs)]
    rate, one, start_up = (statistics.median(values) for values in zip(*runs, strict=True))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one core")
    print()
    print("| what | median |")
    print("|---|---:|")
    print(f"| lines per second, {len(texts):,} pages in one call | {rate:,.0f} |")
    print(f"| microseconds per line | {1e6 / rate:.1f} |")
    print(f"| one page of median size, after loading | {one * 1000:.1f} ms |")
    print(f"| loading the model | {load:.2f} s |")
    print(f"| cold start: `boilerplate clean page.txt` | {start_up:.2f} s |")
    print(f"| peak memory of this process | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB |")
    if arguments.smoke and (rate < MIN_LINES_PER_SECOND or start_up >= MAX_COLD_START):
        print(f"below the bar: {MIN_LINES_PER_SECOND:,} lines/s, cold start {MAX_COLD_START} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
