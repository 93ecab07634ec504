"""All evidence of a batch of pages, in the order in which phase two reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence import language, likeness, shape
from boilerplate.evidence.characters import fold
from boilerplate.evidence.lines import Lines, read_lines
from boilerplate.evidence.meaning import meaning_evidence
from boilerplate.evidence.page import neighbour_evidence, position_evidence
from boilerplate.evidence.text import Tokens, tokenise

if TYPE_CHECKING:
    from boilerplate.text_model import TextScores

BATCH_LINES: Final = 4000
"""About as many lines are worked on at once: enough to make array operations cheap, few enough for the cache."""

SMALLEST: Final = 1e-4
"""Probabilities below this are as good as 0."""


@dataclass(frozen=True)
class Batch:
    """A batch of pages, cut into lines and tokens."""

    lines: Lines
    folded: NDArray[np.uint32]
    tokens: Tokens


def read_batch(texts: Sequence[str]) -> Batch:
    """Cut pages into lines and tokens."""
    lines = read_lines(texts)
    folded = fold(lines.codes)
    return Batch(lines, folded, tokenise(lines, folded))


def batches(texts: Sequence[str]) -> list[Sequence[str]]:
    """Cut a sequence of pages into batches of about `BATCH_LINES` lines."""
    out: list[Sequence[str]] = []
    start = size = 0
    for index, text in enumerate(texts):
        size += text.count("\n") + 1
        if size >= BATCH_LINES:
            out.append(texts[start : index + 1])
            start, size = index + 1, 0
    if start < len(texts):
        out.append(texts[start:])
    return out


def evidence_blocks(
    batch: Batch, scores: TextScores, rarity: NDArray[np.float32], caption_class: int
) -> dict[str, NDArray[np.float32]]:
    """Everything that phase two looks at, by subject.

    Parameters
    ----------
    batch : Batch
    scores : TextScores
        What phase one says of the lines.
    rarity : float32 array of shape (2 ** likeness.RARITY_BITS,)
        Weight of each hashed word.
    caption_class : int
        Phase one's column for captions.

    Returns
    -------
    dict of float32 arrays of shape (n_lines, n_features of the subject)
        In the order in which phase two reads them.
    """
    lines = batch.lines
    position, names = position_evidence(lines)
    paragraph = position[:, names.index("is_paragraph")] > 0
    like = likeness.likeness_evidence(lines, batch.tokens, rarity, paragraph)
    known = like[:, likeness.NAMES.index("known_on_page")]
    return {
        "wide": np.concatenate([scores.parts, np.log(np.maximum(scores.wide, SMALLEST))], axis=1),
        "deep": neighbour_evidence(lines, scores.deep),
        "shape": shape.shape_evidence(lines),
        "position": position,
        "likeness": like,
        "meaning": meaning_evidence(lines, scores.meaning, paragraph),
        "language": language.language_evidence(lines, scores.deep[:, caption_class], known),
    }
