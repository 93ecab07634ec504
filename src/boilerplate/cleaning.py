"""Cleaning: the lines of a page that are worth keeping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from boilerplate.corpus import check_label
from boilerplate.pages import Line, split_lines


def keep_lines(text: str, labelled: Sequence[Line], keep: Iterable[str]) -> str:
    """The lines of a page that have one of the labels to keep; see `Labeller.clean`.

    Parameters
    ----------
    text : str
    labelled : sequence of Line
        The page's labelled lines.
    keep : str or iterable of str

    Returns
    -------
    str
    """
    wanted = {check_label(name) for name in ([keep] if isinstance(keep, str) else keep)}
    labels = {line.number: line.label for line in labelled}
    out: list[str] = []
    blank_run: list[str] = []
    longest: list[str] = []
    rows = split_lines(text)
    for number, row in enumerate(rows, 1):
        if number not in labels:
            blank_run.append(row)
            continue
        longest = max(longest, blank_run, key=len)
        blank_run = []
        if labels[number] in wanted:
            if out:
                out += longest
            out.append(row)
            longest = []
    if out and rows[-1] == "":
        out.append("")
    return "\n".join(out)
