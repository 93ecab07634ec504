"""Wrong labels: which lines of annotated pages have a label that a model finds unlikely.

The model must not have seen the line's site. Lines are ranked by the probability that it gives to their label, their
*self-confidence* (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR
2021). `benchmarks/audit.py` compares it with what else could rank lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.corpus import SUGGESTED, AnnotatedPage
from boilerplate.errors import InputError
from boilerplate.labels import INDEX, LABELS, Label

DEFAULT_SHARE: Final = 0.05
"""Share of the lines that are looked at again."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A line whose label may be wrong.

    Attributes
    ----------
    page : int
        Index of its page among those that were audited.
    number : int
        Line number in the page's text, from 1.
    text : str
        The line.
    label : str
        The label that was given.
    suggested : str
        The label that the model finds most probable; another one.
    probabilities : dict of str to float
        Of all labels.
    """

    page: int
    number: int
    text: str
    label: Label
    suggested: Label
    probabilities: dict[Label, float]


def find_suspects(
    pages: Sequence[AnnotatedPage],
    probabilities: Sequence[NDArray[np.float64]],
    share: float = DEFAULT_SHARE,
    limit: int | None = None,
) -> list[Suspect]:
    """The lines whose label is least probable, the most suspicious first.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
    probabilities : sequence of float arrays of shape (n_lines, 4), length n_pages
        Of each page's lines, by a model that had not seen the page's site, such as
        ``LineClassifier.held_out_probabilities_``.
    share : float, default=0.05
        Share of all lines, at most.
    limit : int, optional
        Number of lines, at most.

    Returns
    -------
    list of Suspect
        Lines whose most probable label is the given one are not among them. Equally suspicious lines keep their order.

    Raises
    ------
    ValueError
        If lengths do not match.
    """
    label = np.array([INDEX[name] for page in pages for name in page.labels], dtype=np.int64)
    counts = np.array([len(page.labels) for page in pages], dtype=np.int64)
    if [len(rows) for rows in probabilities] != counts.tolist():
        raise ValueError("each page needs a row of probabilities for each of its lines")
    stacked = np.concatenate([np.empty((0, len(LABELS))), *probabilities])
    likely = stacked.argmax(axis=1)
    order = np.argsort(self_confidence(stacked, label), kind="stable")
    most = int(share * len(label)) if limit is None else min(limit, int(share * len(label)))
    chosen = [int(at) for at in order[:most] if likely[at] != label[at]]
    page_of = np.repeat(np.arange(len(pages)), counts)
    first = np.cumsum(counts) - counts
    lines: dict[int, list[tuple[int, str]]] = {}
    found = []
    for at in chosen:
        page = int(page_of[at])
        number, text = lines.setdefault(page, list(pages[page].lines()))[at - int(first[page])]
        row = dict(zip(LABELS, map(float, stacked[at]), strict=True))
        found.append(Suspect(page, number, text, LABELS[label[at]], LABELS[likely[at]], row))
    return found


def self_confidence(probabilities: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability of each line's given label: the lower, the more suspicious.

    Parameters
    ----------
    probabilities : float array of shape (n_lines, n_labels)
    label : int array of shape (n_lines,)

    Returns
    -------
    float array of shape (n_lines,)
    """
    return probabilities[np.arange(len(label)), label]


def marked_pages(pages: Sequence[AnnotatedPage], suspects: Iterable[Suspect]) -> list[AnnotatedPage]:
    """The pages with suspects, which carry what the model suggests in their field ``suggested``.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
        Those that the suspects were found on; they stay as they are.
    suspects : iterable of Suspect
        The most suspicious first.

    Returns
    -------
    list of AnnotatedPage
        In the order of their most suspicious lines. Labels are the given ones.
    """
    by_page: dict[int, list[Suspect]] = {}
    for suspect in suspects:
        by_page.setdefault(suspect.page, []).append(suspect)
    marked = []
    for number, found in by_page.items():
        page = pages[number]
        suggested = {str(each.number): each.suggested for each in sorted(found, key=lambda each: each.number)}
        extra = {key: value for key, value in page.extra.items() if key != SUGGESTED}
        marked.append(
            AnnotatedPage(page.id, page.text, list(page.labels), page.site, page.lang, {**extra, SUGGESTED: suggested})
        )
    return marked


def context(page: AnnotatedPage, number: int, reach: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The labelled lines around a line.

    Parameters
    ----------
    page : AnnotatedPage
    number : int
        Line number of a labelled line.
    reach : int
        How many lines, blank ones not counted, before it and after it.

    Returns
    -------
    before, after : list of dict
        ``number``, ``text`` and ``label`` of each, in order.
    """
    lines = [
        {"number": at, "text": text, "label": label}
        for (at, text), label in zip(page.lines(), page.labels, strict=True)
    ]
    place = next(index for index, line in enumerate(lines) if line["number"] == number)
    return lines[max(place - reach, 0) : place], lines[place + 1 : place + 1 + reach]


def corrected(
    pages: Sequence[AnnotatedPage], corrections: Iterable[AnnotatedPage], source: str
) -> tuple[list[AnnotatedPage], int]:
    """Pages with the labels of corrected copies.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
        They stay as they are.
    corrections : iterable of AnnotatedPage
        Copies of some of them, with other labels. A page and its copy have the same id and text.
    source : str
        Where the corrections come from, for errors.

    Returns
    -------
    pages : list of AnnotatedPage
    changed : int
        Lines that have another label now.

    Raises
    ------
    InputError
        If a correction belongs to none of the pages, or two of one page differ.
    """
    labels: dict[tuple[str, str], list[Label]] = {}
    for page in corrections:
        if labels.setdefault((page.id, page.text), page.labels) != page.labels:
            raise InputError(source, f"holds page {page.id!r} twice, with different labels; make them alike")
    known = {(page.id, page.text) for page in pages}
    for key in labels:
        if key not in known:
            raise InputError(
                source, f"page {key[0]!r} is none of the pages to correct; its id and its text must stay as they were"
            )
    out, changed = [], 0
    for page in pages:
        new = labels.get((page.id, page.text), page.labels)
        changed += sum(one != other for one, other in zip(page.labels, new, strict=True))
        out.append(AnnotatedPage(page.id, page.text, list(new), page.site, page.lang, page.extra))
    return out, changed
