"""How a text is cut into lines."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from strategies import NO_NEWLINES, page_texts

from boilerplate.labels import LABELS
from boilerplate.pages import Line, labelled_lines, normalise_newlines, split_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a", ""]),
        ("\na", ["", "a"]),
        ("a\r\nb", ["a", "b"]),
        ("a\rb", ["a", "b"]),
        ("a\r\r\nb", ["a", "", "b"]),
        ("a\n\rb", ["a", "", "b"]),
        ("a\r\n\r\nb\r", ["a", "", "b", ""]),
        (" a \t\n\tb", [" a \t", "\tb"]),
    ],
)
def test_every_newline_convention_ends_a_line(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@pytest.mark.parametrize("character", NO_NEWLINES)
def test_nothing_else_ends_a_line(character: str) -> None:
    text = f"before{character}after"
    assert split_lines(text) == [text]
    assert list(labelled_lines(text)) == [(1, text)]


@given(page_texts)
def test_joining_the_lines_gives_the_text_back(text: str) -> None:
    lines = split_lines(text)
    assert "\n".join(lines) == re.sub("\r\n?", "\n", text) == normalise_newlines(text)
    assert not any("\n" in line or "\r" in line for line in lines)


@given(page_texts)
def test_the_newline_convention_does_not_matter(text: str) -> None:
    normal = normalise_newlines(text)
    assert normalise_newlines(normal) == normal
    assert split_lines(normal) == split_lines(normal.replace("\n", "\r\n")) == split_lines(normal.replace("\n", "\r"))


@given(page_texts)
def test_labelled_lines_are_the_non_blank_ones_with_their_numbers(text: str) -> None:
    found = dict(labelled_lines(text))
    for number, line in enumerate(split_lines(text), 1):
        assert found.pop(number, "") == (line if line.strip() else "")
    assert not found


def test_white_space_of_any_kind_is_blank_but_zero_width_characters_are_not() -> None:
    text = "\n".join([" ", "\t", "\u3000", "\xa0", "\u2028", "\x85", "\x0c", "\u200b", "\ufeff", "\x00"])
    assert list(labelled_lines(text)) == [(8, "\u200b"), (9, "\ufeff"), (10, "\x00")]


def test_the_confidence_of_a_line_is_that_of_its_label() -> None:
    line = Line(3, "Foto: Ana", "caption", dict(zip(LABELS, (0.1, 0.6, 0.25, 0.05), strict=True)))
    assert line.confidence == 0.6
