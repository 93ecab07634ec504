"""Hypothesis strategies for texts as scrapers leave them, and worse."""

from __future__ import annotations

from hypothesis import strategies as st

NEWLINES = ("\n", "\r\n", "\r")

NO_NEWLINES = ("\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2028", "\u2029")
"""What ``str.splitlines`` or an editor may break lines at, and pages must not."""

ODD = (
    *NO_NEWLINES,
    *("\x00", "\ufeff", "\ud800", "\udfff", "\u200b", "\u3000", "\xa0", "\t", " ", "\U0001f600", "\U00020bb7"),
    *(
        "#",
        "# id: x",
        "#\t",
        "body",
        "body\t",
        "promo\tx",
        "- ",
        "* ",
        "## ",
        "•   ",
        "> ",
        "...",
        "(AP)",
        "Foto:",
        "写真",
    ),
)

any_character = st.characters(codec=None)
"""Every code point, lone surrogates too."""


def one_text(text: str) -> str:
    """The text, with a high surrogate before a low one made the character that the two of them stand for.

    Only as one character do JSON and UTF-8 know it; lone surrogates stay.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


pieces = st.one_of(
    st.sampled_from(NEWLINES), st.sampled_from(ODD), st.text(any_character, max_size=4), st.text(max_size=12)
)

page_texts = st.lists(pieces, max_size=25).map("".join).map(one_text)
"""Page texts with any newlines, blank lines, and whatever else breaks parsers."""

short_texts = st.lists(st.one_of(st.sampled_from(ODD), st.text(any_character, max_size=5)), max_size=4)
field_texts = st.one_of(
    short_texts.map("".join).map(one_text),
    st.sampled_from(["null", "true", "1", "-0", "1e5", "NaN", "{}", "[1]", '"', '"a"', "a: b", " a", "a ", "\n", ""]),
)
"""Strings for metadata, among them those that look like something else."""
