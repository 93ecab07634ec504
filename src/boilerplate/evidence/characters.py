"""Character classes and case folding by table look-up."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

TABLE_SIZE: Final = 0x20000
"""Code points below this have an entry of their own; those above (rare ideographs) count as unspaced letters."""


class CharClass(IntEnum):
    """What a character is, as far as labels care."""

    CONTROL = 0
    SPACE = 1
    UPPER = 2
    LOWER = 3
    LETTER = 4
    """A letter of a script without case (Arabic, Hebrew, Devanagari, Hangul ...)."""
    UNSPACED = 5
    """A letter of a script without spaces between words (Chinese, Japanese, Thai ...)."""
    MARK = 6
    DIGIT = 7
    SENTENCE_END = 8
    COMMA = 9
    COLON = 10
    QUOTE = 11
    OPEN = 12
    CLOSE = 13
    DASH = 14
    SLASH = 15
    BULLET = 16
    CURRENCY = 17
    MARKUP = 18
    SYMBOL = 19


N_CLASSES: Final = len(CharClass)


class Tables(NamedTuple):
    """Look-up tables indexed by code point."""

    classes: NDArray[np.uint8]
    lower: NDArray[np.uint32]


@cache
def tables() -> Tables:
    """The shipped tables, read once."""
    with files(__package__).joinpath("characters.npz").open("rb") as file, np.load(file) as arrays:
        lower = np.arange(TABLE_SIZE, dtype=np.int32) + arrays["shift"]
        return Tables(arrays["classes"], lower.astype(np.uint32))


def classify(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Class of each character.

    Parameters
    ----------
    codes : uint32 array of shape (n_chars,)
        Unicode code points.

    Returns
    -------
    uint8 array of shape (n_chars,)
        Values of `CharClass`.
    """
    found = tables().classes.take(codes, mode="clip")
    beyond = codes >= TABLE_SIZE
    if beyond.any():
        found[beyond] = CharClass.UNSPACED
    return found


def fold(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Lower-case code points; every digit becomes ``0`` and every white space a blank.

    Parameters
    ----------
    codes : uint32 array of shape (n_chars,)
        Unicode code points.

    Returns
    -------
    uint32 array of shape (n_chars,)
    """
    folded = tables().lower.take(codes, mode="clip")
    beyond = codes >= TABLE_SIZE
    if beyond.any():
        folded[beyond] = codes[beyond]
    return folded
