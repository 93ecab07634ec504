"""What each kind of evidence says of lines that were made for it, and that it says it whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import page_texts

from boilerplate.corpus import AnnotatedPage
from boilerplate.evidence import language, likeness, meaning, shape
from boilerplate.evidence.assembly import BATCH_LINES, SMALLEST, Batch, batches, evidence_blocks, read_batch
from boilerplate.evidence.characters import CharClass, classify, fold
from boilerplate.evidence.likeness import RARITY_BITS, likeness_evidence, line_hashes, word_buckets
from boilerplate.evidence.lines import Layout, read_lines
from boilerplate.evidence.page import OFFSETS, WIDTHS, PageSums, neighbour_evidence, position_evidence, shifted
from boilerplate.evidence.text import KINDS, hashed_ngrams
from boilerplate.layers import Layer
from boilerplate.ngram_table import NGramTable
from boilerplate.pretrained import COMPONENTS, Perceptron
from boilerplate.text_model import CAPTION, EMBEDDING, HIDDEN, N_KINDS, TEXT_CLASSES, TextModel, ngram_rows

BITS = 14
EVEN = np.ones(2**RARITY_BITS, dtype=np.float32)
UNEVEN = np.random.default_rng(7).gamma(2, 2, 2**RARITY_BITS).astype(np.float16).astype(np.float32)
RNG = np.random.default_rng(8)


def layer(n_in: int, n_out: int) -> Layer:
    return Layer(RNG.normal(size=(n_in, n_out)).astype(np.float32) / 4, RNG.normal(size=n_out).astype(np.float32) / 4)


TEXT_MODEL = TextModel(
    NGramTable.of(RNG.normal(size=(2**BITS, 2 * EMBEDDING + len(TEXT_CLASSES))).astype(np.float32)),
    np.array([0.3, -0.2, 0.1], dtype=np.float32),
    RNG.normal(size=N_KINDS * EMBEDDING).astype(np.float32),
    layer(N_KINDS * EMBEDDING, HIDDEN),
    layer(HIDDEN, len(TEXT_CLASSES)),
    Perceptron(layer(N_KINDS * EMBEDDING, 20), layer(20, COMPONENTS)),
)

STORY = (
    "Heron colony returns to the marsh\n\n"
    "Grey heron at dawn (Foto: Ana)\n"
    "The grey herons of Lower Wend are back, and with them the argument about who may walk on the eastern dyke "
    "before the chicks have flown, wardens said on Tuesday.\n\n\n"
    "- Otters seen again\n"
    "  - Heron colony returns to the marsh\n"
)


def codes(text: str) -> NDArray[np.uint32]:
    return np.array([ord(char) for char in text], dtype=np.uint32)


def paragraphs(batch: Batch) -> NDArray[np.bool_]:
    evidence, names = position_evidence(batch.lines)
    flags: NDArray[np.bool_] = evidence[:, names.index("is_paragraph")] > 0
    return flags


def text_scores(batch: Batch) -> NDArray[np.float32]:
    scores = TEXT_MODEL.scores(batch.lines, batch.folded, batch.tokens)
    return np.concatenate([scores.parts, scores.meaning, scores.wide, scores.deep], axis=1)


def meaning_of(batch: Batch) -> NDArray[np.float32]:
    scores = TEXT_MODEL.scores(batch.lines, batch.folded, batch.tokens)
    return meaning.meaning_evidence(batch.lines, scores.meaning, paragraphs(batch))


def likeness_of(batch: Batch) -> NDArray[np.float32]:
    return likeness_evidence(batch.lines, batch.tokens, UNEVEN, paragraphs(batch))


def neighbours_of(batch: Batch) -> NDArray[np.float32]:
    return neighbour_evidence(batch.lines, text_scores(batch)[:, -3:])


def language_of(batch: Batch) -> NDArray[np.float32]:
    return language.language_evidence(batch.lines, text_scores(batch)[:, -3 + CAPTION], likeness_of(batch)[:, 6])


def all_of(batch: Batch) -> NDArray[np.float32]:
    scores = TEXT_MODEL.scores(batch.lines, batch.folded, batch.tokens)
    return np.concatenate(list(evidence_blocks(batch, scores, UNEVEN, CAPTION).values()), axis=1)


EVIDENCE: dict[str, Callable[[Batch], NDArray[np.float32]]] = {
    "text": text_scores,
    "shape": lambda batch: shape.shape_evidence(batch.lines),
    "position": lambda batch: position_evidence(batch.lines)[0],
    "neighbours": neighbours_of,
    "likeness": likeness_of,
    "meaning": meaning_of,
    "language": language_of,
    "all": all_of,
}

every_evidence = pytest.mark.parametrize("evidence", EVIDENCE.values(), ids=EVIDENCE)


def rows(found: NDArray[np.float32], names: tuple[str, ...] | list[str]) -> list[dict[str, float]]:
    """Evidence by name, a dictionary for each line."""
    assert found.shape[1] == len(names)
    return [dict(zip(names, map(float, line), strict=True)) for line in found]


def shapes_of(text: str) -> list[dict[str, float]]:
    return rows(shape.shape_evidence(read_lines([text])), shape.NAMES)


def positions_of(text: str) -> list[dict[str, float]]:
    return rows(*position_evidence(read_lines([text])))


def likenesses_of(text: str, rarity: NDArray[np.float32] = EVEN) -> list[dict[str, float]]:
    batch = read_batch([text])
    return rows(likeness_evidence(batch.lines, batch.tokens, rarity, paragraphs(batch)), likeness.NAMES)


class TestEveryEvidence:
    @every_evidence
    def test_of_a_page_does_not_depend_on_its_batch(
        self, evidence: Callable[[Batch], NDArray[np.float32]], data_pages: list[AnnotatedPage]
    ) -> None:
        texts = [page.text for page in data_pages[::9]]
        together = read_batch(texts)
        found = evidence(together)
        assert found.dtype == np.float32
        for page, text in enumerate(texts):
            start, end = together.lines.page_starts[page : page + 2]
            assert np.array_equal(evidence(read_batch([text])), found[start:end])

    @every_evidence
    @given(texts=st.lists(page_texts, min_size=1, max_size=4))
    @settings(max_examples=25)
    def test_of_any_page_is_finite_and_its_own(
        self, evidence: Callable[[Batch], NDArray[np.float32]], texts: list[str]
    ) -> None:
        found = evidence(read_batch(texts))
        alone = [evidence(read_batch([text])) for text in texts]
        assert np.isfinite(found).all()
        assert np.array_equal(found, np.concatenate(alone))

    @every_evidence
    @pytest.mark.parametrize("texts", [[], [""], ["\n \n", "\t"]])
    def test_of_pages_without_lines_has_no_rows(
        self, evidence: Callable[[Batch], NDArray[np.float32]], texts: list[str]
    ) -> None:
        found = evidence(read_batch(texts))
        assert found.shape == (0, evidence(read_batch([STORY])).shape[1])

    @every_evidence
    def test_of_pages_without_a_letter(self, evidence: Callable[[Batch], NDArray[np.float32]]) -> None:
        found = evidence(read_batch(["\x00\n\ufeff\n\ud800\n\u200b\n", "...\n---\n12\n", "\x00"]))
        assert len(found) == 8
        assert np.isfinite(found).all()

    def test_columns_of_all_are_those_of_each(self) -> None:
        batch = read_batch([STORY])
        scores = TEXT_MODEL.scores(batch.lines, batch.folded, batch.tokens)
        wide = np.log(np.maximum(scores.wide, SMALLEST))
        parts = [scores.parts, wide, neighbour_evidence(batch.lines, scores.deep)]
        parts += [EVIDENCE[name](batch) for name in ("shape", "position", "likeness", "meaning", "language")]
        expected = np.concatenate(parts, axis=1)
        assert np.array_equal(all_of(batch), expected)


class TestBatches:
    @given(st.lists(st.sampled_from(["", "a", "b\n" * 1500, "c\n" * 5000]), max_size=12))
    def test_hold_every_page_once_in_order(self, texts: list[str]) -> None:
        found = batches(texts)
        assert [text for part in found for text in part] == texts
        assert all(len(part) for part in found)
        # No batch but a page alone is much longer than a batch should be.
        assert all(sum(text.count("\n") for text in part[:-1]) < BATCH_LINES for part in found)

    def test_small_pages_share_one(self) -> None:
        assert batches(["a\n"] * 100) == [["a\n"] * 100]


class TestCharacters:
    def test_white_space_is_what_python_strips(self) -> None:
        every = np.arange(0x110000, dtype=np.uint32)
        space = np.array([chr(code).isspace() for code in range(0x110000)])
        assert np.array_equal(classify(every) == CharClass.SPACE, space)

    @pytest.mark.parametrize(
        ("characters", "expected"),
        [
            ("AÉЖΣ", CharClass.UPPER),
            ("aéжςß", CharClass.LOWER),
            ("אعक각", CharClass.LETTER),
            ("漢かカไ々\U00020bb7\U0003ffff", CharClass.UNSPACED),
            ("07٣", CharClass.DIGIT),
            (".!?…。।؟", CharClass.SENTENCE_END),
            (",、،", CharClass.COMMA),
            (":：", CharClass.COLON),
            ("\"'“”«»›„「」", CharClass.QUOTE),
            ("([{（【", CharClass.OPEN),
            (")]}）】", CharClass.CLOSE),
            ("-–—", CharClass.DASH),
            ("/|", CharClass.SLASH),
            ("•*▶→", CharClass.BULLET),
            ("€$₹", CharClass.CURRENCY),
            ("#@&<>", CharClass.MARKUP),
            ("%©🙂", CharClass.SYMBOL),
            ("\x00\ufeff\u200b\ud800\ue000", CharClass.CONTROL),
            (" \n\u2028\xa0", CharClass.SPACE),
        ],
    )
    def test_classes(self, characters: str, expected: CharClass) -> None:
        assert [CharClass(found).name for found in classify(codes(characters))] == [expected.name] * len(characters)

    def test_folding_lowers_letters_and_levels_digits_and_blanks(self) -> None:
        folded = fold(codes("ÀΣЖ Straße 1987\t漢\u2028٣\U00020bb7\ud800"))
        assert folded.tolist() == codes("àσж straße 0000 漢 0\U00020bb7\ud800").tolist()

    @given(st.text())
    def test_folding_is_done_once(self, text: str) -> None:
        assert np.array_equal(fold(fold(codes(text))), fold(codes(text)))


def ngrams_of(texts: list[str], bits: int = BITS) -> list[list[list[int]]]:
    """N-gram buckets: by kind, by line."""
    batch = read_batch(texts)
    found = hashed_ngrams(batch.lines, batch.folded, batch.tokens, bits)
    return [[kind.buckets[a:b].tolist() for a, b in zip(kind.starts, kind.starts[1:], strict=False)] for kind in found]


def ngrams(line: str, kind: str) -> set[int]:
    """N-grams of one line; 24 bits, so that chance hardly ever makes two of them one."""
    ((found,), *_) = [ngrams_of([line], 24)[KINDS.index(kind)]]
    return set(found)


class TestNGrams:
    @given(st.lists(page_texts, min_size=1, max_size=4))
    @settings(max_examples=50)
    def test_of_a_line_are_its_own_and_fit_their_table(self, texts: list[str]) -> None:
        together = ngrams_of(texts)
        for kind, found in enumerate(together):
            assert found == [line for text in texts for line in ngrams_of([text])[kind]]
            assert all(0 <= bucket < 2**BITS for line in found for bucket in line)

    @pytest.mark.parametrize("kind", KINDS)
    def test_of_equal_lines_are_equal_wherever_they_stand(self, kind: str) -> None:
        found = ngrams_of(["Read more\n\nSomething else, longer\n  Read more\t", "Read more"])[KINDS.index(kind)]
        assert found[0] == found[2] == found[3] != found[1]

    @pytest.mark.parametrize("kind", ["characters", "words"])
    def test_case_and_numerals_are_folded_in_wording(self, kind: str) -> None:
        assert ngrams("READ 25 MORE ÉCRITS", kind) == ngrams("read 71 more écrits", kind)
        assert ngrams("read 25 more", kind) != ngrams("read 257 more", kind)

    def test_case_and_numerals_show_in_shapes(self) -> None:
        assert ngrams("Read more", "shapes") == ngrams("Pick some", "shapes")
        assert len({frozenset(ngrams(line, "shapes")) for line in ("READ", "Read", "read", "2025", "R2D2", "(")}) == 6

    def test_runs_of_blanks_count_as_one(self) -> None:
        for kind in KINDS:
            assert ngrams("read  \u3000 more", kind) == ngrams("read more", kind)

    @pytest.mark.parametrize("kind", KINDS)
    def test_both_ends_of_a_line_are_marked(self, kind: str) -> None:
        inner, before, after = ngrams("(ap)", kind), ngrams("seen (ap)", kind), ngrams("(ap) seen", kind)
        assert inner - before
        assert inner - after
        # What the end says is said of every line with this end, and of no other.
        assert (inner & before) - after
        assert (inner & after) - before

    def test_the_inside_of_a_line_is_the_same_anywhere(self) -> None:
        shared = ngrams("one heron two", "characters") & ngrams("1 heron 2, or so", "characters")
        assert len(shared) >= len("heron") - 1

    def test_word_pairs_have_an_order(self) -> None:
        one, other = ngrams("x x marsh heron y y", "words"), ngrams("x x heron marsh y y", "words")
        assert one - other
        assert len(one & other) > 2

    def test_unspaced_scripts_have_a_word_for_each_character(self) -> None:
        assert ngrams("写真", "words") & ngrams("真", "words")
        assert not ngrams("photo", "words") & ngrams("oto", "words")

    def test_a_line_without_words_has_none_of_their_ngrams(self) -> None:
        assert ngrams("---", "words") == set()
        assert ngrams("---", "characters")
        assert ngrams("---", "shapes")

    def test_the_rows_that_are_trained_on_weigh_as_scores_do(self) -> None:
        batch = read_batch([STORY, "", "\x00\n---"])
        rows = ngram_rows(hashed_ngrams(batch.lines, batch.folded, batch.tokens, BITS))
        table = TEXT_MODEL.table.weights
        scores = TEXT_MODEL.scores(batch.lines, batch.folded, batch.tokens)
        assert rows.n_lines == batch.lines.n_lines
        for row, (start, end) in enumerate(zip(rows.starts[:-1], rows.starts[1:], strict=True)):
            weights = table[rows.buckets[start:end], EMBEDDING : EMBEDDING + len(TEXT_CLASSES)].sum(axis=0) / np.sqrt(
                max(end - start, 1)
            )
            found = scores.parts.reshape(-1, len(TEXT_CLASSES))[row]
            assert found == pytest.approx(weights, abs=1e-4)

    def test_text_scores_are_probabilities(self) -> None:
        batch = read_batch([STORY])
        scores = TEXT_MODEL.scores(batch.lines, batch.folded, batch.tokens)
        assert scores.parts.shape == (batch.lines.n_lines, len(KINDS) * len(TEXT_CLASSES))
        assert scores.wide.sum(axis=1) == pytest.approx(1)
        assert scores.deep.sum(axis=1) == pytest.approx(1)
        total = scores.parts.reshape(-1, len(KINDS), len(TEXT_CLASSES)).sum(axis=1) + TEXT_MODEL.wide_bias
        assert np.array_equal(scores.wide.argmax(axis=1), total.argmax(axis=1))


class TestShape:
    def test_of_an_agency_s_credit(self) -> None:
        (found,) = shapes_of("(AP)")
        assert found["log_length"] == pytest.approx(np.log1p(4))
        assert found["log_words"] == pytest.approx(np.log1p(1))
        assert found["mean_word_length"] == 2
        assert (found["share_upper"], found["share_open"], found["share_lower"]) == (0.5, 0.25, 0)
        assert (found["begins_open"], found["ends_close"], found["begins_upper"]) == (1, 1, 0)
        assert (found["capitalised_words"], found["upper_words"]) == (1, 1)

    def test_of_a_sentence(self) -> None:
        (found,) = shapes_of("Yes. Herons, otters and Ana.")
        assert found["log_words"] == pytest.approx(np.log1p(5))
        assert found["capitalised_words"] == pytest.approx(3 / 5)
        assert found["upper_words"] == 0
        assert found["inner_sentence_ends"] == pytest.approx(np.log1p(1))
        assert found["log_commas"] == pytest.approx(np.log1p(1))
        assert (found["begins_upper"], found["ends_sentence_end"]) == (1, 1)

    def test_of_list_items(self) -> None:
        plain, item, deep = shapes_of("Otters\n  - Otters\n            Otters")
        assert [line["has_marker"] for line in (plain, item, deep)] == [0, 1, 0]
        assert [line["indent"] for line in (plain, item, deep)] == [0, 0.25, 1]
        assert item | {"has_marker": 0, "indent": 0} == plain

    def test_shares_of_classes_sum_to_one(self) -> None:
        for found in shapes_of(STORY):
            assert sum(found[f"share_{kind.name.lower()}"] for kind in CharClass) == pytest.approx(1)

    def test_words_do_not_reach_over_lines(self) -> None:
        assert shapes_of("AB\nAB\nCd") == [*shapes_of("AB") * 2, *shapes_of("Cd")]


class TestPosition:
    def test_by_example(self) -> None:
        headline, caption, paragraph, item, last = positions_of(STORY)
        assert [line["relative_position"] for line in (headline, paragraph, last)] == [0, 0.5, 1]
        assert [headline["first"], caption["first"], caption["second"], last["last"], item["last"]] == [1, 0, 1, 1, 0]
        assert [line["is_paragraph"] for line in (headline, caption, paragraph, item, last)] == [0, 0, 1, 0, 0]
        assert [line["finished"] for line in (headline, caption, paragraph)] == [0, 1, 1]
        assert (headline["blank_before"], headline["blank_after"], caption["blank_after"]) == (0, 1, 0)
        assert (paragraph["blank_after"], item["blank_before"]) == (2, 2)
        assert caption["lines_before"] == pytest.approx(np.log1p(1))
        assert caption["lines_after"] == pytest.approx(np.log1p(3))
        assert headline["lines_on_page"] == pytest.approx(np.log1p(5))
        assert headline["page_paragraph_share"] == pytest.approx(1 / 5)
        assert headline["page_blank_share"] == pytest.approx(2 / 5)
        assert headline["to_next_paragraph"] == pytest.approx(np.log1p(2))
        assert last["to_previous_paragraph"] == pytest.approx(np.log1p(2))
        assert caption["to_previous_paragraph"] == pytest.approx(np.log1p(5)), "none: the page's length"
        assert caption["run_before"] == pytest.approx(np.log1p(1))
        assert item["run_after"] == pytest.approx(np.log1p(1))
        assert (caption["paragraphs_after"], item["paragraphs_after"]) == (pytest.approx(np.log1p(1)), 0)
        assert (item["length_at_-1"] > 4, headline["length_at_-1"]) == (True, -1)
        assert (caption["finished_at_+1"], caption["finished_at_-1"]) == (1, 0)
        assert (paragraph["marker_at_+1"], paragraph["marker_at_-1"]) == (1, 0)
        assert (item["same_indent_at_-1"], item["same_indent_at_+1"]) == (1, 0)

    def test_a_page_of_one_line(self) -> None:
        (only,) = positions_of("\n\nOtters\n\n\n\n\n")
        assert (only["first"], only["last"], only["second"], only["relative_position"]) == (1, 1, 0, 0)
        assert (only["blank_before"], only["blank_after"]) == (2, 3)
        assert only["length_before"] == only["length_after"] == only["run_before"] == only["run_after"] == 0

    def test_a_paragraph_in_characters_that_say_more_is_shorter(self) -> None:
        chinese, english = positions_of("苍鹭" * 35 + "。\n" + "heron " * 11 + "h.")
        assert (chinese["is_paragraph"], english["is_paragraph"]) == (1, 0)


class TestNeighbours:
    LAYOUT = Layout(np.array([0, 3, 4]), np.array([0, 0, 0, 1]))
    GIVEN = np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75], [0.125, 0.875]])

    def test_by_hand(self) -> None:
        found = neighbour_evidence(self.LAYOUT, self.GIVEN)
        blocks = found.reshape(4, -1, 2)
        assert blocks.shape[1] == 1 + len(OFFSETS) + 2 * len(WIDTHS) + 3
        assert found[:, :2] == pytest.approx(np.log(np.maximum(self.GIVEN, 1e-4)))
        at = dict(zip(OFFSETS, np.moveaxis(blocks[:, 1:], 1, 0), strict=False))
        assert at[1].tolist() == [[1, 0], [0.25, 0.75], [0, 0], [0, 0]]
        assert at[-2].tolist() == [[0, 0], [0, 0], [0.5, 0.5], [0, 0]]
        before, after = blocks[:, 1 + len(OFFSETS)], blocks[:, 2 + len(OFFSETS)]
        assert before.tolist() == [[0, 0], [0.5, 0.5], [0.75, 0.25], [0, 0]]
        assert after.tolist() == [[0.625, 0.375], [0.25, 0.75], [0, 0], [0, 0]]
        page = blocks[:, -1]
        assert page[:3] == pytest.approx(np.full((3, 2), self.GIVEN[:3].mean(axis=0)), abs=1e-6)
        assert page[3].tolist() == [0.125, 0.875]

    def test_shifting_stops_at_the_ends_of_pages(self) -> None:
        values = np.array([1, 2, 3, 4])
        assert shifted(values, self.LAYOUT, 1, -9).tolist() == [2, 3, -9, -9]
        assert shifted(values, self.LAYOUT, -1, -9).tolist() == [-9, 1, 2, -9]
        assert shifted(values, self.LAYOUT, 0).tolist() == [1, 2, 3, 4]
        assert shifted(values, self.LAYOUT, 3).tolist() == shifted(values, self.LAYOUT, -9).tolist() == [0] * 4

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.data())
    def test_page_sums_do_not_depend_on_what_stands_before(self, values: list[float], data: st.DataObject) -> None:
        first = data.draw(st.integers(0, len(values)))
        end = data.draw(st.integers(first, len(values)))
        column = np.array(values)[:, None]
        among = PageSums(column).mean(np.array([first]), np.array([end]))
        alone = PageSums(column[first:end]).mean(np.array([0]), np.array([end - first]))
        assert np.array_equal(among, alone)
        assert among[0, 0] == pytest.approx(np.mean(values[first:end] or [0]), abs=1e-6)


class TestLikeness:
    def test_a_repeated_headline_is_wholly_known_and_a_foreign_text_not_at_all(self) -> None:
        headline, between, again, foreign = likenesses_of(
            "Herons return to the marsh\nWardens counted nests\nHERONS  return to the Marsh!\nAfiliação do clube"
        )
        assert (again["like_first"], again["known_on_page"], again["like_previous_2"]) == (1, 1, 1)
        assert (headline["like_next_2"], headline["like_first"], headline["known_on_page"]) == (1, 0, 1)
        assert (between["known_on_page"], between["like_previous"], between["like_next"]) == (0, 0, 0)
        assert {name: foreign[name] for name in likeness.NAMES[:8]} == dict.fromkeys(likeness.NAMES[:8], 0)

    def test_shares_are_weighted_by_rarity(self) -> None:
        batch = read_batch(["heron"])
        rarity = EVEN.copy()
        rarity[word_buckets(batch.tokens.hashes)] = 3
        text = "heron otter\nheron\notter"
        even, uneven = likenesses_of(text)[0], likenesses_of(text, rarity)[0]
        assert (even["like_next"], even["like_next_2"]) == (0.5, 0.5)
        assert (uneven["like_next"], uneven["like_next_2"]) == (0.75, 0.25)
        assert uneven["log_rarity"] == pytest.approx(np.log1p(2))

    def test_a_word_counts_once_however_often_it_stands_in_a_line(self) -> None:
        line, _ = likenesses_of("heron heron heron otter\notter")
        assert line["like_next"] == 0.5

    def test_copies_and_equal_beginnings(self) -> None:
        found = likenesses_of("Read: otters\nread:  OTTERS\nRead more\nShare this")
        assert [line["copies_on_page"] for line in found] == pytest.approx([np.log1p(n) for n in (1, 1, 0, 0)])
        assert [line["first_word_elsewhere"] for line in found] == pytest.approx([np.log1p(n) for n in (2, 2, 2, 0)])

    def test_words_of_paragraphs(self) -> None:
        found = {name: [line[name] for line in likenesses_of(STORY)] for name in likeness.NAMES}
        assert found["known_in_paragraphs"][1] == pytest.approx(1 / 6), "one word of six: grey"
        assert found["known_in_paragraphs"][3] == 0
        assert found["like_first"][4] == 1

    def test_other_pages_do_not_count(self) -> None:
        batch = read_batch(["Herons return", "Herons return"])
        found = likeness_evidence(batch.lines, batch.tokens, EVEN, np.zeros(2, dtype=bool))
        assert not found[:, :-1].any()

    def test_line_hashes_tell_lines_apart_by_words_and_order(self) -> None:
        texts = ["a b", "A  b", "b a", "a b c", "a", "b", "---", "\x00"]
        batch = read_batch(["\n".join(texts)])
        hashes = line_hashes(batch.tokens, batch.lines.n_lines).tolist()
        assert hashes[0] == hashes[1]
        assert len(set(hashes)) == len(texts) - 1


ENGLISH = [
    "The harbour master said on Tuesday that the old bell would be hung again before the end of the summer.",
    "Volunteers had searched the mud for eleven years, and some of them had given up hope of finding it.",
    "It was cast in the town, rang in every storm, and was lost when the tower fell into the sea.",
]
SPANISH = "Varias personas observan la campana recuperada del mar este martes en el puerto"
CAPTION_LINE = "The recovered bell is lifted onto the quay by volunteers of the town"


class TestMeaning:
    PAGES = np.array([[3, 4], [30, 40], [-4, 3], [0, 0], [5, 0], [0, 2]], dtype=np.float32)
    """What the lines of two pages mean, of four lines and of two."""
    LAYOUT = Layout(np.array([0, 4, 6]), np.array([0, 0, 0, 0, 1, 1]))
    PARAGRAPHS = np.array([True, True, False, False, False, True])

    def named(self) -> list[dict[str, float]]:
        found = meaning.meaning_evidence(self.LAYOUT, self.PAGES, self.PARAGRAPHS)
        assert np.array_equal(found[:, :2], self.PAGES)
        return rows(found[:, 2:], meaning.NAMES)

    def test_is_near_by_its_angle_alone(self) -> None:
        first, second, third, fourth = self.named()[:4]
        assert (first["near_next"], second["near_previous"]) == pytest.approx((1, 1))
        assert (third["near_previous"], first["near_next_2"], third["near_previous_2"]) == pytest.approx((0, 0, 0))
        assert [line["near_first"] for line in (first, second, third)] == pytest.approx([1, 1, 0])
        assert set(fourth.values()) == {0}, "a line without a meaning is near nothing"

    def test_is_compared_with_the_mean_of_many(self) -> None:
        first, second, third = self.named()[:3]
        # The directions of the page's lines: two of them equal, one at a right angle, one that has none.
        assert [line["near_page"] for line in (first, second, third)] == pytest.approx([2 / 4, 2 / 4, 1 / 4], abs=1e-5)
        assert [line["near_paragraphs"] for line in (first, second, third)] == pytest.approx([1, 1, 0], abs=1e-5)
        assert (first["near_lines_before"], first["near_lines_after"]) == pytest.approx((0, 1 / 3), abs=1e-5)
        assert third["near_lines_before"] == pytest.approx(0, abs=1e-5)

    def test_ends_with_the_page(self) -> None:
        first, second = self.named()[4:]
        assert (first["near_previous"], first["near_first"], second["near_next"]) == pytest.approx((0, 1, 0))
        assert (second["near_first"], second["near_paragraphs"]) == pytest.approx((0, 1), abs=1e-5)


def languages_of(text: str, caption: float = 1.0, known: float = 1.0) -> list[dict[str, float]]:
    lines = read_lines([text])
    ask = np.full(lines.n_lines, caption), np.full(lines.n_lines, known)
    return rows(language.language_evidence(lines, *ask), language.NAMES)


class TestLanguage:
    TEXT = "\n".join([ENGLISH[0], SPANISH, CAPTION_LINE, *ENGLISH[1:]])

    def test_a_spanish_caption_on_an_english_page(self) -> None:
        before, spanish, english, *_ = languages_of(self.TEXT)
        assert spanish["page_language"] < 0.2
        assert spanish["other_language"] > 0.6
        assert english["page_language"] > 0.6
        assert english["other_language"] == 0
        assert (before["other_language_after"], english["other_language_before"]) == (1, 1)
        assert (before["other_language_before"], spanish["other_language_before"]) == (0, 0)
        assert spanish["log_letters"] == pytest.approx(np.log1p(sum(map(str.isalpha, SPANISH))))

    def test_an_english_caption_on_a_spanish_page(self) -> None:
        spanish = [
            "El capitán del puerto dijo el martes que la vieja campana volverá a sonar antes del final del verano.",
            "Los voluntarios habían buscado en el barro durante once años y algunos ya no esperaban encontrarla.",
        ]
        first, english, last = languages_of("\n".join([spanish[0], CAPTION_LINE, spanish[1]]))
        assert english["other_language"] > 0.6
        assert first["page_language"] > 0.6 < last["page_language"]

    def test_capitals_are_read_as_letters(self) -> None:
        assert languages_of(self.TEXT.replace(SPANISH, SPANISH.upper()))[1]["other_language"] > 0.6

    def test_only_lines_in_doubt_are_asked(self) -> None:
        for line in languages_of(self.TEXT, caption=0.0, known=1.0):
            assert (line["page_language"], line["other_language"]) == (-1, -1)
            assert (line["other_language_before"], line["other_language_after"]) == (0, 0)
        assert languages_of(self.TEXT, caption=0.0, known=0.0)[1]["page_language"] == -1
        assert languages_of(self.TEXT, caption=0.05, known=1.0)[1]["page_language"] == -1
        assert languages_of(self.TEXT, caption=0.05, known=0.0) == languages_of(self.TEXT)

    def test_equal_lines_are_asked_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown: list[str] = []
        identify = language.identifier()

        def noting(text: str) -> list[tuple[str, float]]:
            shown.append(text)
            return identify(text)

        monkeypatch.setattr(language, "identifier", lambda: noting)
        twice = languages_of("\n".join([*ENGLISH, SPANISH, SPANISH]))
        assert shown.count(SPANISH) == 1
        assert twice[3]["foreignness"] == twice[4]["foreignness"] > 0.5

    def test_lines_without_letters_have_no_language(self) -> None:
        found = languages_of("\n".join([*ENGLISH, "12.05.2031", "---", "(AP)"]))
        assert [line["page_language"] for line in found[3:]] == [-1] * 3

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("BREAKING NEWS", "breaking news"),
            ("Breaking NEWS", "Breaking NEWS"),
            ("a\x00b\u2028c\td\ufeff", "a b c d "),
            ("x\ud800y", "x y"),
            ("- Écoutez 写真", "Écoutez 写真"),
        ],
    )
    def test_what_the_identifier_is_shown(self, line: str, expected: str) -> None:
        lines = read_lines(["first", line])
        shown = language.viewed_text(lines)[lines.starts[1] :]
        assert language.without_capitals(shown) == expected

    def test_the_identifier_names_languages_and_probabilities(self) -> None:
        found: list[Any] = language.identifier()(ENGLISH[0])
        assert found[0][0] == "en"
        assert 0.5 < found[0][1] <= 1.001
        assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
