"""The progress bar of scoring: pages, lines a second, share of each label, time left."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from boilerplate.cli.common import transient_progress
from boilerplate.labels import COLOURS, LABELS
from boilerplate.runs.tally import Tally

if TYPE_CHECKING:
    from rich.progress import Progress

_SECONDS_BETWEEN: Final = 0.1
"""Time between two pictures; more would only take time from scoring."""
_SETTLED_SECONDS: Final = 1.0
"""Time that must have gone by before speeds mean anything."""


class ScoringBar:
    """Shows how far scoring is.

    Parameters
    ----------
    total : int
        Bytes of input; 0 where that is not known.
    progress : Progress, optional
        Without it nothing is shown.
    done : Tally
        What was scored already, before this process.
    position : int
        Bytes of input that were read for that.
    """

    def __init__(self, total: int, progress: Progress | None, done: Tally, position: int) -> None:
        self._total = total
        self._progress = progress
        self._lines_before = done.lines
        self._position_before = position
        self._began = time.monotonic()
        self._shown = -math.inf
        self._latest = (done, position)
        if progress is not None:
            self._task = progress.add_task("", total=total or None, left="")
        self.show(done, position)

    @property
    def is_due(self) -> bool:
        """Whether `show` would show anything now."""
        return self._progress is not None and time.monotonic() - self._shown >= _SECONDS_BETWEEN

    def show(self, tally: Tally, position: int) -> None:
        """Show counts, and how many bytes of input were read for them."""
        self._latest = (tally, position)
        if self.is_due:
            self._draw(tally, position)

    def finish(self) -> None:
        """Show the latest counts, however little time has gone by."""
        self._draw(*self._latest)

    def _draw(self, tally: Tally, position: int) -> None:
        if self._progress is None:
            return
        self._shown = now = time.monotonic()
        seconds = now - self._began
        counts = f"{tally.pages:,} pages"
        left = ""
        if seconds >= _SETTLED_SECONDS:
            counts += f"  {(tally.lines - self._lines_before) / seconds:,.0f} lines/s"
            if self._total and position > self._position_before:
                to_do = max(0, self._total - position) * seconds / (position - self._position_before)
                left = f"{timedelta(seconds=round(to_do))} left"
        shares = (f"[{COLOURS[name]}]{name} {tally.labels[name] / max(1, tally.lines):.0%}[/]" for name in LABELS)
        self._progress.update(self._task, description=f"{counts}\n{'  '.join(shares)}", completed=position, left=left)


@contextmanager
def scoring_bar(total: int, done: Tally | None = None, position: int = 0, hidden: bool = False) -> Iterator[ScoringBar]:
    """A `ScoringBar` on standard error, if that is a terminal (and the bar not to be hidden); else one of no effect."""
    if hidden or not sys.stderr.isatty():
        yield ScoringBar(total, None, done or Tally(), position)
        return
    from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn

    far = (BarColumn(bar_width=12), TaskProgressColumn()) if total else (SpinnerColumn(),)
    left, counts = TextColumn("{task.fields[left]}"), TextColumn("{task.description}")
    with transient_progress(*far, left, counts) as progress:
        bar = ScoringBar(total, progress, done or Tally(), position)
        yield bar
        bar.finish()
