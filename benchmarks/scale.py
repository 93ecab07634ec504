"""Large inputs: lines a second on one core and two, memory against size of input, Dask against joblib.

The inputs are made of the pages in `data/`, over and over. Everything is measured on the command as users run it, from
its start to its end. Run it on an idle machine: all times are wall-clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from generated import write_records
from timing import Bars, console, interleave, machine, run, section, show, wall

from boilerplate.errors import BoilerplateError
from boilerplate.pages import labelled_lines

BAR_SPEEDUP: Final = 1.8
BAR_WORKER_MB: Final = 1000
FAR_MB: Final = 5000
"""Size of input that memory is extrapolated to."""
SAMPLE_SECONDS: Final = 0.05
WORKERS: Final = 2
SHARDS: Final = 40
SMOKE_SLACK: Final = 1.4
BOILERPLATE: Final = (sys.executable, "-m", "boilerplate")
PATIENCE: Final = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge; the exit code."""
    options = parse(arguments)
    # A core is to be a core: linear algebra would take a second one where there is no second process.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    bars = Bars(SMOKE_SLACK if options.smoke else 1.0)
    try:
        console.print(machine(f"{os.cpu_count()} cores"), soft_wrap=True)
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            measure(Path(folder), options, bars)
    except BoilerplateError as error:
        print(f"scale.py: {error}", file=sys.stderr)
        return 2
    return bars.report()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed-size", type=float, default=100, help="MB of input for speed (%(default)s)")
    parser.add_argument("--sizes", type=float, nargs=3, default=(50, 150, 450), help="MB for memory (50 150 450)")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs, of which the median counts (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="small inputs, one repeat, bars with slack")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.speed_size, options.sizes, options.repeats = 8, (1, 2, 4), 1
    return options


def measure(folder: Path, options: argparse.Namespace, bars: Bars) -> None:
    """All sections."""
    records = folder / "speed.jsonl"
    write_records(records, int(options.speed_size * 1e6))
    speed(records, options.repeats, bars)
    dask_overhead(records, options.repeats)
    records.unlink()
    memory(folder, options.sizes, bars)


def speed(records: Path, repeats: int, bars: Bars) -> None:
    """Lines a second with one process and with two."""
    pages, lines = count(records)
    out = records.with_name("scored.jsonl")
    score = [*BOILERPLATE, "score", str(records), "-o", str(out), "-j"]
    seconds = interleave({str(jobs): wall(run, [*score, str(jobs)]) for jobs in (1, WORKERS)}, repeats)
    out.unlink()
    section("Cores", f"{records.stat().st_size / 1e6:,.0f} MB of JSON Lines: {pages:,} pages, {lines:,} lines.")
    one = seconds["1"]
    rows = [
        (jobs, f"{value:.1f}", f"{pages / value:,.0f}", f"{lines / value:,.0f}", f"{one / value:.2f}")
        for jobs, value in seconds.items()
    ]
    show(["-j", "seconds", "pages/s", "lines/s", "times one"], rows)
    if (os.cpu_count() or 1) < WORKERS:
        console.print("This machine has one core: two processes cannot be faster.")
    else:
        bars.at_least(
            f"times the lines/s of one with {WORKERS} processes", one / seconds[str(WORKERS)], BAR_SPEEDUP, "{:.2f}"
        )


def dask_overhead(records: Path, repeats: int) -> None:
    """The same run directory made by joblib's processes and by a Dask cluster of as many workers."""
    shard = max(100_000, records.stat().st_size // SHARDS)
    score = [*BOILERPLATE, "score", str(records), "--shard-size", str(shard)]
    with tempfile.TemporaryDirectory(dir=records.parent) as passing, cluster(Path(passing)) as address:

        def fresh_run(*how: str) -> None:
            with tempfile.TemporaryDirectory(dir=passing) as folder:
                run([*score, *how, "--run-dir", folder])

        ways = {"joblib": wall(fresh_run, "-j", str(WORKERS)), "Dask": wall(fresh_run, "--dask", address)}
        seconds = interleave(ways, repeats)
    section(
        "Dask",
        f"The same run directory, in shards of {shard / 1e6:.1f} MB, by {WORKERS} processes of joblib and by {WORKERS} "
        "workers of a Dask cluster on this machine, which run already.",
    )
    joblib = seconds["joblib"]
    rows = [(name, f"{value:.1f}", f"{value / joblib - 1:+.0%}") for name, value in seconds.items()]
    show(["backend", "seconds", "against joblib"], rows)


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A Dask scheduler and its workers on this machine.

    Yields
    ------
    str
        The scheduler's address.
    """
    contact = folder / "scheduler.json"
    quiet = ("--no-dashboard", "--host", "127.0.0.1")
    with ExitStack() as stack:

        def start(*arguments: str) -> None:
            command = [sys.executable, "-m", "dask", *arguments]
            process = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
            )
            stack.callback(process.terminate)

        start("scheduler", *quiet, "--port", "0", "--scheduler-file", str(contact))
        for _ in range(WORKERS):
            start("worker", *quiet, "--nthreads", "1", "--no-nanny", "--scheduler-file", str(contact))
        end = time.monotonic() + PATIENCE
        while not contact.exists():
            if time.monotonic() > end:
                raise BoilerplateError("the Dask scheduler does not start; pip install -e '.[dask]'")
            time.sleep(0.1)
        yield json.loads(contact.read_text())["address"]


def memory(folder: Path, sizes: Sequence[float], bars: Bars) -> None:
    """Peak memory of the command and of its workers, against the size of the input."""
    peaks = []
    for size in sizes:
        records = folder / "memory.jsonl"
        write_records(records, int(size * 1e6))
        score = [*BOILERPLATE, "score", str(records), "-o", str(folder / "scored.jsonl"), "-j"]
        peaks.append((peak([*score, "1"])[0], *peak([*score, str(WORKERS)])))
    section("Memory", "Most resident memory of a process, in MB (VmHWM).")
    names = ("one process", f"of {WORKERS}: the command", f"of {WORKERS}: its largest worker")
    columns = list(zip(*peaks, strict=True))
    far = [extrapolated(sizes, column) for column in columns]
    rows = [
        (name, *(f"{value:,.0f}" for value in column), f"{end:,.0f}")
        for name, column, end in zip(names, columns, far, strict=True)
    ]
    show(["process", *(f"{size:,.0f} MB" for size in sizes), f"{FAR_MB:,} MB, extrapolated"], rows)
    bars.at_most(f"MB of any process at {FAR_MB:,} MB of input, extrapolated", max(far), BAR_WORKER_MB, "{:,.0f}")


def extrapolated(sizes: Sequence[float], megabytes: Sequence[float]) -> float:
    """What a straight line through the measurements says of a large input, and no less than was measured."""
    line = statistics.linear_regression(sizes, megabytes)
    return max(*megabytes, line.intercept + line.slope * FAR_MB)


def peak(command: Sequence[str]) -> tuple[float, float]:
    """Most memory that a command had, and the largest of its children, in MB.

    Raises
    ------
    BoilerplateError
        If it fails, or the system does not tell.
    """
    command_peak = child_peak = 0.0
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            command_peak = max(command_peak, high_water(process.pid))
            child_peak = max([child_peak, *map(high_water, children(process.pid))])
            time.sleep(SAMPLE_SECONDS)
        if process.returncode:
            raise BoilerplateError(f"exit code {process.returncode}: {process.stderr.read().decode()}")
    if not command_peak:
        raise BoilerplateError("no /proc on this system to read memory from")
    return command_peak, child_peak


def high_water(pid: int) -> float:
    """Most memory that a process has had so far, in MB; 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for row in lists for child in row.split()]


def count(records: Path) -> tuple[int, int]:
    """Number of pages, and of lines that get a label."""
    with records.open("rb") as file:
        lines = [sum(1 for _ in labelled_lines(json.loads(row)["text"])) for row in file]
    return len(lines), sum(lines)


if __name__ == "__main__":
    raise SystemExit(main())
