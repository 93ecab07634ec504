"""The verdict on a page: what it is worth as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boilerplate.labels import LABELS, Label
from boilerplate.pages import Line


@dataclass(frozen=True, slots=True)
class Quality:
    """What a page as a whole is worth.

    Attributes
    ----------
    body_share : float
        Share of the page's characters that are body, expected under the probabilities; 0 for a page without lines.
    counts : dict of str to int
        Lines of each label.
    lines : int
        All labelled lines.
    """

    body_share: float
    counts: dict[Label, int]
    lines: int


def quality_of(labelled: Sequence[Line]) -> Quality:
    """The verdict on a page from its labelled lines.

    Parameters
    ----------
    labelled : sequence of Line

    Returns
    -------
    Quality
    """
    lengths = [len(line.text.strip()) for line in labelled]
    total = sum(lengths)
    expected = sum(length * line.probabilities["body"] for length, line in zip(lengths, labelled, strict=True))
    counts: dict[Label, int] = dict.fromkeys(LABELS, 0)
    for line in labelled:
        counts[line.label] += 1
    return Quality(expected / total if total else 0.0, counts, len(labelled))
