"""Timing and printing for `benchmarks/speed.py`."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from boilerplate.errors import BoilerplateError

BAR_SLOPE: Final = 1.1
SLOPE_POINTS: Final = 3
"""Slopes are fitted on the largest inputs: the constant cost of a call hides the growth among small ones."""

Task = Callable[[], float]
"""Does something once and gives the seconds that it took."""

console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)


@dataclass
class Bars:
    """What has to be reached, and whether it is."""

    slack: float = 1.0
    """Speed may be this many times worse than its bar."""
    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def at_least(self, what: str, value: float, bar: float, form: str = "{:,.0f}") -> None:
        """Note a speed that has to be large."""
        bar /= self.slack
        self.rows.append((what, form.format(value), "≥ " + form.format(bar), value >= bar))

    def takes_at_most(self, what: str, value: float, bar: float, form: str) -> None:
        """Note a time that has to be small."""
        self.at_most(what, value, bar * self.slack, form)

    def at_most(self, what: str, value: float, bar: float, form: str) -> None:
        """Note a figure that has to be small, however busy the machine is."""
        self.rows.append((what, form.format(value), "≤ " + form.format(bar), value <= bar))

    def report(self) -> int:
        """Print all of them; the exit code."""
        section("Bars")
        show(["bar", "measured", "required", "result"], [(*row[:3], "pass" if row[3] else "FAIL") for row in self.rows])
        return 0 if all(row[3] for row in self.rows) else 1


def cpu(function: Callable[..., Any], *arguments: Any) -> Task:
    """CPU seconds of a call, all threads counted."""
    return _timed(time.process_time, function, arguments)


def wall(function: Callable[..., Any], *arguments: Any) -> Task:
    """Seconds that somebody waits for a call."""
    return _timed(time.perf_counter, function, arguments)


def _timed(clock: Callable[[], float], function: Callable[..., Any], arguments: Sequence[Any]) -> Task:
    def task() -> float:
        start = clock()
        function(*arguments)
        return clock() - start

    return task


def interleave(tasks: dict[str, Task], repeats: int) -> dict[str, float]:
    """Median seconds of each task; they take turns, and each round begins with another one."""
    names = list(tasks)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(tasks[name]())
    return {name: statistics.median(times) for name, times in seconds.items()}


def report_slope(what: str, points: Sequence[tuple[float, float]], bars: Bars) -> None:
    """Fit and judge the growth among the largest inputs: 1 is linear, 2 quadratic."""
    sizes, seconds = (list(map(math.log, values)) for values in zip(*points[-SLOPE_POINTS:], strict=True))
    bars.at_most(f"slope of {what} (log-log)", statistics.linear_regression(sizes, seconds).slope, BAR_SLOPE, "{:.2f}")


def run(command: Sequence[str]) -> str:
    """What a command prints.

    Raises
    ------
    BoilerplateError
        If it fails.
    """
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise BoilerplateError(f"{command[0]} ... {command[-1]}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def rates(seconds: float, lines: int) -> tuple[str, str]:
    """Lines per second and microseconds per line."""
    return f"{lines / seconds:,.0f}", f"{1e6 * seconds / lines:.1f}"


def machine(cores: str = "one core") -> str:
    """Processor, versions, and how busy the machine is otherwise.

    Parameters
    ----------
    cores : str
        What is used of it.

    Returns
    -------
    str
    """
    import platform
    from importlib.metadata import version

    name = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        models = (line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line)
        name = next(models, name)
    versions = ", ".join(f"{package} {version(package)}" for package in ("numpy", "scikit-learn"))
    load = f"; load {os.getloadavg()[0]:.1f} of {os.cpu_count()}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {cores}; Python {platform.python_version()}, {versions}{load}."


def section(title: str, note: str = "") -> None:
    """Print a heading and a note."""
    console.print(f"\n## {title}" + (f"\n\n{note}" if note else ""), soft_wrap=True)


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that is Markdown, too."""
    table = Table(box=box.MARKDOWN)
    for number, title in enumerate(header):
        table.add_column(title, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
