"""Pages as arrays: every non-blank line is there, with what stands in it and around it."""

from __future__ import annotations

import itertools
import sys
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import NO_NEWLINES, page_texts

from boilerplate.evidence.characters import CharClass, classify
from boilerplate.evidence.lines import HEAD, TAIL, Lines, read_lines, segments
from boilerplate.pages import labelled_lines, split_lines

batches = st.lists(page_texts, max_size=4)

ALL_SPACES = "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))


def view(lines: Lines, line: int) -> str:
    """The viewed characters of a line."""
    return "".join(map(chr, lines.codes[lines.starts[line] : lines.starts[line + 1]]))


def views(text: str) -> list[str]:
    lines = read_lines([text])
    return [view(lines, line) for line in range(lines.n_lines)]


class TestWhichLines:
    @given(batches)
    @example(["", "\n", "a"])
    @example(["a\r", "\nb"])
    @example([f"{ALL_SPACES}\na{ALL_SPACES}"])
    @settings(max_examples=150)
    def test_every_line_that_strip_leaves_non_empty(self, texts: list[str]) -> None:
        lines = read_lines(texts)
        expected = [list(labelled_lines(text)) for text in texts]
        assert lines.n_pages == len(texts)
        assert np.diff(lines.page_starts).tolist() == list(map(len, expected))
        assert lines.page.tolist() == [page for page, found in enumerate(expected) for _ in found]
        assert (lines.number + 1).tolist() == [number for found in expected for number, _ in found]
        assert lines.n_lines == lines.page_starts[-1] == len(lines.starts) - 1

    def test_white_space_of_every_kind_is_blank_and_only_newlines_break(self) -> None:
        pages = [f"a{space}b" for space in ALL_SPACES] + list(ALL_SPACES)
        counts = np.diff(read_lines(pages).page_starts).tolist()
        assert counts == [2 if space in "\r\n" else 1 for space in ALL_SPACES] + [0] * len(ALL_SPACES)
        assert set(NO_NEWLINES) < set(ALL_SPACES)

    @pytest.mark.parametrize("texts", [[], [""], ["", "\n\n", " \t\u3000"]])
    def test_no_lines(self, texts: list[str]) -> None:
        lines = read_lines(texts)
        assert (lines.n_pages, lines.n_lines, lines.page_starts.tolist()) == (len(texts), 0, [0] * (len(texts) + 1))
        assert len(lines.codes) == len(lines.classes) == 0


class TestWhatIsSeen:
    @given(batches)
    @settings(max_examples=150)
    def test_the_stripped_line_behind_its_marker(self, texts: list[str]) -> None:
        lines = read_lines(texts)
        found = [line for text in texts for _, line in labelled_lines(text)]
        assert len(found) == lines.n_lines
        for line, text in enumerate(found):
            stripped = text.strip()
            marker = int(lines.marker[line])
            rest = stripped[marker:]
            assert lines.indent[line] == len(text) - len(text.lstrip())
            assert lines.length[line] == len(rest) > 0
            assert view(lines, line) == (rest if len(rest) <= HEAD + TAIL else rest[:HEAD] + rest[-TAIL:])
            # A marker is a run of marks and the blanks behind it.
            assert marker == 0 or (stripped[0] not in " \t" and stripped[marker - 1].isspace())
        assert np.array_equal(lines.classes, classify(lines.codes))

    @pytest.mark.parametrize("length", [1, HEAD, HEAD + TAIL - 1, HEAD + TAIL, HEAD + TAIL + 1, 5000])
    def test_long_lines_by_their_ends(self, length: int) -> None:
        line = "".join(chr(0x4E00 + number % 5000) for number in range(length))
        (seen,) = views(f"  {line}\t")
        assert len(seen) == min(length, HEAD + TAIL)
        assert line.startswith(seen[:HEAD])
        assert line.endswith(seen[-TAIL:])
        assert read_lines([line]).length.tolist() == [length]

    @pytest.mark.parametrize(
        ("line", "seen"),
        [
            ("- Apples", "Apples"),
            ("* Apples", "Apples"),
            ("• Apples", "Apples"),
            ("•\u3000 Apples", "Apples"),
            ("## Apples", "Apples"),
            ("###### Apples", "Apples"),
            ("####### Apples", "####### Apples"),
            ("→ »Apples«", "»Apples«"),
            ("  > Apples", "Apples"),
            ("-5 degrees", "-5 degrees"),
            ("—Apples", "—Apples"),
            ("a - b", "a - b"),
            ("(- b", "(- b"),
            ("-", "-"),
            ("***", "***"),
            ("---Watch the videos---", "---Watch the videos---"),
            ("\ufeff- Apples", "\ufeff- Apples"),
        ],
    )
    def test_markers_of_lists_and_headings(self, line: str, seen: str) -> None:
        assert views(line) == [seen]
        assert read_lines([line]).marker.tolist() == [len(line.strip()) - len(seen)]

    def test_a_marker_takes_all_blanks_behind_it(self) -> None:
        assert views("•" + " " * 20 + "Apples") == ["Apples"]

    def test_characters_that_break_parsers(self) -> None:
        assert views("\x00\n\ufeff\n\ud800\n\udfff\x00\n\U0010ffff") == [
            *("\x00", "\ufeff", "\ud800", "\udfff\x00", "\U0010ffff"),
        ]

    @pytest.mark.parametrize("line", ["x" * 10_000_000, "x " * 5_000_000, "-" * 10_000_000, "\ud800\x00" * 5_000_000])
    def test_a_line_of_10_mb_is_quick(self, line: str) -> None:
        # Time of the processor, as other work on the machine is no fault of ours.
        start = time.process_time()
        lines = read_lines([line])
        assert time.process_time() - start < 4
        assert lines.n_lines == 1
        assert len(lines.codes) == HEAD + TAIL


class TestBlankRuns:
    @given(batches)
    def test_are_counted_up_to_the_neighbours_and_the_ends(self, texts: list[str]) -> None:
        before, after = [], []
        for text in texts:
            solid = [bool(line.strip()) for line in split_lines(text)]
            numbers = [-1, *np.flatnonzero(solid).tolist(), len(solid)]
            gaps = [other - one - 1 for one, other in itertools.pairwise(numbers)]
            before += gaps[:-1]
            after += gaps[1:]
        if not any(text.strip() for text in texts):
            before, after = [], []
        lines = read_lines(texts)
        assert lines.blank_before.tolist() == before
        assert lines.blank_after.tolist() == after

    def test_by_example(self) -> None:
        lines = read_lines(["\na\n\n \nb\nc\n\n", "d"])
        assert lines.blank_before.tolist() == [1, 2, 0, 0]
        assert lines.blank_after.tolist() == [2, 0, 2, 0]


@given(st.lists(st.integers(0, 4), max_size=10))
def test_segments_number_the_elements_of_each_stretch(lengths: list[int]) -> None:
    segment, position = segments(np.array(lengths, dtype=np.int64))
    expected = [(number, at) for number, length in enumerate(lengths) for at in range(length)]
    assert list(zip(segment.tolist(), position.tolist(), strict=True)) == expected


def test_no_white_space_is_left_at_either_end_of_a_view() -> None:
    lines = read_lines([f"{ALL_SPACES.replace(chr(10), '').replace(chr(13), '')}x y{ALL_SPACES}"])
    assert lines.classes[[0, -1]].tolist() == [CharClass.LOWER] * 2
