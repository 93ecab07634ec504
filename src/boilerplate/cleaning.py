"""Cleaning: the lines of a page that are worth keeping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from boilerplate.labels import LABELS, Label
from boilerplate.pages import Line, split_lines

DEFAULT_BODY_RECALL: Final = 0.99
"""Share of the body's characters that cleaning is to keep."""


def keep_lines(text: str, labelled: Sequence[Line], keep: Iterable[str], threshold: float | None = None) -> str:
    """The lines of a page that are worth keeping; see `Labeller.clean`.

    Parameters
    ----------
    text : str
    labelled : sequence of Line
        The page's labelled lines.
    keep : str or iterable of str
        Labels to keep.
    threshold : float, optional
        How probable these labels must be together, if body is among them; without it, and for labels without body, the
        most probable label decides.

    Returns
    -------
    str
    """
    # Imported late: `import boilerplate` needs no more of this module than the default.
    from boilerplate.corpus import check_label

    wanted = {check_label(name) for name in ([keep] if isinstance(keep, str) else keep)}
    stays = {line.number: _stays(line, wanted, threshold) for line in labelled}
    out: list[str] = []
    blank_run: list[str] = []
    longest: list[str] = []
    rows = split_lines(text)
    for number, row in enumerate(rows, 1):
        if number not in stays:
            blank_run.append(row)
            continue
        longest = max(longest, blank_run, key=len)
        blank_run = []
        if stays[number]:
            if out:
                out += longest
            out.append(row)
            longest = []
    if out and rows[-1] == "":
        out.append("")
    return "\n".join(out)


def _stays(line: Line, wanted: set[Label], threshold: float | None) -> bool:
    if threshold is None or "body" not in wanted:
        return line.label in wanted
    # In one order, as sums of floating point numbers depend on it.
    return sum(line.probabilities[label] for label in LABELS if label in wanted) >= threshold
