"""Which lines a report shows, and the lines around them.

A report of many pages cannot hold all their text. The lines that matter (wrong ones, those that `clean` decides wrong,
those that another model labelled wrong) are taken by turns from each pair of given and predicted label, most confident
first, until a budget is spent; so each kind of error has its examples, whatever is frequent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evaluation.breakdowns import scraper_of
from boilerplate.evaluation.lines import BODY, N_LABELS, PredictedLines
from boilerplate.labels import LABELS, Label
from boilerplate.report.rendering import script_safe_json

MAX_BYTES: Final = 2_400_000
"""Of the lines that filters find."""

CONTEXT: Final = 2
"""Lines shown before and after."""

MAX_SHOWN: Final = 400
MAX_CONTEXT_SHOWN: Final = 180
"""Characters of a line that matters, and of a line around one."""

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of an excerpt.

    Attributes
    ----------
    skipped : int
        Lines left out before it.
    number : int
        In the page's text, from 1, blank lines counted.
    text : str
        Cut, and without characters that no page can hold.
    given, predicted : str
    baseline : str, or None
        What the baseline said.
    confidence : float
        Probability of the predicted label.
    sought : bool
        Whether the excerpt is about this line; the others are around it.
    """

    skipped: int
    number: int
    text: str
    given: Label
    predicted: Label
    baseline: Label | None
    confidence: float
    sought: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of one page.

    Attributes
    ----------
    id, site, lang, scraper : str
    lang_tag : str
        The language if it may stand in a ``lang`` attribute; else empty.
    lines : list of ShownLine
    after : int
        Lines left out behind the last one.
    """

    id: str
    site: str
    lang: str
    scraper: str
    lang_tag: str
    lines: list[ShownLine]
    after: int


class Excerpts:
    """Makes excerpts of pages and knows which lines matter.

    Parameters
    ----------
    lines : PredictedLines
        With probabilities.
    threshold : float, optional
        How probable body must be for `boilerplate clean` to keep a line.
    baseline : PredictedLines, optional
        What another model says of the same pages.

    Attributes
    ----------
    confidence : float64 array of shape (n_lines,)
        Probability of each line's predicted label.
    matters : bool array of shape (n_lines,)
    """

    def __init__(
        self, lines: PredictedLines, threshold: float | None = None, baseline: PredictedLines | None = None
    ) -> None:
        if lines.probabilities is None:
            raise ValueError("a report needs probabilities")
        self.lines = lines
        self.baseline = baseline
        self.probabilities = lines.probabilities
        self.confidence: NDArray[np.float64] = lines.probabilities[np.arange(lines.n_lines), lines.predicted]
        self.kept = lines.predicted == BODY if threshold is None else lines.kept(threshold)
        self.matters = lines.wrong | (self.kept != (lines.given == BODY))
        if baseline is not None:
            self.matters = self.matters | baseline.wrong
        self._texts: dict[int, list[tuple[int, str]]] = {}

    def around(self, page: int, chosen: Iterable[int], most: int | None = None) -> Excerpt:
        """The chosen lines of a page and those around them.

        Parameters
        ----------
        page : int
            Its number.
        chosen : iterable of int
            Lines, numbered over all pages.
        most : int, optional
            At most so many lines, from the top.

        Returns
        -------
        Excerpt
        """
        start, end = self.lines.starts[page : page + 2].tolist()
        wanted = set(chosen)
        shown = sorted(
            {near for line in wanted for near in range(max(start, line - CONTEXT), min(end, line + CONTEXT + 1))}
        )[:most]
        before = start - 1
        rows = []
        for line in shown:
            number, text = self._text(page)[line - start]
            rows.append(
                ShownLine(
                    skipped=line - before - 1,
                    number=number,
                    text=shown_text(text, MAX_SHOWN if line in wanted else MAX_CONTEXT_SHOWN),
                    given=LABELS[self.lines.given[line]],
                    predicted=LABELS[self.lines.predicted[line]],
                    baseline=None if self.baseline is None else LABELS[self.baseline.predicted[line]],
                    confidence=float(self.confidence[line]),
                    sought=line in wanted,
                )
            )
            before = line
        annotated = self.lines.pages[page]
        lang = shown_text(annotated.lang, MAX_SHOWN)
        return Excerpt(
            id=shown_text(annotated.id, MAX_SHOWN),
            site=shown_text(annotated.site, MAX_SHOWN),
            lang=lang,
            scraper=shown_text(scraper_of(annotated.extra), MAX_SHOWN),
            lang_tag=lang if _LANGUAGE.match(lang) else "",
            lines=rows,
            after=end - 1 - before if shown else end - start,
        )

    def by_pair(self, most: int) -> dict[tuple[Label, Label], list[Excerpt]]:
        """The most confident errors of each pair of given and predicted label, in context.

        Parameters
        ----------
        most : int
            Of each pair.

        Returns
        -------
        dict of pairs of str to list of Excerpt
            Pairs in the order of the confusion matrix, only those that occur.
        """
        found: dict[tuple[Label, Label], list[Excerpt]] = {}
        wrong = np.flatnonzero(self.lines.wrong)
        pair = self.lines.given[wrong] * N_LABELS + self.lines.predicted[wrong]
        for number in range(N_LABELS * N_LABELS):
            of_pair = wrong[pair == number]
            if len(of_pair):
                best = of_pair[np.argsort(-self.confidence[of_pair], kind="stable")][:most]
                # Lines of one page share an excerpt.
                by_page: dict[int, list[int]] = {}
                for line in best.tolist():
                    by_page.setdefault(int(self.lines.page[line]), []).append(line)
                key = (LABELS[number // N_LABELS], LABELS[number % N_LABELS])
                found[key] = [self.around(page, chosen) for page, chosen in by_page.items()]
        return found

    def listed(self, budget: int = MAX_BYTES) -> tuple[list[dict[str, Any]], int]:
        """Lines that filters find, by page, for the script.

        Parameters
        ----------
        budget : int
            Bytes, as JSON.

        Returns
        -------
        pages : list of dict
            In the order of the pages, those with such lines. ``rows`` has for each line its place on the page (from
            0), its number in the text, text, given and predicted label as indices, probabilities in thousandths,
            whether `clean` keeps it (1 or 0), and the baseline's label if there is one.
        n_listed : int
            Wrong lines among them.
        """
        rows: dict[int, list[Any]] = {}
        spent = 0
        for line in self._by_turns():
            page = int(self.lines.page[line])
            start, end = self.lines.starts[page : page + 2].tolist()
            fresh = {
                near: self._row(page, near, near - start)
                for near in range(max(start, line - CONTEXT), min(end, line + CONTEXT + 1))
                if near not in rows
            }
            spent += sum(map(_size, fresh.values()))
            if spent > budget:
                break
            rows.update(fresh)
        pages: dict[int, dict[str, Any]] = {}
        for line in sorted(rows):
            page = int(self.lines.page[line])
            if page not in pages:
                head = self.around(page, [])
                pages[page] = {
                    "id": head.id,
                    "site": head.site,
                    "lang": head.lang,
                    "scraper": head.scraper,
                    "n": int(self.lines.counts[page]),
                    "page": page,
                    "rows": [],
                }
            pages[page]["rows"].append(rows[line])
        listed = np.array(sorted(rows), dtype=np.int64)
        return list(pages.values()), int(self.lines.wrong[listed].sum())

    def _by_turns(self) -> Sequence[int]:
        """Lines that matter, wrong ones first: the surest of each pair of labels, then the second, and so on."""
        chosen = np.flatnonzero(self.matters)
        # Among equally sure lines the order of the pages decides.
        chosen = chosen[np.argsort(-self.confidence[chosen], kind="stable")]
        pair = self.lines.given[chosen] * N_LABELS + self.lines.predicted[chosen]
        turn = np.empty(len(chosen), dtype=np.int64)
        for number in range(N_LABELS * N_LABELS):
            of_pair = pair == number
            turn[of_pair] = np.arange(of_pair.sum())
        right = ~self.lines.wrong[chosen]
        found: list[int] = chosen[np.lexsort((pair, turn, right))].tolist()
        return found

    def _row(self, page: int, line: int, place: int) -> list[Any]:
        number, text = self._text(page)[place]
        row: list[Any] = [
            place,
            number,
            shown_text(text, MAX_SHOWN if self.matters[line] else MAX_CONTEXT_SHOWN),
            int(self.lines.given[line]),
            int(self.lines.predicted[line]),
            [round(1000 * share) for share in self.probabilities[line].tolist()],
            int(self.kept[line]),
        ]
        if self.baseline is not None:
            row.append(int(self.baseline.predicted[line]))
        return row

    def _text(self, page: int) -> list[tuple[int, str]]:
        if page not in self._texts:
            self._texts[page] = list(self.lines.pages[page].lines())
        return self._texts[page]


def shown_text(text: str, most: int) -> str:
    """A text as a page can show it: no control characters or lone surrogates, not endless.

    Parameters
    ----------
    text : str
    most : int
        Characters.

    Returns
    -------
    str
    """
    text = text.strip()
    if len(text) > most:
        text = text[: most - 1].rstrip() + "…"
    if text.isprintable():
        return text
    return "".join(map(_shown_character, text))


def _size(row: list[Any]) -> int:
    return len(script_safe_json(row).encode("utf-8", "replace")) + 1


def _shown_character(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else "\ufffd"


_JOINERS: Final = "\u200b\u200c\u200d\u2060\xad"
"""Not printable by Python's book, but scripts of India and Persia, and emoji, need them."""
