"""Write ``characters.npz``: character classes and lower-case forms of the first two Unicode planes.

The tables are shipped rather than computed so that a page gets the same labels whatever Unicode version the running
Python knows.  Run ``python -m boilerplate.evidence._build_tables`` to make them again.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np

from boilerplate.evidence.characters import TABLE_SIZE, CharClass

_SENTENCE_END = set(".!?…。！？؟।॥։።｡‽")
_COMMA = set(",;、，؛،；·")
_COLON = set(":：")
_BULLET = set("*•◦‣▪■●○►▶▸▹➤➜→✓✔☐◆◇★☆❯")
_DASH = set("-‐‑‒–—―−~〜_=")
_SLASH = set("/\\|｜／")
_MARKUP = set("#@&+<>^`")

# Scripts written without spaces between words: every character is a word of its own.
_UNSPACED = [
    (0x0E00, 0x0E7F), (0x0E80, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3040, 0x30FF), (0x3100, 0x312F), (0x31A0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F), (0x1B000, 0x1B16F),
]  # fmt: skip


def char_class(char: str) -> CharClass:
    """The class of one character."""
    code = ord(char)
    category = unicodedata.category(char)
    if char.isspace():
        return CharClass.SPACE
    for members, found in (
        (_SENTENCE_END, CharClass.SENTENCE_END), (_COMMA, CharClass.COMMA), (_COLON, CharClass.COLON),
        (_BULLET, CharClass.BULLET), (_DASH, CharClass.DASH), (_SLASH, CharClass.SLASH), (_MARKUP, CharClass.MARKUP),
    ):  # fmt: skip
        if char in members:
            return found
    if any(low <= code <= high for low, high in _UNSPACED) and category[0] in "LMN":
        return CharClass.UNSPACED
    if category in ("Lu", "Lt"):
        return CharClass.UPPER
    if category == "Ll":
        return CharClass.LOWER
    if category[0] == "L" or category == "Nl":
        return CharClass.LETTER
    if category[0] == "M":
        return CharClass.MARK
    if category[0] == "N":
        return CharClass.DIGIT
    if category in ("Pi", "Pf") or char in "\"'„‚「」『』«»":
        return CharClass.QUOTE
    if category == "Ps":
        return CharClass.OPEN
    if category == "Pe":
        return CharClass.CLOSE
    if category == "Sc":
        return CharClass.CURRENCY
    if category[0] in "PS":
        return CharClass.SYMBOL
    return CharClass.CONTROL


def main() -> None:
    """Compute both tables and write them beside this module."""
    classes = np.array([char_class(chr(code)) for code in range(TABLE_SIZE)], dtype=np.uint8)
    lower = np.arange(TABLE_SIZE, dtype=np.uint32)
    for code in range(TABLE_SIZE):
        low = chr(code).lower()
        if len(low) == 1:
            lower[code] = ord(low)
    digits = classes == CharClass.DIGIT
    lower[digits] = ord("0")
    lower[classes == CharClass.SPACE] = ord(" ")
    shift = (lower.astype(np.int64) - np.arange(TABLE_SIZE)).astype(np.int32)
    np.savez_compressed(Path(__file__).with_name("characters.npz"), classes=classes, shift=shift)


if __name__ == "__main__":
    main()
