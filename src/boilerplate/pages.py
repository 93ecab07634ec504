"""Text and lines: how a page is cut, and what a labelled line is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from boilerplate.labels import Label


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled line of a page.

    Attributes
    ----------
    number : int
        Line number in the page's text, from 1, blank lines counted, as editors count.
    text : str
        The line as it stands, surrounding white space included.
    label : str
        One of `boilerplate.labels.LABELS`.
    probabilities : dict of str to float
        Probability of each label; they sum to 1.
    """

    number: int
    text: str
    label: Label
    probabilities: dict[Label, float]

    @property
    def confidence(self) -> float:
        """Probability of the line's label."""
        return self.probabilities[self.label]


def normalise_newlines(text: str) -> str:
    r"""``\r\n`` and ``\r`` become ``\n``; nothing else changes.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_lines(text: str) -> list[str]:
    r"""All lines of a page, blank ones included.

    Only ``\n`` ends a line (``\r\n`` and ``\r`` count as ``\n``): form feeds, U+0085 and U+2028 do not, for scrapers
    print them inside paragraphs.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        ``"\n".join`` gives the text back, with its newlines normalised.
    """
    return normalise_newlines(text).split("\n")


def labelled_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that get a label: those that ``strip()`` leaves non-empty.

    Parameters
    ----------
    text : str

    Yields
    ------
    number : int
        Line number from 1.
    line : str
    """
    for number, line in enumerate(split_lines(text), 1):
        if line.strip():
            yield number, line
